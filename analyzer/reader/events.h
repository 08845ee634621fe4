/* The records of one chunk, decoded: the caches, the previous stack and the time that a record builds on.
 * For the reader's own use. Source: docs/trace-format.md, "Records". */
#ifndef ANALYZER_READER_EVENTS_H
#define ANALYZER_READER_EVENTS_H

#include "reader/cursor.h"
#include "reader/event.h"

struct decoder;

/* Never NULL. About 8 KiB and the deepest stack seen. */
struct decoder *decoder_new(void);
void decoder_free(struct decoder *decoder);

/* Begin a chunk: its records lie in [at, end); TICKS, THREAD: as its header says, 0 and OUTSIDE in
 * an outside chunk, whose records belong to no thread. REFERENCES: stacks may be references, from version 2
 * on. Resets the decoder. */
void decoder_begin(struct decoder *decoder, const uint8_t *at, const uint8_t *end, uint64_t ticks,
                   uint64_t thread, bool outside, bool references);

/* Where the next record begins. */
const uint8_t *decoder_position(const struct decoder *decoder);

/* The time of the next record, without taking it. False: there is none, or it does not decode. */
bool decoder_peek(const struct decoder *decoder, uint64_t *ticks);

/* Take the next record: kind, thread and the kind's fields of EVENT are set; ticks is the record's own
 * time. False: there is none, or it does not decode; then the decoder stands at its end for good. */
bool decoder_next(struct decoder *decoder, struct event *event);

/* Records were taken that the user of the events did not see: the next event's stack keeps no frame of the
 * one before it. */
void decoder_forget_kept(struct decoder *decoder);

/* An extension's payload by itself: the kind and the kind's fields; *TICKS is the absolute time that it
 * says, or stays as it is when the type has none. False: it does not decode. */
bool extension_parse(uint64_t type, const uint8_t *payload, uint64_t bytes, struct event *event,
                     uint64_t *ticks);

#endif
