/* The trace file: every constant and record, with unit and range.
 *
 * This header is the one thing that the recorder (preload/) and the analyzer (analyzer/) share. The
 * prose specification, from which a reader can be written without this file, is docs/trace-format.md;
 * a change here is a change there, in tests/oracle/read_trace.py and in the format version.
 *
 * All fixed-size integers are in the byte order of the machine that recorded (header.byte_order says
 * which); LEB128 as in DWARF 5, section 7.6. Sizes are bytes, monotonic times are ns of CLOCK_MONOTONIC,
 * ticks are of the clock named by header.clock_kind. */
#ifndef MEMTRACE_TRACE_FORMAT_H
#define MEMTRACE_TRACE_FORMAT_H

#include <stdint.h>

#define TRACE_MAGIC              "memtrace" /* 8 bytes, no terminator; stored last when the header is ready */
#define TRACE_BYTE_ORDER         0x01020304u
#define TRACE_VERSION            2u
#define TRACE_OLDEST_VERSION     1u     /* that is still read: it has no stack references */
#define TRACE_HEADER_BYTES       65536u /* first chunk begins here; chunks begin at multiples of this */
#define TRACE_INFO_OFFSET        4096u  /* info records, up to TRACE_HEADER_BYTES */
#define TRACE_CHUNK_ALIGNMENT    65536u
#define TRACE_CHUNK_MAGIC        0x4b48434du /* "MCHK" */
#define TRACE_CHUNK_HEADER_BYTES 128u
#define TRACE_SMALL_CHUNK_BYTES  65536u
#define TRACE_LARGE_CHUNK_BYTES  (2u << 20)
#define TRACE_MAX_DEPTH          4096u /* no recorded stack is deeper, whatever MEMTRACE_DEPTH says */

enum trace_clock {
    TRACE_CLOCK_TSC = 1,           /* x86 time stamp counter */
    TRACE_CLOCK_MONOTONIC = 2,     /* ticks are ns of CLOCK_MONOTONIC */
    TRACE_CLOCK_GENERIC_TIMER = 3, /* aarch64: virtual count of the generic timer (cntvct_el0) */
};

enum trace_unwinder {
    TRACE_UNWINDER_CFI = 1,
    TRACE_UNWINDER_LIBUNWIND = 2,
    TRACE_UNWINDER_FRAME_POINTER = 3,
};

/* header.flags */
enum trace_flag {
    TRACE_FLAG_SECCOMP_INHERITED = 1u << 0, /* a seccomp filter was already there at start */
    TRACE_FLAG_NO_USABLE_SIZES = 1u << 1,   /* the allocator has no malloc_usable_size */
    TRACE_FLAG_FORK_CHILD = 1u << 2,        /* header.origin is filled */
    TRACE_FLAG_UNDER_RUN = 1u << 3,         /* started by `memtrace run` */
};

/* header.stop_reason: why recording ended before the process did; 0 while it has not. */
enum trace_stop_reason {
    TRACE_STOP_NONE = 0,
    TRACE_STOP_LIMIT = 1,     /* the file's cap (MEMTRACE_LIMIT, RLIMIT_FSIZE) is reached */
    TRACE_STOP_DISK_FULL = 2, /* populating pages failed: no space on the disk, or quota */
    TRACE_STOP_NO_MEMORY = 3, /* the mapping could not be made: RLIMIT_AS, map count */
    TRACE_STOP_SANDBOX = 4,   /* the program entered a sandbox that forbids what recording needs */
    TRACE_STOP_INTERNAL = 5,  /* an invariant did not hold; please report it */
};

enum trace_exit_kind {
    TRACE_EXIT_NONE = 0, /* running, or killed by a signal that nobody saw */
    TRACE_EXIT_EXIT = 1, /* exit() or return from main */
    TRACE_EXIT__EXIT = 2,
    TRACE_EXIT_QUICK_EXIT = 3,
    TRACE_EXIT_ABORT = 4,
    TRACE_EXIT_SIGNAL = 5, /* written from outside, by `memtrace run`; code is the signal */
    TRACE_EXIT_EXEC = 6,   /* the image was replaced; this trace ends with the call */
};

