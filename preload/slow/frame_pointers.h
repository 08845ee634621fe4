/* The stack by its chain of frame records: the unwinder of machines whose compilers keep them, selectable
 * elsewhere. */
#ifndef MEMTRACE_SLOW_FRAME_POINTERS_H
#define MEMTRACE_SLOW_FRAME_POINTERS_H

#include "hot/unwind.h"

/* Walk the stack from FROM (a hook's frame_of_caller()), at most MAX frames, into *OUTCOME: thread->fresh, as
 * unwind_stack does, all of it walked; the innermost return address is from->pc. MAX: at least 1, at most
 * what unwind_remember was given. The interrupted address behind a signal's trampoline is stored plus one.
 *
 * As true as the chain: code without frame records is skipped, or ends it, and of code that was interrupted
 * before it made its record, or needs none, the caller is missing. But nothing is read that is not proved
 * mapped, and each record lies above the one before. THREAD belongs to the calling thread and lane. May run
 * inside a hook: no lock, no allocation, under 512 bytes of stack, errno left alone; system calls as
 * unwind_stack, and one for each return address that is new. Calls slow_module_seen before a return address
 * becomes known to other threads. A stack whose chain ends by the book is remembered like any other, and
 * found by unwind_find. Source: System V psABI for AMD64, 3.2.2; AAPCS64, 6.4.6. */
void frame_pointers_stack(struct unwind_thread *thread, const struct unwind_registers *from, uint32_t max,
                          struct unwind_outcome *outcome);

/* Modules were unloaded: forget what is known of return addresses. Any thread, any time. */
void frame_pointers_flush(void);

#endif
