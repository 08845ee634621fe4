#include "symbols/plt.h"

#include <gelf.h>
#include <stdbool.h>
#include <string.h>
#include "util/memory.h"

#define PLT_ENTRY_BYTES 16 /* of .plt, .plt.sec; .plt.got has 8 without IBT: found by its jump as well */

/* The section whose name begins with .plt and that has ADDRESS, with its bytes. */
static bool plt_section(Elf *elf, uint64_t address, GElf_Shdr *header, Elf_Data **data)
{
    size_t names;
    if (elf_getshdrstrndx(elf, &names) != 0) return false;
    for (Elf_Scn *section = NULL; (section = elf_nextscn(elf, section)) != NULL;) {
        if (gelf_getshdr(section, header) == NULL || header->sh_type != SHT_PROGBITS ||
            address < header->sh_addr || address - header->sh_addr >= header->sh_size)
            continue;
        const char *name = elf_strptr(elf, names, header->sh_name);
        *data = elf_rawdata(section, NULL);
        return name != NULL && strncmp(name, ".plt", 4) == 0 && *data != NULL && (*data)->d_buf != NULL;
    }
    return false;
}

/* The address of the GOT slot that the entry at OFFSET of BYTES (at link-time ADDRESS) jumps through:
 * `jmp *displacement(%rip)`, ff 25 and four bytes, wherever in the entry it stands. 0: there is none. */
static uint64_t plt_slot(const uint8_t *bytes, size_t size, size_t offset, uint64_t address)
{
    for (size_t at = offset; at < offset + PLT_ENTRY_BYTES && at + 6 <= size; at++) {
        if (bytes[at] != 0xff || bytes[at + 1] != 0x25) continue;
        int32_t displacement;
        memcpy(&displacement, bytes + at + 2, sizeof displacement);
        return address + (at - offset) + 6 + (uint64_t)(int64_t)displacement;
    }
    return 0;
}

/* The name of the symbol that a relocation of section HEADER puts into SLOT. */
static const char *relocated_name(Elf *elf, Elf_Scn *section, const GElf_Shdr *header, uint64_t slot)
{
    Elf_Data *relocations = elf_getdata(section, NULL);
    Elf_Scn *symbols = elf_getscn(elf, header->sh_link);
    GElf_Shdr symbols_header;
    if (relocations == NULL || symbols == NULL || gelf_getshdr(symbols, &symbols_header) == NULL) return NULL;
    Elf_Data *symbol_data = elf_getdata(symbols, NULL);
    GElf_Rela relocation;
    for (int i = 0; gelf_getrela(relocations, i, &relocation) != NULL; i++) {
        GElf_Sym symbol;
        if (relocation.r_offset == slot &&
            gelf_getsym(symbol_data, (int)GELF_R_SYM(relocation.r_info), &symbol) != NULL)
            return elf_strptr(elf, symbols_header.sh_link, symbol.st_name);
    }
    return NULL;
}

char *plt_name(Dwfl_Module *module, uint64_t address)
{
    GElf_Addr bias;
    GElf_Ehdr elf_header;
    GElf_Shdr header;
    Elf_Data *data;
    Elf *elf = dwfl_module_getelf(module, &bias);
    if (elf == NULL || gelf_getehdr(elf, &elf_header) == NULL || elf_header.e_machine != EM_X86_64)
        return NULL;
    address -= bias;
    if (!plt_section(elf, address, &header, &data)) return NULL;
    size_t entry_bytes = header.sh_entsize == 8 ? 8 : PLT_ENTRY_BYTES;
    size_t offset = (address - header.sh_addr) / entry_bytes * entry_bytes;
    uint64_t slot = plt_slot(data->d_buf, data->d_size, offset, header.sh_addr + offset);
    for (Elf_Scn *section = NULL; slot != 0 && (section = elf_nextscn(elf, section)) != NULL;) {
        if (gelf_getshdr(section, &header) == NULL || header.sh_type != SHT_RELA) continue;
        const char *name = relocated_name(elf, section, &header, slot);
        if (name != NULL && *name != '\0') return memory_format("%s@plt", name);
    }
    return NULL;
}
