/* The walker's parts one by one: the cache of rules under threads, what counts as readable, limits of stack
 * use and of system calls, and CFI made of garbage. The truth about frames is in unwind_rules.t and
 * unwind_live.t. */
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "syscall.h"

/* Count the unwinder's system calls, and let tests forbid one of them as an old kernel would. */
static long system_calls, forbidden_call = -1;
static long counted_syscall(long number, long a, long b, long c, long d, long e, long f)
{
    __atomic_fetch_add(&system_calls, 1, __ATOMIC_RELAXED);
    return number == forbidden_call ? -22 : raw_syscall(number, a, b, c, d, e, f);
}
#define raw_syscall counted_syscall

#include "../../preload/hot/remembered.c"
#include "../../preload/hot/unwind.c"
#include "../../preload/slow/cfi_entry.c"
#include "../../preload/slow/cfi_rule.c"
#include "../../preload/slow/module_find.c"
#include "../../preload/slow/rule_cache.c"
#include "../../preload/slow/stack_range.c"
#include "unwind_frames.h"

static uint64_t find(uint64_t key)
{
    return rule_find(rule_cache.table, key);
}

static unsigned reasons[UNWIND_END_COUNT], modules_seen;

void recorder_count(unsigned reason)
{
    reasons[reason]++;
}

void slow_module_seen(uint64_t address, const struct dl_find_object *found)
{
    /* The rule must not be visible yet. */
    if (find(address | rule_cache.generation)) abort();
    if (address - 1 < (uint64_t)found->dlfo_map_start) abort();
    modules_seen++;
}

/* --- the cache
 * ---------------------------------------------------------------------------------------------- */

static void forget_cache(void)
{
    for (unsigned i = 0; i < table_count; i++)
        memset(tables[i].slots, 0, TABLE_SLOTS(tables[i].shift) * sizeof(struct rule_slot));
    rule_cache = (struct rule_cache){.table = &tables[0]};
}

/* A rule that can only belong to ADDRESS; neighbours differ in low bits, as real ones do. */
static uint64_t rule_for(uint64_t address)
{
    return RULE_DEFINED | (uint64_t)RULE_FRAME << RULE_KIND_SHIFT | (uint32_t)(address * 8);
}

static void test_cache_grows(void **state)
{
    (void)state;
    forget_cache();
    for (uint64_t address = 1; address <= 100000; address++) {
        cache_put(address * 16, rule_for(address * 16));
        assert_int_equal(find(address * 16), rule_for(address * 16));
    }
    assert_ptr_equal(rule_cache.table, &tables[2]);
    unsigned long found = 0;
    for (uint64_t address = 1; address <= 100000; address++)
        found += find(address * 16) == rule_for(address * 16);
    assert_int_equal(found, 100000);
    /* Full: rules get lost, but none is wrong. */
    for (uint64_t address = 1; address <= 1000000; address++)
        cache_put(address * 16, rule_for(address * 16));
    found = 0;
    for (uint64_t address = 1; address <= 1000000; address++) {
        uint64_t rule = find(address * 16);
        if (rule) assert_int_equal(rule, rule_for(address * 16));
        found += rule != 0;
    }
    assert_true(found > 200000);
}

static void test_flush_forgets(void **state)
{
    (void)state;
    forget_cache();
    cache_put(0x1000, rule_for(0x1000));
    rule_cache_flush();
    assert_int_equal(find(0x1000 | rule_cache.generation), 0);
    /* A rule that was on its way when the flush came arrives in the past. */
    cache_put(0x1000, rule_for(0x1000));
    assert_int_equal(find(0x1000 | rule_cache.generation), 0);
    /* Slots of the past are used again: no growth, however many generations fill the table. */
    for (unsigned flush = 0; flush < 70000; flush++) {
        for (uint64_t address = 16; address <= 64; address += 16)
            cache_put(address | rule_cache.generation, rule_for(address));
        rule_cache_flush();
        assert_int_equal(find(16 | rule_cache.generation), 0);
    }
    assert_ptr_equal(rule_cache.table, &tables[0]);
}

