/* Entries of the procedure linkage table, which have no symbol of their own. */
#ifndef ANALYZER_SYMBOLS_PLT_H
#define ANALYZER_SYMBOLS_PLT_H

#include <elfutils/libdwfl.h>
#include <stdint.h>

/* "malloc@plt" if link-time ADDRESS lies in an entry of MODULE's PLT that jumps to malloc, to be freed; else
 * NULL (always, on machines other than x86-64). */
char *plt_name(Dwfl_Module *module, uint64_t address);

#endif
