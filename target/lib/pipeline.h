/* What one scanner is to the pipeline (scanner.c). A new one is a file here and a line in scanners.c. */
#ifndef SCANNER_PIPELINE_H
#define SCANNER_PIPELINE_H

#include "arena.h"
#include "intern.h"
#include "match.h"
#include "rules.h"
#include "scanner.h"
#include "spans.h"
#include "text.h"
#include "vault.h"

/* What a scanner may use while it is loaded. */
struct load {
    const struct rules *rules; /* outlives the scanner's state: names may be borrowed */
    struct intern *names;      /* strings for the life of the handle */
    struct vault *vault;
    struct scanner_error *error;
};

/* One prompt as one scanner sees it, and its answer. */
struct scan {
    struct arena *arena;
    struct matcher *matcher;
    struct text text;

    /* The answer; offsets are bytes of `text`. */
    struct spans found;      /* ascending, not overlapping */
    const char **types;      /* of each `found`, in the arena */
    struct text_edit *edits; /* ascending, not overlapping; in the arena */
    size_t edit_count;
    int score_thousandths;     /* 0..1000 */
    int threshold_thousandths; /* above it the prompt is not valid; 500 unless set */
    bool undecided;            /* a match limit was hit */
};

struct scanner_kind {
    const char *name;                             /* llm-guard's class name */
    const char *rule_kind;                        /* sections that are its rules, NULL when it has none */
    int (*load)(struct load *load, void **state); /* 0, or -1 with load->error filled */
    int (*scan)(const void *state, struct scan *scan); /* 0, or -1 out of memory */
    void (*unload)(void *state);                       /* NULL and half-loaded states are allowed */
};

/* All scanners there are; order = order of their documentation. */
extern const struct scanner_kind *const scanner_kinds[];
extern const size_t scanner_kind_count;

/* Give every found span the same TYPE. Returns 0, or -1 out of memory. */
int scan_set_type(struct scan *scan, const char *type);

/* Replace every found span by REPLACEMENT (borrowed). Returns 0, or -1 out of memory. */
int scan_redact(struct scan *scan, const char *replacement, size_t length);

/* The score of a scanner that has no degrees: 1000 when it found anything. */
void scan_score_found(struct scan *scan);

#endif
