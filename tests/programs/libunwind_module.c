/* A module for unwind_dlclose: calls back through a frame whose size differs from that of its twin,
 * libunwind_module_twin.c, at the same address. */
#ifndef FRAME_BYTES
#define FRAME_BYTES 264
#endif

void call_back(void (*function)(unsigned long), unsigned long argument);

void call_back(void (*function)(unsigned long), unsigned long argument)
{
    volatile char frame[FRAME_BYTES];
    frame[0] = 1;
    function(argument);
    frame[0] += 1;
}
