/* The modules of a trace and which of them an address belongs to at a time: the record with the latest ticks
 * not after it whose range has the address, else the one with the earliest ticks. Time only goes forward.
 * Source: docs/trace-format.md, "Extensions", module. */
#ifndef ANALYZER_REPLAY_MODULES_H
#define ANALYZER_REPLAY_MODULES_H

#include <stddef.h>
#include <stdint.h>
#include "reader/trace_file.h"

/* A module by identity: records of the same path and build-id are one, wherever they were loaded. */
struct module {
    const char *path; /* not terminated; both point into the trace */
    size_t path_length;
    const uint8_t *build_id;
    size_t build_id_bytes;
    uint64_t bias; /* of its first record */
};

struct modules;

/* Borrows TRACE. */
struct modules *modules_new(struct trace *trace);
void modules_free(struct modules *modules);

/* Go forward to TICKS. The answer counts the changes so far: while it is the same, an address found before
 * still belongs where it did. */
uint32_t modules_advance(struct modules *modules, uint64_t ticks);

/* The module that ADDRESS belongs to now and its link-time address there; STACK_NO_MODULE and ADDRESS
 * itself when it belongs to none. O(log records). */
uint32_t modules_find(const struct modules *modules, uint64_t address, uint64_t *link_address);

size_t modules_count(const struct modules *modules);
const struct module *modules_get(const struct modules *modules, uint32_t module);

#endif
