#include "watch/compact_live.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>
#include "reader/chunks.h"
#include "reader/compact_format.h"
#include "reader/trace_file.h"
#include "util/memory.h"
#include "watch/clock.h"
#include "watch/compact_raw.h"
#include "watch/compact_writer.h"
#include "watch/trim.h"

#define LEVEL           6
#define LOOK_NS         50000000u   /* between two looks at the traces */
#define DEAD_NS         1000000000u /* between two questions whether a trace's process is gone */
#define PUNCH_BYTES     (32u << 20) /* so much is given back at once: before it the disk has to be waited for */
#define PUNCH_LEAST     (1u << 20)
#define BLOCKS_IN_BOUND 32u
#define ENDING_TRIES    20 /* x 10 ms: the kernel closes a dead process's mappings a little later */

enum live_state {
    LIVE_WATCHED, /* its process may run */
    LIVE_DONE,    /* one compact file, under its own name */
    LIVE_LEFT,    /* no more is done to it: it is no trace that we can see, or something failed */
};

struct live_trace {
    char *path;
    int64_t pid;
    enum live_state state;
    int raw;                      /* open for reading; -1: not yet, or no more */
    struct compact_writer writer; /* fd -1: there is no compact form yet */
    uint64_t *compressed;         /* offsets of chunks that are in the compact form, in ascending order */
    size_t compressed_count, compressed_capacity;
    uint64_t (*added)[2]; /* offset and bytes of chunks given to the writer since its last flush; */
    size_t added_count, added_capacity;
    uint64_t (
        *punchable)[2]; /* of chunks in the compact form whose place in the raw one is not given back yet */
    size_t punchable_count, punchable_capacity;
    uint64_t punchable_bytes;
    bool punched, stopped;
    uint64_t raw_bytes; /* on the disk now or soon, of the raw form */
    uint64_t asked_ns;  /* when it was last asked whether its process is gone */
};

struct compact_live {
    pthread_t thread;
    bool started;
    bool idle;             /* nothing is compressed at all */
    pthread_mutex_t mutex; /* of `ending` alone: everything else is the thread's until it has been joined */
    pthread_cond_t wake;
    bool ending;
    struct status status; /* of our own: the same memory file, read with other buffers */
    off_t status_bytes;
    int64_t program;
    struct live_trace *traces; /* in the order of the status's lines */
    size_t count, capacity;
    size_t lines; /* of the status seen */
    uint64_t bound_bytes, used_bytes;
    bool stopped, no_holes;
    bool was_stopped; /* a process wanted to go on recording */
    char *trouble;
    struct raw_chunks found;
    uint8_t *chunk; /* the bytes of one */
    size_t chunk_capacity;
};

/* --- One trace ----------------------------------------------------------------------------------- */

static void trouble(struct compact_live *live, const struct live_trace *trace, const char *what, int reason)
{
    if (live->trouble == NULL)
        live->trouble = memory_format("'%s': %s: %s", trace->path, what, strerror(reason));
}

static char *compact_path(const struct live_trace *trace)
{
    return memory_format("%s%s", trace->path, COMPACT_SUFFIX);
}

/* Leave a trace as it is. What is in its compact form can be read. */
static void trace_leave(struct live_trace *trace, enum live_state state)
{
    trace->state = state;
    if (trace->raw >= 0) close(trace->raw);
    if (trace->writer.fd >= 0) close(trace->writer.fd);
    compact_writer_free(&trace->writer);
    trace->raw = -1;
}

/* Open the raw form. A name may mean another file where the process sees another file system: then the pid is
 * another. */
static bool trace_begin(struct live_trace *trace, struct trace_header *header)
{
    if (trace->raw < 0) trace->raw = trim_open(trace->path, header);
    if (trace->raw >= 0 && raw_read(trace->raw, header, sizeof *header, 0)) {
        if (header->pid == (uint64_t)trace->pid && header->flags & TRACE_FLAG_UNDER_RUN) return true;
    } else if (trace->raw < 0 && (errno == EMFILE || errno == ENFILE)) {
        return false; /* later, when others have ended */
    }
    trace_leave(trace, LIVE_LEFT);
    return false;
}

