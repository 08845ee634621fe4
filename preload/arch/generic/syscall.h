/* Raw system calls by the C library's syscall: no cancellation point, and errno is put back. */
#ifndef MEMTRACE_ARCH_SYSCALL_H
#define MEMTRACE_ARCH_SYSCALL_H

#include <errno.h>
#include <unistd.h>

/* System call NUMBER with six arguments (unused ones 0). The result, or -errno; errno itself is left alone.
 */
static inline long raw_syscall(long number, long a, long b, long c, long d, long e, long f)
{
    int program_errno = errno;
    long result = syscall(number, a, b, c, d, e, f);
    if (result == -1) result = -errno;
    errno = program_errno;
    return result;
}

#endif
