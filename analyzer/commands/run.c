/* memtrace run: record a program and everything that it starts, seen from its parent. It must be no other
 * program for that: no descriptor, no signal, no exit status may differ from a run without us. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "commands/command.h"
#include "memtrace/trace_format.h"
#include "util/memory.h"
#include "util/options.h"
#include "util/report_error.h"
#include "util/shell_quote.h"
#include "watch/compact_live.h"
#include "watch/elf_check.h"
#include "watch/finish.h"
#include "watch/rss.h"
#include "watch/spawn.h"
#include "watch/status.h"

#define EXIT_OWN_FAILURE  125 /* as env, nice, timeout have it */
#define EXIT_CANNOT_START 126
#define EXIT_NOT_FOUND    127
#define DEFAULT_PATTERN   "memtrace.%n.%p.mtr"
#define LIMIT_LEAST_BYTES (256u << 10)
#define LIMIT_MOST_BYTES  ((uint64_t)64 << 30) /* of a raw form's length, holes included */
#define DISK_LEAST_BYTES  (4u << 20)
#define SAMPLE_MOST_BYTES ((uint64_t)1 << 40)
#define NOT_GIVEN         UINT64_MAX

struct run_options {
    const char *output, *images, *unwinder;
    uint64_t limit, disk, depth, sample;
    bool raw, verbose, quiet, force;
};

static const char *const unwinders[] = {"cfi", "frame-pointer", "libunwind", NULL};

static const struct option_entry run_entries[] = {
    {"output", 'o', OPTION_TEXT, offsetof(struct run_options, output), "PATTERN",
     "where each process writes its trace: %p its pid, %n its name, %h the host, %% a percent sign", NULL},
    {"images", 0, OPTION_TEXT, offsetof(struct run_options, images), "GLOB,...",
     "record only programs whose name matches", NULL},
    {"limit", 0, OPTION_SIZE, offsetof(struct run_options, limit), "SIZE",
     "stop recording when a trace has grown to this, as it is before compression", NULL},
    {"disk", 0, OPTION_SIZE, offsetof(struct run_options, disk), "SIZE",
     "stop recording when all traces together take this on the disk (half of what is free)", NULL},
    {"raw", 0, OPTION_FLAG, offsetof(struct run_options, raw), NULL, "leave the traces uncompressed", NULL},
    {"sample", 0, OPTION_SIZE, offsetof(struct run_options, sample), "SIZE",
     "record samples, one in so many bytes allocated (512K: next to no cost); 0: record all", NULL},
    {"depth", 0, OPTION_COUNT, offsetof(struct run_options, depth), "N", "frames of a stack, 1 to 4096 (512)",
     NULL},
    {"unwinder", 0, OPTION_CHOICE, offsetof(struct run_options, unwinder), "NAME",
     "cfi (the default), frame-pointer or libunwind", unwinders},
    {"force", 0, OPTION_FLAG, offsetof(struct run_options, force), NULL,
     "run the program even if it cannot be recorded itself: what it starts may be", NULL},
    {"verbose", 'v', OPTION_FLAG, offsetof(struct run_options, verbose), NULL,
     "let each recorded process say on stderr what it does", NULL},
    {"quiet", 'q', OPTION_FLAG, offsetof(struct run_options, quiet), NULL,
     "do not say at the end where the trace is", NULL},
};

static const struct options_usage run_usage = {
    .command = "run",
    .operands = "[--] PROGRAM [ARGUMENT...]",
    .help = "run a program, recording it and what it starts",
    .details = "Traces are written to the working directory as " DEFAULT_PATTERN " unless -o or\n"
               "MEMTRACE_OUTPUT says otherwise. A pattern that names a directory puts them there.\n"
               "They are compressed while the program runs; every command reads them as before.\n"
               "RSS, PSS and USS of PROGRAM are sampled from outside and added to its trace.\n"
               "Signals are passed on. The exit status is the program's, 128 + N when signal N ended\n"
               "it; 125 when memtrace itself failed, 126 when PROGRAM could not be started, 127 when\n"
               "it was not found.\n",
    .entries = run_entries,
    .entry_count = sizeof run_entries / sizeof run_entries[0],
    .operands_min = 1,
    .operands_max = SIZE_MAX,
    .stop_at_operand = true,
};

/* --- Before ------------------------------------------------------------------------------------- */

/* Where the recorder's library is: beside this command (build/), or where `make install` puts it. 0, or -1:
 * reported. */
