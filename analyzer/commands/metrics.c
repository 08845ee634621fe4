/* memtrace metrics: the result of the reducer `metrics` as a table. */
#include "commands/command.h"
#include "commands/traces.h"

static const struct option_entry entries[] = {
    OPTION_FORMAT_ENTRY,
    OPTION_OUTPUT_ENTRY,
};

static const struct options_usage usage = {
    .command = "metrics",
    OPERANDS_TRACES,
    .help = "Totals of each trace: allocations, peak and when, growth, RSS, temporary allocations, losses",
    .entries = entries,
    .entry_count = sizeof entries / sizeof *entries,
};

static int run(int argc, char **argv)
{
    struct table_options options = {.format = "text"};
    return table_command(&usage, "metrics", &options, argc, argv);
}

const struct command command_metrics = {
    "metrics", "totals of a trace: allocations, peak, growth, RSS, temporaries", run};
