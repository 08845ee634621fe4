#include "reader/trace_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>
#include "reader/chunks.h"
#include "reader/compact_file.h"
#include "reader/cursor.h"
#include "reader/store.h"
#include "util/memory.h"
#include "util/process_stat.h"
#include "util/report_error.h"
#include "util/shell_quote.h"

struct trace {
    char *path;
    int fd; /* the raw form; -1: there is the compact one alone */
    int compact_fd;
    struct compact_file *compact; /* NULL: there is the raw form alone */
    struct store *store;          /* with COMPACT: where its chunks' bytes are */
    uint8_t *front;               /* a copy of the file's first TRACE_HEADER_BYTES: header and info records */
    struct trace_header header;
    const uint8_t *bytes;         /* mapped: up to the last claimed chunk's end, or the file's */
    uint64_t size;                /* of the raw file up to there */
    uint64_t span_ticks, span_ns; /* how far the clock is known to have gone since the start; 0: unknown */
    uint64_t ns_per_tick;         /* span_ns / span_ticks in 2^-64, rounded down; 0: not less than 1 */
    struct chunk_table chunks;
    bool scanned, short_file; /* short_file: the raw file is shorter than what was claimed in it */
    char *executable, *command_line;
};

/* --- opening ---------------------------------------------------------------------------------------- */

/* A store that another process cuts while it is mapped cannot be read on, and there is no way back into
 * the code that met it: say so and end. Only async-signal-safe calls. */
static void on_bus_error(int signal_number)
{
    static const char text[] =
        "memtrace: the trace was cut, or its disk failed, while it was being read; copy it first and retry\n";

    (void)signal_number;
    if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0) _exit(EXIT_TROUBLE);
    _exit(EXIT_TROUBLE);
}

static int trace_open_file(struct trace *trace, struct stat *file)
{
    struct stat st;

    /* O_NONBLOCK: a named pipe must be refused, not waited for. */
    trace->fd = open(trace->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (trace->fd < 0 || fstat(trace->fd, &st) < 0) {
        report_error("'%s' cannot be read: %s; %s", trace->path, strerror(errno),
                     errno == EACCES || errno == EPERM ? "ask its owner, or read it as that user"
                                                       : "check the name of the trace");
        return EXIT_TROUBLE;
    }
    if (S_ISDIR(st.st_mode)) {
        report_error("'%s' is a directory, not a trace; name a .mtr file in it", trace->path);
        return EXIT_TROUBLE;
    }
    if (!S_ISREG(st.st_mode)) {
        report_error("'%s' is not a regular file; a trace is read at many places: save it to a file first",
                     trace->path);
        return EXIT_TROUBLE;
    }
    if (st.st_size == 0) {
        report_error("'%s' is empty, not a trace; was the disk full when it was copied?", trace->path);
        return EXIT_TROUBLE;
    }
    *file = st;
    return 0;
}

/* Read the file's front; *GOT: how much of it there is. */
static int trace_read_front(struct trace *trace, size_t *got)
{
    *got = 0;
    trace->front = memory_new(TRACE_HEADER_BYTES, 1);
    while (*got < TRACE_HEADER_BYTES) {
        ssize_t n = pread(trace->fd, trace->front + *got, TRACE_HEADER_BYTES - *got, (off_t)*got);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) {
            report_error("'%s' cannot be read: %s; copy it to another disk and retry", trace->path,
                         strerror(errno));
            return EXIT_TROUBLE;
        }
        if (n == 0) break;
        *got += (size_t)n;
    }
    return 0;
}

static int trace_check_magic(const struct trace *trace, size_t got)
{
    static const uint8_t none[8];
    size_t length = got < 8 ? got : 8;

    if (got >= 8 && memcmp(trace->front, none, 8) == 0) {
        report_error("'%s' is not a trace, or one whose program ended before recording began; run it again",
                     trace->path);
        return EXIT_TROUBLE;
    }
    if (memcmp(trace->front, TRACE_MAGIC, length) != 0) {
        report_error("'%s' is not a trace: it does not begin with '%s'; record one with LD_PRELOAD or "
                     "'memtrace run'",
                     trace->path, TRACE_MAGIC);
        return EXIT_TROUBLE;
    }
    return 0;
}

