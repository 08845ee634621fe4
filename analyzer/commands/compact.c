/* memtrace compact: a finished trace in the compact form, or back. The form changes, the name stays: whatever
 * reads traces reads both. As with gzip and xz the original goes when its successor is complete and has been
 * compared with it, not before; a name that is taken is not overwritten. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "commands/command.h"
#include "reader/block_codec.h"
#include "reader/compact_format.h"
#include "reader/trace_file.h"
#include "util/memory.h"
#include "util/options.h"
#include "util/report_error.h"
#include "watch/compact_trace.h"
#include "watch/trim.h"

#define NEW_SUFFIX ".new" /* of the file that is being written, until it takes its place */

struct compact_options {
    const char *output;
    uint64_t level;
    bool expand, force, verbose;
};

static const struct option_entry compact_entries[] = {
    {"output", 'o', OPTION_TEXT, offsetof(struct compact_options, output), "FILE",
     "write there, and keep the original (one TRACE only); - is standard output", NULL},
    {"level", 'l', OPTION_COUNT, offsetof(struct compact_options, level), "N",
     "1 (fast) to 22 (small), as zstd has them (default 12)", NULL},
    {"expand", 'd', OPTION_FLAG, offsetof(struct compact_options, expand), NULL,
     "the other way: make the raw form of a compact trace", NULL},
    {"force", 0, OPTION_FLAG, offsetof(struct compact_options, force), NULL,
     "overwrite FILE; write compact bytes to a terminal", NULL},
    {"verbose", 'v', OPTION_FLAG, offsetof(struct compact_options, verbose), NULL,
     "say on stderr what became of each trace's size", NULL},
};

static const struct options_usage compact_usage = {
    .command = "compact",
    .operands = "TRACE...",
    .help = "compress finished traces, in place",
    .details = "Each TRACE is replaced by its compact form under the same name, with the same mode and\n"
               "times, once that has been read again and found equal. Every command reads either form.\n"
               "A trace whose process still records is refused; one that is compact already is left as\n"
               "it is. What `memtrace run` left in two files (TRACE and TRACE.compact) when it was killed\n"
               "becomes one.\n",
    .entries = compact_entries,
    .entry_count = sizeof compact_entries / sizeof compact_entries[0],
    .operands_min = 1,
    .operands_max = SIZE_MAX,
};

/* --- The file that is being written ------------------------------------------------------------- */

/* Removed when a signal ends us. */
static char *volatile unfinished;

static void on_signal(int signal_number)
{
    if (unfinished != NULL) unlink(unfinished);
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

static void remove_when_ended(char *path)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    const struct sigaction plain = {.sa_handler = on_signal};
    struct sigaction before;
    unfinished = path;
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
        if (sigaction(signals[i], NULL, &before) == 0 && before.sa_handler == SIG_DFL)
            sigaction(signals[i], &plain, NULL);
}

/* --- One trace ----------------------------------------------------------------------------------- */

struct job {
    const struct compact_options *options;
    const char *path; /* as given */
    struct trace *trace;
    char *target; /* the name that the result gets */
    char *made;   /* the name that it has until then; the same as target with -o */
    int fd;
};

static bool has_suffix(const char *path)
{
    size_t length = strlen(path), suffix = strlen(COMPACT_SUFFIX);
    return length > suffix && strcmp(path + length - suffix, COMPACT_SUFFIX) == 0;
}

static int job_open(struct job *job)
{
    enum trim_outcome outcome = trim_if_dead(job->path);
    if (outcome != TRIM_IN_USE) {
        if (trace_open(job->path, &job->trace) != 0) return EXIT_TROUBLE;
        if (outcome != TRIM_UNKNOWABLE || !trace_process_runs(job->trace)) return 0;
    }
    report_error("'%s' is still being recorded: its process runs; compact it when that has ended", job->path);
    return EXIT_TROUBLE;
}

/* Is there nothing to do? */
static bool job_is_done(const struct job *job)
{
    if (job->options->output != NULL) return false;
    return job->options->expand ? trace_is_raw(job->trace) : trace_is_compact(job->trace);
}

/* The names. The result has PATH's, or, where only one of two files is left and that was given, the name of
 * the whole. */
static void job_name(struct job *job)
{
    const char *output = job->options->output;
    size_t length = strlen(job->path) - (has_suffix(job->path) ? strlen(COMPACT_SUFFIX) : 0);
    job->target = output != NULL ? memory_text(output, strlen(output)) : memory_text(job->path, length);
    job->made =
        output != NULL ? memory_text(output, strlen(output)) : memory_format("%s%s", job->target, NEW_SUFFIX);
}

