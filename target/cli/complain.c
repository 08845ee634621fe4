#include "complain.h"

#include <stdarg.h>
#include <stdio.h>

int complain(const char *format, ...)
{
    va_list arguments;
    fflush(stdout); /* answers that were given come first, wherever the two streams go */
    fputs("scanner: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    return 2;
}
