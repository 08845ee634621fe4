/* Registers and stack layout of x86-64 as the unwinder sees them. Everything that another machine would do
 * differently is here: the walker and the CFI interpreter name no register by number.
 * Sources: System V psABI for AMD64, 3.2.2 (frame), 3.6.2 (DWARF numbers); Linux arch/x86 rt_sigframe. */
#ifndef MEMTRACE_ARCH_FRAME_H
#define MEMTRACE_ARCH_FRAME_H

#include <stdint.h>

/* The state that unwinding starts from: of the frame that called a hook. */
struct unwind_registers {
    uint64_t pc; /* the return address into that frame */
    uint64_t sp; /* rsp as it will be right after the return: one word above the slot of pc */
    uint64_t bp; /* rbp as that frame left it at the call */
};

/* DWARF register numbers. */
enum { FRAME_DWARF_BP = 6, FRAME_DWARF_SP = 7, FRAME_DWARF_PC = 16 };

/* rt_sigframe: once the handler has returned, rsp points at the ucontext. Offsets in bytes of the saved
 * registers in it: uc_mcontext.gregs begins at 40, REG_RBP is its 10th word, REG_RSP the 15th, REG_RIP the
 * 16th. */
enum { FRAME_SIGNAL_BP = 120, FRAME_SIGNAL_SP = 160, FRAME_SIGNAL_PC = 168 };

/* A return address as it lies in memory. */
static inline uint64_t frame_return_address(uint64_t saved)
{
    return saved;
}

/* The caller's registers, for a function that keeps its frame pointer (hooks do, by -fno-omit-frame-pointer,
 * and asking for the frame address forces it): saved rbp and return address lie at the frame address.
 * Inlined, so that the frame is the hook's own. */
static inline __attribute__((always_inline)) struct unwind_registers frame_of_caller(void)
{
    const uint64_t *frame = (const uint64_t *)__builtin_frame_address(0);
    return (struct unwind_registers){.pc = frame[1], .sp = (uint64_t)(frame + 2), .bp = frame[0]};
}

/* The thread pointer: with glibc the address of the thread's descriptor, which lies on top of the stack of
 * every thread but the main one. %fs:0 holds its own address (psABI, variant II of thread-local storage). */
static inline uint64_t frame_thread_pointer(void)
{
    uint64_t pointer;
    __asm__("mov %%fs:0, %0" : "=r"(pointer));
    return pointer;
}

/* Where the interrupted registers are when a handler returns to the trampoline: its frame record (saved rbp
 * and return address) is at RECORD and names CALLER. The return popped, rsp points at the ucontext. */
static inline uint64_t frame_signal_context(uint64_t record, uint64_t caller)
{
    (void)caller;
    return record + 16;
}

/* The address of a word that must equal the ucontext's rbp, or what was found is none. */
static inline uint64_t frame_signal_bp(uint64_t record, uint64_t caller)
{
    (void)caller;
    return record;
}

/* `mov $__NR_rt_sigreturn, %rax; syscall`: what a signal's return trampoline consists of. Used for
 * trampolines that come without CFI (C libraries other than glibc, programs that set sa_restorer themselves).
 */
static const uint8_t frame_signal_trampoline[9] = {0x48, 0xc7, 0xc0, 0x0f, 0x00, 0x00, 0x00, 0x0f, 0x05};

#endif
