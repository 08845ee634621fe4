#include "symbols/allocator_names.h"

#include <stddef.h>
#include <string.h>

/* Whole names. libc's copying functions count: the leak is their caller's. */
static const char *const names[] = {
    "malloc",
    "calloc",
    "realloc",
    "reallocarray",
    "posix_memalign",
    "aligned_alloc",
    "memalign",
    "valloc",
    "pvalloc",
    "strdup",
    "__strdup",
    "strndup",
    "__strndup",
    "asprintf",
    "__asprintf",
    "vasprintf",
    "__vasprintf_internal",
    "xmalloc",
    "xcalloc",
    "xzalloc",
    "xrealloc",
    "xstrdup",
    "xnmalloc",
    "xreallocarray",
    "g_malloc",
    "g_malloc0",
    "g_realloc",
    "g_strdup",
    "__rust_alloc",
    "__rust_alloc_zeroed",
    "__rust_realloc",
    "__rdl_alloc",
    "__rdl_alloc_zeroed",
    "__rdl_realloc",
};

/* Beginnings. "std::" is also the whole of libstdc++: its functions allocate for whoever calls them. */
static const char *const beginnings[] = {
    "operator new", "std::", "__gnu_cxx::", "alloc::", "<alloc::", "core::", "<core::", "hashbrown::",
};

bool name_is_allocator(const char *function)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(function, names[i]) == 0) return true;
    /* The demangler puts a template's result type in front: "void std::f<int>()". */
    const char *name = function;
    const char *blank = strchr(function, ' ');
    if (blank != NULL && strncmp(blank + 1, "std::", 5) == 0 &&
        memchr(function, '(', (size_t)(blank - function)) == NULL)
        name = blank + 1;
    for (size_t i = 0; i < sizeof beginnings / sizeof *beginnings; i++)
        if (strncmp(name, beginnings[i], strlen(beginnings[i])) == 0) return true;
    return false;
}
