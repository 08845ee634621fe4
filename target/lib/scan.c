/* What scanners share when they answer. */
#include "pipeline.h"

int scan_set_type(struct scan *scan, const char *type)
{
    scan->types = arena_alloc(scan->arena, scan->found.count * sizeof *scan->types);
    if (!scan->types) return -1;
    for (size_t i = 0; i < scan->found.count; i++)
        scan->types[i] = type;
    return 0;
}

int scan_redact(struct scan *scan, const char *replacement, size_t length)
{
    scan->edits = arena_alloc(scan->arena, scan->found.count * sizeof *scan->edits);
    if (!scan->edits) return -1;
    for (size_t i = 0; i < scan->found.count; i++) {
        const struct span *span = &scan->found.items[i];
        scan->edits[i] = (struct text_edit){span->start, span->end, replacement, length};
    }
    scan->edit_count = scan->found.count;
    return 0;
}

void scan_score_found(struct scan *scan)
{
    scan->score_thousandths = scan->found.count ? 1000 : 0;
}
