/* The trace's file: its name, exclusive creation, header, and the cut at the end. No libc but clock_gettime:
 * a fork child runs this inside its first hook. */
#ifndef MEMTRACE_PROCESS_TRACE_FILE_H
#define MEMTRACE_PROCESS_TRACE_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include "memtrace/trace_format.h"

/* Collect the info records that every trace of this process and its fork children begins with: executable,
 * command line, working directory, host, kernel, allocator. Once, in the first process. */
void trace_file_describe(void);

/* Create the trace by config.output and map its header: recorder.header, image.trace_path. PARENT: origin of
 * a fork child, or NULL. Returns NULL, or why there is none (static text; nothing is left behind). */
const char *trace_file_create(const struct trace_origin *parent);

/* Cut the file behind its last chunk: the limit that it had (header.limit is the cut now, and nothing can be
 * claimed), or 0 where it was not cut: full, or no longer the file at image.trace_path, or not to be opened.
 */
uint64_t trace_file_trim(void);

/* Give a file that was cut its size back. One thread only. Where that fails it stays as it is, and full. */
void trace_file_extend(uint64_t limit);

/* One line about this image to config.status and, when verbose, to fd 2: FAILURE as trace_file_create
 * returned it. */
void trace_file_report(const char *failure);

#endif
