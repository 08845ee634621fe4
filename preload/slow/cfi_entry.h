/* Where .eh_frame speaks of an address. */
#ifndef MEMTRACE_SLOW_CFI_ENTRY_H
#define MEMTRACE_SLOW_CFI_ENTRY_H

#include <elf.h>

#include "slow/cfi_cursor.h"

/* A loaded module, by its own program headers. */
struct cfi_module {
    const Elf64_Phdr *segments;
    unsigned count;
    uint64_t load_bias;
    uint64_t eh_frame_hdr;
};

/* What an FDE and its CIE say. */
struct cfi_entry {
    struct cursor initial, program; /* instructions of the CIE, of the FDE */
    uint64_t start, size;           /* the code it is about */
    uint64_t code_factor;
    int64_t data_factor;
    uint64_t pc_register;
    uint8_t pointer_encoding;
    bool signal_frame;
};

/* The module mapped from MAP_START, with its .eh_frame_hdr (0: it has none). False: no CFI; no ELF header
 * there; or program headers beyond its page, which alone the kernel is asked about. */
bool cfi_module_open(struct cfi_module *module, uint64_t map_start, uint64_t eh_frame_hdr);

/* The FDE of MODULE that is about PC, with its CIE. False: there is none, or it cannot be made sense of. */
bool cfi_find_entry(struct cfi_entry *entry, const struct cfi_module *module, uint64_t pc);

#endif
