/* A trace as a file: opened, its header checked, its bytes mapped, its chunks and modules indexed. The
 * first of the three doors of the reader (the others: event.h, order.h).
 *
 * Nothing that the file says is trusted. Memory follows the number of chunks, modules and second-lane
 * runs, never the number of events. A trace may be read while it is written: what was committed when it
 * was opened is read, no more. */
#ifndef ANALYZER_READER_TRACE_FILE_H
#define ANALYZER_READER_TRACE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "memtrace/trace_format.h"
#include "reader/event.h"

struct trace;

/* Open PATH, in its raw or its compact form; while a trace is in both (PATH and PATH.compact), either leads
 * to all of it. 0: *OUT is for trace_close. Else EXIT_TROUBLE, reported in one line: it cannot be read, is a
 * directory, is empty, is no trace, is cut within its header, is of another version or byte order.
 * From here on a SIGBUS (the file was cut, or its disk failed, while it is mapped) ends the command with
 * one line, too. */
int trace_open(const char *path, struct trace **out);
void trace_close(struct trace *trace);

/* As given to trace_open. */
const char *trace_path(const struct trace *trace);
/* A copy taken at trace_open: it does not change below the caller while the program runs on. */
const struct trace_header *trace_header(const struct trace *trace);

/* An info record's payload, not terminated, or NULL when the trace has none of KIND. */
const char *trace_info(const struct trace *trace, enum trace_info_kind kind, size_t *length);
/* The same as a terminated text, "" when there is none; the command line's arguments are separated by
 * blanks, and quoted where a shell would need it. Valid as long as TRACE. */
const char *trace_executable(const struct trace *trace);
const char *trace_command_line(const struct trace *trace);

/* TICKS in ns since the trace's start; 0 for earlier ones. docs/trace-format.md, "Nanoseconds". */
uint64_t trace_ns(const struct trace *trace, uint64_t ticks);
/* The difference of two moments is linear in ticks, but for damaged clocks; ns per tick, for weights. */
double trace_ns_per_tick(const struct trace *trace);

/* Every module record of the trace, in ascending order of their ticks. This and the next two go through
 * all records when the first of them, or event_stream_open, is called. */
size_t trace_modules(struct trace *trace, const struct module_record **modules);

/* Bytes of records in lanes and outside chunks; 0: a trace without a single record. */
uint64_t trace_record_bytes(struct trace *trace);
/* Chunks whose records ended at one that does not decode, rather than at a zero byte, `committed` or the
 * chunk's end: the file is damaged there. */
uint64_t trace_damaged_chunks(struct trace *trace);

/* Is the file shorter than what was claimed in it: copied before it was complete, or cut? */
bool trace_is_cut(const struct trace *trace);

/* Is it one compact file, whole? One raw file? Neither: it is in two. */
bool trace_is_compact(const struct trace *trace);
bool trace_is_raw(const struct trace *trace);
/* Its first TRACE_HEADER_BYTES as they are in the file. */
const uint8_t *trace_front(const struct trace *trace);

/* Does the process that wrote the trace still run? Its pid must exist and have been started no later than
 * the trace; in another pid namespace or on another machine the answer is false. */
bool trace_process_runs(const struct trace *trace);

#endif
