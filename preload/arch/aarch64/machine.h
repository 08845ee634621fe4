/* What aarch64 is called in files and by the kernel, and what the recorder does there where machines differ.
 */
#ifndef MEMTRACE_ARCH_MACHINE_H
#define MEMTRACE_ARCH_MACHINE_H

#include "memtrace/trace_format.h"

#define ARCH_ELF_MACHINE 183         /* EM_AARCH64 */
#define ARCH_AUDIT       0xc00000b7u /* AUDIT_ARCH_AARCH64: how seccomp filters are told the machine */
#define ARCH_CLOCK       TRACE_CLOCK_GENERIC_TIMER
/* Compilers keep frame records here unless they are told not to, and distributions do not tell them. */
#define ARCH_UNWINDER TRACE_UNWINDER_FRAME_POINTER
#define ARCH_HAS_CFI  false /* a return address lies beside the saved x29, not below the CFA */

/* User addresses end here at the latest. A kernel with 52-bit addresses gives larger ones only to those who
 * ask for them; a stack up there is walked no further than its first frame. */
#define ARCH_ADDRESS_END (1ull << 48)

#endif
