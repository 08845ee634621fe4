/* The one-screen summary of `memtrace report`: what ran and how it ended, whether the record is whole, the
 * heap with RSS next to it, the places behind the peak, what was left at the end, what to ask next.
 * Consumer: a person at a terminal 100 columns wide. */
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "renderers/frames.h"
#include "renderers/numbers.h"
#include "renderers/places.h"
#include "renderers/renderer.h"
#include "symbols/allocator_names.h"
#include "util/memory.h"
#include "util/shell_quote.h"
#include "util/units.h"

#define WIDTH   100
#define CALLERS 4 /* shown behind a place, as far as the line has room */

struct report {
    const struct report_facts *facts;
    const struct render_context *context;
    struct output *output;
};

/* A text of UNITS: a compound literal lives to the end of the calling block. */
#define BYTES(value)   units_bytes((char[UNITS_TEXT_BYTES]){0}, value)
#define NS(value)      units_ns((char[UNITS_TEXT_BYTES]){0}, value)
#define COUNT(value)   units_count((char[UNITS_TEXT_BYTES]){0}, value)
#define PERCENT(value) units_percent((char[UNITS_TEXT_BYTES]){0}, value)

static struct result_value metric(const struct report *report, const char *name)
{
    return result_get(report->facts->metrics, 0, name);
}

/* 0 where it is unknown. */
static int64_t number(const struct report *report, const char *name)
{
    struct result_value value = metric(report, name);
    return value.is_null ? 0 : value.integer;
}

/* " (LOW to HIGH)" of a metric that is an estimate, else nothing; into BUFFER. */
#define RANGE_BYTES (2 * UNITS_TEXT_BYTES + 16)
static const char *range(char *buffer, const struct report *report, const char *name,
                         char *(*units)(char *, int64_t))
{
    const struct result *metrics = report->facts->metrics;
    int column = result_column_index(metrics, name);
    char low[UNITS_TEXT_BYTES], high[UNITS_TEXT_BYTES];
    buffer[0] = '\0';
    if (column < 0 || result_get_estimate(metrics, 0, (size_t)column) == NULL) return buffer;
    struct interval_values ends = number_interval(metrics, 0, (size_t)column);
    snprintf(buffer, RANGE_BYTES, " (%s to %s)", units(low, ends.low.integer),
             units(high, ends.high.integer));
    return buffer;
}

#define BYTES_RANGE(report, name) range((char[RANGE_BYTES]){0}, report, name, units_bytes)
#define COUNT_RANGE(report, name) range((char[RANGE_BYTES]){0}, report, name, units_count)

static const char *text(const struct report *report, const char *name)
{
    struct result_value value = metric(report, name);
    return value.is_null ? "" : value.text;
}

static double share(int64_t part, int64_t whole)
{
    return whole > 0 ? 100.0 * (double)part / (double)whole : 0;
}

static const char *plural(int64_t count)
{
    return count == 1 ? "" : "s";
}

/* TEXT in at most WIDTH columns; the end of a longer one is cut. Bytes that upset a terminal become '?'. */
static void print_cut(struct output *output, const char *line, size_t width)
{
    size_t length = strlen(line);
    size_t shown = length <= width ? length : width - 3;
    for (size_t i = 0; i < shown; i++)
        output_print(output, "%c", (unsigned char)line[i] < 0x20 || line[i] == 0x7f ? '?' : line[i]);
    output_text(output, length <= width ? "\n" : "...\n");
}

