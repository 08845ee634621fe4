/* The hooks of prctl and syscall. A call that puts up a sandbox goes to process/sandbox.c; every other leaves by a
 * jump, with all registers and the stack as the program made them: through a C function, a clone with a stack
 * of the caller's own, or a vfork, would come back to a frame that is not there, or is the parent's.
 * Source: System V psABI for AMD64, 3.2.3 (arguments; a variadic function has the same registers). */
#include <asm/unistd_64.h>

#define PR_SET_SECCOMP               22
#define PR_SET_TSC                   26
#define PR_SET_SYSCALL_USER_DISPATCH 59

    .text
    .hidden next_prctl
    .hidden next_syscall
    .hidden sandbox_prctl
    .hidden sandbox_syscall
    .hidden image_init

    .globl prctl
    .type prctl, @function
prctl:
    .cfi_startproc
    endbr64
    cmpq $0, next_prctl(%rip)
    jne 1f
    call before_init
1:  cmpl $PR_SET_SECCOMP, %edi
    je sandbox_prctl
    cmpl $PR_SET_TSC, %edi
    je sandbox_prctl
    cmpl $PR_SET_SYSCALL_USER_DISPATCH, %edi
    je sandbox_prctl
    jmp *next_prctl(%rip)
    .cfi_endproc
    .size prctl, . - prctl

    .globl syscall
    .type syscall, @function
syscall:
    .cfi_startproc
    endbr64
    cmpq $0, next_syscall(%rip)
    jne 1f
    call before_init
1:  cmpq $__NR_seccomp, %rdi
    je sandbox_syscall
    cmpq $__NR_prctl, %rdi
    je sandbox_syscall
    jmp *next_syscall(%rip)
    .cfi_endproc
    .size syscall, . - syscall

/* Called before our constructor, by another library's. Every argument survives. */
    .type before_init, @function
before_init:
    .cfi_startproc
    push %rdi
    .cfi_adjust_cfa_offset 8
    push %rsi
    .cfi_adjust_cfa_offset 8
    push %rdx
    .cfi_adjust_cfa_offset 8
    push %rcx
    .cfi_adjust_cfa_offset 8
    push %r8
    .cfi_adjust_cfa_offset 8
    push %r9
    .cfi_adjust_cfa_offset 8
    call image_init
    pop %r9
    .cfi_adjust_cfa_offset -8
    pop %r8
    .cfi_adjust_cfa_offset -8
    pop %rcx
    .cfi_adjust_cfa_offset -8
    pop %rdx
    .cfi_adjust_cfa_offset -8
    pop %rsi
    .cfi_adjust_cfa_offset -8
    pop %rdi
    .cfi_adjust_cfa_offset -8
    ret
    .cfi_endproc
    .size before_init, . - before_init

    .section .note.GNU-stack, "", @progbits
