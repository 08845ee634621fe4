/* One record of a trace, decoded: what the reader hands to replay and to `memtrace dump`. Only the fields
 * named beside the kind are set, and `ticks` to `stream`.
 * Borrowed pointers (stack, text, module.*) are valid until the next event is read. */
#ifndef ANALYZER_READER_EVENT_H
#define ANALYZER_READER_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "memtrace/trace_format.h"

enum event_kind {
    EVENT_ALLOCATION,    /* block, size, usable, pool, realloc_of_block, entry, alignment, stack */
    EVENT_FREE,          /* block, pool */
    EVENT_REALLOC_BEGIN, /* block: given to realloc */
    EVENT_REALLOC_END,   /* outcome, size, stack; closes the stream's innermost open begin */
    EVENT_FAILED,        /* entry, alignment, size, stack */
    EVENT_THREAD_START,  /* serial, tid, stack_low, stack_high, thread_pointer */
    EVENT_THREAD_END,    /* serial, tid */
    EVENT_MODULE,        /* module */
    EVENT_MODULE_GONE,   /* module.generation, module.start */
    EVENT_SAMPLE,        /* sample */
    EVENT_MARK,          /* mark_kind, text */
    EVENT_TIME,
    EVENT_LANE_ENTRY, /* chunk, committed */
    EVENT_FORK,       /* pid */
    EVENT_UNKNOWN,    /* extension_type, extension_bytes */
};

struct module_record {
    uint64_t ticks, generation, start, end, bias;
    uint64_t place; /* offset of the record in the file; only of those that trace_modules gives */
    const uint8_t *build_id;
    size_t build_id_bytes;
    const char *path; /* not terminated */
    size_t path_length;
};

struct sample_record {
    uint64_t monotonic_ns;
    uint64_t reason; /* enum trace_sample_reason, or a later one */
    uint64_t rss_bytes, peak_rss_bytes, pss_bytes, uss_bytes, recorder_bytes; /* 0: unknown */
};

struct event {
    enum event_kind kind;
    uint64_t ticks;   /* the key in the trace's order */
    uint64_t time_ns; /* the same since the trace's start */
    uint64_t thread;  /* serial number; 0 for records from outside */
    uint32_t lane;
    uint32_t stream; /* serial number, from 0, of the stream that the record stands in */
    uint64_t block;  /* address */
    uint64_t size;   /* requested bytes */
    uint64_t usable; /* bytes; meaningful only if usable_known */
    bool usable_known;
    bool pool;             /* a block of the program's own pool: an address space of its own */
    bool realloc_of_block; /* closes the stream's innermost open EVENT_REALLOC_BEGIN, if there is one */
    uint32_t entry;        /* enum trace_entry of allocations and failures */
    uint64_t alignment;    /* bytes, 1 where the call has none */
    uint32_t outcome;      /* enum trace_realloc_outcome */
    const uint64_t *stack; /* return addresses, innermost first */
    size_t depth;
    bool truncated;
    size_t kept; /* so many outermost frames are as in the stream's event with a stack before this one */
    uint64_t stack_token; /* equal tokens mean an equal stack; never 0 */
    /* extensions */
    uint64_t serial, tid, stack_low, stack_high, thread_pointer, chunk, committed, pid, mark_kind;
    uint64_t extension_type, extension_bytes;
    const char *text;
    size_t text_length;
    struct module_record module;
    struct sample_record sample;
};

#endif
