/* memtrace COMMAND [OPTIONS] ...: find the command in the table and run it. */
#include <stdio.h>
#include <string.h>
#include "commands/command.h"
#include "util/output.h"
#include "util/report_error.h"

#define MEMTRACE_VERSION "0.1.0"

static int print_help(void)
{
    struct output *output = output_open(NULL);
    output_text(output, "usage: memtrace COMMAND [OPTIONS] TRACE...\n"
                        "\n"
                        "Records and analyzes how a program uses its heap. To record any program:\n"
                        "  LD_PRELOAD=libmemtrace.so PROGRAM...      writes memtrace.NAME.PID.mtr\n"
                        "\n"
                        "commands:\n");
    for (size_t i = 0; i < command_count; i++)
        output_print(output, "  %-10s %s\n", commands[i]->name, commands[i]->help);
    output_text(output, "\n"
                        "'memtrace COMMAND --help' explains one; the manual is memtrace(1).\n"
                        "exit status: 0 done, 1 a checked claim is broken, 2 usage or unreadable input.\n");
    return output_close(output);
}

static int print_version(void)
{
    struct output *output = output_open(NULL);
    output_text(output, "memtrace " MEMTRACE_VERSION "\n");
    return output_close(output);
}

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < command_count; i++)
        if (strcmp(commands[i]->name, name) == 0) return commands[i];
    return NULL;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        report_error("which command? try 'memtrace --help'");
        return EXIT_TROUBLE;
    }
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || (strcmp(name, "help") == 0 && argc == 2))
        return print_help();
    if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) return print_version();
    if (strcmp(name, "help") == 0) { /* `memtrace help sites` is `memtrace sites --help` */
        const struct command *wanted = find_command(argv[2]);
        char help[] = "--help", *arguments[] = {argv[2], help, NULL};
        if (wanted != NULL) return wanted->run(2, arguments);
        name = argv[2];
    }
    const struct command *command = find_command(name);
    if (command == NULL) {
        report_error("there is no command '%s': 'memtrace --help' lists them", name);
        return EXIT_TROUBLE;
    }
    return command->run(argc - 1, argv + 1);
}
