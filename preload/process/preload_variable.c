#include "process/preload_variable.h"

#include <fcntl.h>
#include <link.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "process/image.h"
#include "process/sandbox.h"
#include "find_object.h"
#include "slow/module_find.h"
#include "syscall.h"

#define NAME       "LD_PRELOAD="
#define NAME_BYTES (sizeof(NAME) - 1)
#define SEPARATORS ": " /* ld.so(8) */

/* The recorder's file as the loader found it; NULL: not known. */
static const char *own_path(void)
{
    struct dl_find_object found;
    if (!module_find((uint64_t)(uintptr_t)&image_init, &found) || found.dlfo_link_map == NULL) return NULL;
    const char *path = found.dlfo_link_map->l_name;
    return path != NULL && *path != '\0' ? path : NULL;
}

/* The entry's file name is ours; it may have been found by a search, so the folders need not be equal. */
static bool is_ours(const char *entry, size_t length, const char *path)
{
    const char *slash = memrchr(entry, '/', length), *own = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : entry;
    own = own != NULL ? own + 1 : path;
    size_t name_length = (size_t)(entry + length - name);
    return name_length == strlen(own) && memcmp(name, own, name_length) == 0;
}

bool preload_variable_is_stale(char *const *environment, struct preload_variable *found)
{
    const char *path = own_path(), *value = NULL;
    if (environment == NULL || path == NULL || sandbox_forbids(SANDBOX_EXIT)) return false;
    for (found->count = 0; environment[found->count] != NULL; found->count++)
        if (value == NULL && strncmp(environment[found->count], NAME, NAME_BYTES) == 0) {
            found->index = found->count;
            value = environment[found->count];
        }
    if (value == NULL) return false;
    found->value_bytes = strlen(value) + 1;
    for (const char *entry = value + NAME_BYTES; *entry != '\0';) {
        size_t length = strcspn(entry, SEPARATORS);
        if (is_ours(entry, length, path))
            return raw_syscall(SYS_faccessat, AT_FDCWD, (long)path, R_OK, 0, 0, 0) < 0;
        entry += length + (entry[length] != '\0');
    }
    return false;
}

char *const *preload_variable_drop(char *const *environment, const struct preload_variable *found,
                                   char **copy, char *value)
{
    const char *path = own_path(), *entry = environment[found->index] + NAME_BYTES;
    char *at = value + NAME_BYTES;
    memcpy(value, NAME, sizeof(NAME));
    while (*entry != '\0') {
        size_t length = strcspn(entry, SEPARATORS);
        if (length > 0 && !is_ours(entry, length, path)) {
            if (at != value + NAME_BYTES) *at++ = ':';
            memcpy(at, entry, length);
            at += length;
        }
        entry += length + (entry[length] != '\0');
    }
    *at = '\0';
    size_t kept = 0;
    for (size_t i = 0; i < found->count; i++) {
        if (i != found->index)
            copy[kept++] = environment[i];
        else if (at != value + NAME_BYTES)
            copy[kept++] = value;
    }
    copy[kept] = NULL;
    return copy;
}
