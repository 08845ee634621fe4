/* memtrace plot: CSVs of a trace in a folder, and gnuplot's pictures of them. */
#include <errno.h>
#include <limits.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "commands/command.h"
#include "commands/traces.h"
#include "renderers/frames.h"
#include "renderers/places.h"
#include "util/memory.h"
#include "util/report_error.h"
#include "watch/trim.h"

struct plot_options {
    const char *folder;
};

static const struct option_entry entries[] = {
    {"output", 'o', OPTION_TEXT, offsetof(struct plot_options, folder), "FOLDER",
     "where the files go; made if missing (default: charts)", NULL},
};

static const struct options_usage usage = {
    .command = "plot",
    .operands = "TRACE",
    .help = "Memory over time, sites at the peak, a size histogram and leaks by site, as CSV, SVG and PNG",
    .details =
        "Writes timeline, sites, size_histogram and leaks with the endings .csv, .svg and .png. In the CSVs "
        "of\n"
        "sites and leaks all stacks of a place are added up. Needs gnuplot. Each picture can be made again,\n"
        "after editing the script or the CSV:  gnuplot -c timeline.gp timeline.csv timeline.svg\n"
        "The scripts are taken from $MEMTRACE_PLOTS, else from where memtrace is installed.\n",
    .entries = entries,
    .entry_count = sizeof entries / sizeof *entries,
    .operands_min = 1,
    .operands_max = 1,
};

/* A chart: its reducer, which is also the name of its CSV and script, and the column that rows with a stack
 * are added up and sorted by (NULL: rows have no stack). */
static const struct chart {
    const char *name, *merged_by;
} charts[] = {
    {"timeline", NULL},
    {"sites", "peak_bytes"},
    {"size_histogram", NULL},
    {"leaks", "bytes"},
};
#define CHARTS (sizeof charts / sizeof *charts)

static const char *const endings[] = {"svg", "png"};
#define ENDINGS (sizeof endings / sizeof *endings)

static int make_folder(const char *path)
{
    struct stat status;
    if (mkdir(path, 0777) == 0 || (errno == EEXIST && stat(path, &status) == 0 && S_ISDIR(status.st_mode)))
        return 0;
    report_error("cannot make the folder '%s': %s; give -o another", path, strerror(errno));
    return EXIT_TROUBLE;
}

static bool has_scripts(const char *folder)
{
    char *path = memory_format("%s/style.gp", folder);
    bool found = access(path, R_OK) == 0;
    free(path);
    return found;
}

/* The folder of the scripts, to be freed: of the source tree when run from build/, of the installation
 * when run from PREFIX/bin. NULL: reported. */
