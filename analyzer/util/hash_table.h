/* uthash, with allocation that ends the command with one line instead of exit(-1) in silence. Include this,
 * not uthash.h. */
#ifndef ANALYZER_UTIL_HASH_TABLE_H
#define ANALYZER_UTIL_HASH_TABLE_H

#include "util/memory.h"

#define uthash_malloc(size) memory_new(1, size)
#include <uthash.h>

#endif