static const char *exit_words(const struct report *report, char *buffer, size_t size)
{
    const char *kind = text(report, "exit_kind");
    long long code = (long long)number(report, "exit_code");
    if (strcmp(kind, "exit") == 0)
        snprintf(buffer, size, "exit status %lld", code & 0xff);
    else if (strcmp(kind, "_exit") == 0 || strcmp(kind, "quick_exit") == 0)
        snprintf(buffer, size, "ended by %s(%lld)", kind, code);
    else if (strcmp(kind, "abort") == 0)
        snprintf(buffer, size, "ended by abort()");
    else if (strcmp(kind, "exec") == 0)
        snprintf(buffer, size, "went on as another program (exec)");
    else if (strcmp(kind, "signal") == 0)
        snprintf(buffer, size, "killed by signal %lld (SIG%s)", code,
                 sigabbrev_np((int)code) != NULL ? sigabbrev_np((int)code) : "?");
    else if (report->facts->still_running || strcmp(kind, "running") == 0)
        snprintf(buffer, size, "still running: figures are up to now");
    else
        snprintf(buffer, size, "its end was not seen (killed, or the machine went down)");
    return buffer;
}

static void report_what_ran(const struct report *report)
{
    char started[32], line[160];
    time_t seconds = (time_t)(report->facts->started_ns / 1000000000);
    struct tm utc;
    strftime(started, sizeof started, "%Y-%m-%d %H:%M:%S UTC", gmtime_r(&seconds, &utc));
    const char *command = text(report, "command_line");
    print_cut(report->output, *command != '\0' ? command : text(report, "executable"), WIDTH);
    output_print(report->output, "  pid %" PRId64 ", started %s, ran %s, %s\n", number(report, "pid"),
                 started, NS(number(report, "duration_ns")), exit_words(report, line, sizeof line));
}

/* Of stopped_because, for a person: what is at fault, and where there is something to do, what. */
static const char *stop_words(const char *reason)
{
    static const struct {
        const char *reason, *words;
    } known[] = {
        {"limit", "recording stopped before the program did: the file reached its limit (MEMTRACE_LIMIT)"},
        {"disk_full", "recording stopped before the program did: the disk was full"},
        {"no_memory", "recording stopped before the program did: there was no memory for it (RLIMIT_AS?)"},
        {"sandbox", "recording stopped before the program did: its sandbox forbids the recorder's calls"},
        {"internal", "recording stopped before the program did: a fault of the recorder's own"},
        {"cut", "the file's end is missing: it is shorter than what was recorded"},
        {"damaged", "the file is damaged: some of what was recorded cannot be read"},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(reason, known[i].reason) == 0) return known[i].words;
    return "recording stopped before the program did, for a reason that a later recorder knows";
}

static void report_completeness(const struct report *report)
{
    struct output *output = report->output;
    struct result_value complete = metric(report, "complete");
    int64_t lost = number(report, "events_lost"), truncated = number(report, "truncated_stacks");
    if (!complete.is_null && !complete.boolean)
        output_print(output, "  NOT COMPLETE: %s\n", stop_words(text(report, "stopped_because")));
    else
        output_print(output, "  complete: %s events%s\n", COUNT(number(report, "events")),
                     lost == 0 ? ", none lost" : "");
    if (lost > 0)
        output_print(output, "  %s event%s lost: figures are too low by that much\n", COUNT(lost),
                     plural(lost));
    if (truncated > 0)
        output_print(output,
                     "  %s stack%s deeper than the recorder's limit: outermost frames are missing%s\n",
                     COUNT(truncated), plural(truncated), COUNT_RANGE(report, "truncated_stacks"));
    if (report->facts->damaged_chunks > 0)
        output_print(output, "  damaged in %s place%s: what is readable is shown\n",
                     COUNT((int64_t)report->facts->damaged_chunks),
                     plural((int64_t)report->facts->damaged_chunks));
    if (report->facts->fork_child)
        output_text(output, "  a fork child: blocks that its parent allocated are not in these figures\n");
}

static bool is_sampled(const struct report *report)
{
    return number(report, "sampling_rate_bytes") > 0;
}

/* What a sample says, and what it cannot say. */
static void report_sampling(const struct report *report)
{
    if (!is_sampled(report)) return;
    output_print(report->output,
                 "  sampled, one in %s: heap figures are estimates, with 95 %% intervals in brackets;\n"
                 "  not known: temporary allocations, and stacks of which nothing was sampled\n",
                 BYTES(number(report, "sampling_rate_bytes")));
}

