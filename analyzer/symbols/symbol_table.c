#include "symbols/symbol_table.h"

#include <gelf.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "symbols/ranges.h"
#include "util/memory.h"

struct symbol_table {
    struct ranges sized, sizeless; /* value: index into names */
    struct name {
        const char *text;
        unsigned char bind;
    } * names;
    size_t name_count, name_capacity;
};

static bool is_code(const GElf_Sym *symbol)
{
    switch (GELF_ST_TYPE(symbol->st_info)) {
    case STT_FUNC:
    case STT_GNU_IFUNC:
    case STT_NOTYPE: /* assembly often says no type */
        return true;
    default:
        return false;
    }
}

/* The end of section INDEX, where a symbol without a size must end; 0: none. */
static uint64_t section_end(Elf *elf, GElf_Word index, uint64_t bias)
{
    GElf_Shdr header;
    Elf_Scn *section = elf != NULL ? elf_getscn(elf, index) : NULL;
    if (section == NULL || gelf_getshdr(section, &header) == NULL || (header.sh_flags & SHF_EXECINSTR) == 0)
        return 0;
    return header.sh_addr + header.sh_size + bias;
}

static void add_symbol(struct symbol_table *table, const char *name, const GElf_Sym *symbol, uint64_t address,
                       uint64_t end_of_section)
{
    table->names = memory_grow(table->names, &table->name_capacity, table->name_count, sizeof *table->names);
    table->names[table->name_count] = (struct name){.text = name, .bind = GELF_ST_BIND(symbol->st_info)};
    struct range range = {.low = address, .value = table->name_count++};
    if (symbol->st_size != 0) {
        range.high = address + symbol->st_size;
        ranges_add(&table->sized, range);
    } else {
        range.high = end_of_section;
        ranges_add(&table->sizeless, range);
    }
}

struct symbol_table *symbol_table_new(Dwfl_Module *module)
{
    struct symbol_table *table = memory_new(1, sizeof *table);
    int count = module != NULL ? dwfl_module_getsymtab(module) : 0;
    for (int i = 0; i < count; i++) {
        GElf_Sym symbol;
        GElf_Addr address;
        GElf_Word section;
        Elf *elf;
        Dwarf_Addr bias;
        const char *name = dwfl_module_getsym_info(module, i, &symbol, &address, &section, &elf, &bias);
        if (name == NULL || *name == '\0' || section == SHN_UNDEF || section == SHN_ABS || !is_code(&symbol))
            continue;
        add_symbol(table, name, &symbol, address, symbol.st_size == 0 ? section_end(elf, section, bias) : 0);
    }
    ranges_sort(&table->sized);
    ranges_sort(&table->sizeless);
    return table;
}

void symbol_table_free(struct symbol_table *table)
{
    if (table == NULL) return;
    ranges_free(&table->sized);
    ranges_free(&table->sizeless);
    free(table->names);
    free(table);
}

/* Is A the better of two names for one address? */
static bool name_is_better(const struct name *a, const struct name *b)
{
    bool a_global = a->bind == STB_GLOBAL, b_global = b->bind == STB_GLOBAL;
    size_t a_underscores = strspn(a->text, "_"), b_underscores = strspn(b->text, "_");
    size_t a_length = strlen(a->text), b_length = strlen(b->text);
    if (a_global != b_global) return a_global;
    if (a_underscores != b_underscores) return a_underscores < b_underscores;
    if (a_length != b_length) return a_length < b_length;
    return strcmp(a->text, b->text) < 0;
}

/* FOUND is one of the ranges that begin and end together: the best of their names. */
static const char *best_name(const struct symbol_table *table, const struct ranges *ranges,
                             const struct range *found)
{
    const struct name *best = &table->names[found->value];
    for (const struct range *other = found; other > ranges->items;) {
        other--;
        if (other->low != found->low || other->high != found->high) break;
        if (name_is_better(&table->names[other->value], best)) best = &table->names[other->value];
    }
    return best->text;
}

const char *symbol_table_find(const struct symbol_table *table, uint64_t address)
{
    const struct range *found = ranges_find(&table->sized, address);
    if (found != NULL) return best_name(table, &table->sized, found);
    found = ranges_below(&table->sizeless, address);
    if (found == NULL || address >= found->high) return NULL;
    /* Behind a sized function that begins later, the address is padding of that, or code without any symbol.
     */
    const struct range *sized = ranges_below(&table->sized, address);
    if (sized != NULL && sized->low > found->low) return NULL;
    return best_name(table, &table->sizeless, found);
}
