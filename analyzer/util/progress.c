#include "util/progress.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define PROGRESS_DELAY_NS 1000000000
#define PROGRESS_EVERY_NS 100000000

static struct {
    const char *what; /* NULL: nothing is going on, or nobody watches */
    int64_t next_ns;  /* when to print next */
    bool shown;
} progress;

static int64_t progress_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

void progress_begin(const char *what)
{
    progress.what = isatty(STDERR_FILENO) ? what : NULL;
    progress.shown = false;
    progress.next_ns = progress_now_ns() + PROGRESS_DELAY_NS;
}

void progress_update(double fraction)
{
    if (progress.what == NULL) return;
    int64_t now = progress_now_ns();
    if (now < progress.next_ns) return;
    progress.next_ns = now + PROGRESS_EVERY_NS;
    progress.shown = true;
    fprintf(stderr, "\r\033[K%s: %3.0f %%", progress.what, 100 * fraction);
    fflush(stderr);
}

void progress_hide(void)
{
    if (!progress.shown) return;
    progress.shown = false;
    fputs("\r\033[K", stderr);
    fflush(stderr);
}

void progress_end(void)
{
    progress_hide();
    progress.what = NULL;
}
