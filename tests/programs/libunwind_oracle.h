/* libunwind's word on a live stack, for libraries that are preloaded into programs to be recorded: from a
 * full register state, on a stack of its own, so that threads and handlers with 16 KiB can be asked about,
 * too. */
#ifndef TESTS_LIBUNWIND_ORACLE_H
#define TESTS_LIBUNWIND_ORACLE_H

#include <dlfcn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include <libunwind.h>

static int (*oracle_getcontext)(unw_tdep_context_t *);
static int (*oracle_init_local)(unw_cursor_t *, unw_context_t *);
static int (*oracle_step)(unw_cursor_t *);
static int (*oracle_get_reg)(unw_cursor_t *, int, unw_word_t *);
static int (*oracle_is_signal_frame)(unw_cursor_t *);
static int (*oracle_get_proc_info)(unw_cursor_t *, unw_proc_info_t *);
static void (*oracle_flush_cache)(unw_addr_space_t, unw_word_t, unw_word_t);
static unw_addr_space_t *oracle_local_space;

/* One thread's. */
struct oracle {
    uint64_t *frames; /* the caller's memory, MAX of them */
    uint32_t max, depth;
    bool cut;                            /* there are more */
    bool signal;                         /* one of them was interrupted by a signal */
    uint64_t from_pc, from_sp;           /* the frame to begin with */
    void (*each)(struct oracle *oracle); /* called for each frame, unless NULL */
    unw_context_t context;
    unw_cursor_t cursor;
    uint8_t stack[256 << 10] __attribute__((aligned(64)));
};

/* Its frames from oracle->from_pc and from_sp on, innermost first; an interrupted address plus one. */
static void oracle_walk(struct oracle *oracle)
{
    bool begun = false;
    oracle->depth = 0;
    oracle->signal = oracle->cut = false;
    oracle_init_local(&oracle->cursor, &oracle->context);
    do {
        unw_word_t pc = 0, sp = 0;
        oracle_get_reg(&oracle->cursor, UNW_REG_IP, &pc);
        oracle_get_reg(&oracle->cursor, UNW_REG_SP, &sp);
        if (pc == oracle->from_pc && sp == oracle->from_sp) begun = true;
        if (!begun) continue;
        if (pc == 0) break;
        if (oracle->depth == oracle->max) {
            oracle->cut = true;
            break;
        }
        bool interrupted = oracle_is_signal_frame(&oracle->cursor) > 0; /* by a signal, this frame was */
        oracle->frames[oracle->depth++] = pc + interrupted;
        oracle->signal |= interrupted;
        if (oracle->each) oracle->each(oracle);
    } while (oracle_step(&oracle->cursor) > 0);
}

/* Call WALK(ORACLE) with the stack pointer at TOP. */
static void call_on_stack(void (*walk)(struct oracle *), struct oracle *oracle, void *top)
{
    __asm__ volatile("mov %%rsp, %%rbx\n\t"
                     "mov %2, %%rsp\n\t"
                     "call *%1\n\t"
                     "mov %%rbx, %%rsp"
                     : "+D"(oracle)
                     : "r"(walk), "r"(top)
                     : "rbx", "rax", "rcx", "rdx", "rsi", "r8", "r9", "r10", "r11", "memory", "cc");
}

/* Walk, from the frame that oracle->from_pc and from_sp name: a caller of this function. */
static inline __attribute__((always_inline)) void oracle_ask(struct oracle *oracle)
{
    oracle_getcontext(&oracle->context);
    call_on_stack(oracle_walk, oracle, oracle->stack + sizeof oracle->stack);
}

/* Allocates. */
static void oracle_open(void)
{
    void *library = dlopen("libunwind.so.8", RTLD_NOW | RTLD_LOCAL);
    if (!library) abort();
    oracle_getcontext = dlsym(library, "_Ux86_64_getcontext");
    oracle_init_local = dlsym(library, "_ULx86_64_init_local");
    oracle_step = dlsym(library, "_ULx86_64_step");
    oracle_get_reg = dlsym(library, "_ULx86_64_get_reg");
    oracle_is_signal_frame = dlsym(library, "_ULx86_64_is_signal_frame");
    oracle_get_proc_info = dlsym(library, "_ULx86_64_get_proc_info");
    oracle_flush_cache = dlsym(library, "_Ux86_64_flush_cache");
    oracle_local_space = dlsym(library, "_ULx86_64_local_addr_space");
}

/* Modules changed. */
static void oracle_forget(void)
{
    if (oracle_flush_cache) oracle_flush_cache(*oracle_local_space, 0, 0);
}

#endif
