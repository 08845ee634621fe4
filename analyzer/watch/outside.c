#include "watch/outside.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "util/memory.h"
#include "watch/trim.h"

#define LEB_BYTES 10 /* the longest */
#define SAMPLE_BYTES                                                                                         \
    (1 + 2 + 8 * LEB_BYTES) /* the longest sample record: operation, type and length, payload */
#define WRITERS_TRIES                                                                                        \
    50 /* x 10 ms: the kernel closes a dead process's mappings a little after it is a zombie */

/* --- The chunk of samples: docs/trace-format.md, "Records" ---------------------------------------- */

static uint8_t *put_leb(uint8_t *at, uint64_t value)
{
    while (value > 0x7f) {
        *at++ = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    *at++ = (uint8_t)value;
    return at;
}

static uint64_t ticks_of(const struct trace_header *header, const struct moment *at)
{
    return header->clock_kind == TRACE_CLOCK_MONOTONIC ? at->monotonic_ns : at->tsc;
}

static uint8_t *put_sample(uint8_t *at, const struct trace_header *header, const struct rss_sample *sample)
{
    uint8_t payload[8 * LEB_BYTES], *end = payload;
    end = put_leb(end, ticks_of(header, &sample->at));
    end = put_leb(end, sample->at.monotonic_ns);
    end = put_leb(end, TRACE_SAMPLE_OUTSIDE);
    end = put_leb(end, sample->rss_bytes);
    end = put_leb(end, sample->peak_rss_bytes);
    end = put_leb(end, sample->pss_bytes);
    end = put_leb(end, sample->uss_bytes);
    end = put_leb(end, 0); /* what of it is the recorder's cannot be told from here */
    *at++ = TRACE_EXTENSION;
    at = put_leb(at, TRACE_SAMPLE);
    at = put_leb(at, (uint64_t)(end - payload));
    memcpy(at, payload, (size_t)(end - payload));
    return at + (end - payload);
}

/* A sealed chunk for file offset OFFSET, all of it zero behind the records. SAMPLES are from within the
 * trace, and COUNT is not 0. */
static uint8_t *make_chunk(const struct trace_header *header, const struct rss_sample *samples, size_t count,
                           uint64_t offset, uint64_t *bytes)
{
    size_t room = TRACE_CHUNK_HEADER_BYTES + count * SAMPLE_BYTES + TRACE_CHUNK_ALIGNMENT;
    uint8_t *chunk = memory_new(room, 1), *at = chunk + TRACE_CHUNK_HEADER_BYTES;
    for (size_t i = 0; i < count; i++)
        at = put_sample(at, header, &samples[i]);
    uint64_t committed = (uint64_t)(at - chunk);
    *bytes = (committed + TRACE_CHUNK_ALIGNMENT - 1) / TRACE_CHUNK_ALIGNMENT * TRACE_CHUNK_ALIGNMENT;
    const struct trace_chunk start = {
        .magic = TRACE_CHUNK_MAGIC,
        .kind = TRACE_CHUNK_OUTSIDE,
        .offset = offset,
        .bytes = *bytes,
        .committed = committed,
        .ticks = ticks_of(header, &samples[0].at),
        .monotonic_ns = samples[0].at.monotonic_ns,
    };
    memcpy(chunk, &start, sizeof start);
    return chunk;
}

static bool write_at(int descriptor, const void *bytes, size_t size, uint64_t offset)
{
    for (size_t done = 0; done < size;) {
        ssize_t written = pwrite(descriptor, (const char *)bytes + done, size - done, (off_t)(offset + done));
        if (written <= 0) return false;
        done += (size_t)written;
    }
    return true;
}

/* Write the chunk at END, where no claimed byte is, its magic last; on success *NEW_END is behind it. */
static bool write_chunk(int descriptor, struct trace_header *header, const struct rss_sample *samples,
                        size_t count, uint64_t end, uint64_t *new_end)
{
    uint64_t bytes, limit;
    uint8_t *chunk = make_chunk(header, samples, count, end, &bytes);
    limit = end + bytes;
    bool done = true;
    /* Recording stopped at the limit: no chunk may lie beyond it, so it moves. */
    if (limit > header->limit)
        done = write_at(descriptor, &limit, sizeof limit, offsetof(struct trace_header, limit));
    uint32_t magic = ((struct trace_chunk *)chunk)->magic;
    ((struct trace_chunk *)chunk)->magic = 0;
    done = done && write_at(descriptor, chunk, bytes, end) && write_at(descriptor, &magic, sizeof magic, end);
    free(chunk);
    if (done) *new_end = end + bytes;
    return done;
}

/* --- How it ended ------------------------------------------------------------------------------- */

/* Does what the recorder wrote agree with what wait said? It knows the way (exit, quick_exit, abort), wait
 * the outcome: a crash in a destructor comes after exit() was called. */
static bool agrees(const struct trace_exit *written, const struct outside_end *end)
{
    switch (written->kind) {
    case TRACE_EXIT_NONE:
        return false;
    case TRACE_EXIT_ABORT:
        return end->signalled && end->code == SIGABRT;
    case TRACE_EXIT_SIGNAL:
        return end->signalled && end->code == written->code;
    case TRACE_EXIT_EXEC: /* into an image that has no trace: what was waited for is that one's end */
        return true;
    default:
        return !end->signalled && end->code == (written->code & 0xff);
    }
}

static struct trace_exit exit_record(const struct trace_header *header, const struct outside_end *end)
{
    struct trace_exit record = header->exit;
    bool exec = !end->known;
    if (exec ? record.kind == TRACE_EXIT_NONE : !agrees(&record, end)) {
        record.kind = exec ? TRACE_EXIT_EXEC : end->signalled ? TRACE_EXIT_SIGNAL : TRACE_EXIT__EXIT;
        record.code = exec ? 0 : end->code;
        record.ticks = ticks_of(header, &end->at);
        record.monotonic_ns = end->at.monotonic_ns;
    }
    if (record.peak_rss_bytes == 0) record.peak_rss_bytes = end->peak_rss_bytes;
    return record;
}

static bool write_header(int descriptor, const struct trace_header *header, const struct outside_end *end)
{
    const size_t place = offsetof(struct trace_header, exit);
    struct trace_exit record = exit_record(header, end);
    uint32_t flags = header->flags | TRACE_FLAG_UNDER_RUN, kind = record.kind;
    record.kind = TRACE_EXIT_NONE; /* a reader that looks now sees none, not a half */
    return write_at(descriptor, &flags, sizeof flags, offsetof(struct trace_header, flags)) &&
           write_at(descriptor, &record, sizeof record, place) &&
           write_at(descriptor, &kind, sizeof kind, place + offsetof(struct trace_exit, kind));
}

/* --- Together ------------------------------------------------------------------------------------ */

static bool is_still_mapped(int descriptor)
{
    const struct timespec pause = {.tv_nsec = 10000000};
    for (int i = 0; i < WRITERS_TRIES; i++) {
        if (trim_writers(descriptor) != TRIM_IN_USE) return false;
        nanosleep(&pause, NULL);
    }
    return true;
}

/* The samples that belong to this image: an earlier one of the process had those before its start, and what
 * the process became by exec those after it. */
static size_t choose_samples(const struct trace_header *header, const struct rss_sample **samples,
                             size_t count)
{
    while (count > 0 && ((*samples)->at.monotonic_ns < header->start_monotonic_ns ||
                         ticks_of(header, &(*samples)->at) < header->start_ticks)) {
        (*samples)++;
        count--;
    }
    if (header->exit.kind == TRACE_EXIT_EXEC && header->exit.ticks != 0)
        while (count > 0 && ticks_of(header, &(*samples)[count - 1].at) > header->exit.ticks)
            count--;
    return count;
}

static int append(int descriptor, struct trace_header *header, const struct rss_sample *samples, size_t count,
                  const struct outside_end *end)
{
    struct stat file;
    if (fstat(descriptor, &file) != 0) return -1;
    uint64_t stop = trim_end(descriptor, header, (uint64_t)file.st_size);
    count = choose_samples(header, &samples, count);
    if (!write_header(descriptor, header, end)) return -1;
    if (stop > (uint64_t)file.st_size) return 0; /* somebody cut it: the place to append at is gone */
    bool whole = count == 0 || write_chunk(descriptor, header, samples, count, stop, &stop);
    int reason = errno;
    if (trim_cut(descriptor, stop) != 0) return -1;
    errno = reason;
    return whole ? 0 : -1;
}

int outside_append(const char *path, const struct rss_sample *samples, size_t count,
                   const struct outside_end *end, char *reason, size_t size)
{
    struct trace_header header;
    int status = -1, writable = -1, descriptor = trim_open(path, &header);
    if (descriptor < 0)
        snprintf(reason, size, "%s", errno == 0 ? "it is not a trace" : strerror(errno));
    else if (is_still_mapped(descriptor))
        snprintf(reason, size, "a process still writes to it");
    else if ((writable = trim_reopen(descriptor)) < 0 ||
             pread(writable, &header, sizeof header, 0) != (ssize_t)sizeof header ||
             append(writable, &header, samples, count, end) != 0)
        snprintf(reason, size, "%s", strerror(errno));
    else
        status = 0;
    if (writable >= 0) {
        fchmod(writable, 0400);
        close(writable);
    }
    if (descriptor >= 0) close(descriptor);
    return status;
}

bool outside_start(const char *path, struct moment *start)
{
    struct trace_header header;
    int descriptor = trim_open(path, &header);
    if (descriptor < 0) return false;
    close(descriptor);
    *start = (struct moment){.monotonic_ns = header.start_monotonic_ns, .tsc = header.start_ticks};
    return true;
}
