/* From .eh_frame to one compact rule. */
#ifndef MEMTRACE_SLOW_CFI_RULE_H
#define MEMTRACE_SLOW_CFI_RULE_H

#include <stdint.h>

/* The rule (hot/unwind_rule.h) for a frame that stands at the instruction that holds address PC, in the
 * module mapped from MAP_START (where its ELF header is) whose .eh_frame_hdr is at EH_FRAME_HDR (0: it has
 * none). RULE_NO_CFI when CFI has nothing on PC or cannot be made sense of: every read is kept inside the
 * module's readable segments, and no field is believed. 1.5 KiB of stack; one system call. */
__attribute__((noinline, cold)) uint64_t cfi_rule_make(uint64_t pc, uint64_t map_start,
                                                       uint64_t eh_frame_hdr);

#endif
