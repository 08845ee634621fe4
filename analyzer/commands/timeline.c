/* memtrace timeline: the result of the reducer `timeline` as a table. */
#include "commands/command.h"
#include "commands/traces.h"

static const struct option_entry entries[] = {
    OPTION_FORMAT_ENTRY,
    OPTION_OUTPUT_ENTRY,
    {"rows", 'r', OPTION_COUNT, offsetof(struct table_options, rows), "N",
     "at most so many moments, 16 or more (default: text 32, else 2000)", NULL},
};

static const struct options_usage usage = {
    .command = "timeline",
    OPERANDS_TRACES,
    .help = "Live bytes and blocks, allocations so far, RSS and marks over time",
    .details =
        "Peaks are exact however few rows there are. rss_bytes stands where the trace has a sample, and\n"
        "recorder_rss_bytes says what of it is the recorder's own, as it said last.\n",
    .entries = entries,
    .entry_count = sizeof entries / sizeof *entries,
};

static int run(int argc, char **argv)
{
    struct table_options options = {.format = "text"};
    return table_command(&usage, "timeline", &options, argc, argv);
}

const struct command command_timeline = {"timeline", "live heap, RSS and marks over time", run};
