/* What a sandbox leaves us. prctl and syscall are interposed, so that a filter is seen before it goes up, and
 * asked what it would say to the calls that recording needs. Filters that were there before us are another
 * matter: what init called and survived stays allowed. */
#ifndef MEMTRACE_PROCESS_SANDBOX_H
#define MEMTRACE_PROCESS_SANDBOX_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* What is done by means of system calls; a set of these is forbidden from some moment on, for good. */
enum sandbox_need {
    SANDBOX_CHUNKS = 1u << 0,  /* mremap, madvise, munmap: the next chunk; whether a stack can be read */
    SANDBOX_THREADS = 1u << 1, /* mmap, gettid: the state of a thread that is new */
    SANDBOX_EXIT = 1u << 2,    /* getpid, openat, ...: the exit record, the cut of the file */
    SANDBOX_BEGIN = 1u << 3,   /* all that a fork child needs for a trace of its own */
    SANDBOX_CLOCK = 1u << 4,   /* clock_gettime: may need the kernel where the vDSO cannot read the clock */
    SANDBOX_TICKS = 1u << 5,   /* the time stamp counter */
    SANDBOX_SAMPLES = 1u << 6, /* statm: never again behind a filter */
    SANDBOX_SIGNAL_STACK = 1u << 7, /* sigaltstack */
    SANDBOX_UNSHARE = 1u << 8,      /* unshare: descriptors of its own for the thread that ends the process */
    SANDBOX_TASKS = 1u << 9,        /* newfstatat: how many threads there are */
    SANDBOX_LOCK = 1u << 10, /* munlock; behind a filter that lets mlockall through it is believed allowed */
    SANDBOX_ALL = (1u << 11) - 1,
};

extern _Atomic uint32_t sandbox_forbidden; /* set of enum sandbox_need */

static inline bool sandbox_forbids(unsigned needs)
{
    return (atomic_load_explicit(&sandbox_forbidden, memory_order_relaxed) & needs) != 0;
}

/* CLOCK_MONOTONIC in ns, from the ticks: for when clock_gettime is forbidden. */
uint64_t sandbox_monotonic_ns(void);

/* A filter is there already (Seccomp: 2 in status). From init. */
void sandbox_inherited(void);

/* Look up the next prctl and syscall. From init. */
void sandbox_resolve(void);

/* The next functions, and what their hooks (arch/.../sandbox.S) do: all calls but the few that put up a
 * sandbox go on to the next function by a jump. Those few come here; they behave as the functions of the C
 * library. */
extern int (*next_prctl)(int option, ...);
extern long (*next_syscall)(long number, ...);
int sandbox_prctl(int option, unsigned long b, unsigned long c, unsigned long d, unsigned long e);
long sandbox_syscall(long number, long a, long b, long c, long d, long e, long f);

#endif
