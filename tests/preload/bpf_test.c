/* objects: preload/process/bpf.o */
/* What bpf_run says of a filter, against the kernel: each random program is put up as a seccomp filter in a
 * child (where the kernel admits it) and tried on a system call whose refusal can be seen. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "process/bpf.h"
#include "machine.h"
#include "syscall.h"

#define KILL 0x80000000u

static uint64_t random_state = 88172645463325252u;
static uint32_t random_below(uint32_t limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)(random_state >> 20) % limit;
}

/* An instruction out of those that seccomp admits, and now and then one that it does not. */
static struct sock_filter random_instruction(uint32_t left)
{
    static const uint16_t codes[] = {
        BPF_LD | BPF_W | BPF_ABS,
        BPF_LD | BPF_W | BPF_ABS,
        BPF_LD | BPF_IMM,
        BPF_LDX | BPF_IMM,
        BPF_LD | BPF_MEM,
        BPF_LDX | BPF_MEM,
        BPF_ST,
        BPF_STX,
        BPF_LD | BPF_W | BPF_LEN,
        BPF_LDX | BPF_W | BPF_LEN,
        BPF_ALU | BPF_ADD | BPF_K,
        BPF_ALU | BPF_SUB | BPF_X,
        BPF_ALU | BPF_MUL | BPF_K,
        BPF_ALU | BPF_DIV | BPF_X,
        BPF_ALU | BPF_DIV | BPF_K,
        BPF_ALU | BPF_AND | BPF_K,
        BPF_ALU | BPF_OR | BPF_X,
        BPF_ALU | BPF_XOR | BPF_X,
        BPF_ALU | BPF_LSH | BPF_K,
        BPF_ALU | BPF_RSH | BPF_X,
        BPF_ALU | BPF_NEG,
        BPF_MISC | BPF_TAX,
        BPF_MISC | BPF_TXA,
        BPF_JMP | BPF_JA,
        BPF_JMP | BPF_JEQ | BPF_K,
        BPF_JMP | BPF_JGT | BPF_K,
        BPF_JMP | BPF_JGE | BPF_X,
        BPF_JMP | BPF_JSET | BPF_K,
        BPF_JMP | BPF_JEQ | BPF_X,
        BPF_RET | BPF_K,
        BPF_RET | BPF_A,
        BPF_ALU | 0x90 /* modulo */,
    };
    static const uint32_t values[] = {0, 1, 3, 31, 32, 255, 0x7fffffff, 0xffffffff, 16};
    uint16_t code = codes[random_below(sizeof(codes) / sizeof(codes[0]))];
    uint32_t k = values[random_below(sizeof(values) / sizeof(values[0]))];
    if (BPF_CLASS(code) == BPF_RET || random_below(4) == 0)
        k = random_below(2) ? SECCOMP_RET_ALLOW : SECCOMP_RET_ERRNO | (1 + random_below(100));
    if (code == (BPF_LD | BPF_W | BPF_ABS)) k = random_below(17) * 4;
    if (code == BPF_ST || code == BPF_STX || code == (BPF_LD | BPF_MEM) || code == (BPF_LDX | BPF_MEM))
        k = random_below(17);
    if ((BPF_CLASS(code) == BPF_ALU && (BPF_OP(code) == BPF_LSH || BPF_OP(code) == BPF_RSH)))
        k = random_below(33);
    if (code == (BPF_JMP | BPF_JA)) k = random_below(left + 1);
    return (struct sock_filter){
        .code = code, .jt = (uint8_t)random_below(left + 1), .jf = (uint8_t)random_below(left + 1), .k = k};
}

/* In front of the random part: only getpriority with its magic arguments gets there. Behind it: allow. */
#define PROLOGUE 6u
static void random_program(struct sock_filter *program, uint32_t length)
{
    const struct sock_filter prologue[PROLOGUE] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getpriority, 0, 2),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x12345678, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_MISC | BPF_TAX, 0),
    };
    memcpy(program, prologue, sizeof(prologue));
    for (uint32_t i = PROLOGUE; i < length - 1; i++)
        program[i] = random_instruction(length - 2 - i);
    program[length - 1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
}

/* What came of the call behind the filter, as an exit status: 255 the filter was refused, else errno (0:
 * allowed and EINVAL by the kernel itself, which that argument is). */
static int try_in_child(const struct sock_filter *program, uint32_t length)
{
    pid_t child = fork();
    if (child == 0) {
        struct sock_fprog filter = {.len = (unsigned short)length,
                                    .filter = (struct sock_filter *)(uintptr_t)program};
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) _exit(254);
        if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0) _exit(255);
        long result = raw_syscall(SYS_getpriority, 0x12345678, 0xabcdef, -1, 1l << 40, 77, 0);
        _exit(result == -EINVAL ? 0 : (int)-result);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFSIGNALED(status)) return 300; /* killed: SECCOMP_RET_KILL and unknown actions */
    return WEXITSTATUS(status);
}