/* Byte order and version come first in the header and are judged as soon as they are there: they say more
 * than a length. */
static int trace_check_header(struct trace *trace, size_t got)
{
    struct trace_header *h = &trace->header;

    memcpy(h, trace->front, sizeof(*h));
    if (trace_check_magic(trace, got)) return EXIT_TROUBLE;
    if (got >= 12 && h->byte_order == __builtin_bswap32(TRACE_BYTE_ORDER)) {
        report_error("'%s' was recorded on a machine of the other byte order; analyze it on one like that",
                     trace->path);
        return EXIT_TROUBLE;
    }
    if (got >= 16 && h->byte_order == TRACE_BYTE_ORDER &&
        (h->version < TRACE_OLDEST_VERSION || h->version > TRACE_VERSION)) {
        report_error("'%s' is a trace of version %" PRIu32
                     ", this memtrace reads versions %u to %u; use the memtrace "
                     "that belongs to the libmemtrace.so it was recorded with",
                     trace->path, h->version, TRACE_OLDEST_VERSION, TRACE_VERSION);
        return EXIT_TROUBLE;
    }
    if (got < TRACE_HEADER_BYTES) {
        report_error(
            "'%s' is cut off: %zu bytes, the header of a trace alone has %u; was the disk full, or the "
            "copy not complete?",
            trace->path, got, TRACE_HEADER_BYTES);
        return EXIT_TROUBLE;
    }
    if (h->byte_order != TRACE_BYTE_ORDER || h->header_bytes != TRACE_HEADER_BYTES ||
        h->info_offset != TRACE_INFO_OFFSET) {
        report_error("'%s' has a damaged header (byte order 0x%08" PRIx32 ", header of %" PRIu32
                     " bytes); fetch the file again from where it was recorded",
                     trace->path, h->byte_order, h->header_bytes);
        return EXIT_TROUBLE;
    }
    return 0;
}

static int trace_cannot_map(const struct trace *trace, uint64_t bytes)
{
    report_error("'%s': %" PRIu64 " bytes cannot be mapped: %s; raise the limit of virtual memory "
                 "(ulimit -v)",
                 trace->path, bytes, strerror(errno));
    return EXIT_TROUBLE;
}

static int trace_map(struct trace *trace)
{
    struct sigaction action = {.sa_handler = on_bus_error};
    void *bytes = trace->size == (size_t)trace->size
                      ? mmap(NULL, (size_t)trace->size, PROT_READ, MAP_SHARED | MAP_NORESERVE, trace->fd, 0)
                      : MAP_FAILED;

    if (bytes == MAP_FAILED) return trace_cannot_map(trace, trace->size);
    trace->bytes = bytes;
    sigaction(SIGBUS, &action, NULL);
    chunks_find(&trace->chunks, trace->fd, trace->bytes, trace->size, trace->header.next);
    return 0;
}

/* --- the compact form, alone or beside the raw one ----------------------------------------------------- */

/* The chunks of a compact file, and of the raw one where that is there, too. */
static int trace_map_compact(struct trace *trace)
{
    struct trace_header *h = &trace->header;
    uint64_t end = TRACE_HEADER_BYTES;

    chunks_find_compact(&trace->chunks, trace->compact, trace->fd, trace->size, h->next);
    if (trace->chunks.count) {
        const struct chunk *last = &trace->chunks.chunks[trace->chunks.count - 1];
        end = last->offset + last->bytes;
    }
    trace->store = store_new(trace->compact, trace->fd, end);
    if (!trace->store) return trace_cannot_map(trace, end);
    trace->bytes = store_bytes(trace->store);
    trace->chunks.bytes = trace->bytes;
    trace->chunks.store = trace->store;
    /* An early front is of a time when few chunks were claimed. */
    if (h->next < end) h->next = end;
    if (h->limit < h->next) h->limit = h->next;
    return 0;
}

/* Is PATH a compact trace with the run id RUN_ID? Then it is the trace's compact form from now on. */
static bool trace_adopt_compact(struct trace *trace, const char *path, const uint8_t *run_id)
{
    struct stat st;
    struct compact_file *compact = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

    if (fd < 0) return false;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
        compact_file_open(path, fd, (uint64_t)st.st_size, true, &compact) == 0 &&
        memcmp(compact->header.run_id, run_id, sizeof(compact->header.run_id)) == 0) {
        trace->compact = compact;
        trace->compact_fd = fd;
        return true;
    }
    compact_file_close(compact);
    close(fd);
    return false;
}

