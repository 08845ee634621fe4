/* The cache of CFI rules: a miss, growth, flushing.
 *
 * All memory is mapped at the start as address space that costs nothing until touched: a program that has
 * entered a sandbox may not map. Three tables lie in it, each eight times the one before. The next one is
 * taken when a rule finds its window full of current rules; its threads may copy at the same time, which only
 * writes the same rules twice. In the last table a full window loses one of its rules, which will be made
 * again. */
#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "find_object.h"
#include "hot/unwind.h"
#include "hot/unwind_rule.h"
#include "slow/cfi_rule.h"
#include "slow/module_find.h"
#include "slow/stack_range.h"
#include "syscall.h"

#define GENERATION_ONE  (1ull << 48)
#define GENERATION_MASK (0xffffull << 48)

#define TABLE_SLOTS(shift) ((1ull << (64 - (shift))) + RULE_WINDOW - 1)
#define TABLE_COUNT        3
static const uint32_t table_shifts[TABLE_COUNT] = {64 - 12, 64 - 15, 64 - 18};

/* Serves before initialisation and when there is no memory: everything works, but most rules are made again.
 */
static struct rule_slot small_slots[TABLE_SLOTS(64 - 6)];
static const struct rule_table small_table = {.slots = small_slots, .shift = 64 - 6};

static struct rule_table tables[TABLE_COUNT];
static unsigned table_count; /* that were mapped */

struct rule_cache rule_cache = {.table = &small_table};

static const struct rule_table *table_after(const struct rule_table *table)
{
    unsigned next = table == &small_table ? 0 : (unsigned)(table - tables) + 1;
    return next < table_count ? &tables[next] : NULL;
}

/* Put RULE in the window of KEY: where KEY is already, else in a slot that is empty or of another generation.
 * FORCE: else in place of another. False: no room. */
static bool table_put(const struct rule_table *table, uint64_t key, uint64_t rule, bool force)
{
    struct rule_slot *window = table->slots + rule_hash(key, table->shift);
    struct rule_slot *into = NULL;
    for (unsigned i = 0; i < RULE_WINDOW; i++) {
        uint64_t check = __atomic_load_n(&window[i].check, __ATOMIC_RELAXED);
        uint64_t there = check ^ rule_mix(__atomic_load_n(&window[i].rule, __ATOMIC_RELAXED));
        if (check && there == key) return true;
        if (!check ||
            ((there ^ key) & GENERATION_MASK)) { /* a torn slot looks like another generation, too */
            into = &window[i];
            break;
        }
    }
    if (!into && force) into = &window[key >> 4 & (RULE_WINDOW - 1)];
    if (!into) return false;
    __atomic_store_n(&into->rule, rule, __ATOMIC_RELAXED);
    __atomic_store_n(&into->check, key ^ rule_mix(rule), __ATOMIC_RELEASE);
    return true;
}

static void table_copy(const struct rule_table *from, const struct rule_table *to, uint64_t generation)
{
    for (size_t i = 0; i < TABLE_SLOTS(from->shift); i++) {
        uint64_t check = __atomic_load_n(&from->slots[i].check, __ATOMIC_RELAXED);
        uint64_t rule = __atomic_load_n(&from->slots[i].rule, __ATOMIC_RELAXED);
        uint64_t key = check ^ rule_mix(rule);
        if (check && (key & GENERATION_MASK) == generation) table_put(to, key, rule, false);
    }
}

static void cache_put(uint64_t key, uint64_t rule)
{
    const struct rule_table *table = __atomic_load_n(&rule_cache.table, __ATOMIC_ACQUIRE);
    while (!table_put(table, key, rule, false)) {
        const struct rule_table *next = table_after(table);
        if (!next) {
            table_put(table, key, rule, true);
            return;
        }
        table_copy(table, next, key & GENERATION_MASK);
        /* Only forwards: another thread may have gone on to the one after. */
        if (__atomic_compare_exchange_n(&rule_cache.table, &table, next, false, __ATOMIC_ACQ_REL,
                                        __ATOMIC_ACQUIRE))
            table = next;
    }
}

/* An address in no module or in one without CFI for it: a signal's trampoline is known by its instructions.
 */
static uint64_t rule_without_cfi(uint64_t address)
{
    uint64_t kind = RULE_NO_CFI;
    if (memory_readable(address, sizeof frame_signal_trampoline)) {
        const volatile uint8_t *code = (const volatile uint8_t *)address;
        size_t same = 0;
        while (same < sizeof frame_signal_trampoline && code[same] == frame_signal_trampoline[same])
            same++;
        if (same == sizeof frame_signal_trampoline) kind = RULE_SIGNAL;
    }
    return RULE_DEFINED | kind << RULE_KIND_SHIFT;
}

uint64_t rule_make(uint64_t address)
{
    /* Before the module is looked up: a rule of a module that is unloaded meanwhile goes to a past
     * generation. */
    uint64_t generation = __atomic_load_n(&rule_cache.generation, __ATOMIC_ACQUIRE);
    struct dl_find_object found;
    /* Not cached when in no module: such code comes and goes without notice, and a module may follow it
     * there. */
    if (!module_find(address - 1, &found)) return rule_without_cfi(address);
    uint64_t rule = cfi_rule_make(address - 1, (uint64_t)found.dlfo_map_start, (uint64_t)found.dlfo_eh_frame);
    if (rule_kind(rule) == RULE_NO_CFI) rule = rule_without_cfi(address);
    slow_module_seen(address, &found);
    cache_put(address | generation, rule);
    return rule;
}

bool rule_cache_init(void)
{
    for (unsigned count = TABLE_COUNT; count > 0 && !table_count; count--) {
        uint64_t size = 0;
        for (unsigned i = 0; i < count; i++)
            size += TABLE_SLOTS(table_shifts[i]) * sizeof(struct rule_slot);
        long address = raw_syscall(SYS_mmap, 0, (long)size, PROT_READ | PROT_WRITE,
                                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if ((uint64_t)address >= -4095ull) continue; /* -errno */
        struct rule_slot *slots = (struct rule_slot *)address;
        for (unsigned i = 0; i < count; i++) {
            tables[i] = (struct rule_table){.slots = slots, .shift = table_shifts[i]};
            slots += TABLE_SLOTS(table_shifts[i]);
        }
        table_count = count;
    }
    if (table_count) __atomic_store_n(&rule_cache.table, &tables[0], __ATOMIC_RELEASE);
    return table_count > 0;
}

void rule_cache_flush(void)
{
    if (__atomic_add_fetch(&rule_cache.generation, GENERATION_ONE, __ATOMIC_ACQ_REL)) return;
    /* After 65,536 flushes generations begin anew; rules left from the first time must not come alive. */
    const struct rule_table *table = __atomic_load_n(&rule_cache.table, __ATOMIC_ACQUIRE);
    for (size_t i = 0; i < TABLE_SLOTS(table->shift); i++)
        __atomic_store_n(&table->slots[i].check, 0, __ATOMIC_RELAXED);
}