static int job_create(struct job *job)
{
    const char *output = job->options->output;
    if (output != NULL && strcmp(output, "-") == 0) {
        if (!job->options->expand && (!isatty(STDOUT_FILENO) || job->options->force)) {
            job->fd = STDOUT_FILENO;
            return 0;
        }
        report_error(job->options->expand
                         ? "the raw form has holes: it is written to a file, not to standard output"
                         : "compact bytes are not written to a terminal (--force does it)");
        return EXIT_TROUBLE;
    }
    struct stat source, there;
    if (output != NULL && stat(job->path, &source) == 0 && stat(output, &there) == 0 &&
        source.st_ino == there.st_ino && source.st_dev == there.st_dev) {
        report_error("'%s' is the trace itself; without -o it is replaced when its successor is complete",
                     output);
        return EXIT_TROUBLE;
    }
    if (output != NULL && job->options->force) unlink(output);
    job->fd = open(job->made, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (job->fd >= 0) {
        remove_when_ended(job->made);
        return 0;
    }
    if (errno == EEXIST && output != NULL)
        report_error("'%s' exists; it is not overwritten (--force does it)", output);
    else if (errno == EEXIST)
        report_error("'%s' exists: another memtrace compact writes it, or was killed; then remove it",
                     job->made);
    else
        report_error("cannot write '%s': %s", job->made, strerror(errno));
    return EXIT_TROUBLE;
}

static int job_write(struct job *job)
{
    int status = job->options->expand ? compact_trace_expand(job->trace, job->fd)
                                      : compact_trace_write(job->trace, job->fd, (int)job->options->level);
    if (status == 0 && (job->fd == STDOUT_FILENO || fsync(job->fd) == 0)) return 0;
    if (errno != EBADMSG) /* what is damaged was reported where it was found */
        report_error("cannot write %s: %s; '%s' stays as it is",
                     job->fd == STDOUT_FILENO ? "standard output" : job->made, strerror(errno), job->path);
    return EXIT_TROUBLE;
}

/* What was written, read again: nothing is removed before. */
static int job_verify(const struct job *job)
{
    struct trace *made;
    if (trace_open(job->made, &made) != 0) return EXIT_TROUBLE;
    bool equal = compact_trace_equal(job->trace, made);
    trace_close(made);
    if (equal) return 0;
    report_error("'%s' does not read as '%s' does (is the disk or the memory damaged?); the original stays",
                 job->made, job->path);
    return EXIT_TROUBLE;
}

/* The result takes the original's place, with its owner as far as that may be given away, mode and times. */
static int job_replace(const struct job *job)
{
    struct stat file;
    if (stat(job->path, &file) != 0) return 0;
    if (fchown(job->fd, file.st_uid, file.st_gid) != 0) file.st_mode &= 0777;
    fchmod(job->fd, file.st_mode & 07777);
    const struct timespec times[2] = {file.st_atim, file.st_mtim};
    futimens(job->fd, times);
    if (job->options->output != NULL) return 0;
    if (rename(job->made, job->target) != 0) {
        report_error("cannot replace '%s': %s; it stays as it is", job->target, strerror(errno));
        return EXIT_TROUBLE;
    }
    char *half = memory_format("%s%s", job->target, COMPACT_SUFFIX);
    unlink(half); /* what it held is in the one file now */
    free(half);
    return 0;
}

static void job_tell(const struct job *job)
{
    struct stat made;
    uint64_t records = trace_record_bytes(job->trace);
    if (!job->options->verbose || fstat(job->fd, &made) != 0) return;
    report_error("%s: %" PRIu64 " bytes of records, %" PRIu64 " bytes %s (%.1f %%)", job->target, records,
                 (uint64_t)made.st_size, job->options->expand ? "expanded" : "compact",
                 records > 0 ? 100.0 * (double)made.st_size / (double)records : 100.0);
}

/* With the result's file open. */
static int job_make(struct job *job)
{
    int status = job_write(job);
    if (job->fd == STDOUT_FILENO) return status;
    if (status == 0) status = job_verify(job);
    if (status == 0) status = job_replace(job);
    if (status == 0) job_tell(job);
    if (status != 0) unlink(job->made);
    return status;
}

static int compact_one(const struct compact_options *options, const char *path)
{
    struct job job = {.options = options, .path = path, .fd = -1};
    int status = job_open(&job);
    if (status == 0 && !job_is_done(&job)) {
        job_name(&job);
        status = job_create(&job);
        if (status == 0) status = job_make(&job);
        unfinished = NULL;
        if (job.fd > STDERR_FILENO) close(job.fd);
        free(job.target);
        free(job.made);
    }
    trace_close(job.trace);
    return status;
}

/* --- The command --------------------------------------------------------------------------------- */

static int compact_main(int argc, char **argv)
{
    struct compact_options options = {.level = 12};
    size_t count;
    int status = 0;
    enum options_outcome outcome = options_parse(&compact_usage, &options, argc, argv, &count);
    if (outcome != OPTIONS_READY) return outcome == OPTIONS_HELPED ? 0 : EXIT_TROUBLE;
    if (options.level < BLOCK_LEVEL_MIN || options.level > BLOCK_LEVEL_MAX) {
        report_error("--level %" PRIu64 ": levels go from %d to %d", options.level, BLOCK_LEVEL_MIN,
                     BLOCK_LEVEL_MAX);
        return EXIT_TROUBLE;
    }
    if (options.output != NULL && count > 1) {
        report_error("-o names one file, and %zu traces are given; leave it out, or compact them one by one",
                     count);
        return EXIT_TROUBLE;
    }
    /* A closed pipe is told like a full disk, by the write that fails. */
    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < count; i++)
        if (compact_one(&options, argv[1 + i]) != 0) status = EXIT_TROUBLE;
    return status;
}

const struct command command_compact = {"compact", "compress finished traces, in place", compact_main};
