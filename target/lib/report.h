/* One-line errors of loading, written into the caller's struct scanner_error. */
#ifndef SCANNER_REPORT_H
#define SCANNER_REPORT_H

#include "scanner.h"

/* Write the message (the first one wins: later ones are consequences). Returns -1, to be passed on. */
int report(struct scanner_error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

int report_memory(struct scanner_error *error);

#endif
