/* Code that was made at run time and has no CFI calls malloc: with a frame pointer, without one, with garbage
 * in rbp, with rbp pointing at what is not mapped; and a function that runs its callee on another stack and
 * has the CFI for it. Nothing of it may fault, and through frame pointers the stack must go on to main.
 * Prints allocations=N. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static unsigned long allocations;
static volatile unsigned long sum;

__attribute__((noinline)) void allocate(size_t size)
{
    void *block = malloc(size);
    allocations++;
    sum += (uintptr_t)block & 1;
    free(block);
}

/* mov $VALUE, %rax */
static uint8_t *put_rax(uint8_t *at, uint64_t value)
{
    *at++ = 0x48;
    *at++ = 0xb8;
    memcpy(at, &value, 8);
    return at + 8;
}

static uint8_t *put(uint8_t *at, const char *bytes, size_t count)
{
    memcpy(at, bytes, count);
    return at + count;
}

/* push rbp; then rbp := rsp, or := BP, or left alone; call FUNCTION(rdi); pop rbp; ret. */
static uint8_t *make(uint8_t *at, void (*function)(size_t), int keeps_frame_pointer, const uint64_t *bp)
{
    at = put(at, "\x55", 1);                                  /* push %rbp */
    if (keeps_frame_pointer) at = put(at, "\x48\x89\xe5", 3); /* mov %rsp, %rbp */
    if (bp) {
        at = put_rax(at, *bp);
        at = put(at, "\x48\x89\xc5", 3); /* mov %rax, %rbp */
    }
    at = put_rax(at, (uint64_t)(uintptr_t)function);
    at = put(at, "\xff\xd0\x5d\xc3", 4); /* call *%rax; pop %rbp; ret */
    return at;
}

/* Run FUNCTION(SIZE) with the stack pointer at TOP. rbp holds the way back, and CFI says so. */
void on_other_stack(void (*function)(size_t), size_t size, void *top);
__asm__(".globl on_other_stack\n"
        ".type on_other_stack, @function\n"
        "on_other_stack:\n"
        ".cfi_startproc\n"
        "push %rbp\n"
        ".cfi_def_cfa_offset 16\n"
        ".cfi_offset %rbp, -16\n"
        "mov %rsp, %rbp\n"
        ".cfi_def_cfa_register %rbp\n"
        "mov %rdx, %rsp\n"
        "mov %rdi, %rax\n"
        "mov %rsi, %rdi\n"
        "call *%rax\n"
        "mov %rbp, %rsp\n"
        "pop %rbp\n"
        ".cfi_def_cfa %rsp, 8\n"
        "ret\n"
        ".cfi_endproc\n"
        ".size on_other_stack, . - on_other_stack\n");

static __attribute__((noinline)) void deeper(size_t size)
{
    if (size > 1) deeper(size - 1);
    allocate(size);
}

/* A stack below all others of the program, and one above its heap. */
static void switch_stacks(void)
{
    enum { BYTES = 64 << 10 };
    char *mapped = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *block = malloc(BYTES);
    char local[BYTES];
    allocations++;
    on_other_stack(deeper, 20, mapped + BYTES);
    on_other_stack(deeper, 20, block + BYTES - ((uintptr_t)block + BYTES) % 16);
    on_other_stack(deeper, 20, local + BYTES - ((uintptr_t)local + BYTES) % 16);
    munmap(mapped, BYTES);
    free(block);
}

int main(void)
{
    uint8_t *code = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *end = code;
    void (*functions[16])(size_t);
    uint64_t local = 0;
    const uint64_t pointers[] = {1,
                                 8,
                                 0x1000,
                                 0x7ffffffff000,
                                 0xdeadbeefdeadbee8,
                                 UINT64_MAX - 7,
                                 (uint64_t)(uintptr_t)code,
                                 (uint64_t)(uintptr_t)&local,
                                 ((uint64_t)(uintptr_t)&local & -4096ull) - 8};
    unsigned count = 0, with_frame_pointer;
    functions[count++] = (void (*)(size_t))end;
    end = make(end, allocate, 1, NULL);
    functions[count++] = (void (*)(size_t))end;
    end = make(end, functions[0], 1, NULL); /* two of them in a row */
    with_frame_pointer = count;
    functions[count++] = (void (*)(size_t))end;
    end = make(end, allocate, 0, NULL);
    for (unsigned i = 0; i < sizeof pointers / sizeof pointers[0]; i++) {
        functions[count++] = (void (*)(size_t))end;
        end = make(end, allocate, 0, &pointers[i]);
    }
    if (mprotect(code, 4096, PROT_READ | PROT_EXEC)) abort();
    for (unsigned round = 0; round < 20; round++)
        for (unsigned i = 0; i < count; i++)
            functions[i](i + 1);
    switch_stacks();
    dprintf(1, "allocations=%lu with_frame_pointer=%u\n", allocations, with_frame_pointer * 20);
    return 0;
}
