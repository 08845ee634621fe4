/* In front of each of the recorder's sources (-include): its system calls as a kernel before 5.14 would
 * answer them, where qemu-user 7.2 does not. So that all of it but fork can be run for a machine that is not
 * at hand. */
#ifndef __ASSEMBLER__
#ifndef MEMTRACE_TESTS_EMULATED_SYSCALLS_H
#define MEMTRACE_TESTS_EMULATED_SYSCALLS_H

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include "syscall.h"

/* One for all sources. */
__attribute__((weak, visibility("hidden"))) int emulated_trace_fd = -1, emulated_wiped_pages;

/* Advice that is not known is refused. qemu knows what is mapped, which mincore tells. */
static inline long emulated_madvise(long address, long bytes, long advice)
{
    unsigned char resident[16];
    switch (advice) {
    case 0 /* MADV_NORMAL */:
    case 1 /* MADV_RANDOM */:
    case 10 /* MADV_DONTFORK */:
        return 0;
    case 18 /* MADV_WIPEONFORK */: /* asked for the image's page, then, by mechanisms.c, for a file's */
        return emulated_wiped_pages++ == 0 ? 0 : -22;
    case 22 /* MADV_POPULATE_READ */:
        for (long end = address + bytes; address < end; address += 4096)
            if (raw_syscall(SYS_mincore, address, 4096, (long)resident, 0, 0, 0) != 0) return -14;
        return 0;
    default:
        return -22; /* EINVAL; MADV_POPULATE_WRITE is of 5.14 */
    }
}

/* qemu's mremap takes no size of 0: the file is mapped once more, from its start as everything is that asks.
 */
static inline long emulated_syscall(long number, long a, long b, long c, long d, long e, long f)
{
    if (number == SYS_madvise) return emulated_madvise(a, b, c);
    if (number == SYS_mremap && b == 0)
        return raw_syscall(SYS_mmap, 0, c, PROT_READ | PROT_WRITE, MAP_SHARED, emulated_trace_fd, 0);
    long result = raw_syscall(number, a, b, c, d, e, f);
    if (number == SYS_openat && c & O_EXCL && result >= 0)
        emulated_trace_fd = (int)raw_syscall(SYS_fcntl, result, F_DUPFD_CLOEXEC, 500, 0, 0, 0);
    return result;
}
#define raw_syscall emulated_syscall

#endif
#endif
