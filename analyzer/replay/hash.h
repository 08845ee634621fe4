/* One hash for the tables of replay. It is keyed anew in every run: a forged trace cannot choose addresses
 * that fall into one place and make look-ups linear. No result depends on the order of a table. */
#ifndef ANALYZER_REPLAY_HASH_H
#define ANALYZER_REPLAY_HASH_H

#include <stdint.h>
#include <sys/random.h>

/* The run's key; 0 where the kernel has no random bytes to give. */
static inline uint64_t hash_key(void)
{
    uint64_t key = 0;

    if (getrandom(&key, sizeof(key), GRND_NONBLOCK) != (ssize_t)sizeof(key)) key = 0;
    return key;
}

/* Two rounds of multiply and shift: every bit of VALUE reaches the upper 32 bits of the result. */
static inline uint64_t hash_mix(uint64_t value, uint64_t key)
{
    value ^= key;
    value *= 0x9e3779b97f4a7c15u;
    value ^= value >> 32;
    value *= 0xd6e8feb86659fd93u;
    return value ^ value >> 29;
}

#endif
