/* Stack walking by cached CFI rules: the recorder's default unwinder on x86-64.
 *
 * For each return address that a walk meets, one compact rule says where the caller's frame is: the CFA as
 * rsp or rbp plus an offset, and where rbp was saved. Rules are made from .eh_frame at the first meeting
 * (slow/cfi_rule.c), kept in one lock-free hash of the process (slow/rule_cache.c), and a frame then costs
 * one probe and two loads. Nothing but memory that is proved mapped is read (slow/stack_range.c): garbage
 * registers, code without CFI and hand-switched stacks give a shorter stack, never a fault.
 *
 * Contexts: everything here but unwind_init may run inside a hook: in any thread, on any stack, in a signal
 * handler, under the loader's lock. No allocation, no lock; at most 1 KiB of stack for a walk whose rules are
 * cached, 1.5 KiB more while a rule is made. Source: docs/design.md, "Unwinding"; DWARF 5, section 6.4;
 * LSB 5.0,
 * ".eh_frame". */
#ifndef MEMTRACE_HOT_UNWIND_H
#define MEMTRACE_HOT_UNWIND_H

#include <stdbool.h>
#include <stdint.h>

#include "frame.h" /* struct unwind_registers, frame_of_caller() */

/* How a walk ended. All but UNWIND_OUTERMOST and UNWIND_DEPTH_LIMIT mean that outer frames are missing though
 * there was room for them; each of these walks is passed to recorder_count. */
enum unwind_end {
    UNWIND_OUTERMOST,       /* CFI says that there is no caller, or the return address is 0 */
    UNWIND_DEPTH_LIMIT,     /* max frames stored, and there are more (outcome.truncated) */
    UNWIND_NO_CFI,          /* code without CFI, and the frame-pointer chain left the stack */
    UNWIND_NOT_EXPRESSIBLE, /* CFI says something a compact rule cannot (CFA in another register, ...) */
    UNWIND_UNMAPPED,        /* the caller's frame is not provably mapped, or is not aligned */
    UNWIND_NO_PROGRESS,     /* the caller's frame would lie below its callee's, again and again */
    UNWIND_END_COUNT
};

/* One frame of a stack: the state that its step began with, and what that step read of memory besides the
 * return address (which lies below the next outer frame's sp). */
struct unwind_frame {
    uint64_t pc, sp, bp;
    uint64_t
        bp_slot; /* where the caller's bp was read, 0: nowhere or of no use; bit 0: bp is of use (unwind.c) */
};

/* A stack that was walked before. */
struct remembered_stack {
    uint64_t pc, sp;             /* of its innermost frame; sp 0: it cannot be reused as a whole */
    struct unwind_frame *frames; /* outermost first */
    uint64_t start;              /* of its frames, counted over all that were ever kept */
    uint32_t depth;
    uint32_t reusable; /* of its frames, from the outermost on, those that a walk may come upon */
};

/* So many are remembered, and one more that has no number: UNWIND_UNNUMBERED. */
#define UNWIND_STACKS     64u
#define UNWIND_UNNUMBERED UNWIND_STACKS
#define UNWIND_NOT_FOUND  (UNWIND_STACKS + 1)
#define UNWIND_BUCKETS    64u

/* What unwinding keeps for one thread, or rather one lane of it: a walk and a second one in a signal handler
 * that interrupts it need one each. Embedded in the recorder's per-thread state; all zero means new. Zero it
 * again when the state goes to another thread: its stack is another. In a fork child it stays valid. */