static int find_recorder(char *path)
{
    static const char *const places[] = {"libmemtrace.so", "../lib/memtrace/libmemtrace.so"};
    char self[PATH_MAX], candidate[PATH_MAX + 64];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    self[length > 0 ? length : 0] = '\0';
    char *slash = strrchr(self, '/');
    if (slash != NULL) slash[1] = '\0';
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        snprintf(candidate, sizeof candidate, "%s%s", self, places[i]);
        if (realpath(candidate, path) == NULL) continue;
        if (path[strcspn(path, ": ")] == '\0') return 0;
        report_error(
            "LD_PRELOAD cannot name '%s': a blank or a colon ends a name in it; install memtrace elsewhere",
            path);
        return -1;
    }
    report_error("libmemtrace.so is neither in '%s' nor in '%s../lib/memtrace': build or install it (make, "
                 "make install)",
                 self, self);
    return -1;
}

static int check_options(const struct run_options *options)
{
    if (options->limit != NOT_GIVEN && options->limit < LIMIT_LEAST_BYTES)
        report_error("--limit %llu is too small for a trace: 256K at least",
                     (unsigned long long)options->limit);
    else if (options->disk != 0 && options->raw)
        report_error("--disk bounds what is compressed: leave out --raw, or use --limit");
    else if (options->disk != 0 && options->disk < DISK_LEAST_BYTES)
        report_error("--disk %llu is too small: 4M at least", (unsigned long long)options->disk);
    else if (options->depth != NOT_GIVEN && (options->depth < 1 || options->depth > TRACE_MAX_DEPTH))
        report_error("--depth %llu: 1 to %u frames can be recorded", (unsigned long long)options->depth,
                     TRACE_MAX_DEPTH);
    else if (options->sample != NOT_GIVEN && options->sample > SAMPLE_MOST_BYTES)
        report_error("--sample %llu is too much: 1024G at most", (unsigned long long)options->sample);
    else
        return 0;
    return -1;
}

/* Descriptors 0 to 2 may come to us closed. What we open must not become one of them: a line for
 * stderr would go to it. Close-on-exec, so that the program finds them closed as well. */
static void occupy_standard_descriptors(void)
{
    for (int descriptor = 0; descriptor <= 2; descriptor++)
        if (fcntl(descriptor, F_GETFD) < 0 && open("/dev/null", O_RDWR | O_CLOEXEC) < 0) return;
}

/* BUFFER[PATH_MAX] */
static const char *working_directory(char *buffer)
{
    return getcwd(buffer, PATH_MAX) != NULL ? buffer : ".";
}

static char *text_format(struct arena *texts, const char *format, ...) __attribute__((format(printf, 2, 3)));
static char *text_format(struct arena *texts, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    char *text = arena_allocate(texts, (size_t)length + 1);
    va_start(arguments, format);
    vsnprintf(text, (size_t)length + 1, format, arguments);
    va_end(arguments);
    return text;
}

/* MEMTRACE_OUTPUT for PATTERN, absolute: processes of the tree may change their working directory, and their
 * traces should still be together. A percent sign of the working directory's own name is doubled. */
static char *absolute_pattern(struct arena *texts, const char *pattern)
{
    struct stat file;
    char buffer[PATH_MAX];
    if (stat(pattern, &file) == 0 && S_ISDIR(file.st_mode))
        pattern = text_format(texts, "%s/%s", pattern, DEFAULT_PATTERN);
    if (*pattern == '/') return text_format(texts, "%s", pattern);
    const char *directory = working_directory(buffer);
    char *escaped = arena_allocate(texts, strlen(directory) * 2 + 1), *to = escaped;
    for (; *directory != '\0'; directory++) {
        if (*directory == '%') *to++ = '%';
        *to++ = *directory;
    }
    return text_format(texts, "%s/%s", escaped, pattern);
}

/* --- The program's environment: ours, with a few variables set --------------------------------- */

struct environment {
    char **variables; /* ends with NULL */
    size_t count, capacity;
    struct arena *texts; /* of the variables that are new */
};

static void environment_add(struct environment *environment, char *variable)
{
    environment->variables =
        memory_grow(environment->variables, &environment->capacity, environment->count, sizeof variable);
    environment->variables[environment->count++] = variable;
}

static void environment_set(struct environment *environment, const char *name, const char *value)
{
    char *variable = text_format(environment->texts, "%s=%s", name, value);
    size_t length = strlen(name) + 1;
    for (size_t i = 0; i < environment->count; i++)
        if (strncmp(environment->variables[i], variable, length) == 0) {
            environment->variables[i] = variable;
            return;
        }
    environment_add(environment, variable);
}

