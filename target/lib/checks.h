/* What tells a real identifier from a text of the same shape: checksums, ranges, structure. */
#ifndef SCANNER_CHECKS_H
#define SCANNER_CHECKS_H

#include <stdbool.h>
#include <stddef.h>

/* Whether BYTES[0..LENGTH), which a pattern has matched, is what the pattern stands for. */
typedef bool (*check_function)(const char *bytes, size_t length);

/* The check that rules files call NAME; NULL: there is none. */
check_function check_find(const char *name);

/* All names, separated by ", ". */
const char *check_names(char *list, size_t size);

/* Shannon entropy of the bytes, in thousandths of a bit per byte, rounded down; 0 when empty. */
unsigned entropy_thousandths(const char *bytes, size_t length);

#endif
