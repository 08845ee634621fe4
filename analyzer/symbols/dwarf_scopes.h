/* From an address to its function, the calls inlined into it, and their lines, by DWARF.
 *
 * libdw's own dwarf_getscopes walks every entry of a compilation unit at each call, and its look-up of the
 * unit needs .debug_aranges, which clang does not write. Here units and functions are indexed once, when an
 * address first falls among them. DWARF 5 sections: 2.17 (ranges), 3.3.8 (inlined subroutines). */
#ifndef ANALYZER_SYMBOLS_DWARF_SCOPES_H
#define ANALYZER_SYMBOLS_DWARF_SCOPES_H

#include <elfutils/libdwfl.h>
#include <stddef.h>
#include <stdint.h>

struct dwarf_scopes;

/* An index over MODULE's DWARF, empty where it has none. Never NULL; borrows MODULE. */
struct dwarf_scopes *dwarf_scopes_new(Dwfl_Module *module);
void dwarf_scopes_free(struct dwarf_scopes *scopes);

#define DWARF_SCOPES_MAX 64 /* inlined calls deeper than that are cut at the outer end */

struct dwarf_scope {
    Dwarf_Die die; /* the function's or the inlined call's; `has_die` false: no DWARF for the function */
    /* The place in it; texts are valid for the life of the module. */
    const char *directory; /* what a relative `file` is relative to; NULL: unknown */
    const char *file;      /* NULL: unknown */
    uint32_t line;         /* 0: unknown */
    bool has_die;
};

/* The scopes at ADDRESS (link-time), innermost inlined call first, the function last. 0: no unit has it. */
size_t dwarf_scopes_find(struct dwarf_scopes *scopes, uint64_t address,
                         struct dwarf_scope found[DWARF_SCOPES_MAX]);

/* The name to show for DIE: its linkage name, else its name, else NULL. Valid for the life of the module. */
const char *dwarf_scope_name(Dwarf_Die *die);

#endif
