/* memtrace sizes: the result of the reducer `sizes` as a table. */
#include "commands/command.h"
#include "commands/traces.h"

static const struct option_entry entries[] = {
    OPTION_FORMAT_ENTRY,
    OPTION_OUTPUT_ENTRY,
    OPTION_TOP_ENTRY,
};

static const struct options_usage usage = {
    .command = "sizes",
    OPERANDS_TRACES,
    .help =
        "Each requested size: how often it was allocated and freed, and how many blocks are live at the end",
    .entries = entries,
    .entry_count = sizeof entries / sizeof *entries,
};

static int run(int argc, char **argv)
{
    struct table_options options = {.format = "text", .top = 10};
    return table_command(&usage, "sizes", &options, argc, argv);
}

const struct command command_sizes = {"sizes", "requested sizes and how often each was asked for", run};
