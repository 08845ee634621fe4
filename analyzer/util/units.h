/* Sizes, times and counts as people read them, and sizes as they write them. */
#ifndef ANALYZER_UTIL_UNITS_H
#define ANALYZER_UTIL_UNITS_H

#include <stddef.h>
#include <stdint.h>

/* Room for any text made here. */
#define UNITS_TEXT_BYTES 32

/* Each writes to BUFFER[UNITS_TEXT_BYTES] and returns it. */
char *units_bytes(char *buffer, int64_t bytes); /* "0 B", "1.50 KiB", "-3.2 MiB": powers of 1024, 3 digits */
char *units_ns(char *buffer, int64_t ns);       /* "0 ns", "12.3 us", "1.25 s", "3 min 20 s", "5 h 12 min" */
char *units_count(char *buffer, int64_t count); /* "1,234,567" */
char *units_percent(char *buffer, double percent); /* "12.3 %" */

/* A size as on the command line: a number (decimals allowed), then nothing (bytes) or K M G T, KiB MiB
 * GiB TiB (powers of 1024), KB MB GB TB (powers of 1000), B. 0, or -1 when TEXT is none or exceeds 2^63-1. */
int units_parse_size(const char *text, uint64_t *bytes);

#endif
