/* Any 64-bit machine that has no folder of its own here: what can be said of it in C. Recording works; stacks
 * are libunwind's, or one frame where that is missing; sandboxes are not seen before they go up. */
#ifndef MEMTRACE_ARCH_MACHINE_H
#define MEMTRACE_ARCH_MACHINE_H

#include <elf.h>

#include "memtrace/trace_format.h"

_Static_assert(sizeof(long) == 8, "addresses and system call arguments have 64 bits");

/* Our own header, which every linker maps. */
extern const Elf64_Ehdr __ehdr_start __attribute__((visibility("hidden")));

#define ARCH_ELF_MACHINE (__ehdr_start.e_machine)
#define ARCH_AUDIT       0u /* no filter is evaluated: prctl and syscall are not interposed */
#define ARCH_CLOCK       TRACE_CLOCK_MONOTONIC
#define ARCH_UNWINDER    TRACE_UNWINDER_LIBUNWIND
#define ARCH_HAS_CFI     false

/* User addresses end here or higher; a stack beyond is not walked. */
#define ARCH_ADDRESS_END (1ull << 47)

#endif