/* The file of the compact form, with its first block. */
static bool trace_begin_compact(struct compact_live *live, struct live_trace *trace,
                                const struct trace_header *header)
{
    uint8_t front[TRACE_HEADER_BYTES];
    if (trace->writer.fd >= 0) return true;
    char *path = compact_path(trace);
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW | O_APPEND, 0600);
    if (fd < 0) trouble(live, trace, "its compact form cannot be made", errno);
    free(path);
    if (fd < 0) return false;
    trace->writer.fd = fd;
    if (raw_read(trace->raw, front, sizeof front, 0) &&
        compact_writer_begin(&trace->writer, fd, LEVEL, header->run_id, front)) {
        /* Where the bound is tight it has to be looked after more often than a large block takes. */
        if (live->bound_bytes / BLOCKS_IN_BOUND < trace->writer.block_bytes && live->bound_bytes != 0)
            trace->writer.block_bytes = live->bound_bytes / BLOCKS_IN_BOUND;
        return true;
    }
    trouble(live, trace, "its compact form cannot be written", trace->writer.error);
    trace->writer.fd = fd;
    return false;
}

static bool is_compressed(const struct live_trace *trace, uint64_t offset)
{
    size_t low = 0, high = trace->compressed_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (trace->compressed[middle] < offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low < trace->compressed_count && trace->compressed[low] == offset;
}

static void set_compressed(struct live_trace *trace, uint64_t offset)
{
    size_t at = trace->compressed_count;
    trace->compressed = memory_grow(trace->compressed, &trace->compressed_capacity, at, sizeof offset);
    for (; at > 0 && trace->compressed[at - 1] > offset; at--) /* mostly none: chunks fill in order */
        trace->compressed[at] = trace->compressed[at - 1];
    trace->compressed[at] = offset;
    trace->compressed_count++;
}

/* What was added is a block of the compact file by now. */
static bool trace_flush(struct compact_live *live, struct live_trace *trace)
{
    if (!compact_writer_flush(&trace->writer)) {
        trouble(live, trace, "its compact form cannot be written", trace->writer.error);
        return false;
    }
    for (size_t i = 0; i < trace->added_count; i++) {
        trace->punchable = memory_grow(trace->punchable, &trace->punchable_capacity, trace->punchable_count,
                                       sizeof *trace->punchable);
        memcpy(trace->punchable[trace->punchable_count++], trace->added[i], sizeof *trace->added);
        trace->punchable_bytes += trace->added[i][1];
    }
    trace->added_count = 0;
    return true;
}

/* Give the place of compressed chunks back, when what replaces them is on the disk: the raw form's pages may
 * have got there long ago. */
static void trace_punch(struct compact_live *live, struct live_trace *trace)
{
    if (trace->punchable_count == 0 || live->no_holes) return;
    if (fdatasync(trace->writer.fd) != 0) return;
    enum raw_punched outcome =
        raw_punch(trace->raw, (const uint64_t(*)[2])trace->punchable, trace->punchable_count);
    if (outcome == RAW_NO_HOLES) live->no_holes = true;
    if (outcome != RAW_PUNCHED) return;
    trace->punched = true;
    trace->punchable_count = 0;
    trace->punchable_bytes = 0;
}

static bool trace_add(struct compact_live *live, struct live_trace *trace, const struct raw_chunk *chunk)
{
    if (chunk->committed > COMPACT_CONTENT_LIMIT) return true; /* no recorder made it */
    if (live->chunk_capacity < chunk->committed) {
        free(live->chunk);
        live->chunk = memory_new(chunk->committed, 1);
        live->chunk_capacity = chunk->committed;
    }
    if (!raw_read(trace->raw, live->chunk, chunk->committed, chunk->offset)) return true;
    /* Adding may flush what was added before, never this one. */
    if (!compact_writer_add(&trace->writer, live->chunk, chunk->committed)) {
        trouble(live, trace, "its compact form cannot be written", trace->writer.error);
        return false;
    }
    trace->added =
        memory_grow(trace->added, &trace->added_capacity, trace->added_count, sizeof *trace->added);
    trace->added[trace->added_count][0] = chunk->offset;
    trace->added[trace->added_count++][1] = chunk->bytes;
    set_compressed(trace, chunk->offset);
    return !compact_writer_full(&trace->writer) || trace_flush(live, trace);
}

static uint64_t punch_bytes(const struct compact_live *live)
{
    uint64_t bytes = live->bound_bytes / 8;
    return bytes > PUNCH_BYTES ? PUNCH_BYTES : bytes < PUNCH_LEAST ? PUNCH_LEAST : bytes;
}

static void choose_bound(struct compact_live *live, int fd)
{
    struct statfs system;
    if (live->bound_bytes != 0 || fstatfs(fd, &system) != 0) return;
    uint64_t free_bytes = (uint64_t)system.f_bavail * (uint64_t)system.f_bsize;
    live->bound_bytes = system.f_type == TMPFS_MAGIC ? free_bytes / 16 : free_bytes / 2;
}

/* Find TRACE's chunks, into live->found, and what its raw form takes on the disk, chunks at hand counted
 * whole. False: it cannot be seen, now or ever. */
static bool trace_measure(struct compact_live *live, struct live_trace *trace, struct trace_header *header)
{
    if (!trace_begin(trace, header)) return false;
    choose_bound(live, trace->raw);
    if (live->stopped && !trace->stopped) trace->stopped = raw_stop(trace->raw);
    raw_chunks_find(&live->found, trace->raw, header);
    trace->raw_bytes = TRACE_HEADER_BYTES;
    for (size_t i = 0; i < live->found.count; i++)
        trace->raw_bytes += live->found.chunks[i].bytes;
    return true;
}

/* Compress what is ready of TRACE, which was measured, a block at a time: the bound is to be looked after in
 * between, and *MORE says that there is more. False: it is left as it is from now on. */
static bool trace_compress(struct compact_live *live, struct live_trace *trace,
                           const struct trace_header *header, bool *more)
{
    for (size_t i = 0; i < live->found.count; i++) {
        const struct raw_chunk *chunk = &live->found.chunks[i];
        if (!chunk->ready || is_compressed(trace, chunk->offset)) continue;
        if (!trace_begin_compact(live, trace, header) || !trace_add(live, trace, chunk)) return false;
        if (trace->added_count > 0) continue; /* the block is not full yet */
        *more = true;
        if (trace->punchable_bytes >= punch_bytes(live)) trace_punch(live, trace);
        return true;
    }
    return true;
}

/* --- A trace whose process is gone ---------------------------------------------------------------- */

/* Add what is not in the compact form yet, then the end. The reader sees the union of both. */
static bool trace_complete(struct live_trace *trace, struct trace *opened)
{
    const struct chunk_table *table = trace_chunks(opened);
    struct compact_writer *writer = &trace->writer;
    bool good = compact_writer_flush(writer);
    for (uint32_t i = 0; i < table->count && good; i++) {
        const struct chunk *chunk = &table->chunks[i];
        if (chunk->block != CHUNK_NONE || is_compressed(trace, chunk->offset)) continue;
        chunk_acquire(table, i);
        good = compact_writer_add(writer, table->bytes + chunk->offset, chunk->limit);
        chunk_release(table, i);
        if (good && compact_writer_full(writer)) good = compact_writer_flush(writer);
    }
    writer->cut = trace_is_cut(opened);
    return good && compact_writer_end(writer, trace_front(opened));
}

/* The compact form takes the raw one's name, which gives that one's place back. */
static bool trace_rename(struct compact_live *live, struct live_trace *trace)
{
    char *path = compact_path(trace);
    struct stat file;
    if (fstat(trace->raw, &file) == 0) {
        fchmod(trace->writer.fd, file.st_mode & 0777);
        if (fchown(trace->writer.fd, file.st_uid, file.st_gid) != 0)
            errno = 0; /* we are not root: as it is */
    }
    /* Where nothing was punched the raw form was not on the disk for certain either. */
    bool good = (!trace->punched || fdatasync(trace->writer.fd) == 0) && rename(path, trace->path) == 0;
    if (!good) trouble(live, trace, "its compact form cannot take its place", errno);
    free(path);
    return good;
}

static void trace_finish(struct compact_live *live, struct live_trace *trace)
{
    struct trace_header header;
    struct trace *opened;
    if (!trace_begin(trace, &header) || !trace_begin_compact(live, trace, &header)) {
        trace_leave(trace, LIVE_LEFT);
        return;
    }
    live->was_stopped |= trace->stopped && header.stop_reason == TRACE_STOP_LIMIT;
    bool good = trace_open(trace->path, &opened) == 0;
    if (good) {
        good = trace_complete(trace, opened);
        if (!good) trouble(live, trace, "its compact form cannot be written", trace->writer.error);
        trace_close(opened);
    }
    good = good && trace_rename(live, trace);
    trace_leave(trace, good ? LIVE_DONE : LIVE_LEFT);
}

/* Has a process other than the program ended, for certain? */
static bool trace_is_dead(struct live_trace *trace)
{
    return trace->raw >= 0 && trim_writers(trace->raw) == TRIM_NOT_NEEDED;
}

/* --- All of them ---------------------------------------------------------------------------------- */

static void new_traces(struct compact_live *live)
{
    struct stat file;
    if (fstat(live->status.descriptor, &file) != 0 || file.st_size == live->status_bytes) return;
    live->status_bytes = file.st_size;
    status_read(&live->status);
    for (; live->lines < live->status.count; live->lines++) {
        const struct status_line *line = &live->status.lines[live->lines];
        if (!line->traced) continue;
        live->traces = memory_grow(live->traces, &live->capacity, live->count, sizeof *live->traces);
        live->traces[live->count++] = (struct live_trace){
            .path = memory_text(line->text, strlen(line->text)),
            .pid = line->pid,
            .raw = -1,
            .writer = {.fd = -1},
        };
    }
}

static uint64_t disk_used(const struct compact_live *live)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < live->count; i++) {
        const struct live_trace *trace = &live->traces[i];
        struct stat file;
        if (trace->state == LIVE_WATCHED)
            bytes += trace->raw_bytes + trace->writer.at;
        else if (stat(trace->path, &file) == 0)
            bytes += (uint64_t)file.st_blocks * 512;
    }
    return bytes;
}

