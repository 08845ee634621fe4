#include "watch/status.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "util/memory.h"

void status_begin(struct status *status)
{
    *status = (struct status){.descriptor = memfd_create("memtrace-status", MFD_CLOEXEC)};
}

void status_path(const struct status *status, char *path, size_t size)
{
    path[0] = '\0';
    if (status->descriptor >= 0) snprintf(path, size, "/proc/%d/fd/%d", (int)getpid(), status->descriptor);
}

static bool parse_line(char *line, struct status_line *parsed)
{
    static const char *const words[] = {"untraced ", "trace "};
    for (int traced = 0; traced < 2; traced++) {
        size_t length = strlen(words[traced]);
        if (strncmp(line, words[traced], length) != 0 || !isdigit((unsigned char)line[length])) continue;
        char *end;
        *parsed = (struct status_line){.traced = traced == 1, .pid = strtoll(line + length, &end, 10)};
        if (*end != ' ' || end[1] == '\0') return false;
        parsed->text = end + 1;
        return true;
    }
    return false;
}

void status_read(struct status *status)
{
    struct stat file;
    free(status->bytes);
    status->bytes = NULL;
    status->count = 0;
    if (status->descriptor < 0 || fstat(status->descriptor, &file) != 0 || file.st_size <= 0) return;
    status->bytes = memory_new((size_t)file.st_size + 1, 1);
    ssize_t length = pread(status->descriptor, status->bytes, (size_t)file.st_size, 0);
    char *line = status->bytes, *end = status->bytes + (length > 0 ? length : 0);
    for (char *newline; (newline = memchr(line, '\n', (size_t)(end - line))) != NULL; line = newline + 1) {
        struct status_line parsed;
        *newline = '\0';
        if (!parse_line(line, &parsed)) continue;
        status->lines = memory_grow(status->lines, &status->capacity, status->count, sizeof parsed);
        status->lines[status->count++] = parsed;
    }
}

void status_end(struct status *status)
{
    if (status->descriptor >= 0) close(status->descriptor);
    free(status->bytes);
    free(status->lines);
    *status = (struct status){.descriptor = -1};
}
