/* Modules by address: _dl_find_object, which neither locks nor allocates; with an older C library a table of
 * our own, made by dl_iterate_phdr at times when its lock may be taken, and replaced as a whole when modules
 * change. */
#include "slow/module_find.h"

#include <elf.h>
#include <link.h>
#include <stddef.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "find_object.h"
#include "hot/unwind_rule.h"
#include "slow/stack_range.h"
#include "syscall.h"

/* Where the executable's ELF header may be: the page of its program headers. 0: not told. */
static uint64_t executable_start;

struct module_range {
    uint64_t start, end; /* of its segments */
    uint64_t eh_frame_hdr;
};

/* Followed by its ranges. Old tables are left mapped: a thread may still be reading, and modules change
 * rarely. */
struct module_table {
    size_t count, room;
    struct module_range ranges[];
};

static const struct module_table *own_table;

static bool own_table_find(uint64_t address, struct dl_find_object *found)
{
    const struct module_table *table = __atomic_load_n(&own_table, __ATOMIC_ACQUIRE);
    for (size_t i = 0; table && i < table->count; i++) {
        const struct module_range *range = &table->ranges[i];
        if (address < range->start || address >= range->end) continue;
        *found = (struct dl_find_object){.dlfo_map_start = (void *)range->start,
                                         .dlfo_map_end = (void *)range->end,
                                         .dlfo_eh_frame = (void *)range->eh_frame_hdr};
        return true;
    }
    return false;
}

/* Where headers were found, each with the generation of rules, in a place by its address. */
#define KNOWN_HEADERS 64u
static uint64_t known_headers[KNOWN_HEADERS];

bool module_header_at(uint64_t start)
{
    uint64_t key = start | rule_generation_now();
    uint64_t *known = &known_headers[rule_hash(start, 58) % KNOWN_HEADERS];
    if (__atomic_load_n(known, __ATOMIC_RELAXED) == key) return true;
    if (start % MODULE_HEADER_BYTES != 0 || !memory_readable(start, MODULE_HEADER_BYTES)) return false;
    if (memcmp((const void *)start, ELFMAG, SELFMAG) != 0) return false;
    __atomic_store_n(known, key, __ATOMIC_RELAXED);
    return true;
}

/* If the ELF image at START, loaded with BIAS, has a segment that begins where FOUND says: make FOUND speak
 * of all of it. */
static bool widen_to(uint64_t start, uint64_t bias, struct dl_find_object *found)
{
    const Elf64_Ehdr *header = (const Elf64_Ehdr *)start;
    uint64_t high = 0, at = start + header->e_phoff;
    bool has_it = false;
    if (header->e_phentsize != sizeof(Elf64_Phdr) || header->e_phoff % 8) return false;
    if (!memory_readable(at, header->e_phnum * sizeof(Elf64_Phdr))) return false;
    const Elf64_Phdr *segment = (const Elf64_Phdr *)at;
    for (unsigned i = 0; i < header->e_phnum; i++, segment++) {
        uint64_t low = bias + segment->p_vaddr;
        if (segment->p_type != PT_LOAD) continue;
        if (low + segment->p_memsz > high) high = low + segment->p_memsz;
        has_it |=
            low - (uint64_t)found->dlfo_map_start < 4096; /* the loader may say the segment or its page */
    }
    if (!has_it) return false;
    found->dlfo_map_start = (void *)start;
    found->dlfo_map_end = (void *)high;
    return true;
}

/* Of a module with gaps between its segments glibc names the one segment that holds the address. The ELF
 * header, without which nothing is known of the module, is elsewhere then. */
static void find_whole(struct dl_find_object *found)
{
    const struct link_map *map = found->dlfo_link_map;
    if (module_header_at((uint64_t)found->dlfo_map_start)) return;
    uint64_t bias = map ? map->l_addr : 0;
    if (bias && module_header_at(bias) && widen_to(bias, bias, found)) return;
    if (executable_start && module_header_at(executable_start)) widen_to(executable_start, bias, found);
}

bool module_find(uint64_t address, struct dl_find_object *found)
{
    if (!&_dl_find_object) return own_table_find(address, found);
    if (_dl_find_object((void *)address, found)) return false;
    find_whole(found);
    return true;
}

static int count_module(struct dl_phdr_info *info, size_t size, void *count)
{
    (void)info, (void)size;
    ++*(size_t *)count;
    return 0;
}

static int add_module(struct dl_phdr_info *info, size_t size, void *argument)
{
    struct module_table *table = argument;
    struct module_range range = {.start = UINT64_MAX};
    (void)size;
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        uint64_t start = info->dlpi_addr + segment->p_vaddr;
        if (segment->p_type == PT_GNU_EH_FRAME) range.eh_frame_hdr = start;
        if (segment->p_type != PT_LOAD) continue;
        start &= -4096ull; /* as the loader maps it */
        if (start < range.start) range.start = start;
        if (info->dlpi_addr + segment->p_vaddr + segment->p_memsz > range.end)
            range.end = info->dlpi_addr + segment->p_vaddr + segment->p_memsz;
    }
    if (range.start < range.end && table->count < table->room) table->ranges[table->count++] = range;
    return 0;
}

static void own_table_build(void)
{
    size_t count = 0;
    dl_iterate_phdr(count_module, &count);
    count += 16; /* loaded between the two passes */
    size_t size = sizeof(struct module_table) + count * sizeof(struct module_range);
    long address =
        raw_syscall(SYS_mmap, 0, (long)size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if ((uint64_t)address >= -4095ull) return; /* -errno: the old table goes on serving */
    struct module_table *table = (struct module_table *)address;
    table->room = count;
    dl_iterate_phdr(add_module, table);
    __atomic_store_n(&own_table, table, __ATOMIC_RELEASE);
}

void module_find_init(void)
{
    executable_start = getauxval(AT_PHDR) & -4096ull;
    if (!&_dl_find_object) own_table_build();
}

void module_find_changed(void)
{
    if (!&_dl_find_object) own_table_build();
}