/* Is the bound reached, or will it be before the next look? An eighth of it is kept for what is recorded
 * between two looks on a busy machine, and until the chunks at hand are full. */
static bool is_full(const struct compact_live *live, uint64_t growth)
{
    return live->used_bytes + 2 * growth >= live->bound_bytes - live->bound_bytes / 8;
}

/* Before recording is stopped everything that can be given back is. */
static void keep_bound(struct compact_live *live)
{
    uint64_t used = disk_used(live), growth = used > live->used_bytes ? used - live->used_bytes : 0;
    live->used_bytes = used;
    if (live->bound_bytes == 0 || live->stopped || !is_full(live, growth)) return;
    for (size_t i = 0; i < live->count; i++) {
        struct live_trace *trace = &live->traces[i];
        if (trace->state != LIVE_WATCHED || trace->writer.fd < 0) continue;
        if (!trace_flush(live, trace)) trace_leave(trace, LIVE_LEFT);
        if (trace->state != LIVE_WATCHED) continue;
        uint64_t bytes = trace->punchable_bytes;
        trace_punch(live, trace);
        live->used_bytes -= bytes - trace->punchable_bytes;
        trace->raw_bytes -= bytes - trace->punchable_bytes;
    }
    if (!is_full(live, growth)) return;
    live->stopped = true;
    for (size_t i = 0; i < live->count; i++)
        if (live->traces[i].raw >= 0) live->traces[i].stopped = raw_stop(live->traces[i].raw);
}