static void *hammer_cache(void *seed)
{
    uint64_t random = (uint64_t)seed, wrong = 0;
    for (unsigned i = 0; i < 2000000; i++) {
        random = random * 6364136223846793005ull + 1442695040888963407ull;
        /* Many addresses, few places: with the table full, every put overwrites what another thread reads. */
        uint64_t address = (random >> 33) % 3000 * 8;
        uint64_t rule = find(address);
        if (rule && rule != rule_for(address)) wrong++;
        if (!rule) table_put(&small_table, address, rule_for(address), true);
    }
    return (void *)wrong;
}

static void test_cache_is_never_wrong(void **state)
{
    pthread_t threads[4];
    uint64_t wrong = 0;
    (void)state;
    rule_cache = (struct rule_cache){.table = &small_table};
    for (uintptr_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, hammer_cache, (void *)(i + 1)), 0);
    for (unsigned i = 0; i < 4; i++) {
        void *count;
        pthread_join(threads[i], &count);
        wrong += (uint64_t)count;
    }
    assert_int_equal(wrong, 0);
    forget_cache();
}

/* --- what can be read
 * --------------------------------------------------------------------------------------- */

static void check_readable(void)
{
    char *pages = mmap(NULL, 4 * page_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint64_t first = (uint64_t)pages;
    assert_int_equal(mprotect(pages + page_bytes, page_bytes, PROT_NONE), 0);
    assert_int_equal(munmap(pages + 3 * page_bytes, page_bytes), 0);
    assert_true(memory_readable(first, page_bytes));
    assert_true(memory_readable(first + page_bytes - 8, 8));
    assert_false(memory_readable(first + page_bytes - 8, 16));
    assert_false(memory_readable(first + page_bytes, 8));
    assert_true(memory_readable(first + 2 * page_bytes, page_bytes));
    assert_false(memory_readable(first + 2 * page_bytes, page_bytes + 1));
    assert_false(memory_readable(first + 3 * page_bytes, 8));
    assert_false(memory_readable(0, 8));
    assert_false(memory_readable(UINT64_MAX - 7, 8));
    assert_false(memory_readable(1ull << 47, 8));
    assert_false(memory_readable(0xffff800000000000, 8));
    munmap(pages, 3 * page_bytes);
}

static void test_readable(void **state)
{
    (void)state;
    stack_range_init();
    assert_int_equal(probe, PROBE_POPULATE);
    check_readable();
}

static void test_readable_on_old_kernels(void **state)
{
    (void)state;
    forbidden_call = SYS_madvise;
    stack_range_init();
    assert_int_equal(probe, PROBE_SIGPROCMASK);
    check_readable();
    forbidden_call = -1;
    stack_range_init();
}

/* A mapping that reaches beyond its file: reading there would raise SIGBUS. */
static void test_readable_beyond_file(void **state)
{
    char name[] = "unwind_test.XXXXXX";
    int fd = mkstemp(name);
    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, 100), 0);
    char *mapping = mmap(NULL, 2 * page_bytes, PROT_READ, MAP_SHARED, fd, 0);
    assert_true(memory_readable((uint64_t)mapping, 100));
    assert_false(memory_readable((uint64_t)mapping + page_bytes, 8));
    munmap(mapping, 2 * page_bytes);
    close(fd);
    unlink(name);
}

/* --- walking
 * ------------------------------------------------------------------------------------------------ */

static uint64_t frames[4096];

static struct unwind_frame remembered[6 * 4096];
static bool reuse;

static void begin(struct unwind_thread *thread, bool with_reuse)
{
    *thread = (struct unwind_thread){0};
    unwind_remember(thread, remembered, 4096);
    reuse = with_reuse;
}

static __attribute__((noinline)) struct unwound walk_from_here(struct unwind_thread *thread, uint32_t max)
{
    struct unwind_registers from = frame_of_caller();
    return unwind_frames(thread, &from, frames, max, reuse);
}

