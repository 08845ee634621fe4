#include "process/bpf.h"

#include <string.h>

#define REFUSED 0x80000000u /* SECCOMP_RET_KILL_PROCESS, Linux 4.14 */

struct machine {
    uint32_t a, x;
    uint32_t memory[BPF_MEMWORDS];
};

/* The arithmetic operations that seccomp admits. False: none of them, or a division by zero, at which the
 * kernel's filters return 0. */
static bool compute(uint32_t *a, uint16_t operation, uint32_t operand)
{
    switch (operation) {
    case BPF_ADD:
        *a += operand;
        return true;
    case BPF_SUB:
        *a -= operand;
        return true;
    case BPF_MUL:
        *a *= operand;
        return true;
    case BPF_DIV:
        if (operand == 0) return false;
        *a /= operand;
        return true;
    case BPF_AND:
        *a &= operand;
        return true;
    case BPF_OR:
        *a |= operand;
        return true;
    case BPF_XOR:
        *a ^= operand;
        return true;
    case BPF_LSH:
        *a <<= operand & 31;
        return true;
    case BPF_RSH:
        *a >>= operand & 31;
        return true;
    case BPF_NEG:
        *a = -*a;
        return true;
    default:
        return false;
    }
}

static bool compare(uint32_t a, uint16_t operation, uint32_t operand, bool *holds)
{
    switch (operation) {
    case BPF_JEQ:
        *holds = a == operand;
        return true;
    case BPF_JGT:
        *holds = a > operand;
        return true;
    case BPF_JGE:
        *holds = a >= operand;
        return true;
    case BPF_JSET:
        *holds = (a & operand) != 0;
        return true;
    default:
        return false;
    }
}

/* What a load puts into its register. False: no load of a filter on system calls. */
static bool load(const struct machine *machine, const struct sock_filter *at, const struct seccomp_data *call,
                 uint32_t *value)
{
    if (BPF_SIZE(at->code) != BPF_W) return false;
    switch (BPF_MODE(at->code)) {
    case BPF_IMM:
        *value = at->k;
        return true;
    case BPF_ABS:
        if (at->k > sizeof(*call) - 4 || (at->k & 3) != 0 || BPF_CLASS(at->code) != BPF_LD) return false;
        memcpy(value, (const uint8_t *)call + at->k, 4);
        return true;
    case BPF_MEM:
        if (at->k >= BPF_MEMWORDS) return false;
        *value = machine->memory[at->k];
        return true;
    case BPF_LEN:
        *value = sizeof(*call);
        return true;
    default:
        return false;
    }
}

/* Everything but jumps and returns. */
static bool step(struct machine *machine, const struct sock_filter *at, const struct seccomp_data *call)
{
    switch (BPF_CLASS(at->code)) {
    case BPF_LD:
        return load(machine, at, call, &machine->a);
    case BPF_LDX:
        return load(machine, at, call, &machine->x);
    case BPF_ST:
    case BPF_STX:
        if (at->k >= BPF_MEMWORDS) return false;
        machine->memory[at->k] = BPF_CLASS(at->code) == BPF_ST ? machine->a : machine->x;
        return true;
    case BPF_ALU:
        return compute(&machine->a, BPF_OP(at->code), BPF_SRC(at->code) == BPF_X ? machine->x : at->k);
    case BPF_MISC:
        if (BPF_MISCOP(at->code) == BPF_TAX)
            machine->x = machine->a;
        else if (BPF_MISCOP(at->code) == BPF_TXA)
            machine->a = machine->x;
        else
            return false;
        return true;
    default:
        return false;
    }
}

uint32_t bpf_run(const struct sock_filter *filter, uint32_t length, const struct seccomp_data *call)
{
    struct machine machine = {0};
    for (uint32_t at = 0; at < length; at++) {
        const struct sock_filter *now = &filter[at];
        if (BPF_CLASS(now->code) == BPF_RET) return BPF_RVAL(now->code) == BPF_A ? machine.a : now->k;
        if (BPF_CLASS(now->code) != BPF_JMP) {
            if (!step(&machine, now, call)) return REFUSED;
            continue;
        }
        uint32_t leap = now->k;
        if (BPF_OP(now->code) != BPF_JA) {
            bool holds;
            uint32_t operand = BPF_SRC(now->code) == BPF_X ? machine.x : now->k;
            if (!compare(machine.a, BPF_OP(now->code), operand, &holds)) return REFUSED;
            leap = holds ? now->jt : now->jf;
        }
        if (leap >= length - at) return REFUSED;
        at += leap;
    }
    return REFUSED;
}
