/* flags: -O2 -fvisibility=hidden -ftls-model=initial-exec -fno-omit-frame-pointer -fno-stack-protector */
/* flags: -Ipreload -Ipreload/arch/x86_64 -Ipreload/arch/generic */
/* libunwind_compare.c as with a C library older than glibc 2.35: _dl_find_object is missing, modules come
 * from a table of our own. */
#define _dl_find_object a_function_that_is_missing
#include "libunwind_compare.c"
