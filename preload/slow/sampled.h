/* Sampling as init and fork see it. What every call goes through is in hot/sample.h. */
#ifndef MEMTRACE_SLOW_SAMPLED_H
#define MEMTRACE_SLOW_SAMPLED_H

#include <stddef.h>
#include <stdint.h>

#define SAMPLING_LARGEST_RATE (1ull << 40) /* bytes; beyond it the draws' fixed point would overflow */

struct sampling {
    uint64_t rate_bytes;      /* mean bytes between samples, 1..SAMPLING_LARGEST_RATE; 0: not sampled */
    uint64_t seed;            /* of the process image */
    _Atomic uint32_t threads; /* that have made a draw: each has random numbers of its own */
};
extern struct sampling sampling;

/* Begin to sample at RATE_BYTES. Equal SEEDs make equal draws in a program whose threads begin in the same
 * order. */
void sampling_begin(uint64_t rate_bytes, uint64_t seed);

/* Around a fork: a number drawn by the parent before it, with which the child begins draws of its own. The
 * child would otherwise repeat what the parent draws next, and their samples would not be independent. */
uint64_t sampling_before_fork(void);
void sampling_begin_in_child(uint64_t number);

/* ceil(RATE_BYTES * -ln U), U in (0, 1) made of two random words: U has as many leading zero bits as FIRST,
 * then a one, then the upper 63 bits of SECOND. 1 or more. Integers only: floating-point arithmetic would
 * set the program's exception flags, or trap where it has unmasked them.
 * Absolute error before rounding up below RATE_BYTES * 2^-54. */
uint64_t sampling_exponential(uint64_t rate_bytes, uint64_t first, uint64_t second);

/* The bytes that the set of recorded blocks takes, and MEMORY of so many zeros for it. NULL: there is none,
 * every free will be recorded. */
size_t sampled_blocks_bytes(void);
void sampled_blocks_begin(void *memory);

#endif