static const char *baseline_place(const struct report *report)
{
    const char *is = text(report, "baseline_is");
    return strcmp(is, "mark") == 0   ? "at the mark 'baseline'"
           : strcmp(is, "main") == 0 ? "at main"
                                     : "at start";
}

static void report_growth(const struct report *report, const char *what)
{
    char baseline[64], growth[64], percent[64];
    snprintf(baseline, sizeof baseline, "baseline_%s_bytes", what);
    snprintf(growth, sizeof growth, "growth_%s_bytes", what);
    snprintf(percent, sizeof percent, "growth_%s_percent", what);
    if (metric(report, baseline).is_null) return;
    output_print(report->output, "            baseline %s (%s), growth %s", BYTES(number(report, baseline)),
                 baseline_place(report), BYTES(number(report, growth)));
    struct result_value rate = metric(report, percent);
    if (!rate.is_null) output_print(report->output, " (%s)", PERCENT(rate.real));
    output_text(report->output, "\n");
}

/* The same of live bytes that are estimates. */
static void report_estimated_growth(const struct report *report)
{
    const struct result *metrics = report->facts->metrics;
    size_t percent = (size_t)result_column_index(metrics, "growth_live_percent");
    output_print(report->output, "            baseline %s: %s%s\n", baseline_place(report),
                 BYTES(number(report, "baseline_live_bytes")), BYTES_RANGE(report, "baseline_live_bytes"));
    output_print(report->output, "            growth %s%s", BYTES(number(report, "growth_live_bytes")),
                 BYTES_RANGE(report, "growth_live_bytes"));
    struct interval_values ends = number_interval(metrics, 0, percent);
    if (!metric(report, "growth_live_percent").is_null) {
        output_print(report->output, ", %s", PERCENT(metric(report, "growth_live_percent").real));
        if (ends.high.is_null)
            output_print(report->output, " (%s or more)", PERCENT(ends.low.real));
        else
            output_print(report->output, " (%s to %s)", PERCENT(ends.low.real), PERCENT(ends.high.real));
    }
    output_text(report->output, "\n");
}

static void report_exact_heap(const struct report *report)
{
    struct output *output = report->output;
    int64_t allocations = number(report, "allocations"), temporary = number(report, "temporary_allocations");
    output_print(output, "heap        peak %s in %s blocks, %s after the start\n",
                 BYTES(number(report, "peak_live_bytes")), COUNT(number(report, "peak_live_blocks")),
                 NS(number(report, "peak_at_ns")));
    report_growth(report, "live");
    output_print(output, "            %s allocation%s of %s in all, %s frees; %s temporary (%s)\n",
                 COUNT(allocations), plural(allocations), BYTES(number(report, "allocated_bytes")),
                 COUNT(number(report, "frees")), COUNT(temporary), PERCENT(share(temporary, allocations)));
}

/* Each figure in a line of its own: with its interval it is as long as two. */
static void report_estimated_heap(const struct report *report)
{
    struct output *output = report->output;
    output_print(output, "heap        peak %s%s, %s after the start,\n",
                 BYTES(number(report, "peak_live_bytes")), BYTES_RANGE(report, "peak_live_bytes"),
                 NS(number(report, "peak_at_ns")));
    output_print(output, "            in %s%s blocks\n", COUNT(number(report, "peak_live_blocks")),
                 COUNT_RANGE(report, "peak_live_blocks"));
    report_estimated_growth(report);
    output_print(output, "            %s%s allocated in all,\n", BYTES(number(report, "allocated_bytes")),
                 BYTES_RANGE(report, "allocated_bytes"));
    output_print(output, "            by %s%s allocations;\n", COUNT(number(report, "allocations")),
                 COUNT_RANGE(report, "allocations"));
    output_print(output, "            %s%s frees\n", COUNT(number(report, "frees")),
                 COUNT_RANGE(report, "frees"));
}

