/* Raw system calls: no errno, no cancellation point, no libc. */
#ifndef MEMTRACE_ARCH_SYSCALL_H
#define MEMTRACE_ARCH_SYSCALL_H

/* System call NUMBER with six arguments (unused ones 0). The result, or -errno; errno itself is left alone.
 * Every register but x0 survives. Source: Linux arch/arm64/kernel/entry.S; syscall(2), "Architecture calling
 * conventions". */
static inline long raw_syscall(long number, long a, long b, long c, long d, long e, long f)
{
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    register long x4 __asm__("x4") = e;
    register long x5 __asm__("x5") = f;
    __asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
    return x0;
}

#endif
