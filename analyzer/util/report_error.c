#include "util/report_error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>
#include "util/progress.h"

void report_error(const char *format, ...)
{
    int callers_errno = errno;
    char line[1024] = "memtrace: ";
    const size_t prefix = 10;
    va_list arguments;
    va_start(arguments, format);
    int wanted = vsnprintf(line + prefix, sizeof line - prefix - 1, format, arguments);
    va_end(arguments);

    size_t length = prefix + (wanted < 0 ? 0 : (size_t)wanted);
    if (length > sizeof line - 2) length = sizeof line - 2;
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f) line[i] = '?';
    line[length++] = '\n';

    progress_hide();
    fflush(stdout); /* what was printed before stands before, also where both go to one file */
    /* One write: lines of processes that share a terminal do not mix, and it needs no memory. */
    ssize_t written = write(STDERR_FILENO, line, length);
    (void)written; /* nobody is left to be told */
    errno = callers_errno;
}
