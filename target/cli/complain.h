/* The command line's one way to say what is wrong. */
#ifndef SCANNER_COMPLAIN_H
#define SCANNER_COMPLAIN_H

/* "scanner: " and one line on stderr: what, where, what to do. Returns 2, the exit status for usage and
 * input. */
int complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
