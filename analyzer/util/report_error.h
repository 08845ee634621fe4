/* What went wrong, said once, where it was found: what, where, what to do. */
#ifndef ANALYZER_UTIL_REPORT_ERROR_H
#define ANALYZER_UTIL_REPORT_ERROR_H

/* The exit status of a command that could not do its work: bad usage, unreadable input, no memory,
 * output that could not be written. */
#define EXIT_TROUBLE 2

/* Print one line to stderr: "memtrace: ", the formatted text, a newline. Bytes of the text that would
 * end the line or upset a terminal (control characters in a file's name) are printed as '?'. Wipes a
 * progress line that stands on the terminal. Keeps errno. */
void report_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