static void environment_set_number(struct environment *environment, const char *name, uint64_t value)
{
    char text[32];
    snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    if (value != NOT_GIVEN) environment_set(environment, name, text);
}

/* The variables, to be freed; what they point to lives as long as TEXTS. */
static char **make_environment(const struct run_options *options, const char *recorder,
                               const struct status *status, struct arena *texts)
{
    struct environment made = {.texts = texts};
    char status_file[64];
    for (char **variable = environ; *variable != NULL; variable++)
        environment_add(&made, *variable);
    const char *preloaded = getenv("LD_PRELOAD");
    bool others = preloaded != NULL && *preloaded != '\0';
    environment_set(&made, "LD_PRELOAD",
                    others ? text_format(texts, "%s:%s", recorder, preloaded) : recorder);
    const char *inherited = getenv("MEMTRACE_OUTPUT");
    if (options->output != NULL)
        environment_set(&made, "MEMTRACE_OUTPUT", absolute_pattern(texts, options->output));
    else if (inherited == NULL || *inherited == '\0')
        environment_set(&made, "MEMTRACE_OUTPUT", absolute_pattern(texts, DEFAULT_PATTERN));
    if (options->images != NULL) environment_set(&made, "MEMTRACE_IMAGES", options->images);
    if (options->unwinder != NULL) environment_set(&made, "MEMTRACE_UNWINDER", options->unwinder);
    if (options->verbose) environment_set(&made, "MEMTRACE_VERBOSE", "1");
    /* The recorder's own limit is of the raw form's length, which has holes where the disk's bound does. */
    bool longest = options->limit == NOT_GIVEN && options->disk != 0 && getenv("MEMTRACE_LIMIT") == NULL;
    environment_set_number(&made, "MEMTRACE_LIMIT", longest ? LIMIT_MOST_BYTES : options->limit);
    environment_set_number(&made, "MEMTRACE_DEPTH", options->depth);
    environment_set_number(&made, "MEMTRACE_SAMPLE", options->sample);
    status_path(status, status_file, sizeof status_file);
    environment_set(&made, "MEMTRACE_STATUS", status_file);
    environment_add(&made, NULL);
    return made.variables;
}

/* --- After --------------------------------------------------------------------------------------- */

/* PATH as the user would type it: relative where it lies below the working directory, quoted where needed. */
static char *typed_path(struct arena *texts, const char *path)
{
    char buffer[PATH_MAX];
    const char *directory = working_directory(buffer);
    size_t length = strlen(directory);
    if (strncmp(path, directory, length) == 0 && path[length] == '/' && length > 1) path += length + 1;
    if (*path == '-') path = text_format(texts, "./%s", path);
    char *quoted = arena_allocate(texts, SHELL_QUOTE_BYTES(strlen(path)));
    shell_quote(quoted, path, strlen(path));
    return quoted;
}

static const char *missing_reason(const struct recorded *recorded)
{
    const char *disabled = getenv("MEMTRACE_DISABLE");
    if (recorded->reason != NULL) return recorded->reason;
    if (disabled != NULL && *disabled != '\0' && strcmp(disabled, "0") != 0) return "MEMTRACE_DISABLE is set";
    return "it ended before the recorder was loaded, or its loader refused it";
}

static void tell_compact(const struct run_options *options, const struct compact_live_result *result,
                         struct arena *texts)
{
    if (result->stopped)
        report_error(
            "recording stopped when the traces took %llu bytes on the disk; allow more by --disk, or leave "
            "programs out by --images",
            (unsigned long long)result->bound_bytes);
    if (result->trouble != NULL)
        report_error("a trace stays uncompressed (%s); memtrace compact does it later", result->trouble);
    else if (result->unfinished > 0 && !options->quiet)
        report_error(
            "%zu process%s, whose trace%s in two files until memtrace compact makes one of them: %s, %s%s",
            result->unfinished, result->unfinished == 1 ? " still runs" : "es still run",
            result->unfinished == 1 ? " is" : "s are", typed_path(texts, result->in_two),
            typed_path(texts, result->in_two), ".compact");
    if (result->no_holes && !options->quiet)
        report_error(
            "the file system punches no holes: each trace took the place of its raw form as well until its "
            "end");
}

