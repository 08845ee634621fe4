/* Functions that only pass an allocation on: what a person asks for is who called them. */
#ifndef ANALYZER_SYMBOLS_ALLOCATOR_NAMES_H
#define ANALYZER_SYMBOLS_ALLOCATOR_NAMES_H

#include <stdbool.h>

/* Is FUNCTION (demangled) part of an allocator's interface, a wrapper that libraries put around it, or of
 * the containers of the C++ and Rust standard libraries? */
bool name_is_allocator(const char *function);

#endif
