/* Text in a fixed buffer, without libc: what a fork child may use inside a signal handler. */
#ifndef MEMTRACE_PROCESS_TEXT_H
#define MEMTRACE_PROCESS_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct text {
    char *bytes;     /* always terminated */
    size_t capacity; /* bytes, terminator included */
    size_t length;
    bool overflow; /* something did not fit; sticky */
};

static inline void text_append_bytes(struct text *text, const char *bytes, size_t length)
{
    if (length >= text->capacity - text->length) {
        text->overflow = true;
        return;
    }
    memcpy(text->bytes + text->length, bytes, length);
    text->length += length;
    text->bytes[text->length] = '\0';
}

static inline void text_append(struct text *text, const char *string)
{
    text_append_bytes(text, string, strlen(string));
}

static inline void text_append_number(struct text *text, uint64_t number)
{
    char digits[20];
    size_t count = 0;
    do {
        digits[sizeof(digits) - ++count] = (char)('0' + number % 10);
        number /= 10;
    } while (number != 0);
    text_append_bytes(text, digits + sizeof(digits) - count, count);
}

#endif