/* header.counters[]: every decision that shortens a stack or loses an event has one. Written with
 * atomic additions, only on such events. */
enum trace_counter {
    TRACE_COUNTER_EVENTS_LOST,            /* events known to be missing, for whatever reason */
    TRACE_COUNTER_NESTED_SIGNALS,         /* of these: a handler interrupted the second lane */
    TRACE_COUNTER_LANES_ABANDONED,        /* a handler left the recorder by siglongjmp, or a cancellation */
    TRACE_COUNTER_STACKS_TRUNCATED,       /* deeper than the depth limit */
    TRACE_COUNTER_STACKS_NO_CFI,          /* ended at code without unwind information */
    TRACE_COUNTER_STACKS_NOT_EXPRESSIBLE, /* ended at a rule beyond the compact form */
    TRACE_COUNTER_STACKS_UNMAPPED,        /* ended at memory that is not provably a stack */
    TRACE_COUNTER_STACKS_FRAME_POINTER,   /* continued through code without CFI by frame pointers */
    TRACE_COUNTER_RULES_MADE,             /* CFI rules made (misses of the rule table) */
    TRACE_COUNTER_CHUNKS_FAILED,          /* chunks that could not be had */
    TRACE_COUNTER_SAMPLES_FAILED,         /* RSS samples that could not be taken */
    TRACE_COUNTER_MODULES_UNNAMED,        /* code addresses in no known module */
    TRACE_COUNTER_COUNT
};
#define TRACE_COUNTERS 64 /* places reserved */

struct trace_exit {
    uint32_t kind; /* enum trace_exit_kind; stored last */
    int32_t code;  /* exit status as passed (not masked), or signal number */
    uint64_t ticks;
    uint64_t monotonic_ns;
    uint64_t stack_pointer; /* of the caller of exit(): below it nothing belongs to the program */
    uint32_t tid;
    uint32_t reserved;
    uint64_t peak_rss_bytes; /* ru_maxrss; 0: unknown */
    uint64_t snapshot;       /* id of the snapshot taken at exit; 0: none */
};

struct trace_origin { /* of a fork child: where in the parent's trace it began */
    uint8_t run_id[16];
    uint64_t chunk;     /* file offset of the forking thread's open chunk in the parent's trace; 0: none */
    uint64_t committed; /* and how far it was committed, bytes from the chunk's start */
    uint64_t ticks;
};

struct trace_header {
    uint8_t magic[8];
    uint32_t byte_order;
    uint32_t version;
    uint32_t header_bytes; /* TRACE_HEADER_BYTES */
    uint32_t info_offset;  /* TRACE_INFO_OFFSET */
    uint32_t page_size;
    uint32_t flags;
    uint8_t run_id[16]; /* random, one per process image */
    uint32_t pid;
    uint32_t parent_pid;
    uint32_t machine; /* e_machine of the ELF specification */
    uint32_t clock_kind;
    uint64_t start_ticks; /* these three are of one moment */
    uint64_t start_monotonic_ns;
    uint64_t start_realtime_ns;   /* since the epoch */
    uint64_t sampling_rate_bytes; /* 0: every event is recorded */
    uint64_t next;  /* file offset of the first byte no chunk has claimed; advanced by compare-and-swap */
    uint64_t limit; /* no chunk extends beyond; the file's size until it is trimmed */
    uint32_t stop_reason;
    int32_t stop_errno;
    uint64_t stop_ticks;
    struct trace_origin origin;
    uint32_t depth_limit;
    uint32_t unwinder;
    struct trace_exit exit;
    uint64_t counters[TRACE_COUNTERS];
};

/* Info records from TRACE_INFO_OFFSET on: this header, then BYTES of payload, padded with zeros to 8.
 * Kind 0 ends the list. Readers skip kinds they do not know. */
