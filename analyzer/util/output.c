#include "util/output.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "util/memory.h"
#include "util/report_error.h"

/* The first seven bytes of every trace, raw ("memtrace") or compact ("memtracz"): docs/trace-format.md */
#define TRACE_MAGIC_TEXT "memtrac"

struct output {
    FILE *file;
    char *name; /* for messages */
    int error;  /* errno of the first write that failed */
};

/* `-o` and a trace are one forgotten word apart, and a trace cannot be made again. */
static bool output_would_overwrite_trace(const char *path)
{
    char start[sizeof TRACE_MAGIC_TEXT - 1];
    FILE *file = fopen(path, "re");
    if (file == NULL) return false;
    bool is_trace = fread(start, 1, sizeof start, file) == sizeof start &&
                    memcmp(start, TRACE_MAGIC_TEXT, sizeof start) == 0;
    fclose(file);
    return is_trace;
}

struct output *output_open(const char *path)
{
    FILE *file = stdout;
    if (path != NULL && strcmp(path, "-") != 0) {
        if (output_would_overwrite_trace(path)) {
            report_error("'%s' is a trace; it is not overwritten: give -o another name", path);
            return NULL;
        }
        file = fopen(path, "we");
        if (file == NULL) {
            report_error("cannot write '%s': %s", path, strerror(errno));
            return NULL;
        }
    }
    /* A closed pipe is told like a full disk, by the write that fails. */
    signal(SIGPIPE, SIG_IGN);
    struct output *output = memory_new(1, sizeof *output);
    output->file = file;
    output->name = file == stdout ? memory_format("standard output") : memory_format("'%s'", path);
    return output;
}

static void output_note(struct output *output, bool failed)
{
    if (failed && output->error == 0) output->error = errno != 0 ? errno : EIO;
}

void output_print(struct output *output, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    output_note(output, vfprintf(output->file, format, arguments) < 0);
    va_end(arguments);
}

void output_text(struct output *output, const char *text)
{
    output_note(output, fputs(text, output->file) == EOF);
}

void output_bytes(struct output *output, const void *bytes, size_t size)
{
    output_note(output, fwrite(bytes, 1, size, output->file) != size);
}

bool output_failed(const struct output *output)
{
    return output->error != 0;
}

int output_close(struct output *output)
{
    errno = 0;
    output_note(output, fflush(output->file) == EOF);
    /* Some file systems tell of a full disk only when a descriptor is closed. Standard output itself stays
     * open: a later open() must not become it. */
    if (output->file == stdout)
        output_note(output, close(dup(STDOUT_FILENO)) != 0);
    else
        output_note(output, fclose(output->file) == EOF);
    int status = output->error == 0 ? 0 : EXIT_TROUBLE;
    if (status != 0) report_error("cannot write %s: %s", output->name, strerror(output->error));
    free(output->name);
    free(output);
    return status;
}
