/* Registers and stack layout of aarch64 as unwinders see them.
 * Sources: AAPCS64, 6.4.6 (the frame pointer), AADWARF64, 4.1 (register numbers); Linux
 * arch/arm64/kernel/signal.c, setup_return; Arm ARM, "Pointer authentication". */
#ifndef MEMTRACE_ARCH_FRAME_H
#define MEMTRACE_ARCH_FRAME_H

#include <stdint.h>

/* The state that unwinding starts from: of the frame that called a hook. */
struct unwind_registers {
    uint64_t pc; /* the return address into that frame */
    uint64_t sp; /* sp as it will be after the return */
    uint64_t bp; /* x29 as that frame left it at the call: its frame record */
};

/* DWARF register numbers. There is none of the program counter: the last one is never met. */
enum { FRAME_DWARF_BP = 29, FRAME_DWARF_SP = 31, FRAME_DWARF_PC = 255 };

/* Offsets in bytes of the saved registers in a ucontext, whose uc_mcontext.regs begins at 184. */
enum { FRAME_SIGNAL_BP = 416, FRAME_SIGNAL_SP = 432, FRAME_SIGNAL_PC = 440 };

/* A return address as it lies in memory may be signed; XPACLRI takes the signature off, and is no operation
 * on a machine that makes none. */
static inline uint64_t frame_return_address(uint64_t saved)
{
    register uint64_t lr __asm__("x30") = saved;
    __asm__("hint #7" : "+r"(lr));
    return lr;
}

/* The caller's registers, for a function that keeps its frame record (hooks do, by -fno-omit-frame-pointer,
 * and asking for the frame address forces it). Inlined, so that the frame is the hook's own. */
static inline __attribute__((always_inline)) struct unwind_registers frame_of_caller(void)
{
    const uint64_t *record = (const uint64_t *)__builtin_frame_address(0);
    return (struct unwind_registers){
        .pc = frame_return_address(record[1]), .sp = (uint64_t)__builtin_dwarf_cfa(), .bp = record[0]};
}

/* The thread pointer. With glibc the thread's descriptor lies right below it, on top of the stack of every
 * thread but the main one, and what lies between is one mapping (variant I of thread-local storage). */
static inline uint64_t frame_thread_pointer(void)
{
    return (uint64_t)__builtin_thread_pointer();
}

/* Where the interrupted registers are when a handler returns to the trampoline: its frame record is at RECORD
 * and names CALLER. The kernel has put CALLER, a record made up of the interrupted x29 and x30, right behind
 * the ucontext of fixed size, unless vector registers needed more room: frame_signal_bp tells. */
static inline uint64_t frame_signal_context(uint64_t record, uint64_t caller)
{
    (void)record;
    return caller - 4560;
}

/* The address of a word that must equal the ucontext's x29, or what was found is none. */
static inline uint64_t frame_signal_bp(uint64_t record, uint64_t caller)
{
    (void)record;
    return caller;
}

/* `mov x8, #__NR_rt_sigreturn; svc #0`: what a signal's return trampoline consists of. */
static const uint8_t frame_signal_trampoline[8] = {0x68, 0x11, 0x80, 0xd2, 0x01, 0x00, 0x00, 0xd4};

#endif
