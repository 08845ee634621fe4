#include "symbols/demangle.h"

#include <stdlib.h>
#include <string.h>
/* libiberty.h declares functions that clash with newer libcs' own (asprintf, basename): only this one. */
#include <libiberty/demangle.h>

/* Names nested without end would make the demangler print for hours; no compiler makes a longer one. */
#define MANGLED_MAX 16384

char *demangle(const char *name)
{
    if (strnlen(name, MANGLED_MAX) == MANGLED_MAX) return NULL;
    if (strncmp(name, "_R", 2) == 0) return rust_demangle(name, 0);
    if (strncmp(name, "_Z", 2) != 0) return NULL;
    /* Rust's legacy names are C++ names that end in a hash: the Rust demangler knows them, and drops it. */
    char *rust = rust_demangle(name, 0);
    if (rust != NULL) return rust;
    return cplus_demangle_v3(name, DMGL_PARAMS | DMGL_ANSI);
}
