/* memtrace dump: every record as a line of text, for tests and scripts.
 * The form is that of docs/trace-format.md, "Text form of the events", byte for byte. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "commands/command.h"
#include "reader/order.h"
#include "util/memory.h"
#include "util/options.h"
#include "util/output.h"
#include "util/progress.h"
#include "util/report_error.h"
#include "watch/trim.h"

/* A line is put together here, by hand: there may be a hundred million of them. */
struct line {
    char *text;
    size_t length, capacity;
};

static char *line_reserve(struct line *line, size_t bytes)
{
    if (line->capacity - line->length < bytes) {
        line->capacity = line->capacity * 2 + bytes + 4096;
        line->text = memory_resize(line->text, line->capacity, 1);
    }
    return line->text + line->length;
}

static void line_text(struct line *line, const char *text)
{
    size_t length = strlen(text);

    memcpy(line_reserve(line, length), text, length);
    line->length += length;
}

static void line_number(struct line *line, uint64_t value)
{
    char digits[20];
    size_t count = 0;
    char *out = line_reserve(line, sizeof(digits));

    do {
        digits[count++] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    line->length += count;
    while (count)
        *out++ = digits[--count];
}

static void line_address(struct line *line, uint64_t value)
{
    char *out = line_reserve(line, 18);
    int shift = value ? 60 - __builtin_clzll(value) / 4 * 4 : 0;

    *out++ = '0';
    *out++ = 'x';
    for (; shift >= 0; shift -= 4)
        *out++ = "0123456789abcdef"[value >> shift & 15];
    line->length = (size_t)(out - line->text);
}

static void line_field(struct line *line, const char *name, uint64_t value)
{
    line_text(line, name);
    line_number(line, value);
}

static void line_address_field(struct line *line, const char *name, uint64_t value)
{
    line_text(line, name);
    line_address(line, value);
}

static void line_escaped(struct line *line, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        uint8_t byte = (uint8_t)text[i];
        char *out = line_reserve(line, 3);
        if (byte < 0x21 || byte == '%' || byte >= 0x7f) {
            *out++ = '%';
            *out++ = "0123456789ABCDEF"[byte >> 4];
            *out++ = "0123456789ABCDEF"[byte & 15];
        } else {
            *out++ = (char)byte;
        }
        line->length = (size_t)(out - line->text);
    }
}

static void line_stack(struct line *line, const struct event *e)
{
    line_text(line, " stack=");
    if (e->depth == 0) line_text(line, "-");
    for (size_t i = 0; i < e->depth; i++) {
        if (i) line_text(line, ",");
        line_address(line, e->stack[i]);
    }
    if (e->truncated) line_text(line, ",...");
}

static const char *const entry_names[] = {
    [TRACE_ENTRY_MALLOC] = "malloc",
    [TRACE_ENTRY_CALLOC] = "calloc",
    [TRACE_ENTRY_REALLOC] = "realloc",
    [TRACE_ENTRY_REALLOCARRAY] = "reallocarray",
    [TRACE_ENTRY_POSIX_MEMALIGN] = "posix_memalign",
    [TRACE_ENTRY_ALIGNED_ALLOC] = "aligned_alloc",
    [TRACE_ENTRY_MEMALIGN] = "memalign",
    [TRACE_ENTRY_VALLOC] = "valloc",
    [TRACE_ENTRY_PVALLOC] = "pvalloc",
};

static void line_allocation(struct line *line, const struct event *e)
{
    if (e->pool) {
        line_text(line, "allocated");
    } else {
        line_text(line, entry_names[e->entry]);
        if (!e->realloc_of_block && (e->entry == TRACE_ENTRY_REALLOC || e->entry == TRACE_ENTRY_REALLOCARRAY))
            line_text(line, "_null");
        if (e->entry >= TRACE_ENTRY_POSIX_MEMALIGN) line_field(line, " alignment=", e->alignment);
    }
    line_field(line, " size=", e->size);
    if (e->usable_known && !e->pool) line_field(line, " usable=", e->usable);
    line_address_field(line, " address=", e->block);
    line_stack(line, e);
}

static void line_failure(struct line *line, const struct event *e)
{
    line_text(line, "failed entry=");
    line_text(line, entry_names[e->entry]);
    line_field(line, " alignment=", e->alignment);
    line_field(line, " size=", e->size);
    line_stack(line, e);
}

static void line_thread_start(struct line *line, const struct event *e)
{
    line_field(line, "thread_start tid=", e->tid);
    line_address_field(line, " stack=", e->stack_low);
    line_address_field(line, "-", e->stack_high);
    line_address_field(line, " thread_pointer=", e->thread_pointer);
}

static void line_module(struct line *line, const struct module_record *m)
{
    line_field(line, "module generation=", m->generation);
    line_address_field(line, " start=", m->start);
    line_address_field(line, " end=", m->end);
    line_address_field(line, " bias=", m->bias);
    line_text(line, m->build_id_bytes ? " build_id=" : " build_id=-");
    for (size_t i = 0; i < m->build_id_bytes; i++) {
        char *out = line_reserve(line, 2);
        out[0] = "0123456789abcdef"[m->build_id[i] >> 4];
        out[1] = "0123456789abcdef"[m->build_id[i] & 15];
        line->length += 2;
    }
    line_text(line, " path=");
    line_escaped(line, m->path, m->path_length);
}