static __attribute__((noinline)) struct unwound walk_deep(struct unwind_thread *thread, uint32_t max,
                                                          unsigned depth)
{
    volatile unsigned keep = depth;
    struct unwound outcome = depth ? walk_deep(thread, max, depth - 1) : walk_from_here(thread, max);
    keep++;
    return outcome;
}

static void check_depth_limit(bool with_reuse)
{
    struct unwind_thread thread;
    begin(&thread, with_reuse);
    struct unwound all = walk_deep(&thread, 4096, 100);
    assert_int_equal(all.ended, UNWIND_OUTERMOST);
    assert_true(all.depth > 100);
    assert_false(all.truncated);
    struct unwound exact = walk_deep(&thread, all.depth, 100);
    assert_int_equal(exact.depth, all.depth);
    assert_false(exact.truncated);
    unsigned before = reasons[UNWIND_DEPTH_LIMIT];
    struct unwound less = walk_deep(&thread, all.depth - 1, 100);
    assert_int_equal(less.depth, all.depth - 1);
    assert_true(less.truncated);
    assert_int_equal(less.ended, UNWIND_DEPTH_LIMIT);
    assert_int_equal(reasons[UNWIND_DEPTH_LIMIT], before + 1);
    struct unwound one = walk_deep(&thread, 1, 100);
    assert_int_equal(one.depth, 1);
    assert_true(one.truncated);
}

static void test_depth_limit(void **state)
{
    (void)state;
    check_depth_limit(false);
    check_depth_limit(true);
}

static __attribute__((noinline)) void walk_many(struct unwind_thread *thread)
{
    for (unsigned i = 0; i < 1000; i++)
        walk_deep(thread, 4096, i);
}

static void check_no_system_call(bool with_reuse)
{
    struct unwind_thread thread;
    begin(&thread, with_reuse);
    long before = 0, made = 0;
    unwind_flush();
    /* One call in a loop: a second call would be a new return address. */
    for (volatile unsigned round = 0; round < 3; round++) {
        before = system_calls;
        walk_many(&thread);
        if (round == 0) made = system_calls - before;
    }
    assert_true(made > 0);
    assert_int_equal(system_calls, before);
    unsigned seen = modules_seen;
    unwind_flush();
    walk_many(&thread);
    assert_true(modules_seen > seen);
}

static void test_no_system_call_in_steady_state(void **state)
{
    (void)state;
    check_no_system_call(false);
    check_no_system_call(true);
}

/* The same stack again and again is remembered as a whole; after a flush it is walked by new rules. */
static void test_reuse(void **state)
{
    struct unwind_thread thread;
    unsigned seen = 0, made[4];
    uint64_t kept = 0;
    (void)state;
    begin(&thread, true);
    for (volatile unsigned i = 0; i < 4; i++) {
        if (i == 2) unwind_flush();
        seen = modules_seen;
        walk_deep(&thread, 4096, 60);
        made[i] = modules_seen - seen;
        if (i == 1) assert_int_equal(kept, thread.arena_next); /* found, not walked */
        kept = thread.arena_next;
    }
    assert_int_equal(made[1], 0);
    assert_true(made[2] > 4);
    assert_int_equal(made[3], 0);
    /* A limit below what is remembered cuts in the remembered part. */
    struct unwound all = walk_deep(&thread, 4096, 61), cut = walk_deep(&thread, 30, 61);
    assert_true(all.depth > 60 && cut.depth == 30 && cut.truncated);
}