struct unwind_thread {
    uint64_t
        verified_low; /* [verified_low, stack_high): of the thread's own stack, seen mapped. A thread's */
    uint64_t
        stack_high; /* stack stays mapped while it runs, so this is never checked again; 0: not yet known */
    uint64_t refused_low; /* start of the 64 KiB where stretching that range failed last (a foreign stack) */
    struct unwind_frame *arena; /* the frames of all stacks that are remembered, overwritten in a circle */
    struct unwind_frame *fresh; /* the inner frames of the walk under way, innermost first */
    struct unwind_frame *unnumbered;  /* the frames of the stack without a number, if a walk made it */
    uint64_t arena_frames;            /* its size */
    uint64_t arena_next;              /* frames that were ever kept, those skipped at its end included */
    uint64_t generation;              /* of the rules that the stacks were walked by */
    uint32_t previous;                /* the number of the stack that was found or kept last */
    uint32_t buckets[UNWIND_BUCKETS]; /* by innermost frame: the numbers of four stacks, a byte each */
    uint8_t failures[UNWIND_BUCKETS]; /* searches of the bucket since it last had the stack */
    bool hopeless;                    /* the bucket was not searched: the stack is not worth remembering */
    uint8_t skipped;                  /* such searches: one in 32 is made */
    struct remembered_stack stacks[UNWIND_STACKS + 1];
};

static inline const struct remembered_stack *unwind_previous(const struct unwind_thread *thread)
{
    return &thread->stacks[thread->previous];
}

/* A stack: the outer frames that it shares with the previous one, and inside of them those that were walked.
 */
struct unwind_outcome {
    uint32_t walked;     /* thread->fresh[0..walked), innermost first */
    uint32_t kept;       /* frames[cut..kept) of the previous one, outermost first */
    uint32_t cut;        /* outermost frames of the previous stack that are beyond max now */
    uint32_t reusable;   /* see struct remembered_stack */
    uint64_t generation; /* of the rules */
    bool truncated;      /* by max: the outermost frames are missing */
    bool guessed;        /* at least one frame came from the frame-pointer chain, without CFI */
    uint8_t ended;       /* enum unwind_end */
};

/* Frames of the stack, at least 1. */
static inline uint32_t unwind_depth(const struct unwind_outcome *outcome)
{
    return outcome->walked + outcome->kept - outcome->cut;
}

/* The return address of frame I from the outermost one on, I < unwind_depth(OUTCOME), before unwind_keep. */
static inline uint64_t unwind_frame_pc(const struct unwind_thread *thread,
                                       const struct unwind_outcome *outcome, uint32_t i)
{
    uint32_t kept = outcome->kept - outcome->cut;
    return i < kept ? unwind_previous(thread)->frames[outcome->cut + i].pc
                    : thread->fresh[outcome->walked - 1 - (i - kept)].pc;
}

/* The number of a remembered stack that is the stack from FROM (a hook's frame_of_caller()), or
 * UNWIND_NOT_FOUND: it takes a walk to tell, with *NEXT passed on. Exact: a walk is a function of the
 * registers, the rules and the words that it reads; the innermost frame has to equal the remembered one in
 * all that matters, and every word which the rest was read from has to hold what it held. */
uint32_t unwind_find(struct unwind_thread *thread, const struct unwind_registers *from,
                     const struct unwind_frame **next);

/* Walk the stack from FROM, at most MAX frames, into *OUTCOME; the innermost return address is from->pc. MAX:
 * at least 1. NEXT: what unwind_find left there; NULL: walk it all, reuse nothing. The walk goes on to the
 * first frame from which on the previous stack holds. An interrupted address (the frame that a signal frame
 * returns to) is no return address; it is stored plus one, so that "look up at minus 1" holds for every
 * frame. FROM must describe a caller of the running function: the word below from->sp is taken to be mapped.
 * THREAD belongs to the calling thread and lane. Never faults, never allocates, leaves errno alone. No
 * syscall while the walk stays in the verified range of the thread's own stack (or on a foreign stack's page
 * of from->sp). A walk that meets a new return address calls slow_module_seen before the rule becomes visible
 * to other threads. Stacks that end other than at the outermost frame are not reused, nor frames inside of a
 * signal frame. */
void unwind_stack(struct unwind_thread *thread, const struct unwind_registers *from,
                  const struct unwind_frame *next, uint32_t max, struct unwind_outcome *outcome);

