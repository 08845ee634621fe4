/* load_realloc [CHAINS]: buffers that grow as text is appended to them, 64 at a time: each by realloc in
 * steps of 1 to 256 bytes until it is larger than 16 KiB, then freed and begun again. For measuring the
 * recorder. */
#include "counted.h"

enum { BUFFERS = 64, FULL = 16 * 1024 };

struct buffer {
    char *text;
    size_t size;
};

static __attribute__((noinline)) void append(struct buffer *buffer, size_t count)
{
    char *grown = realloc(buffer->text, buffer->size + count);
    if (grown == NULL) abort();
    memset(grown + buffer->size, 'x', count);
    *buffer = (struct buffer){.text = grown, .size = buffer->size + count};
}

int main(int argc, char **argv)
{
    struct buffer buffers[BUFFERS] = {{NULL, 0}};
    uint64_t random = 88172645463325252u;
    for (long left = argc > 1 ? atol(argv[1]) : 10000; left > 0;) {
        uint64_t choice = counted_random(&random);
        struct buffer *buffer = &buffers[choice % BUFFERS];
        append(buffer, 1 + (choice >> 32) % 256);
        if (buffer->size <= FULL) continue;
        free(buffer->text);
        *buffer = (struct buffer){NULL, 0};
        left--;
    }
    for (int index = 0; index < BUFFERS; index++)
        free(buffers[index].text);
    return 0;
}
