/* One process image: what the recorder knows of it beyond the hot path's needs. All static, so that a fork
 * child, which may be inside a signal handler, can begin anew without allocating. */
#ifndef MEMTRACE_PROCESS_IMAGE_H
#define MEMTRACE_PROCESS_IMAGE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "hot/hooks.h"
#include "hot/thread.h"

#define IMAGE_PATH_BYTES 4352 /* PATH_MAX and a numeric suffix */

struct image {
    uint8_t run_id[16];
    uint32_t pid;
    char name[64];                     /* of the executable, for %n and MEMTRACE_IMAGES */
    char executable[4096];             /* its path; empty: not known */
    char trace_path[IMAGE_PATH_BYTES]; /* absolute; empty when nothing is recorded */
    uint64_t device, inode;            /* of the trace */
    uint64_t main_stack_pointer;       /* of main's caller; 0 before main */
    uint64_t exit_stack_pointer;       /* of the caller of exit(); 0 until then */
    bool initialised;                  /* the first init has finished */
    _Atomic uint32_t lost_at_begin;    /* events of handlers while a fork child opens its trace */
    bool seccomp_inherited;
};
extern struct image image;

/* What the first hook and the constructor call; does nothing but the first time. Hooks whose next function is
 * still NULL call it: another library's constructor may run before ours. */
void image_init(void);

/* The image has begun: init.c calls it in the first process, slow_enter in a fork child. Opens the trace and
 * makes the calling thread's state. PARENT: where the fork came from, or NULL. False: not recorded. */
bool image_begin(const struct trace_origin *parent);

/* A fork child's first event: forget the parent's mappings and threads, then image_begin. */
bool image_begin_in_fork_child(void);

/* All per-thread states of this image are forgotten (not freed: a signal frame may still use one). */
void threads_forget(void);
/* Map states for threads to come, before a sandbox forbids mapping. */
void threads_reserve(void);

/* Add 1 to one of the trace's counters, if there is a trace. */
void counter_add(unsigned counter);

/* modules.c: forget what was recorded; record all known modules again (a new image's trace). */
void modules_rerecord(struct lane *lane);
/* modules.c: notice the modules of FRAMES[0..DEPTH), for an unwinder without a rule table. */
void modules_notice(const uint64_t *frames, uint32_t depth);

/* sample.c: one RSS sample into LANE; REASON: enum trace_sample_reason. */
void sample_take(struct lane *lane, unsigned reason);

#endif
