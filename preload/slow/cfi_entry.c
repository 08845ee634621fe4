/* Where .eh_frame speaks of an address: by the sorted table of .eh_frame_hdr to the FDE, from there to its
 * CIE. Sources: LSB Core 5.0, "Exception Frames"; DWARF 5, section 6.4.1. */
#include "slow/cfi_entry.h"

#include <stddef.h>

#include "slow/module_find.h"

bool cfi_module_open(struct cfi_module *module, uint64_t map_start, uint64_t eh_frame_hdr)
{
    const Elf64_Ehdr *header = (const Elf64_Ehdr *)map_start;
    if (!eh_frame_hdr || !module_header_at(map_start)) return false;
    if (header->e_phentsize != sizeof(Elf64_Phdr)) return false;
    if (header->e_phoff > MODULE_HEADER_BYTES || header->e_phoff % 8) return false;
    if (header->e_phnum > (MODULE_HEADER_BYTES - header->e_phoff) / sizeof(Elf64_Phdr)) return false;
    module->segments = (const Elf64_Phdr *)(map_start + header->e_phoff);
    module->count = header->e_phnum;
    module->eh_frame_hdr = eh_frame_hdr;
    for (unsigned i = 0; i < module->count; i++)
        if (module->segments[i].p_type == PT_LOAD) {
            module->load_bias = map_start - (module->segments[i].p_vaddr & -4096ull);
            return true;
        }
    return false;
}

/* A cursor from ADDRESS to the end of the readable segment that holds it. */
static struct cursor module_bytes(const struct cfi_module *module, uint64_t address)
{
    for (unsigned i = 0; i < module->count; i++) {
        const Elf64_Phdr *segment = &module->segments[i];
        uint64_t start = segment->p_vaddr + module->load_bias;
        if (segment->p_type != PT_LOAD || !(segment->p_flags & PF_R)) continue;
        if (address - start < segment->p_filesz)
            return (struct cursor){.at = (const uint8_t *)address,
                                   .end = (const uint8_t *)start + segment->p_filesz};
    }
    return (struct cursor){.bad = true};
}

/* The bytes of one entry behind its length and, apart, its id (0: a CIE; else the distance back to one). An
 * empty or bad cursor: the section ends here. The 64-bit form exists for sections above 4 GiB; nobody makes
 * it. */
static struct cursor entry_bytes(struct cursor *c, uint64_t *id_address, uint32_t *id)
{
    uint64_t length = cursor_fixed(c, 4);
    if (length >= 0xfffffff0) cursor_fail(c);
    struct cursor entry = cursor_take(c, length);
    *id_address = (uint64_t)entry.at;
    *id = length ? (uint32_t)cursor_fixed(&entry, 4) : 0;
    return entry;
}

static bool parse_augmentation(struct cfi_entry *entry, struct cursor *c, const char *letters)
{
    if (!*letters) return true;
    if (*letters != 'z') return false; /* without a length nothing unknown could be skipped */
    struct cursor data = cursor_take(c, cursor_uleb(c));
    for (letters++; *letters; letters++) {
        switch (*letters) {
        case 'R':
            entry->pointer_encoding = (uint8_t)cursor_fixed(&data, 1);
            break;
        case 'P': {
            unsigned encoding = (unsigned)cursor_fixed(&data, 1);
            cursor_encoded(&data, encoding, 0);
            break;
        }
        case 'L':
            cursor_skip(&data, 1);
            break;
        case 'S':
            entry->signal_frame = true;
            break;
        default:
            return !data.bad; /* the rest cannot be told apart, but its length is known */
        }
    }
    return !data.bad;
}

