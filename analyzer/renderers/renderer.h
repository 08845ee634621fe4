/* A renderer turns a result into one format. It knows no event: what it prints stands in the result. */
#ifndef ANALYZER_RENDERERS_RENDERER_H
#define ANALYZER_RENDERERS_RENDERER_H

#include <stddef.h>
#include <stdint.h>
#include "results/result.h"
#include "symbols/symbolizer.h"
#include "util/output.h"

/* What is the same for every row. */
struct render_context {
    struct symbolizer *symbolizer;
    struct output *output;
    const char *trace_path;
    size_t trace_index, trace_count; /* several traces of one command come in order, index from 0 */
    uint64_t top;                    /* text: rows shown, 0 all; machine formats always have every row */
    const char *value_column;        /* folded: the column whose value stands behind each stack */
};

struct renderer {
    const char *name, *help;
    void (*render)(const struct result *result, const struct render_context *context);
};

/* The tables that --format chooses from: text, csv, json. In the order of --help. */
extern const struct renderer *const renderers[];
extern const size_t renderer_count;
/* NULL: no such format. */
const struct renderer *renderer_find(const char *name);

extern const struct renderer render_text, render_csv, render_json, render_folded;

/* What the one-screen summary says of one trace. */
struct report_facts {
    const struct result *metrics, *sites, *leaks;
    int64_t started_ns; /* since the epoch; shown in UTC */
    bool has_events;    /* false: the trace has not a single record */
    bool still_running; /* the process that wrote it runs on: figures are up to now */
    bool fork_child;    /* its heap began with the parent's blocks */
    bool sandboxed;     /* a seccomp filter was there at start */
    uint64_t damaged_chunks;
};
/* A screen of 24 to 40 lines, 100 columns wide. */
void render_report(const struct report_facts *facts, const struct render_context *context);

#endif