/* One round. True: there is more to do at once. */
static bool look(struct compact_live *live)
{
    bool more = false;
    uint64_t now = monotonic_now();
    new_traces(live);
    for (size_t i = 0; i < live->count; i++) {
        struct live_trace *trace = &live->traces[i];
        if (trace->state != LIVE_WATCHED) continue;
        struct trace_header header;
        if (!trace_measure(live, trace, &header)) continue;
        keep_bound(live);
        if (trace->state == LIVE_WATCHED && !trace_compress(live, trace, &header, &more))
            trace_leave(trace, LIVE_LEFT);
        if (trace->state != LIVE_WATCHED || trace->pid == live->program || now - trace->asked_ns < DEAD_NS)
            continue;
        bool first = trace->asked_ns == 0; /* just begun: not asked yet */
        trace->asked_ns = now;
        if (first || !trace_is_dead(trace)) continue;
        trim_if_dead(trace->path);
        trace_finish(live, trace);
    }
    return more;
}

/* Until the next look. False: it is over. */
static bool wait_until(struct compact_live *live, uint64_t deadline_ns)
{
    const struct timespec deadline = {(time_t)(deadline_ns / 1000000000u), (long)(deadline_ns % 1000000000u)};
    pthread_mutex_lock(&live->mutex);
    while (!live->ending &&
           pthread_cond_clockwait(&live->wake, &live->mutex, CLOCK_MONOTONIC, &deadline) != ETIMEDOUT) {
    }
    bool ending = live->ending;
    pthread_mutex_unlock(&live->mutex);
    return !ending;
}

