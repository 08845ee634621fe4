/* Silence while what is expected to be refused many times says so on stderr. */
#ifndef TESTS_QUIET_STDERR_H
#define TESTS_QUIET_STDERR_H

#include <fcntl.h>
#include <unistd.h>

/* From here on stderr leads nowhere. What quiet_end is to be given. */
static inline int quiet_begin(void)
{
    int kept = dup(STDERR_FILENO), null = open("/dev/null", O_WRONLY);

    dup2(null, STDERR_FILENO);
    close(null);
    return kept;
}

static inline void quiet_end(int kept)
{
    dup2(kept, STDERR_FILENO);
    close(kept);
}

#endif
