/* The draws of the sampling countdown: random numbers a thread, and an exponential distribution made of them
 * in integers. */
#include "hot/sample.h"
#include "slow/sampled.h"

/* The increment of splitmix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014).
 */
#define RANDOM_STEP 0x9e3779b97f4a7c15u
/* -log2 U is below 128 and has so many binary places: each place costs a multiplication. */
#define LOGARITHM_PLACES 56
#define LN_2             0xb17217f7d1cf79abu /* times 2^64; rounded down */

struct sampling sampling;
__thread uint64_t sample_countdown __attribute__((tls_model("initial-exec")));
static __thread uint64_t random_state __attribute__((tls_model("initial-exec"))); /* 0: none yet */

static uint64_t random_mix(uint64_t value)
{
    value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9u;
    value = (value ^ value >> 27) * 0x94d049bb133111ebu;
    return value ^ value >> 31;
}

/* The thread's next random number. The state advances in one step: a signal handler that draws as well gets
 * another number. */
static uint64_t random_next(void)
{
    if (random_state == 0) {
        uint32_t thread = atomic_fetch_add(&sampling.threads, 1);
        random_state = random_mix(random_mix(sampling.seed) + thread) | 1;
    }
    return random_mix(__atomic_add_fetch(&random_state, RANDOM_STEP, __ATOMIC_RELAXED));
}

/* log2 of MANTISSA * 2^-63, which is in [1, 2), with LOGARITHM_PLACES binary places: squaring doubles the
 * logarithm, so a square of 2 or more is a place that is 1. What is cut off a square shortens the logarithm
 * by less than 2^-62 in the first place and half as much in each that follows. */
static uint64_t logarithm(uint64_t mantissa)
{
    uint64_t places = 0;
    for (unsigned i = 0; i < LOGARITHM_PLACES; i++) {
        unsigned __int128 square = (unsigned __int128)mantissa * mantissa; /* times 2^126 */
        unsigned carry = (unsigned)(square >> 127);
        places = places << 1 | carry;
        mantissa = (uint64_t)(square >> (63 + carry));
    }
    return places;
}

uint64_t sampling_exponential(uint64_t rate_bytes, uint64_t first, uint64_t second)
{
    uint64_t zeros = first != 0 ? (uint64_t)__builtin_clzll(first) : 64;
    /* U = mantissa * 2^-(zeros + 1), so -log2 U = zeros + 1 - log2(mantissa). */
    uint64_t negative = ((zeros + 1) << LOGARITHM_PLACES) - logarithm(1ull << 63 | second >> 1);
    unsigned __int128 nats = (unsigned __int128)negative * LN_2 >> 64;
    return (uint64_t)(nats * rate_bytes >> LOGARITHM_PLACES) + 1;
}

static uint64_t draw(void)
{
    uint64_t first = random_next();
    return sampling_exponential(sampling.rate_bytes, first, random_next());
}

bool slow_sample_chosen(uint64_t bytes)
{
    if (sample_countdown == 0) {
        uint64_t left = draw();
        if (bytes < left) {
            sample_countdown = left - bytes;
            return false;
        }
    }
    sample_countdown = draw();
    return true;
}

void sampling_begin(uint64_t rate_bytes, uint64_t seed)
{
    sampling.rate_bytes = rate_bytes;
    sampling.seed = seed;
    atomic_store(&sampling.threads, 0);
    random_state = sample_countdown = 0;
}

uint64_t sampling_before_fork(void)
{
    return sampling.rate_bytes != 0 ? random_next() : 0;
}

void sampling_begin_in_child(uint64_t number)
{
    if (sampling.rate_bytes != 0) sampling_begin(sampling.rate_bytes, number);
}
