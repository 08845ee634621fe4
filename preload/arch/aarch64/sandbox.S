/* The hooks of prctl and syscall. A call that puts up a sandbox goes to process/sandbox.c; every other leaves by a
 * branch, with all registers and the stack as the program made them: through a C function, a clone with a stack
 * of the caller's own, or a vfork, would come back to a frame that is not there, or is the parent's.
 * Source: AAPCS64, 6.4 (x0 to x7 are arguments, x16 and x17 are free between caller and callee). */
#include <asm/unistd.h>

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
    .type prctl, %function
prctl:
    .cfi_startproc
    hint #34 /* bti c */
    adrp x16, next_prctl
    ldr x16, [x16, :lo12:next_prctl]
    cbnz x16, 1f
    mov x17, x30
    .cfi_register x30, x17
    bl before_init
    mov x30, x17
    .cfi_restore x30
    adrp x16, next_prctl
    ldr x16, [x16, :lo12:next_prctl]
1:  cmp w0, #PR_SET_SECCOMP
    b.eq 2f
    cmp w0, #PR_SET_TSC
    b.eq 2f
    cmp w0, #PR_SET_SYSCALL_USER_DISPATCH
    b.eq 2f
    br x16
2:  b sandbox_prctl
    .cfi_endproc
    .size prctl, . - prctl

    .globl syscall
    .type syscall, %function
syscall:
    .cfi_startproc
    hint #34
    adrp x16, next_syscall
    ldr x16, [x16, :lo12:next_syscall]
    cbnz x16, 1f
    mov x17, x30
    .cfi_register x30, x17
    bl before_init
    mov x30, x17
    .cfi_restore x30
    adrp x16, next_syscall
    ldr x16, [x16, :lo12:next_syscall]
1:  cmp x0, #__NR_seccomp
    b.eq 2f
    cmp x0, #__NR_prctl
    b.eq 2f
    br x16
2:  b sandbox_syscall
    .cfi_endproc
    .size syscall, . - syscall

/* Called before our constructor, by another library's, with the program's return address in x17. Every argument
 * survives, and x17. */
    .type before_init, %function
before_init:
    .cfi_startproc
    stp x29, x30, [sp, #-96]!
    .cfi_def_cfa_offset 96
    .cfi_offset x29, -96
    .cfi_offset x30, -88
    mov x29, sp
    stp x0, x1, [sp, #16]
    stp x2, x3, [sp, #32]
    stp x4, x5, [sp, #48]
    stp x6, x7, [sp, #64]
    str x17, [sp, #80]
    bl image_init
    ldr x17, [sp, #80]
    ldp x6, x7, [sp, #64]
    ldp x4, x5, [sp, #48]
    ldp x2, x3, [sp, #32]
    ldp x0, x1, [sp, #16]
    ldp x29, x30, [sp], #96
    .cfi_def_cfa_offset 0
    .cfi_restore x29
    .cfi_restore x30
    ret
    .cfi_endproc
    .size before_init, . - before_init

    .section .note.GNU-stack, "", %progbits