struct trace_info {
    uint32_t kind;
    uint32_t bytes;
};
enum trace_info_kind {
    TRACE_INFO_EXECUTABLE = 1,   /* path, no terminator */
    TRACE_INFO_COMMAND_LINE = 2, /* arguments, each with its terminating zero */
    TRACE_INFO_WORKING_DIRECTORY = 3,
    TRACE_INFO_HOST = 4,
    TRACE_INFO_KERNEL = 5,    /* release as of uname */
    TRACE_INFO_ALLOCATOR = 6, /* path of the module whose malloc is the next function */
    TRACE_INFO_GLIBC_TUNABLES = 7,
    TRACE_INFO_RECORDER = 8, /* the recorder's version */
};

enum trace_chunk_kind {
    TRACE_CHUNK_LANE = 1,     /* records of one thread and lane */
    TRACE_CHUNK_OUTSIDE = 2,  /* records written by another process (`memtrace run`): samples only */
    TRACE_CHUNK_SNAPSHOT = 3, /* reserved: docs/trace-format.md, "Snapshots" */
};

struct trace_chunk {
    uint32_t magic; /* stored last */
    uint16_t kind;
    uint16_t lane;      /* 0: first, 1: second (signal handlers that interrupt the recorder) */
    uint64_t offset;    /* of this chunk in the file: a second check that this is a chunk's start */
    uint64_t bytes;     /* of the whole chunk, header included; a multiple of TRACE_CHUNK_ALIGNMENT */
    uint64_t committed; /* 0 while the chunk is written; then the end of its last record, from its start */
    uint32_t thread;    /* serial number of the thread at the chunk's start, from 1; 0 in outside chunks */
    uint32_t tid;
    uint64_t previous; /* file offset of the same lane's chunk before; 0: this is its first */
    uint64_t ticks;    /* of one moment, before the chunk's first record */
    uint64_t monotonic_ns;
    uint8_t reserved[TRACE_CHUNK_HEADER_BYTES - 64];
};

/* --- Records in a lane: one byte of operation and flags, never 0, stored last --------------------- */
enum trace_operation {
    TRACE_MALLOC = 1,
    TRACE_CALLOC = 2,
    TRACE_REALLOC = 3,      /* result of realloc of a block: closes the lane's last REALLOC_BEGIN */
    TRACE_REALLOCARRAY = 4, /* the same for reallocarray */
    TRACE_ALIGNED = 5,      /* a byte of enum trace_entry and a byte of log2(alignment) follow the time */
    TRACE_FREE = 6,
    TRACE_REALLOC_BEGIN = 7, /* the block is given to realloc: free, unless a REALLOC_END restores it */
    TRACE_REALLOC_END = 8,   /* no new block: a byte of enum trace_realloc_outcome follows the time */
    TRACE_FAILED = 9,        /* an allocation that returned no block: a byte of enum trace_entry follows */
    TRACE_REALLOC_NULL = 10, /* realloc(NULL, size) */
    TRACE_REALLOCARRAY_NULL = 11,
    TRACE_EXTENSION = 15, /* LEB128 type, LEB128 payload bytes, payload; unknown types are skipped */
};
#define TRACE_OPERATION_MASK 0x0fu
#define TRACE_TIMED          0x10u /* LEB128 of ticks since the lane's previous time follows */
#define TRACE_STACK          0x20u /* a stack delta follows; else the stack is the lane's previous one */
#define TRACE_USABLE         0x40u /* zigzag LEB128 of usable size - requested size follows the address */
#define TRACE_POOL           0x80u /* MALLOC and FREE only: reported by memtrace_allocated, memtrace_freed */

enum trace_entry { /* entry points, where the operation does not say it */
                   TRACE_ENTRY_MALLOC = 1,
                   TRACE_ENTRY_CALLOC = 2,
                   TRACE_ENTRY_REALLOC = 3,
                   TRACE_ENTRY_REALLOCARRAY = 4,
                   TRACE_ENTRY_POSIX_MEMALIGN = 5,
                   TRACE_ENTRY_ALIGNED_ALLOC = 6,
                   TRACE_ENTRY_MEMALIGN = 7,
                   TRACE_ENTRY_VALLOC = 8,
                   TRACE_ENTRY_PVALLOC = 9,
};