static void report_heap(const struct report *report)
{
    struct output *output = report->output;
    if (is_sampled(report))
        report_estimated_heap(report);
    else
        report_exact_heap(report);
    int64_t failed = number(report, "failed_allocations"),
            unknown = number(report, "frees_of_unknown_blocks");
    if (failed > 0)
        output_print(output, "            %s allocation%s failed%s\n", COUNT(failed), plural(failed),
                     COUNT_RANGE(report, "failed_allocations"));
    if (unknown > 0)
        output_print(output, "            %s free%s of blocks whose allocation was not seen\n",
                     COUNT(unknown), plural(unknown));
    if (number(report, "pool_allocations") > 0)
        output_print(
            output,
            "            pools of its own: %s%s blocks taken, %s%s given back, %s%s live at the end\n",
            COUNT(number(report, "pool_allocations")), COUNT_RANGE(report, "pool_allocations"),
            COUNT(number(report, "pool_frees")), COUNT_RANGE(report, "pool_frees"),
            BYTES(number(report, "pool_live_bytes_at_end")), BYTES_RANGE(report, "pool_live_bytes_at_end"));
}

static void report_rss(const struct report *report)
{
    struct output *output = report->output;
    if (strcmp(text(report, "rss_is"), "none") == 0 || metric(report, "peak_rss_bytes").is_null) {
        output_text(output, "RSS         not sampled; 'memtrace run -- PROGRAM' does so from outside\n");
        return;
    }
    output_print(output, "RSS         peak %s", BYTES(number(report, "peak_rss_bytes")));
    if (!metric(report, "final_rss_bytes").is_null)
        output_print(output, ", at the end %s", BYTES(number(report, "final_rss_bytes")));
    if (number(report, "recorder_rss_bytes") > 0)
        output_print(output, "; of it the recorder's own %s", BYTES(number(report, "recorder_rss_bytes")));
    output_text(output, "\n");
    report_growth(report, "rss");
}

/* "<- CALLER <- ...": the next frames outward of the place at SITE, as far as the line has room. */
static void print_callers(struct output *output, const struct frame_list *list, size_t site, size_t indent)
{
    char line[WIDTH + 1] = "";
    const char *last = list->frames[site]->function;
    for (size_t i = site + 1, shown = 0; i < list->count && shown < CALLERS; i++) {
        const struct symbol_frame *frame = list->frames[i];
        /* Containers between two functions of the program say nothing. */
        if (frame->named && name_is_allocator(frame->function)) continue;
        if (strcmp(frame->function, last) == 0) continue; /* recursion, or parts of it inlined into itself */
        last = frame->function;
        char *label = frame_label(frame);
        size_t used = strlen(line);
        bool fits = indent + used + strlen(label) + 4 <= WIDTH && (frame->named || shown == 0);
        if (fits) snprintf(line + used, sizeof line - used, "%s<- %s", shown > 0 ? " " : "", label);
        free(label);
        if (!fits) break;
        shown++;
        /* Below main stands how libc starts programs: true of every site. */
        if (strcmp(frame->function, "main") == 0) break;
    }
    if (*line != '\0') {
        output_print(output, "%*s", (int)indent, "");
        print_cut(output, line, WIDTH - indent);
    }
}

/* The intervals of an estimated place, below it. */
static void report_place_range(const struct report *report, const struct result *places, size_t row,
                               const char *bytes_column, const char *blocks_column)
{
    size_t bytes = (size_t)result_column_index(places, bytes_column);
    size_t blocks = (size_t)result_column_index(places, blocks_column);
    if (result_get_estimate(places, row, bytes) == NULL) return;
    struct interval_values of_bytes = number_interval(places, row, bytes);
    struct interval_values of_blocks = number_interval(places, row, blocks);
    output_print(report->output, "%14s(%s to %s in %s to %s blocks)\n", "", BYTES(of_bytes.low.integer),
                 BYTES(of_bytes.high.integer), COUNT(of_blocks.low.integer), COUNT(of_blocks.high.integer));
}