static void *live_thread(void *data)
{
    struct compact_live *live = data;
    uint64_t pause;
    do {
        pause = look(live) ? 0 : LOOK_NS;
    } while (wait_until(live, monotonic_now() + pause));
    return NULL;
}

/* --- The doors ----------------------------------------------------------------------------------- */

/* Out of memory we would end, and the program's status with us. Where memory is not limited the kernel
 * gives what is asked for. */
static bool memory_is_limited(void)
{
    struct rlimit space, data;
    return getrlimit(RLIMIT_AS, &space) != 0 || getrlimit(RLIMIT_DATA, &data) != 0 ||
           space.rlim_cur != RLIM_INFINITY || data.rlim_cur != RLIM_INFINITY;
}

struct compact_live *compact_live_begin(const struct status *status, uint64_t disk_bytes, int64_t program)
{
    struct compact_live *live = memory_new(1, sizeof *live);
    struct rlimit files;
    live->status.descriptor = status->descriptor;
    live->bound_bytes = disk_bytes;
    live->program = program;
    pthread_mutex_init(&live->mutex, NULL);
    pthread_cond_init(&live->wake, NULL);
    /* Two for each process that runs at a time. The program has its limit already. */
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    live->idle = memory_is_limited();
    if (live->idle) live->trouble = memory_format("memory is limited, by ulimit -v or -d");
    live->started = !live->idle && live->status.descriptor >= 0 &&
                    pthread_create(&live->thread, NULL, live_thread, live) == 0;
    return live;
}

void compact_live_end(struct compact_live *live)
{
    if (!live->started) return;
    pthread_mutex_lock(&live->mutex);
    live->ending = true;
    pthread_cond_signal(&live->wake);
    pthread_mutex_unlock(&live->mutex);
    pthread_join(live->thread, NULL);
    live->started = false;
}

static bool process_runs(const struct live_trace *trace)
{
    struct trace *opened;
    if (trace_open(trace->path, &opened) != 0) return true;
    bool runs = trace_process_runs(opened);
    trace_close(opened);
    return runs;
}

/* At the end: has the process of TRACE ended? The program itself has been waited for. */
static bool may_finish(const struct compact_live *live, const struct live_trace *trace)
{
    const struct timespec pause = {.tv_nsec = 10000000};
    for (int tries = 0;; tries++) {
        enum trim_outcome writers = trim_writers(trace->raw);
        if (writers == TRIM_NOT_NEEDED) return true;
        if (writers == TRIM_UNKNOWABLE) return trace->pid == live->program || !process_runs(trace);
        if (writers != TRIM_IN_USE || tries == ENDING_TRIES || process_runs(trace)) return false;
        nanosleep(&pause, NULL);
    }
}

void compact_live_finish(struct compact_live *live, struct compact_live_result *result)
{
    *result = (struct compact_live_result){.bound_bytes = live->bound_bytes};
    char *in_two = NULL;
    if (!live->idle) new_traces(live);
    for (size_t i = 0; i < live->count; i++) {
        struct live_trace *trace = &live->traces[i];
        struct trace_header header;
        bool compact = trace->writer.fd >= 0;
        if (trace->state == LIVE_WATCHED && trace_begin(trace, &header)) {
            live->was_stopped |= trace->stopped && header.stop_reason == TRACE_STOP_LIMIT;
            if (may_finish(live, trace))
                trace_finish(live, trace);
            else if (compact)
                trace_flush(live, trace);
        }
        if (trace->state != LIVE_DONE && compact) {
            result->unfinished++;
            if (in_two == NULL) in_two = memory_text(trace->path, strlen(trace->path));
        }
        trace_leave(trace, trace->state);
        free(trace->path);
        free(trace->compressed);
        free(trace->added);
        free(trace->punchable);
    }
    result->stopped = live->was_stopped;
    result->no_holes = live->no_holes;
    result->trouble = live->trouble;
    result->in_two = in_two;
    raw_chunks_free(&live->found);
    live->status.descriptor = -1; /* it is not ours */
    status_end(&live->status);
    pthread_mutex_destroy(&live->mutex);
    pthread_cond_destroy(&live->wake);
    free(live->traces);
    free(live->chunk);
    free(live);
}

void compact_live_result_free(struct compact_live_result *result)
{
    free((char *)(uintptr_t)result->trouble);
    free((char *)(uintptr_t)result->in_two);
}
