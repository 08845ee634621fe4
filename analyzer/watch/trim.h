/* A trace has the size of its cap (sparse) until somebody who knows that its process is gone cuts it to what
 * was claimed. Cutting under a live mapping would kill the process at its next store: hence the care. */
#ifndef ANALYZER_WATCH_TRIM_H
#define ANALYZER_WATCH_TRIM_H

#include <stdbool.h>
#include <stdint.h>
#include "memtrace/trace_format.h"

enum trim_outcome {
    TRIM_DONE,          /* cut, and read-only again */
    TRIM_NOT_NEEDED,    /* it ends where its last chunk ends */
    TRIM_IN_USE,        /* a process has it open or mapped for writing: it still records */
    TRIM_UNKNOWABLE,    /* this file system (overlayfs, network, FUSE) cannot tell whether one has */
    TRIM_NOT_PERMITTED, /* the file is another user's, or on a read-only file system */
    TRIM_NOT_A_TRACE,   /* also: a version or byte order that we do not know */
    TRIM_FAILED,        /* errno says why */
};

/* Cut the trace at PATH to the end of its last chunk if its process is gone; silent. Only the owner of the
 * file, or root, can. The file's mode is as before afterwards. Source: docs/trace-format.md, "Commit
 * protocol"; F_SETLEASE in fcntl(2). */
enum trim_outcome trim_if_dead(const char *path);

/* For the rest of this room: */

/* Open PATH, which must be a regular file that is a trace of a version we know, for reading, and read its
 * header. Not a link. -1: it is not, or errno says why not (errno 0: it is not a trace). */
int trim_open(const char *path, struct trace_header *header);
/* Does a process have the file open or mapped for writing? TRIM_NOT_NEEDED: nobody. TRIM_IN_USE,
 * TRIM_UNKNOWABLE, TRIM_NOT_PERMITTED. */
enum trim_outcome trim_writers(int descriptor);
/* Open the file behind DESCRIPTOR again for writing, making it writable for that. -1: errno. */
int trim_reopen(int descriptor);
/* Where the trace ends: header.next, or, when the process was killed while it trimmed its trace itself (next
 * is the limit then), the end of the last chunk found in the file. A multiple of TRACE_CHUNK_ALIGNMENT;
 * beyond FILE_BYTES when somebody cut the file. */
uint64_t trim_end(int descriptor, const struct trace_header *header, uint64_t file_bytes);
/* Cut the file, which is writable through DESCRIPTOR, at END, with header.next telling so. 0 or -1: errno. */
int trim_cut(int descriptor, uint64_t end);

#endif
