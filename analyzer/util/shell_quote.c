#include "util/shell_quote.h"

#include <string.h>

char *shell_quote(char *to, const char *text, size_t length)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-+=./,:@%";
    size_t special = 0;
    while (special < length && text[special] != '\0' && strchr(plain, text[special]) != NULL)
        special++;
    if (special == length && length > 0) {
        to = mempcpy(to, text, length);
    } else {
        *to++ = '\'';
        for (size_t i = 0; i < length; i++) {
            if (text[i] == '\'')
                to = stpcpy(to, "'\\''");
            else
                *to++ = text[i];
        }
        *to++ = '\'';
    }
    *to = '\0';
    return to;
}
