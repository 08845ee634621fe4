#include "commands/command.h"

const struct command *const commands[] = {
    &command_run,   &command_report, &command_metrics, &command_timeline, &command_sites,   &command_leaks,
    &command_sizes, &command_flame,  &command_plot,    &command_dump,     &command_compact,
};
const size_t command_count = sizeof commands / sizeof *commands;
