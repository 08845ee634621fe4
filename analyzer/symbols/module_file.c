#include "symbols/module_file.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUILD_ID_MAX 20 /* bytes compared; results carry no more */

static const char note_gone[] = "its file cannot be read";
static const char note_other_build[] = "another build of it is on disk";
static const char note_not_elf[] = "its file is not an ELF file";
static const char note_unverified[] = "without a build-id: not known to be the same build";

static const Dwfl_Callbacks callbacks = {
    .find_elf = dwfl_build_id_find_elf,
    .find_debuginfo = dwfl_standard_find_debuginfo, /* .debug files by build-id or debug link; dwz's too */
};

void module_file_close(struct module_file *file)
{
    if (file->dwfl != NULL) dwfl_end(file->dwfl);
    *file = (struct module_file){.note = file->note};
}

/* Report PATH to a Dwfl of its own: modules overlap in link-time addresses. */
static bool module_file_report(struct module_file *file, const char *path)
{
    /* O_NONBLOCK: the path is what a trace says, and may name a FIFO now. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
        if (fd >= 0) close(fd);
        file->note = note_gone;
        return false;
    }
    file->dwfl = dwfl_begin(&callbacks);
    if (file->dwfl == NULL) {
        close(fd);
        file->note = note_gone;
        return false;
    }
    /* Base 0 and p_vaddr added: addresses are those of the file. On success libdwfl owns the descriptor. */
    file->module = dwfl_report_elf(file->dwfl, path, path, fd, 0, true);
    if (file->module == NULL) {
        close(fd);
        file->note = note_not_elf;
        module_file_close(file);
        return false;
    }
    dwfl_report_end(file->dwfl, NULL, NULL);
    return true;
}

static bool module_file_has_build_id(struct module_file *file, const uint8_t *build_id, size_t build_id_bytes)
{
    const unsigned char *found = NULL;
    GElf_Addr address;
    int bytes = dwfl_module_build_id(file->module, &found, &address);
    size_t compared = bytes < 0 ? 0 : (size_t)bytes;
    if (compared > BUILD_ID_MAX) compared = BUILD_ID_MAX;
    return compared == build_id_bytes && (compared == 0 || memcmp(found, build_id, compared) == 0);
}

/* /usr/lib/debug/.build-id/ab/cdef.debug: what distributions' debug packages install. */
static bool module_file_open_debug(struct module_file *file, const uint8_t *build_id, size_t build_id_bytes)
{
    char path[80] = "/usr/lib/debug/.build-id/";
    size_t used = strlen(path);
    if (build_id_bytes < 2) return false;
    for (size_t i = 0; i < build_id_bytes; i++)
        used += (size_t)snprintf(path + used, sizeof path - used, i == 0 ? "%02x/" : "%02x", build_id[i]);
    snprintf(path + used, sizeof path - used, ".debug");
    if (!module_file_report(file, path)) return false;
    if (module_file_has_build_id(file, build_id, build_id_bytes)) {
        file->note = NULL;
        return true;
    }
    module_file_close(file);
    return false;
}

void module_file_open(struct module_file *file, const char *path, const uint8_t *build_id,
                      size_t build_id_bytes)
{
    *file = (struct module_file){0};
    if (module_file_report(file, path)) {
        if (module_file_has_build_id(file, build_id, build_id_bytes)) {
            file->note = build_id_bytes == 0 ? note_unverified : NULL;
            return;
        }
        module_file_close(file);
        file->note = note_other_build;
    }
    const char *why = file->note;
    if (!module_file_open_debug(file, build_id, build_id_bytes)) file->note = why;
}
