/* Text as a POSIX shell takes it for one word: what people may copy from our output. */
#ifndef ANALYZER_UTIL_SHELL_QUOTE_H
#define ANALYZER_UTIL_SHELL_QUOTE_H

#include <stddef.h>

/* Room for a word of LENGTH bytes, with the terminating zero. */
#define SHELL_QUOTE_BYTES(length) (4 * (length) + 3)

/* TEXT[0..LENGTH), in quotes where it needs them, at TO; the end of it, where a zero is. Source:
 * POSIX.1-2017, Shell Command Language, 2.2. */
char *shell_quote(char *to, const char *text, size_t length);

#endif
