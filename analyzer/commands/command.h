/* A subcommand, and the table of them: the source of `memtrace --help`, of the completion and of the
 * man page's list. */
#ifndef ANALYZER_COMMANDS_COMMAND_H
#define ANALYZER_COMMANDS_COMMAND_H

#include <stddef.h>

struct command {
    const char *name, *help; /* help: one line, no full stop */
    /* argv[0] is the command's name. Returns the exit status: 0 done, 1 a checked claim is broken,
     * EXIT_TROUBLE (reported) usage or unreadable input. */
    int (*run)(int argc, char **argv);
};

/* In the order of --help. */
extern const struct command *const commands[];
extern const size_t command_count;

/* One file each: commands/<name>.c */
extern const struct command command_run, command_report, command_metrics, command_timeline, command_sites,
    command_leaks, command_sizes, command_flame, command_plot, command_dump, command_compact;

#endif