/* The registers that code without CFI may leave: any of them must do no harm. */
static void test_garbage_registers(void **state)
{
    struct unwind_thread thread;
    struct unwound outcome;
    static const uint8_t code_without_cfi[16];
    uint64_t random = 1, here = (uint64_t)__builtin_frame_address(0);
    (void)state;
    begin(&thread, true);
    for (unsigned i = 0; i < 20000; i++) {
        random = random * 6364136223846793005ull + 1442695040888963407ull;
        uint64_t near = here + (random >> 40) % 65536 - 8192, any = random ^ random >> 29;
        struct unwind_registers from = {.pc = (uint64_t)(i % 3 ? code_without_cfi + 8 : (const uint8_t *)any),
                                        .sp = here + 16,
                                        .bp = i % 2 ? near & (i % 4 == 1 ? -8ull : -1ull) : any};
        if (i % 5 == 0) from.pc = (uint64_t)&walk_deep + any % 4096; /* rules that expect other registers */
        outcome = unwind_frames(&thread, &from, frames, 64, i & 64);
        assert_in_range(outcome.depth, 1, 64);
        assert_int_equal(frames[0], from.pc);
    }
    assert_true(reasons[UNWIND_NO_CFI] > 0);
    assert_true(reasons[UNWIND_UNMAPPED] > 0);
}

struct painted {
    uint8_t *stack;
    size_t bytes;
    uint64_t used[2]; /* stack used by a walk that makes its rules, and by one that has them; in bytes */
};

#define UNPAINTED 192 /* bytes below the frame address that painted_use itself and memset need */

/* How much of the painted memory below the current frame WALK wrote. */
static __attribute__((noinline)) uint64_t painted_use(const struct painted *painted,
                                                      struct unwind_thread *thread)
{
    uint8_t *here = (uint8_t *)__builtin_frame_address(0) - UNPAINTED;
    memset(painted->stack, 0xa5, (size_t)(here - painted->stack));
    walk_from_here(thread, 512);
    const uint8_t *lowest = painted->stack;
    while (*lowest == 0xa5)
        lowest++;
    return (uint64_t)((uint8_t *)__builtin_frame_address(0) - lowest);
}

static void *measure_stack(void *argument)
{
    struct painted *painted = argument;
    static struct unwind_thread thread;
    begin(&thread, true);
    unwind_flush();
    for (volatile unsigned i = 0; i < 2; i++) /* one call: a second one would be a new return address */
        painted->used[i] = painted_use(painted, &thread);
    return NULL;
}

