/* memtrace sites: the result of the reducer `sites` as a table. */
#include "commands/command.h"
#include "commands/traces.h"

static const struct option_entry entries[] = {
    OPTION_FORMAT_ENTRY,
    OPTION_OUTPUT_ENTRY,
    OPTION_TOP_ENTRY,
};

static const struct options_usage usage = {
    .command = "sites",
    OPERANDS_TRACES,
    .help = "The distinct stacks that allocated, by what each contributed to the peak of live bytes",
    .details =
        "peak_bytes is what the site had live at the moment of the peak of the whole heap. A\n"
        "temporary allocation is one that the very next event of the process frees. In csv, function,\n"
        "file, line and module are those of the innermost frame that is not an allocator's (operator\n"
        "new, strdup, std::); stack is \"outer;...;inner\".\n",
    .entries = entries,
    .entry_count = sizeof entries / sizeof *entries,
};

static int run(int argc, char **argv)
{
    struct table_options options = {.format = "text", .top = 10};
    return table_command(&usage, "sites", &options, argc, argv);
}

const struct command command_sites = {
    "sites", "where blocks were allocated, by what each contributed to the peak", run};