enum trace_realloc_outcome {
    TRACE_REALLOC_FAILED = 1, /* NULL with errno set: the block is as it was */
    TRACE_REALLOC_FREED = 2,  /* realloc(p, 0) that returned NULL with errno unchanged */
};

enum trace_extension {
    TRACE_THREAD_START = 1, /* serial, tid, ticks, stack low, stack high, thread pointer: LEB128 each */
    TRACE_THREAD_END = 2,   /* serial, tid, ticks (when noticed) */
    TRACE_MODULE = 3,       /* ticks, generation, start, end, load bias, build-id bytes, build-id, path */
    TRACE_MODULE_GONE = 4,  /* ticks, generation, start */
    TRACE_SAMPLE = 5,       /* ticks, monotonic_ns, reason, rss, peak rss, pss, uss, recorder (bytes) */
    TRACE_MARK = 6,         /* ticks, kind, name */
    TRACE_TIME = 7,         /* ticks: all before it happened before this moment */
    TRACE_LANE_ENTRY = 8,   /* ticks, chunk, committed: of the first lane, at a second-lane run's start */
    TRACE_FORK = 9,         /* ticks, pid of the child */
    TRACE_MAPPING = 10,     /* reserved: mmap, munmap, mremap, brk */
    TRACE_TOUCHED = 11,     /* reserved: resident pages of a block when it is freed */
};

enum trace_sample_reason {
    TRACE_SAMPLE_START = 1,
    TRACE_SAMPLE_RUNNING = 2,
    TRACE_SAMPLE_EXIT = 3,
    TRACE_SAMPLE_OUTSIDE = 4, /* by `memtrace run` */
};

enum trace_mark_kind {
    TRACE_MARK_USER = 0,  /* memtrace_mark(name) */
    TRACE_MARK_MAIN = 1,  /* main is about to be called */
    TRACE_MARK_STOP = 2,  /* memtrace_stop(): allocations are not recorded from here */
    TRACE_MARK_START = 3, /* memtrace_start(): they are again */
};

/* --- Address codes: caches that writer and reader keep alike, empty at every reset ---------------- */
#define TRACE_BLOCK_CACHE_BITS   6 /* block addresses: 64 slots, hashed by address >> 4 */
#define TRACE_BLOCK_CACHE_SHIFT  4
#define TRACE_FRAME_CACHE_BITS   7 /* return addresses: 128 slots, hashed by address */
#define TRACE_FRAME_CACHE_SHIFT  0
#define TRACE_USABLE_CACHE_BITS  8 /* class of requested sizes -> usable size: 256 slots */
#define TRACE_USABLE_CLASS_SHIFT 3 /* sizes of one class: (size + 7) >> 3; in version 1 each its own */

/* Stacks: how the first LEB128 of one is read, from version 2 on. Without TRACE_DELTA its other bits are the
 * number of a remembered stack. */
#define TRACE_DELTA             1u
#define TRACE_DELTA_OUTER       2u
#define TRACE_DELTA_SHIFT       2
#define TRACE_REMEMBERED_STACKS 64u
#define TRACE_GOLDEN_RATIO      0x9e3779b97f4a7c15u

/* The slot of ADDRESS in a cache of 1 << BITS slots. */
static inline unsigned trace_cache_slot(uint64_t address, unsigned shift, unsigned bits)
{
    return (unsigned)(((address >> shift) * TRACE_GOLDEN_RATIO) >> (64 - bits));
}

static inline uint64_t trace_zigzag(int64_t value)
{
    return ((uint64_t)value << 1) ^ -(uint64_t)(value < 0);
}

static inline int64_t trace_unzigzag(uint64_t value)
{
    return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}

_Static_assert(sizeof(struct trace_chunk) == TRACE_CHUNK_HEADER_BYTES, "chunk header size");
_Static_assert(sizeof(struct trace_header) <= TRACE_INFO_OFFSET, "header fits before the info records");
_Static_assert(TRACE_COUNTER_COUNT <= TRACE_COUNTERS, "counters fit");

#endif
