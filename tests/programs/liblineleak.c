/* The library that leak_cpp loads, calls and closes: its code is gone when the program ends. */
#include <stdlib.h>

void *volatile lineleak_sink;

__attribute__((noinline)) static void library_leak(void)
{
    lineleak_sink = malloc(4321); /* LEAK library_leak 1 4321 */
    lineleak_sink = NULL;
}

void lineleak_call(void);
void lineleak_call(void)
{
    library_leak();
    lineleak_sink = NULL; /* no tail call */
}
