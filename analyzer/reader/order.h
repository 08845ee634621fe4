/* The records of a trace in its one order: a merge of thread sequences, decoded as they are needed.
 * Memory follows the number of streams that are open at a time. docs/trace-format.md, "One order". */
#ifndef ANALYZER_READER_ORDER_H
#define ANALYZER_READER_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include "reader/event.h"
#include "reader/trace_file.h"

struct event_stream;

/* Begin at the trace's first record. Borrows TRACE. Never NULL. Several may be open at once. */
struct event_stream *event_stream_open(struct trace *trace);
void event_stream_close(struct event_stream *stream);

/* The next record; *EVENT and what it points to are valid until the next call. False: there are no more. */
bool event_stream_next(struct event_stream *stream, struct event *event);

/* How far the reading is, 0..1, by bytes; opening the stream, which goes through all records once, counts. */
double trace_progress(const struct event_stream *stream);

#endif