/* What the rows of PLACES from FIRST on have together. */
static void report_rest(const struct report *report, const struct result *places, size_t first,
                        const char *bytes_column, int64_t total)
{
    int64_t rest = 0, left = 0;
    size_t column = (size_t)result_column_index(places, bytes_column);
    struct interval_basis basis = {.seen = true};
    for (size_t row = first; row < places->row_count; row++) {
        int64_t bytes = result_get(places, row, bytes_column).integer;
        const struct result_estimate *estimate = result_get_estimate(places, row, column);
        if (estimate != NULL) interval_basis_add(&basis, &estimate->basis);
        rest = number_add(rest, bytes);
        left += bytes > 0;
    }
    if (left == 0) return;
    output_print(report->output, "  %10s %7s            in %s other place%s", BYTES(rest),
                 PERCENT(share(rest, total)), COUNT(left), plural(left));
    if (basis.total > 0) {
        struct interval interval = interval_of(&basis);
        output_print(report->output, " (%s to %s)", BYTES((int64_t)fmin(interval.low, 0x1p62)),
                     BYTES((int64_t)fmin(interval.high, 0x1p62)));
    }
    output_text(report->output, "\n");
}

/* The first rows of PLACES, each with its share of TOTAL and its callers. */
static void report_places(const struct report *report, const struct result *places, const char *bytes_column,
                          const char *blocks_column, int64_t total)
{
    struct frames *frames = frames_new(places, report->context->symbolizer);
    size_t shown = 0;
    for (size_t row = 0; row < places->row_count && shown < report->context->top; row++) {
        int64_t bytes = result_get(places, row, bytes_column).integer;
        struct result_value stack = result_get(places, row, "stack");
        if (bytes <= 0 || stack.is_null) break;
        struct frame_list list = frames_of_stack(frames, stack.stack);
        size_t site = frames_site(&list);
        char *label =
            list.count > 0 ? frame_label(list.frames[site]) : memory_format("(no stack was recorded)");
        output_print(report->output, "  %10s %7s %9s  ", BYTES(bytes), PERCENT(share(bytes, total)),
                     COUNT(result_get(places, row, blocks_column).integer));
        print_cut(report->output, label, WIDTH - 32);
        free(label);
        report_place_range(report, places, row, bytes_column, blocks_column);
        if (list.count > 0) print_callers(report->output, &list, site, 14);
        shown++;
    }
    if (shown < places->row_count) {
        report_rest(report, places, shown, bytes_column, total);
    }
    frames_free(frames);
}

static void report_peak_sites(const struct report *report)
{
    int64_t peak = number(report, "peak_live_bytes");
    struct result *places = places_of(report->facts->sites, report->context->symbolizer, "peak_bytes");
    output_print(report->output, "\n%12s %7s %9s  what was live at the peak (%s)\n", "bytes", "share",
                 "blocks", BYTES(peak));
    report_places(report, places, "peak_bytes", "peak_blocks", peak);
    result_free(places);
}

static void report_outstanding(const struct report *report)
{
    int64_t bytes = number(report, "leaked_bytes"), blocks = number(report, "leaked_allocations");
    if (blocks == 0) {
        if (is_sampled(report))
            output_print(report->output, "\nNone of the sampled blocks was outstanding at the end%s.\n",
                         BYTES_RANGE(report, "leaked_bytes"));
        else
            output_text(report->output, "\nNo block was outstanding at the end.\n");
        return;
    }
    struct result *places = places_of(report->facts->leaks, report->context->symbolizer, "bytes");
    output_print(report->output, "\n%12s %7s %9s  outstanding at the end: %s in %s block%s%s\n", "bytes",
                 "share", "blocks", BYTES(bytes), COUNT(blocks), plural(blocks),
                 strcmp(text(report, "leaked_is"), "outstanding") == 0 ? " (leaked or reachable)" : "");
    if (is_sampled(report))
        output_print(report->output, "%33s%s,%s blocks\n", "", BYTES_RANGE(report, "leaked_bytes"),
                     COUNT_RANGE(report, "leaked_allocations"));
    report_places(report, places, "bytes", "blocks", bytes);
    result_free(places);
}