/* The raw form was opened: is its compact form growing beside it? */
static void trace_find_compact(struct trace *trace)
{
    char *path = memory_format("%s%s", trace->path, COMPACT_SUFFIX);

    trace_adopt_compact(trace, path, trace->header.run_id);
    free(path);
}

static bool is_raw_of(int fd, const uint8_t *run_id)
{
    struct trace_header header;

    return pread(fd, &header, sizeof(header), 0) == (ssize_t)sizeof(header) &&
           memcmp(header.magic, TRACE_MAGIC, sizeof(header.magic)) == 0 &&
           memcmp(header.run_id, run_id, sizeof(header.run_id)) == 0;
}

/* The compact form was opened: is the raw one still beside it? -1: no. */
static int raw_find(const struct trace *trace)
{
    size_t length = strlen(trace->path), suffix = strlen(COMPACT_SUFFIX);
    char *path;
    int fd;

    if (length <= suffix || strcmp(trace->path + length - suffix, COMPACT_SUFFIX) != 0) return -1;
    path = memory_text(trace->path, length - suffix);
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    free(path);
    if (fd < 0 || is_raw_of(fd, trace->compact->header.run_id)) return fd;
    close(fd);
    return -1;
}

/* The file that was opened is compact. */
static int trace_begin_compact(struct trace *trace, const struct stat *st)
{
    trace->compact_fd = trace->fd;
    trace->fd = -1;
    if (compact_file_open(trace->path, trace->compact_fd, (uint64_t)st->st_size, false, &trace->compact))
        return EXIT_TROUBLE;
    trace->fd = raw_find(trace);
    if (trace->fd >= 0) return 0;
    if (!trace->compact->has_front) {
        report_error(
            "'%s' is damaged: the header of its trace is missing; fetch the file again from where it was "
            "recorded",
            trace->path);
        return EXIT_TROUBLE;
    }
    return 0;
}

/* --- the clock -------------------------------------------------------------------------------------- */

struct clock_pair {
    uint64_t ticks, monotonic_ns;
};

static void clock_consider(const struct trace *trace, struct clock_pair *best, uint64_t ticks, uint64_t ns)
{
    const struct trace_header *h = &trace->header;

    if (ticks <= h->start_ticks || ns < h->start_monotonic_ns) return;
    if (ns < best->monotonic_ns || (ns == best->monotonic_ns && ticks <= best->ticks)) return;
    *best = (struct clock_pair){.ticks = ticks, .monotonic_ns = ns};
}

static void trace_find_clock(struct trace *trace)
{
    const struct trace_header *h = &trace->header;
    struct clock_pair best = {0};

    if (h->clock_kind == TRACE_CLOCK_MONOTONIC) return;
    if (h->exit.kind && h->exit.ticks) clock_consider(trace, &best, h->exit.ticks, h->exit.monotonic_ns);
    for (size_t i = 0; i < trace->chunks.count; i++)
        clock_consider(trace, &best, trace->chunks.chunks[i].ticks, trace->chunks.chunks[i].monotonic_ns);
    if (!best.ticks) return;
    trace->span_ticks = best.ticks - h->start_ticks;
    trace->span_ns = best.monotonic_ns - h->start_monotonic_ns;
    if (trace->span_ns < trace->span_ticks)
        trace->ns_per_tick = (uint64_t)(((unsigned __int128)trace->span_ns << 64) / trace->span_ticks);
}

uint64_t trace_ns(const struct trace *trace, uint64_t ticks)
{
    unsigned __int128 product, ns;

    if (ticks <= trace->header.start_ticks) return 0;
    ticks -= trace->header.start_ticks;
    if (!trace->span_ticks) return ticks;
    product = (unsigned __int128)ticks * trace->span_ns;
    if (trace->ns_per_tick) { /* every event comes here: multiply, at most 1 too low, instead of dividing */
        uint64_t low = (uint64_t)(((unsigned __int128)ticks * trace->ns_per_tick) >> 64);
        return low + ((unsigned __int128)(low + 1) * trace->span_ticks <= product);
    }
    ns = product / trace->span_ticks;
    return ns > UINT64_MAX ? UINT64_MAX : (uint64_t)ns;
}