static bool parse_cie(struct cfi_entry *entry, struct cursor c)
{
    uint64_t id_address;
    uint32_t id;
    struct cursor cie = entry_bytes(&c, &id_address, &id);
    unsigned version = (unsigned)cursor_fixed(&cie, 1);
    const char *letters = (const char *)cie.at;
    while (cursor_fixed(&cie, 1))
        ;
    if (cie.bad || id != 0 || (version != 1 && version != 3)) return false;
    entry->code_factor = cursor_uleb(&cie);
    entry->data_factor = cursor_sleb(&cie);
    entry->pc_register = version == 1 ? cursor_fixed(&cie, 1) : cursor_uleb(&cie);
    if (!parse_augmentation(entry, &cie, letters)) return false;
    entry->initial = cie;
    return !cie.bad;
}

/* Parse the FDE at C. False: it is bad, or a CIE, or not about PC. */
static bool parse_fde(struct cfi_entry *entry, const struct cfi_module *module, struct cursor c, uint64_t pc)
{
    uint64_t id_address;
    uint32_t id;
    struct cursor fde = entry_bytes(&c, &id_address, &id);
    *entry = (struct cfi_entry){0};
    if (fde.bad || id == 0) return false;
    struct cursor cie = module_bytes(module, id_address - id);
    if (cie.bad || !parse_cie(entry, cie)) return false;
    if (entry->pointer_encoding & ENCODED_INDIRECT || entry->pointer_encoding == ENCODED_OMITTED)
        return false;
    entry->start = cursor_encoded(&fde, entry->pointer_encoding, module->eh_frame_hdr);
    entry->size = cursor_encoded(&fde, entry->pointer_encoding & ENCODED_FORMAT, 0);
    const char *letters = (const char *)cie.at + 4 + 4 + 1; /* parse_cie found it sound */
    if (*letters == 'z') cursor_skip(&fde, cursor_uleb(&fde));
    entry->program = fde;
    return !fde.bad && pc - entry->start < entry->size;
}

/* In the sorted table of .eh_frame_hdr (COUNT pairs of 32-bit distances from it: function, FDE) the last pair
 * at or below PC. 0: PC is below all. */
static uint64_t table_search(const struct cfi_module *module, struct cursor table, uint64_t count,
                             uint64_t pc)
{
    const int32_t *pairs = (const int32_t *)table.at;
    int64_t target = (int64_t)(pc - module->eh_frame_hdr);
    uint64_t low = 0, high = count;
    if (count > cursor_left(&table) / 8 || (uint64_t)table.at % 4) return 0;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (pairs[2 * middle] <= target)
            low = middle + 1;
        else
            high = middle;
    }
    return low ? module->eh_frame_hdr + (uint64_t)(int64_t)pairs[2 * (low - 1) + 1] : 0;
}

bool cfi_find_entry(struct cfi_entry *entry, const struct cfi_module *module, uint64_t pc)
{
    enum { TABLE_ENCODING = 0x3b /* datarel, sdata4: the only one that linkers make */ };
    struct cursor header = module_bytes(module, module->eh_frame_hdr);
    unsigned version = (unsigned)cursor_fixed(&header, 1);
    unsigned section_encoding = (unsigned)cursor_fixed(&header, 1);
    unsigned count_encoding = (unsigned)cursor_fixed(&header, 1);
    unsigned table_encoding = (unsigned)cursor_fixed(&header, 1);
    uint64_t section = cursor_encoded(&header, section_encoding, module->eh_frame_hdr);
    if (header.bad || version != 1) return false;
    if (count_encoding != ENCODED_OMITTED && table_encoding == TABLE_ENCODING) {
        uint64_t count = cursor_encoded(&header, count_encoding, module->eh_frame_hdr);
        uint64_t fde = header.bad ? 0 : table_search(module, header, count, pc);
        return fde && parse_fde(entry, module, module_bytes(module, fde), pc);
    }
    /* No table: entry by entry. */
    struct cursor entries = module_bytes(module, section);
    while (!entries.bad && cursor_left(&entries) > 4) {
        struct cursor here = entries;
        uint64_t id_address;
        uint32_t id;
        struct cursor bytes = entry_bytes(&entries, &id_address, &id);
        if (bytes.at == bytes.end) return false; /* length 0 */
        if (id != 0 && parse_fde(entry, module, here, pc)) return true;
    }
    return false;
}