static char *find_scripts(void)
{
    const char *named = getenv("MEMTRACE_PLOTS");
    if (named != NULL && *named != '\0') {
        if (has_scripts(named)) return memory_text(named, strlen(named));
        report_error("MEMTRACE_PLOTS: there is no style.gp in '%s'", named);
        return NULL;
    }
    static const char *const places[] = {"../plots", "../share/memtrace/plots"};
    char own[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", own, sizeof own - 1);
    char *slash = length > 0 ? memrchr(own, '/', (size_t)length) : NULL;
    for (size_t i = 0; slash != NULL && i < sizeof places / sizeof *places; i++) {
        char *folder = memory_format("%.*s/%s", (int)(slash - own), own, places[i]);
        if (has_scripts(folder)) return folder;
        free(folder);
    }
    report_error("the gnuplot scripts are not beside memtrace: set MEMTRACE_PLOTS to their folder");
    return NULL;
}

static int write_csv(const struct result *result, const char *path, struct render_context *context)
{
    context->output = output_open(path);
    if (context->output == NULL) return EXIT_TROUBLE;
    render_csv.render(result, context);
    return output_close(context->output);
}

/* Analyze TRACE and write FOLDER/<name>.csv of each chart. */
static int write_csvs(struct trace *trace, const char *folder)
{
    const char *reducers[CHARTS];
    struct result *results[CHARTS];
    for (size_t i = 0; i < CHARTS; i++)
        reducers[i] = charts[i].name;
    int status = analysis_run(trace, reducers, CHARTS, NULL, results);
    if (status != 0 || (status = make_folder(folder)) != 0) return status;
    struct render_context context = {
        .symbolizer = symbolizer_new(), .trace_path = trace_path(trace), .trace_count = 1};
    for (size_t i = 0; i < CHARTS; i++) {
        if (charts[i].merged_by != NULL) {
            struct result *places = places_of(results[i], context.symbolizer, charts[i].merged_by);
            result_free(results[i]);
            results[i] = places;
        }
        char *path = memory_format("%s/%s.csv", folder, charts[i].name);
        if (status == 0) status = write_csv(results[i], path, &context);
        free(path);
        result_free(results[i]);
    }
    symbolizer_free(context.symbolizer);
    return status;
}

/* What gnuplot said, line by line: only after a failure, for an empty CSV makes it grumble as well. */
static void show_messages(FILE *messages)
{
    char line[512];
    rewind(messages);
    while (fgets(line, sizeof line, messages) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (*line != '\0') fprintf(stderr, "gnuplot: %s\n", line);
    }
}

/* Start gnuplot without a shell, its stderr going to MESSAGES. 0 or an errno. */
static int spawn_gnuplot(char *const *arguments, FILE *messages, pid_t *child)
{
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, fileno(messages), STDERR_FILENO);
    int error = posix_spawnp(child, arguments[0], &actions, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    return error;
}

static int run_gnuplot(const char *script, const char *csv, const char *picture, const char *program)
{
    /* -d: as the script says, not as the user's own .gnuplot */
    char *const arguments[] = {"gnuplot",       "-d", "-c", (char *)script, (char *)csv, (char *)picture,
                               (char *)program, NULL};
    FILE *messages = tmpfile();
    if (messages == NULL) {
        report_error("cannot make a temporary file: %s", strerror(errno));
        return EXIT_TROUBLE;
    }
    pid_t child;
    int wait_status = -1, error = spawn_gnuplot(arguments, messages, &child);
    while (error == 0 && waitpid(child, &wait_status, 0) < 0)
        if (errno != EINTR) error = errno;
    bool drawn = error == 0 && WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == 0;
    if (error != 0) {
        report_error(
            "cannot run gnuplot: %s; the CSVs are written, for pictures install it (package gnuplot-nox)",
            strerror(error));
    } else if (!drawn) {
        show_messages(messages);
        report_error("gnuplot could not make '%s'; to try again: gnuplot -c '%s' '%s' '%s'", picture, script,
                     csv, picture);
    }
    fclose(messages);
    return drawn ? 0 : EXIT_TROUBLE;
}

static int draw(const char *folder, const char *scripts, const char *program)
{
    int status = 0;
    for (size_t i = 0; i < CHARTS && status == 0; i++) {
        char *script = memory_format("%s/%s.gp", scripts, charts[i].name);
        char *csv = memory_format("%s/%s.csv", folder, charts[i].name);
        for (size_t k = 0; k < ENDINGS && status == 0; k++) {
            char *picture = memory_format("%s/%s.%s", folder, charts[i].name, endings[k]);
            status = run_gnuplot(script, csv, picture, program);
            free(picture);
        }
        free(script);
        free(csv);
    }
    return status;
}

static int run(int argc, char **argv)
{
    struct plot_options options = {.folder = "charts"};
    size_t count;
    enum options_outcome outcome = options_parse(&usage, &options, argc, argv, &count);
    if (outcome != OPTIONS_READY) return outcome == OPTIONS_HELPED ? 0 : EXIT_TROUBLE;
    struct trace *trace;
    trim_if_dead(argv[1]);
    int status = trace_open(argv[1], &trace);
    if (status != 0) return status;
    char *scripts = find_scripts();
    status = scripts == NULL ? EXIT_TROUBLE : write_csvs(trace, options.folder);
    if (status == 0) status = draw(options.folder, scripts, frames_base_name(trace_executable(trace)));
    free(scripts);
    trace_close(trace);
    return status;
}

const struct command command_plot = {"plot", "pictures of a trace, by gnuplot", run};
