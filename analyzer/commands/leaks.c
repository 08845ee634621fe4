/* memtrace leaks: the result of the reducer `leaks` as a table. */
#include "commands/command.h"
#include "commands/traces.h"

static const struct option_entry entries[] = {
    OPTION_FORMAT_ENTRY,
    OPTION_OUTPUT_ENTRY,
    OPTION_TOP_ENTRY,
};

static const struct options_usage usage = {
    .command = "leaks",
    OPERANDS_TRACES,
    .help = "Blocks still live at the end of the trace (outstanding), by the stack that allocated them",
    .details = "Outstanding is not yet leaked: blocks that the program still reaches count as well.\n",
    .entries = entries,
    .entry_count = sizeof entries / sizeof *entries,
};

static int run(int argc, char **argv)
{
    struct table_options options = {.format = "text", .top = 10};
    return table_command(&usage, "leaks", &options, argc, argv);
}

const struct command command_leaks = {"leaks",
                                      "blocks still live at the end, by the stack that allocated them", run};
