/* Names of C++ and Rust functions as they stand in the source. */
#ifndef ANALYZER_SYMBOLS_DEMANGLE_H
#define ANALYZER_SYMBOLS_DEMANGLE_H

/* NAME demangled, to be freed; NULL when it is not a mangled name of C++ (Itanium ABI) or Rust (legacy
 * or v0). */
char *demangle(const char *name);

#endif
