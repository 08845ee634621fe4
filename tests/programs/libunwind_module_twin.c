/* As libunwind_module.c, with a frame of another size; the code has the same length. */
#define FRAME_BYTES 552
#include "libunwind_module.c"
