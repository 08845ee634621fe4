/* A finished trace from one form into the other, to another file. */
#ifndef ANALYZER_WATCH_COMPACT_TRACE_H
#define ANALYZER_WATCH_COMPACT_TRACE_H

#include <stdbool.h>
#include "reader/trace_file.h"

/* Write TRACE, whatever its form, to FD in the compact form at LEVEL. 0, or -1: errno. EBADMSG: a block of
 * TRACE itself is damaged (reported). */
int compact_trace_write(struct trace *trace, int fd, int level);
/* The same in the raw form; FD must be an empty regular file. */
int compact_trace_expand(struct trace *trace, int fd);
/* Have both the same header, chunks and records? Reads both as a whole. */
bool compact_trace_equal(struct trace *one, struct trace *other);

#endif