double trace_ns_per_tick(const struct trace *trace)
{
    return trace->span_ticks ? (double)trace->span_ns / (double)trace->span_ticks : 1.0;
}

/* --- info records ----------------------------------------------------------------------------------- */

const char *trace_info(const struct trace *trace, enum trace_info_kind kind, size_t *length)
{
    struct cursor c = {.at = trace->front + TRACE_INFO_OFFSET, .end = trace->front + TRACE_HEADER_BYTES};

    while ((size_t)(c.end - c.at) >= sizeof(struct trace_info)) {
        struct trace_info info;
        const uint8_t *payload;

        memcpy(&info, cursor_bytes(&c, sizeof(info)), sizeof(info));
        payload = cursor_bytes(&c, info.bytes);
        if (info.kind == 0 || !payload) break;
        if (info.kind == (uint32_t)kind) {
            *length = info.bytes;
            return (const char *)payload;
        }
        cursor_bytes(&c, (8 - info.bytes % 8) % 8);
    }
    *length = 0;
    return NULL;
}

static char *info_text(const struct trace *trace, enum trace_info_kind kind)
{
    size_t length;
    const char *text = trace_info(trace, kind, &length);

    return memory_text(text ? text : "", length);
}

static char *command_line_text(const struct trace *trace)
{
    size_t length;
    const char *arguments = trace_info(trace, TRACE_INFO_COMMAND_LINE, &length);
    char *copy = memory_text(arguments ? arguments : "", length); /* every argument ends with a zero now */
    char *text = memory_new(SHELL_QUOTE_BYTES(length) + 1, 1);
    char *out = text;

    for (size_t at = 0; at < length; at += strlen(copy + at) + 1) {
        if (out != text) *out++ = ' ';
        out = shell_quote(out, copy + at, strlen(copy + at));
    }
    free(copy);
    return text;
}

/* --- the doors -------------------------------------------------------------------------------------- */

/* Nobody may punch holes into the raw form while it is read: `memtrace run` asks for this lock before it
 * does. It holds its own for moments; who holds it longer is no reason not to read. */