static void report_nothing(const struct report *report)
{
    if (is_sampled(report)) {
        output_print(report->output,
                     "\nNo allocation was sampled: the program allocated little%s, or nothing.\n",
                     BYTES_RANGE(report, "allocated_bytes"));
        return;
    }
    output_print(
        report->output,
        "\nNo allocation was recorded: the trace has %s.\n"
        "A program that never calls malloc leaves such a trace, and one that ended before its first call.\n",
        report->facts->has_events ? "events, but none of an allocation" : "no events");
    if (report->facts->sandboxed)
        output_text(report->output,
                    "The process ran below a seccomp filter, which may forbid the recorder's calls.\n");
    output_text(
        report->output,
        "If this one does allocate: does it bring its own malloc, or had MEMTRACE_DISABLE been set?\n"
        "'memtrace run -- PROGRAM' looks at the program before it starts it, and says what is wrong.\n");
}

/* Names that are missing are better than wrong ones, but not without a word. */
static void report_symbols(const struct report *report)
{
    const struct result *sites = report->facts->sites;
    for (size_t i = 0, said = 0; i < sites->module_count && said < 3; i++) {
        const struct result_module *module = &sites->modules[i];
        const char *note = symbolizer_note(symbolizer_module(report->context->symbolizer, module->path,
                                                             module->build_id, module->build_id_bytes));
        if (note == NULL) continue;
        char *line = memory_format("%s: %s, so its functions have no names here", module->path, note);
        if (said++ == 0) output_text(report->output, "\n");
        print_cut(report->output, line, WIDTH);
        free(line);
    }
}

static void report_next(const struct report *report)
{
    static const struct {
        const char *command, *what;
    } hints[] = {
        {"sites", "every stack, by its share of the peak"},
        {"leaks", "the stacks behind what is outstanding"},
        {"plot -o charts", "memory over time and more as pictures"},
    };
    size_t length = strlen(report->context->trace_path);
    char *path = memory_new(SHELL_QUOTE_BYTES(length), 1);
    shell_quote(path, report->context->trace_path, length);
    for (size_t i = 0; i < sizeof hints / sizeof *hints; i++) {
        char *command = memory_format("memtrace %s %s", hints[i].command, path);
        output_print(report->output, "%s %-50s  %s\n", i == 0 ? "\nnext:" : "     ", command, hints[i].what);
        free(command);
    }
    free(path);
}

void render_report(const struct report_facts *facts, const struct render_context *context)
{
    struct report report = {.facts = facts, .context = context, .output = context->output};
    if (context->trace_count > 1)
        output_print(context->output, "%s== %s\n", context->trace_index > 0 ? "\n" : "", context->trace_path);
    report_what_ran(&report);
    report_completeness(&report);
    report_sampling(&report);
    if (number(&report, "allocations") == 0 && number(&report, "pool_allocations") == 0) {
        report_nothing(&report);
        return;
    }
    output_text(context->output, "\n");
    report_heap(&report);
    report_rss(&report);
    int64_t threads = number(&report, "threads");
    output_print(context->output, "threads     %s; %s distinct allocation stacks%s\n", COUNT(threads),
                 COUNT(number(&report, "distinct_stacks")), is_sampled(&report) ? " sampled" : "");
    report_peak_sites(&report);
    report_outstanding(&report);
    report_symbols(&report);
    report_next(&report);
}