static void against_the_kernel(void **state)
{
    (void)state;
    unsigned refused = 0, allowed = 0, denied = 0;
    for (int round = 0; round < 3000; round++) {
        struct sock_filter program[64];
        uint32_t length = PROLOGUE + 2 + random_below(20);
        random_program(program, length);
        int status = try_in_child(program, length);
        struct seccomp_data call = {.nr = SYS_getpriority,
                                    .arch = ARCH_AUDIT,
                                    .args = {0x12345678, 0xabcdef, (uint64_t)-1, 1ull << 40, 77, 0}};
        /* Where the call is made from is unknown here: leave programs alone that ask. */
        bool asks = false;
        for (uint32_t i = 0; i < length; i++)
            asks |=
                program[i].code == (BPF_LD | BPF_W | BPF_ABS) && (program[i].k == 8 || program[i].k == 12);
        if (asks) continue;
        uint32_t verdict = bpf_run(program, length, &call);
        if (status == 255) {
            refused++;
            continue;
        }
        assert_int_not_equal(status, 254);
        if (bpf_allows(verdict)) {
            assert_int_equal(status, 0);
            allowed++;
        } else {
            if ((verdict & 0xffff0000u) == SECCOMP_RET_ERRNO) {
                uint32_t error = verdict & 0xffff;
                assert_int_equal(status, error > 4095 ? (4095 & 0xff) : error == EINVAL ? 0 : (error & 0xff));
            } else {
                assert_in_range(status, 1, 300); /* killed, trapped or ENOSYS */
            }
            denied++;
        }
    }
    print_message("# %u refused, %u allowed, %u denied\n", refused, allowed, denied);
    assert_in_range(allowed, 100, 3000);
    assert_in_range(denied, 100, 3000);
    assert_in_range(refused, 100, 3000);
}

static void check(const struct sock_filter *program, uint32_t length, uint32_t expected)
{
    struct seccomp_data call = {.nr = 7, .arch = 9, .args = {0x1122334455667788}};
    assert_int_equal(bpf_run(program, length, &call), expected);
}

/* What the kernel never runs must not lead anywhere either. */
static void nonsense(void **state)
{
    (void)state;
    const struct sock_filter no_end[] = {BPF_STMT(BPF_LD | BPF_IMM, 1)};
    check(no_end, 1, KILL);
    check(no_end, 0, KILL);
    const struct sock_filter far[] = {BPF_JUMP(BPF_JMP | BPF_JA, 0xffffffff, 0, 0),
                                      BPF_STMT(BPF_RET | BPF_K, 5)};
    check(far, 2, KILL);
    const struct sock_filter beyond[] = {BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 255, 255),
                                         BPF_STMT(BPF_RET | BPF_K, 5)};
    check(beyond, 2, KILL);
    const struct sock_filter odd[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 2), BPF_STMT(BPF_RET | BPF_K, 5)};
    check(odd, 2, KILL);
    const struct sock_filter outside[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 64),
                                          BPF_STMT(BPF_RET | BPF_K, 5)};
    check(outside, 2, KILL);
    const struct sock_filter memory[] = {BPF_STMT(BPF_ST, 16), BPF_STMT(BPF_RET | BPF_K, 5)};
    check(memory, 2, KILL);
    const struct sock_filter unknown[] = {{.code = 0xffff}, BPF_STMT(BPF_RET | BPF_K, 5)};
    check(unknown, 2, KILL);
    const struct sock_filter packet[] = {BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 0), BPF_STMT(BPF_RET | BPF_K, 5)};
    check(packet, 2, KILL);
}

static void known(void **state)
{
    (void)state;
    const struct sock_filter low[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 16), BPF_STMT(BPF_RET | BPF_A, 0)};
    check(low, 2, 0x55667788);
    const struct sock_filter high[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 20), BPF_STMT(BPF_RET | BPF_A, 0)};
    check(high, 2, 0x11223344);
    const struct sock_filter length[] = {BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0), BPF_STMT(BPF_RET | BPF_A, 0)};
    check(length, 2, 64);
    assert_true(bpf_allows(SECCOMP_RET_ALLOW));
    assert_true(bpf_allows(0x7ffc0000));
    assert_false(bpf_allows(SECCOMP_RET_ERRNO));
    assert_false(bpf_allows(SECCOMP_RET_TRACE));
    assert_false(bpf_allows(KILL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known),
        cmocka_unit_test(nonsense),
        cmocka_unit_test(against_the_kernel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
