/* For reuse of the previous stack: allocations whose inner frames stand at the same addresses with the same
 * return addresses, while rbp leads to another caller. The old caller's words are still in memory, below the
 * new one's. Once rbp is a register of the frame where the stacks meet, and once it was saved by it. Prints
 * allocations=N. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static unsigned long allocations;
static volatile unsigned long sum;

__attribute__((noinline)) void allocate(void);
__attribute__((noinline)) void allocate(void)
{
    void *block = malloc(24);
    allocations++;
    sum += (uintptr_t)block & 1;
    free(block);
}

/* Calls allocate with another use for rbp: its CFA is found by rsp, its caller's by the rbp that it saved. */
void saves_rbp(void);
__asm__(".type saves_rbp, @function\n"
        "saves_rbp:\n"
        ".cfi_startproc\n"
        "push %rbp\n"
        ".cfi_def_cfa_offset 16\n"
        ".cfi_offset %rbp, -16\n"
        "mov $0x1234, %ebp\n"
        "sub $16, %rsp\n"
        ".cfi_def_cfa_offset 32\n"
        "call allocate\n"
        "add $16, %rsp\n"
        ".cfi_def_cfa_offset 16\n"
        "pop %rbp\n"
        ".cfi_restore %rbp\n"
        ".cfi_def_cfa_offset 8\n"
        "ret\n"
        ".cfi_endproc\n"
        ".size saves_rbp, . - saves_rbp\n");

/* padded(BYTES, FUNCTION): calls FUNCTION below so many bytes that nobody writes: what they held before
 * stays. Its CFA is found by rbp. The two sites call it with the padding in their own frame, and in its
 * frame; so FUNCTION runs at the same address, called by the same code. */
void padding_here(void (*function)(void));
void padding_there(void (*function)(void));
__asm__(".macro begin name\n"
        ".globl \\name\n"
        ".type \\name, @function\n"
        "\\name:\n"
        ".cfi_startproc\n"
        "push %rbp\n"
        ".cfi_def_cfa_offset 16\n"
        ".cfi_offset %rbp, -16\n"
        "mov %rsp, %rbp\n"
        ".cfi_def_cfa_register %rbp\n"
        ".endm\n"
        ".macro finish\n"
        "leave\n"
        ".cfi_def_cfa %rsp, 8\n"
        "ret\n"
        ".cfi_endproc\n"
        ".endm\n"
        "begin padded\n"
        "sub %rdi, %rsp\n"
        "call *%rsi\n"
        "finish\n"
        "begin padding_here\n"
        "sub $512, %rsp\n"
        "mov %rdi, %rsi\n"
        "mov $0, %edi\n"
        "call padded\n"
        "finish\n"
        "begin padding_there\n"
        "mov %rdi, %rsi\n"
        "mov $512, %edi\n"
        "call padded\n"
        "finish\n");

int main(void)
{
    void (*const sites[])(void (*)(void)) = {padding_here, padding_there};
    void (*const functions[])(void) = {allocate, saves_rbp};
    for (volatile unsigned i = 0; i < 400; i++) /* one call: the outer frames, too, must look the same */
        sites[i % 2](functions[i / 2 % 2]);
    dprintf(1, "allocations=%lu\n", allocations);
    return 0;
}
