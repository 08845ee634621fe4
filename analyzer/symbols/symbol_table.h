/* Function names by a module's symbol tables (.symtab, else .dynsym). libdwfl's own look-up walks the whole
 * table at every call, which in a library of 100,000 functions takes milliseconds; here it is sorted once. */
#ifndef ANALYZER_SYMBOLS_SYMBOL_TABLE_H
#define ANALYZER_SYMBOLS_SYMBOL_TABLE_H

#include <elfutils/libdwfl.h>
#include <stdint.h>

struct symbol_table;

/* An index over MODULE's functions; reads the debug file's table where there is one. Never NULL. Borrows
 * MODULE, which may be NULL. */
struct symbol_table *symbol_table_new(Dwfl_Module *module);
void symbol_table_free(struct symbol_table *table);

/* The name of the function that has link-time ADDRESS, as it stands in the table (mangled, perhaps with a
 * version behind '@'); valid for the life of the module. A symbol without a size (assembly) is taken to reach
 * to the next symbol in its section. Of several names global ones come first, then those with fewer
 * underscores in front, then shorter ones. NULL: no symbol has it. */
const char *symbol_table_find(const struct symbol_table *table, uint64_t address);

#endif