static void test_stack_use(void **state)
{
    pthread_t thread;
    pthread_attr_t attributes;
    struct painted painted = {.bytes = 64 << 10};
    (void)state;
    painted.stack = mmap(NULL, painted.bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    pthread_attr_init(&attributes);
    pthread_attr_setstack(&attributes, painted.stack, painted.bytes);
    assert_int_equal(pthread_create(&thread, &attributes, measure_stack, &painted), 0);
    pthread_join(thread, NULL);
    print_message("stack used by a walk: %lu bytes making rules, %lu having them\n",
                  painted.used[0] - UNPAINTED, painted.used[1] - UNPAINTED);
    assert_in_range(painted.used[1], UNPAINTED, UNPAINTED + 1024);
    assert_in_range(painted.used[0], painted.used[1] + 1, UNPAINTED + 1024 + 1536);
    munmap(painted.stack, painted.bytes);
}

/* --- CFI that cannot be believed
 * ---------------------------------------------------------------------------- */

/* A copy of the C library's CFI, where its own addresses hold (they are relative). */
struct copy {
    uint8_t *start;
    uint64_t size, hdr, text;
};

static int find_libc(struct dl_phdr_info *info, size_t size, void *argument)
{
    (void)size;
    if (info->dlpi_addr == 0 || !strstr(info->dlpi_name, "libc.so.6")) return 0;
    *(struct dl_phdr_info *)argument = *info;
    return 1;
}

static void copy_libc(struct copy *copy)
{
    struct dl_phdr_info info = {0};
    assert_int_equal(dl_iterate_phdr(find_libc, &info), 1);
    for (unsigned i = 0; i < info.dlpi_phnum; i++) {
        const Elf64_Phdr *segment = &info.dlpi_phdr[i];
        if (segment->p_type == PT_GNU_EH_FRAME) copy->hdr = segment->p_vaddr;
        if (segment->p_type != PT_LOAD) continue;
        if (segment->p_flags & PF_X) copy->text = segment->p_vaddr;
        copy->size = segment->p_vaddr + segment->p_memsz;
    }
    copy->size = (copy->size + 4095) & -4096ull;
    copy->start = mmap(NULL, copy->size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (unsigned i = 0; i < info.dlpi_phnum; i++) {
        const Elf64_Phdr *segment = &info.dlpi_phdr[i];
        uint64_t start = segment->p_vaddr & -4096ull, bytes = segment->p_vaddr + segment->p_filesz - start;
        if (segment->p_type != PT_LOAD) continue;
        assert_int_equal(mprotect(copy->start + start, bytes, PROT_READ | PROT_WRITE), 0);
        memcpy(copy->start + segment->p_vaddr, (uint8_t *)info.dlpi_addr + segment->p_vaddr,
               segment->p_filesz);
    }
}

static void test_damaged_cfi(void **state)
{
    struct copy copy = {0};
    uint64_t random = 7, rules[8] = {0};
    (void)state;
    copy_libc(&copy);
    Elf64_Phdr *segments = (Elf64_Phdr *)(copy.start + ((Elf64_Ehdr *)copy.start)->e_phoff);
    uint64_t cfi_end = 0;
    for (unsigned i = 0; segments[i].p_type != PT_GNU_EH_FRAME || !cfi_end; i++)
        if (segments[i].p_type == PT_LOAD && copy.hdr - segments[i].p_vaddr < segments[i].p_filesz)
            cfi_end = segments[i].p_vaddr + segments[i].p_filesz;
    for (unsigned i = 0; i < 100000; i++) {
        uint64_t pc = 0;
        struct {
            uint8_t *at, was;
        } damage[8];
        random = random * 6364136223846793005ull + 1442695040888963407ull;
        pc = (uint64_t)copy.start + copy.text + (random >> 20) % 0x100000;
        for (unsigned j = 0; j < 8; j++) {
            random = random * 6364136223846793005ull + 1442695040888963407ull;
            /* The header, the entry of PC itself (found in the copy as it was), or anywhere. */
            uint8_t *at = copy.start + copy.hdr + (random >> 33) % (cfi_end - copy.hdr);
            struct cfi_module module;
            struct cfi_entry entry;
            if (i % 50 == 0)
                at = copy.start + copy.hdr + (random >> 33) % 12;
            else if (j && cfi_module_open(&module, (uint64_t)copy.start, (uint64_t)copy.start + copy.hdr) &&
                     cfi_find_entry(&entry, &module, pc))
                at = (uint8_t *)(j % 2 ? entry.program.at - 20 : entry.initial.at - 12) + (random >> 33) % 32;
            damage[j].at = at;
            damage[j].was = *at;
            *at = (uint8_t)(random >> 25);
        }
        uint64_t rule = cfi_rule_make(pc, (uint64_t)copy.start, (uint64_t)copy.start + copy.hdr);
        assert_in_range(rule_kind(rule), RULE_FRAME, RULE_NOT_EXPRESSIBLE);
        rules[rule_kind(rule)]++;
        for (unsigned j = 8; j-- > 0;)
            *damage[j].at = damage[j].was;
    }
    assert_true(rules[RULE_FRAME] > 1000 && rules[RULE_NO_CFI] > 1000 && rules[RULE_NOT_EXPRESSIBLE] > 1000);
    munmap(copy.start, copy.size);
}

/* A whole module of random bytes behind a sound ELF header, ending where nothing is mapped. */
static void test_random_cfi(void **state)
{
    uint8_t *pages = mmap(NULL, 3 * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
            *end = pages + 2 * 4096;
    uint64_t random = 3;
    (void)state;
    assert_int_equal(mprotect(pages, 2 * 4096, PROT_READ | PROT_WRITE), 0);
    Elf64_Ehdr *header = (Elf64_Ehdr *)pages;
    memcpy(header->e_ident, ELFMAG, SELFMAG);
    header->e_phoff = sizeof *header;
    header->e_phentsize = sizeof(Elf64_Phdr);
    header->e_phnum = 1;
    Elf64_Phdr *segment = (Elf64_Phdr *)(header + 1);
    *segment = (Elf64_Phdr){.p_type = PT_LOAD, .p_flags = PF_R, .p_filesz = 2 * 4096, .p_memsz = 2 * 4096};
    for (unsigned i = 0; i < 300000; i++) {
        uint64_t bytes = 12 + i % 120;
        uint8_t *hdr = end - bytes;
        for (uint8_t *at = hdr; at < end; at++) {
            random = random * 6364136223846793005ull + 1442695040888963407ull;
            *at = (uint8_t)(random >> 56) & (i % 3 ? 0xff : 0x1f);
        }
        /* A header that leads to entry-by-entry search in the rest of it. */
        static const uint8_t linear[] = {1, 0x1b, 0xff, 0xff, 4, 0, 0, 0};
        memcpy(hdr, linear, i % 4 ? sizeof linear : 1);
        if (i % 4 == 1) hdr[8] = (uint8_t)(bytes - 12), hdr[9] = hdr[10] = hdr[11] = 0;
        uint64_t rule = cfi_rule_make((uint64_t)pages + random % 8192, (uint64_t)pages, (uint64_t)hdr);
        assert_in_range(rule_kind(rule), RULE_FRAME, RULE_NOT_EXPRESSIBLE);
    }
    munmap(pages, 3 * 4096);
}

/* CFA programs of random instructions: run alone they must end, and stay inside their bytes. */
static void test_random_programs(void **state)
{
    uint8_t *pages = mmap(NULL, 2 * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *end = pages + 4096;
    uint64_t random = 5, good = 0;
    (void)state;
    assert_int_equal(mprotect(pages, 4096, PROT_READ | PROT_WRITE), 0);
    for (unsigned i = 0; i < 1000000; i++) {
        unsigned bytes = 1 + i % 24;
        for (uint8_t *at = end - bytes; at < end; at++) {
            random = random * 6364136223846793005ull + 1442695040888963407ull;
            *at = (uint8_t)(random >> 56) & (i % 2 ? 0x17 : 0xff);
        }
        struct cfi_entry entry = {.code_factor = 1, .data_factor = -8, .pc_register = FRAME_DWARF_PC};
        struct program program = {.entry = &entry, .pc = 1000, .row.cfa.base = BASE_UNKNOWN};
        struct cursor c = {.at = end - bytes, .end = end};
        if (run(&program, c)) {
            good++;
            uint64_t rule = compact(&program.row, i % 16 == 0);
            assert_in_range(rule_kind(rule), RULE_FRAME, RULE_NOT_EXPRESSIBLE);
        }
        struct cursor expression = {.at = end - bytes, .end = end};
        assert_in_range(evaluate(expression, 1000, i % 2).base, BASE_NONE, BASE_UNKNOWN);
    }
    assert_true(good > 10000);
    munmap(pages, 2 * 4096);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cache_grows),
        cmocka_unit_test(test_flush_forgets),
        cmocka_unit_test(test_cache_is_never_wrong),
        cmocka_unit_test(test_readable),
        cmocka_unit_test(test_readable_on_old_kernels),
        cmocka_unit_test(test_readable_beyond_file),
        cmocka_unit_test(test_depth_limit),
        cmocka_unit_test(test_no_system_call_in_steady_state),
        cmocka_unit_test(test_reuse),
        cmocka_unit_test(test_garbage_registers),
        cmocka_unit_test(test_stack_use),
        cmocka_unit_test(test_damaged_cfi),
        cmocka_unit_test(test_random_cfi),
        cmocka_unit_test(test_random_programs),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    if (!unwind_init()) return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
