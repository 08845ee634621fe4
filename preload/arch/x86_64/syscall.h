/* Raw system calls: no errno, no cancellation point, no libc. */
#ifndef MEMTRACE_ARCH_SYSCALL_H
#define MEMTRACE_ARCH_SYSCALL_H

/* System call NUMBER with six arguments (unused ones 0). The result, or -errno; errno itself is left alone.
 * Source: System V psABI for AMD64, A.2.1. */
static inline long raw_syscall(long number, long a, long b, long c, long d, long e, long f)
{
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

#endif
