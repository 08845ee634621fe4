/* MEMTRACE_* from the environment to one struct. The environment belongs to the program: what is needed later
 * (a fork child opens its own trace) is copied. */
#ifndef MEMTRACE_PROCESS_CONFIG_H
#define MEMTRACE_PROCESS_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct config {
    bool disabled;         /* MEMTRACE_DISABLE set and not "0", or secure-execution mode */
    bool verbose;          /* MEMTRACE_VERBOSE: say on fd 2 what is recorded where, or why not */
    uint32_t unwinder;     /* MEMTRACE_UNWINDER: enum trace_unwinder; 0: none named, the machine's */
    uint32_t depth_limit;  /* MEMTRACE_DEPTH: 1..TRACE_MAX_DEPTH frames */
    uint64_t limit_bytes;  /* MEMTRACE_LIMIT: cap of the file; 0: chosen by free space */
    uint64_t sample_bytes; /* MEMTRACE_SAMPLE: mean bytes between samples, to 1024G; 0: all is recorded */
    bool sample_seeded;    /* MEMTRACE_SAMPLE_SEED is a number: */
    uint64_t sample_seed;
    char output[2048];   /* MEMTRACE_OUTPUT: pattern */
    char images[256];    /* MEMTRACE_IMAGES: glob; empty: all */
    char status[64];     /* MEMTRACE_STATUS: file to append one line to; empty: none */
    char tunables[512];  /* GLIBC_TUNABLES, for the record */
    char complaint[160]; /* a value that was not understood, and what was done instead; empty: none */
};
extern struct config config;

/* Fill `config` from ENVIRONMENT (NULL: defaults). SECURE: secure-execution mode, nothing is read. */
void config_read(char *const *environment, bool secure);

/* Whether NAME matches PATTERN: `*` any run of characters, `?` any one. Commas separate alternatives. */
bool config_image_matches(const char *pattern, const char *name);

#endif