/* The stack of OUTCOME becomes the previous one and is remembered as NUMBER, at most UNWIND_UNNUMBERED;
 * without a number if it cannot be reused as a whole or is not likely to come again (then NUMBER stands for
 * none). O(depth), without a number O(walked). */
void unwind_keep(struct unwind_thread *thread, const struct unwind_outcome *outcome, uint32_t number);

/* Stack NUMBER, just found, becomes the previous one. */
static inline void unwind_use(struct unwind_thread *thread, uint32_t number)
{
    thread->previous = number;
}

/* Forget all stacks but the previous one, which loses its number. */
void unwind_forget(struct unwind_thread *thread);

/* Give THREAD, which is all zero, its memory: zeroed or not, aligned to 8, unwind_memory_bytes(MAX) of it,
 * lent for as long as THREAD is used. MAX: the largest that unwind_stack will be called with. */
void unwind_remember(struct unwind_thread *thread, void *memory, uint32_t max);
static inline uint64_t unwind_arena_frames(uint32_t max)
{
    return max < 512 ? 2048 : 4 * (uint64_t)max;
}
static inline uint64_t unwind_memory_bytes(uint32_t max)
{
    return sizeof(struct unwind_frame) * (unwind_arena_frames(max) + 2 * (uint64_t)max);
}

/* Prepare for unwind_stack. Once, from the recorder's initialisation, in the initial thread, before the first
 * walk. Maps the rule table (4.6 MiB of address space, of which only touched pages take memory; under a tight
 * RLIMIT_AS less), learns the page size and the initial thread's stack, finds a way to ask the kernel whether
 * a page can be read, and chooses _dl_find_object or, with a C library older than glibc 2.35, a table of
 * modules of our own. False: no memory at all for rules; unwind_stack still works, but makes every rule anew.
 */
bool unwind_init(void);

/* Modules were unloaded (dlclose): forget every rule at once, by generation. Any thread, any time; walks that
 * are under way keep what they read. */
void unwind_flush(void);

/* Modules were loaded or unloaded. Only where _dl_find_object is missing does this do anything: it rebuilds
 * the table of modules by dl_iterate_phdr. Call from the dlopen and dlclose hooks, outside the hot path
 * (takes the loader's lock). Rules are not forgotten: call unwind_flush for that. */
void unwind_modules_changed(void);

/* The same interface by libunwind (slow/libunwind.c), for MEMTRACE_UNWINDER=libunwind. It takes about 10 KiB
 * of stack and makes syscalls, so promises about small stacks and sandboxes do not hold. libunwind_open:
 * dlopen libunwind.so.8 with RTLD_LOCAL and find its functions; during initialisation only, where allocating
 * is allowed. False: missing or unusable, keep unwind_stack. */
bool libunwind_open(void);
/* The stack from FROM into FRAMES[0..MAX), innermost first, after libunwind_open returned true; returns its
 * depth. The recorder's own frames are dropped: FRAMES[0] = from->pc; should libunwind not come through them,
 * that is the only frame. *ENDED: how the walk ended. */
uint32_t libunwind_stack(const struct unwind_registers *from, uint64_t *frames, uint32_t max,
                         enum unwind_end *ended);

/* --- what the unwinder needs of the recorder --- */

struct dl_find_object; /* <dlfcn.h>, glibc 2.35; else slow/cfi_rule.h */

/* A return address was met for the first time (or again after a flush) and lies in the module FOUND describes
 * (dlfo_map_start, dlfo_map_end, dlfo_eh_frame; dlfo_link_map may be NULL without _dl_find_object). Called
 * before its rule is published, so that whatever this commits about the module precedes every stack that
 * another thread records through that rule. FOUND is only valid during the call. Must not call unwind_stack.
 */
void slow_module_seen(uint64_t address, const struct dl_find_object *found);

/* A stack came out shorter than it is: REASON is its enum unwind_end, UNWIND_DEPTH_LIMIT included. */
void recorder_count(unsigned reason);

#endif
