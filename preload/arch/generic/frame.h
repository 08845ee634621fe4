/* Registers and stack layout as far as compilers tell on any machine. The frame pointer is not among that: a
 * walk by frame records ends at its first frame. */
#ifndef MEMTRACE_ARCH_FRAME_H
#define MEMTRACE_ARCH_FRAME_H

#include <pthread.h>
#include <stdint.h>

/* The state that unwinding starts from: of the frame that called a hook. */
struct unwind_registers {
    uint64_t pc; /* the return address into that frame */
    uint64_t sp; /* the stack pointer as it will be after the return */
    uint64_t bp; /* 0: unknown */
};

/* Nothing is known of DWARF registers and signal frames: numbers that are not met, and offsets of nothing. */
enum { FRAME_DWARF_BP = 253, FRAME_DWARF_SP = 254, FRAME_DWARF_PC = 255 };
enum { FRAME_SIGNAL_BP = 0, FRAME_SIGNAL_SP = 8, FRAME_SIGNAL_PC = 16 };

static inline uint64_t frame_return_address(uint64_t saved)
{
    return (uint64_t)__builtin_extract_return_addr((void *)saved);
}

static inline __attribute__((always_inline)) struct unwind_registers frame_of_caller(void)
{
    return (struct unwind_registers){.pc = frame_return_address((uint64_t)__builtin_return_address(0)),
                                     .sp = (uint64_t)__builtin_dwarf_cfa(),
                                     .bp = 0};
}

/* glibc's thread descriptor, on top of the stack of every thread but the main one. */
static inline uint64_t frame_thread_pointer(void)
{
    return (uint64_t)pthread_self();
}

/* Not aligned, so that it is taken for none. */
static inline uint64_t frame_signal_context(uint64_t record, uint64_t caller)
{
    (void)record, (void)caller;
    return 1;
}

static inline uint64_t frame_signal_bp(uint64_t record, uint64_t caller)
{
    (void)record, (void)caller;
    return 1;
}

/* Code that is none. */
static const uint8_t frame_signal_trampoline[16] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                                    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

#endif
