/* What x86-64 is called in files and by the kernel, and what the recorder does there where machines differ.
 */
#ifndef MEMTRACE_ARCH_MACHINE_H
#define MEMTRACE_ARCH_MACHINE_H

#include "memtrace/trace_format.h"

#define ARCH_ELF_MACHINE 62          /* EM_X86_64 */
#define ARCH_AUDIT       0xc000003eu /* AUDIT_ARCH_X86_64: how seccomp filters are told the machine */
#define ARCH_CLOCK       TRACE_CLOCK_TSC
#define ARCH_UNWINDER    TRACE_UNWINDER_CFI /* where MEMTRACE_UNWINDER names none */
#define ARCH_HAS_CFI     true               /* hot/unwind.c knows the frames of this machine */

/* User addresses end here: the kernel never maps the page below, whatever the program does. */
#define ARCH_ADDRESS_END (1ull << 47)

#endif
