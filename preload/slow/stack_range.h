/* What of a stack is proved mapped. Used by the walker alone. */
#ifndef MEMTRACE_SLOW_STACK_RANGE_H
#define MEMTRACE_SLOW_STACK_RANGE_H

#include <stdbool.h>
#include <stdint.h>

struct unwind_thread;

/* The addresses that a walk may read at this moment: a word at A when A - low <= span. */
struct stack_window {
    uint64_t low;
    uint64_t span; /* bytes, less the 8 of the last word; never shorter than a page's part of it */
};

/* Open WINDOW for a walk that starts at SP and whose caller has the word below SP on its stack. In the
 * thread's own stack the window is all of the verified range, which is stretched down to SP first; on any
 * other stack it is SP's page. */
__attribute__((noinline, cold)) void stack_window_open(struct unwind_thread *thread,
                                                       struct stack_window *window, uint64_t sp);
/* Move WINDOW to hold the word at ADDRESS, which it does not hold yet, by asking the kernel: for the rest of
 * the thread's own stack when that has it, else for its page. False: cannot be read, WINDOW unchanged. */
__attribute__((noinline, cold)) bool stack_window_move(const struct unwind_thread *thread,
                                                       struct stack_window *window, uint64_t address);

/* Whether the SIZE bytes from ADDRESS can be read. One system call a piece, or a page. */
__attribute__((noinline, cold)) bool memory_readable(uint64_t address, uint64_t size);

/* Whether the kernel may be asked: a sandbox may forbid it. Then a stack that is not verified yet gives a
 * shorter walk, and memory_readable says no. Allowed at first. */
void stack_range_may_ask(bool allowed);

/* Learn the page size and the initial thread's stack, and try the ways of asking. In the initial thread. */
void stack_range_init(void);

#endif
