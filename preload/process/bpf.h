/* Classic BPF as seccomp runs it: what would a filter say of a system call? */
#ifndef MEMTRACE_PROCESS_BPF_H
#define MEMTRACE_PROCESS_BPF_H

#include <stdbool.h>
#include <stdint.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

/* Run FILTER[0..LENGTH) on CALL: the value it returns (SECCOMP_RET_*). A program that the kernel would refuse
 * (an unknown instruction, a jump out of it, an end without a return) gives SECCOMP_RET_KILL_PROCESS. No
 * system call, under 128 bytes of stack; at most LENGTH steps, since jumps only lead forward.
 * Source: Linux kernel/seccomp.c, seccomp_check_filter; Documentation/networking/filter.rst. */
uint32_t bpf_run(const struct sock_filter *filter, uint32_t length, const struct seccomp_data *call);

/* Whether a call with that verdict is carried out as if there were no filter. */
static inline bool bpf_allows(uint32_t verdict)
{
    uint32_t action = verdict & 0xffff0000u; /* SECCOMP_RET_ACTION_FULL */
    return action == SECCOMP_RET_ALLOW || action == 0x7ffc0000u /* SECCOMP_RET_LOG, Linux 4.14 */;
}

#endif