static void tell(const struct run_options *options, const struct recorded *recorded, struct arena *texts)
{
    if (recorded->path == NULL && recorded->other == NULL) {
        report_error("nothing was recorded: %s", missing_reason(recorded));
    } else if (recorded->path == NULL) {
        report_error("the program itself was not recorded (%s), but %zu other%s; see: memtrace report %s",
                     missing_reason(recorded), recorded->traces, recorded->traces == 1 ? " was" : "s were",
                     typed_path(texts, recorded->other));
    } else if (recorded->trouble[0] != '\0') {
        report_error(
            "recorded, but how it ended and its RSS could not be added (%s); see: memtrace report %s",
            recorded->trouble, typed_path(texts, recorded->path));
    } else if (!options->quiet && recorded->traces == 1) {
        report_error("recorded; see: memtrace report %s", typed_path(texts, recorded->path));
    } else if (!options->quiet) {
        report_error("recorded, %zu traces in all; see: memtrace report %s", recorded->traces,
                     typed_path(texts, recorded->path));
    }
}

/* --- The command ------------------------------------------------------------------------------- */

static int cannot_start(const char *program, int reason)
{
    char found[PATH_MAX];
    if (reason < 0) {
        report_error("cannot start '%s': %s", program, strerror(-reason));
        return EXIT_OWN_FAILURE;
    }
    if (reason == ENOENT && elf_find(program, found, sizeof found) == 0)
        report_error("cannot run '%s': the interpreter that it names does not exist", program);
    else if (reason == ENOENT && strchr(program, '/') == NULL)
        report_error("cannot run '%s': it is nowhere along PATH", program);
    else
        report_error("cannot run '%s': %s", program, strerror(reason));
    return reason == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_START;
}

/* Whether to go on: nothing speaks against recording PROGRAM, or --force was given. */
static bool may_start(const struct run_options *options, const char *program, const char *recorder)
{
    char found[PATH_MAX], reason[PATH_MAX + 512];
    if (elf_find(program, found, sizeof found) != 0) return true; /* exec says it better */
    if (elf_can_be_recorded(found, recorder, reason, sizeof reason)) return true;
    if (options->force) {
        if (!options->quiet) report_error("'%s' itself will not be recorded: %s", found, reason);
        return true;
    }
    report_error("cannot record '%s': %s (--force runs it all the same)", found, reason);
    return false;
}

static struct moment watch_child(struct child *child, struct rss_sampler *sampler)
{
    rss_sampler_begin(sampler, child->pid);
    do {
        rss_sampler_take(sampler);
    } while (!child_wait(child, sampler->next_ns));
    rss_sampler_end(sampler);
    return moment_now();
}

/* From here on the program runs. Its exit status, or what shells have for a signal. */
static int watch_program(const struct run_options *options, struct child *child, struct status *status,
                         struct arena *texts)
{
    struct rss_sampler sampler;
    struct recorded recorded;
    struct compact_live_result result = {.stopped = false};
    struct compact_live *live = options->raw ? NULL : compact_live_begin(status, options->disk, child->pid);
    struct moment ended = watch_child(child, &sampler);
    child_reap(child);
    if (live != NULL) compact_live_end(live);
    status_read(status);
    finish_traces(status, child, &sampler, ended, &recorded);
    if (live != NULL) compact_live_finish(live, &result);
    tell_compact(options, &result, texts);
    tell(options, &recorded, texts);
    compact_live_result_free(&result);
    rss_sampler_free(&sampler);
    return child->signalled ? 128 + child->code : child->code;
}

static int run_program(const struct run_options *options, char **argv, const char *recorder)
{
    struct status status;
    struct child child;
    struct arena *texts = arena_new();
    status_begin(&status);
    char **environment = make_environment(options, recorder, &status, texts);
    int reason = child_start(&child, argv, environment);
    int exit_status =
        reason != 0 ? cannot_start(argv[0], reason) : watch_program(options, &child, &status, texts);
    free(environment);
    status_end(&status);
    arena_free(texts);
    return exit_status;
}

static int run_main(int argc, char **argv)
{
    struct run_options options = {.limit = NOT_GIVEN, .depth = NOT_GIVEN, .sample = NOT_GIVEN};
    char recorder[PATH_MAX];
    size_t operands;
    switch (options_parse(&run_usage, &options, argc, argv, &operands)) {
    case OPTIONS_HELPED:
        return EXIT_SUCCESS;
    case OPTIONS_WRONG:
        return EXIT_OWN_FAILURE;
    case OPTIONS_READY:
        break;
    }
    occupy_standard_descriptors();
    if (check_options(&options) != 0 || find_recorder(recorder) != 0) return EXIT_OWN_FAILURE;
    argv[1 + operands] = NULL;
    if (!may_start(&options, argv[1], recorder)) return EXIT_OWN_FAILURE;
    return run_program(&options, argv + 1, recorder);
}

const struct command command_run = {"run", "run a program, recording it and what it starts", run_main};