/* A name where the format has one, else the number. */
static void line_named(struct line *line, const char *const *names, size_t count, uint64_t value)
{
    if (value < count && names[value])
        line_text(line, names[value]);
    else
        line_number(line, value);
}

static void line_sample(struct line *line, const struct sample_record *s)
{
    static const char *const reasons[] = {NULL, "start", "running", "exit", "outside"};

    line_text(line, "sample reason=");
    line_named(line, reasons, 5, s->reason);
    line_field(line, " rss=", s->rss_bytes);
    line_field(line, " peak_rss=", s->peak_rss_bytes);
    line_field(line, " pss=", s->pss_bytes);
    line_field(line, " uss=", s->uss_bytes);
    line_field(line, " recorder=", s->recorder_bytes);
}

static void line_mark(struct line *line, const struct event *e)
{
    static const char *const kinds[] = {"user", "main", "stop", "start"};

    line_text(line, "mark kind=");
    line_named(line, kinds, 4, e->mark_kind);
    line_text(line, " name=");
    line_escaped(line, e->text, e->text_length);
}

static void line_record(struct line *line, const struct event *e)
{
    switch (e->kind) {
    case EVENT_ALLOCATION:
        line_allocation(line, e);
        break;
    case EVENT_FREE:
        line_address_field(line, e->pool ? "freed address=" : "free address=", e->block);
        break;
    case EVENT_REALLOC_BEGIN:
        line_address_field(line, "realloc_begin address=", e->block);
        break;
    case EVENT_REALLOC_END:
        line_text(line, "realloc_end outcome=");
        line_text(line, e->outcome == TRACE_REALLOC_FAILED ? "failed" : "freed");
        line_field(line, " size=", e->size);
        line_stack(line, e);
        break;
    case EVENT_FAILED:
        line_failure(line, e);
        break;
    case EVENT_THREAD_START:
        line_thread_start(line, e);
        break;
    case EVENT_THREAD_END:
        line_field(line, "thread_end serial=", e->serial);
        line_field(line, " tid=", e->tid);
        break;
    case EVENT_MODULE:
        line_module(line, &e->module);
        break;
    case EVENT_MODULE_GONE:
        line_field(line, "module_gone generation=", e->module.generation);
        line_address_field(line, " start=", e->module.start);
        break;
    case EVENT_SAMPLE:
        line_sample(line, &e->sample);
        break;
    case EVENT_MARK:
        line_mark(line, e);
        break;
    case EVENT_TIME:
        line_text(line, "time");
        break;
    case EVENT_LANE_ENTRY:
        line_field(line, "lane_entry chunk=", e->chunk);
        line_field(line, " committed=", e->committed);
        break;
    case EVENT_FORK:
        line_field(line, "fork pid=", e->pid);
        break;
    case EVENT_UNKNOWN:
        line_field(line, "extension type=", e->extension_type);
        line_field(line, " bytes=", e->extension_bytes);
        break;
    }
}

static void dump_events(struct trace *trace, struct output *output)
{
    struct event_stream *stream = event_stream_open(trace);
    struct line line = {0};
    struct event event;
    uint64_t count = 0;

    while (!output_failed(output) && event_stream_next(stream, &event)) {
        line.length = 0;
        line_number(&line, event.time_ns);
        line_field(&line, " ", event.thread);
        line_text(&line, " ");
        line_record(&line, &event);
        line_text(&line, "\n");
        output_bytes(output, line.text, line.length);
        if (++count % 4096 == 0) progress_update(trace_progress(stream));
    }
    free(line.text);
    event_stream_close(stream);
}

static int dump_trace(const char *path, const char *output_path)
{
    struct trace *trace;
    struct output *output;
    char *what;
    trim_if_dead(path);
    int status = trace_open(path, &trace);

    if (status) return status;
    output = output_open(output_path);
    if (!output) {
        trace_close(trace);
        return EXIT_TROUBLE;
    }
    what = memory_format("writing the events of '%s'", path);
    progress_begin(what);
    dump_events(trace, output);
    progress_end();
    status = output_close(output);
    free(what);
    trace_close(trace);
    return status;
}

struct dump_options {
    const char *output;
};

static int dump_run(int argc, char **argv)
{
    static const struct option_entry entries[] = {
        {"output", 'o', OPTION_TEXT, offsetof(struct dump_options, output), "FILE",
         "write to FILE instead of standard output", NULL},
    };
    static const struct options_usage usage = {
        .command = "dump",
        .operands = "TRACE",
        .help = "every record of a trace as a line of text",
        .details =
            "One record a line, in the order of the trace: NS THREAD OPERATION FIELDS...; the fields are\n"
            "described in docs/trace-format.md, \"Text form of the events\".",
        .entries = entries,
        .entry_count = sizeof(entries) / sizeof(entries[0]),
        .operands_min = 1,
        .operands_max = 1,
    };
    struct dump_options options = {0};
    size_t operands;

    switch (options_parse(&usage, &options, argc, argv, &operands)) {
    case OPTIONS_HELPED:
        return 0;
    case OPTIONS_WRONG:
        return EXIT_TROUBLE;
    case OPTIONS_READY:
        break;
    }
    return dump_trace(argv[1], options.output);
}

const struct command command_dump = {"dump", "every record of a trace as a line of text", dump_run};
