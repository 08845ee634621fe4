/* memtrace flame: the sites as collapsed stacks, for flame graphs. */
#include <string.h>
#include "commands/command.h"
#include "commands/traces.h"
#include "util/report_error.h"

static const char *const value_names[] = {"peak", "live", "allocated", "allocations", NULL};

static const struct option_entry entries[] = {
    {"value", 'v', OPTION_CHOICE, offsetof(struct table_options, value), "VALUE",
     "peak (bytes at the peak, the default), live (bytes at the end), allocated (bytes), allocations",
     value_names},
    OPTION_OUTPUT_ENTRY,
};

static const struct options_usage usage = {
    .command = "flame",
    OPERANDS_TRACES,
    .help = "Collapsed stacks, one line each: \"outer;...;inner VALUE\"",
    .details =
        "For example: memtrace flame TRACE | flamegraph.pl --countname bytes >heap.svg\n"
        "inferno-flamegraph and speedscope read the same. Several traces are printed one behind the other.\n",
    .entries = entries,
    .entry_count = sizeof entries / sizeof *entries,
};

static const char *value_column(const char *value)
{
    if (strcmp(value, "live") == 0) return "live_bytes";
    if (strcmp(value, "allocated") == 0) return "allocated_bytes";
    return strcmp(value, "allocations") == 0 ? "allocations" : "peak_bytes";
}

static int run(int argc, char **argv)
{
    struct table_options options = {.value = "peak"};
    size_t count;
    enum options_outcome outcome = options_parse(&usage, &options, argc, argv, &count);
    if (outcome != OPTIONS_READY) return outcome == OPTIONS_HELPED ? 0 : EXIT_TROUBLE;
    options.value = value_column(options.value);
    return traces_render(argv + 1, count, "sites", &render_folded, &options);
}

const struct command command_flame = {"flame", "collapsed stacks for flame graphs", run};
