#include "report.h"

#include <stdarg.h>
#include <stdio.h>

int report(struct scanner_error *error, const char *format, ...)
{
    if (error->message[0]) return -1;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    for (char *at = error->message; *at; at++) /* a pattern or path may hold a newline; the line is one */
        if (*at == '\n' || *at == '\r') *at = ' ';
    return -1;
}

int report_memory(struct scanner_error *error)
{
    return report(error, "out of memory while loading rules; free some or load fewer rules");
}