static void trace_lock(const struct trace *trace)
{
    const struct timespec pause = {.tv_nsec = 10000000};

    for (int tries = 0; tries < 100 && flock(trace->fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
         tries++)
        nanosleep(&pause, NULL);
}

/* Header and chunks of the file that was opened, whatever its form. */
static int trace_begin(struct trace *trace, const struct stat *st)
{
    uint8_t start[8];
    struct stat raw = *st;
    size_t got = TRACE_HEADER_BYTES;

    if (pread(trace->fd, start, sizeof(start), 0) == (ssize_t)sizeof(start) &&
        compact_file_is(start, sizeof(start))) {
        if (trace_begin_compact(trace, st)) return EXIT_TROUBLE;
        if (trace->fd >= 0 && fstat(trace->fd, &raw) != 0) raw.st_size = 0;
    }
    if (trace->fd >= 0) {
        trace_lock(trace);
        if (trace_read_front(trace, &got)) return EXIT_TROUBLE;
    } else {
        trace->front = memory_new(TRACE_HEADER_BYTES, 1);
        memcpy(trace->front, trace->compact->front, TRACE_HEADER_BYTES);
        raw.st_size = 0;
    }
    if (trace_check_header(trace, got)) return EXIT_TROUBLE;
    trace->size = trace->header.next < (uint64_t)raw.st_size ? trace->header.next : (uint64_t)raw.st_size;
    if (trace->size <= TRACE_HEADER_BYTES) trace->size = TRACE_HEADER_BYTES;
    /* `next` equal to `limit` may be a trim that was interrupted: no chunk can be claimed any more, and the
     * file may have been cut to its true end already. Then no chunk reaches beyond it. */
    trace->short_file = trace->size < trace->header.next && trace->header.next != trace->header.limit;
    if (!trace->compact) trace_find_compact(trace);
    return trace->compact ? trace_map_compact(trace) : trace_map(trace);
}

/* Has the file been replaced under its name since it was opened? So it is with a trace whose compact form
 * became whole just now: what is open lacks the chunks that went there. */
static bool trace_was_replaced(const struct trace *trace, const struct stat *opened)
{
    struct stat st;

    return stat(trace->path, &st) == 0 && (st.st_ino != opened->st_ino || st.st_dev != opened->st_dev);
}

static struct trace *trace_new(const char *path)
{
    struct trace *trace = memory_new(1, sizeof(*trace));

    trace->path = memory_text(path, strlen(path));
    trace->fd = trace->compact_fd = -1;
    return trace;
}

int trace_open(const char *path, struct trace **out)
{
    struct trace *trace = NULL;
    struct stat st;
    int tries = 0;

    do {
        trace_close(trace);
        trace = trace_new(path);
        if (trace_open_file(trace, &st) || trace_begin(trace, &st)) {
            trace_close(trace);
            return EXIT_TROUBLE;
        }
    } while (trace_was_replaced(trace, &st) && ++tries < 10);
    trace->chunks.references = trace->header.version > TRACE_OLDEST_VERSION;
    trace_find_clock(trace);
    trace->executable = info_text(trace, TRACE_INFO_EXECUTABLE);
    trace->command_line = command_line_text(trace);
    *out = trace;
    return 0;
}

void trace_close(struct trace *trace)
{
    if (!trace) return;
    chunks_free(&trace->chunks);
    if (trace->store)
        store_free(trace->store);
    else if (trace->bytes)
        munmap((void *)(uintptr_t)trace->bytes, (size_t)trace->size);
    compact_file_close(trace->compact);
    if (trace->compact_fd >= 0) close(trace->compact_fd);
    if (trace->fd >= 0) close(trace->fd);
    free(trace->front);
    free(trace->executable);
    free(trace->command_line);
    free(trace->path);
    free(trace);
}

const char *trace_path(const struct trace *trace)
{
    return trace->path;
}

const struct trace_header *trace_header(const struct trace *trace)
{
    return &trace->header;
}

const char *trace_executable(const struct trace *trace)
{
    return trace->executable;
}

const char *trace_command_line(const struct trace *trace)
{
    return trace->command_line;
}

const struct chunk_table *trace_chunks(struct trace *trace)
{
    if (!trace->scanned) chunks_scan(&trace->chunks);
    trace->scanned = true;
    return &trace->chunks;
}

size_t trace_modules(struct trace *trace, const struct module_record **modules)
{
    *modules = trace_chunks(trace)->modules;
    return trace_chunks(trace)->module_count;
}

bool trace_is_compact(const struct trace *trace)
{
    return trace->fd < 0 && trace->compact->whole;
}

bool trace_is_raw(const struct trace *trace)
{
    return !trace->compact;
}

const uint8_t *trace_front(const struct trace *trace)
{
    return trace->front;
}

uint64_t trace_record_bytes(struct trace *trace)
{
    return trace_chunks(trace)->record_bytes;
}

uint64_t trace_damaged_chunks(struct trace *trace)
{
    return trace_chunks(trace)->damaged_chunks;
}

bool trace_is_cut(const struct trace *trace)
{
    if (trace->fd < 0) return !trace->compact->whole || trace->compact->flags & COMPACT_CUT;
    return trace->chunks.cut || trace->short_file;
}

/* --- does its process still run? -------------------------------------------------------------------- */

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

bool trace_process_runs(const struct trace *trace)
{
    const uint64_t slack = 50000000; /* /proc rounds to 10 ms */
    const struct trace_header *h = &trace->header;
    uint64_t booted = clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_BOOTTIME);
    uint64_t started; /* in ns since boot */
    struct process_stat stat;
    struct utsname machine;
    size_t length;
    const char *host = trace_info(trace, TRACE_INFO_HOST, &length);

    if (host && uname(&machine) == 0 &&
        (strlen(machine.nodename) != length || memcmp(host, machine.nodename, length) != 0))
        return false;
    if (process_stat((pid_t)h->pid, &stat) != 0) return false;
    started = stat.start_ticks * (1000000000ull / (uint64_t)sysconf(_SC_CLK_TCK));
    /* In real time: the trace began after this boot, and the process no later than the trace. */
    return h->start_realtime_ns + slack >= booted + started;
}
