#include "symbols/dwarf_scopes.h"

#include <dwarf.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "symbols/ranges.h"
#include "util/memory.h"

#define DIE_DEPTH_MAX 256 /* nesting of entries that is followed; damaged DWARF may nest without end */

struct unit {
    Dwarf_Die die;     /* of the unit itself: has the line table */
    Dwarf_Die content; /* of its content: another one where the DWARF is split (.dwo) */
    bool indexed;
    struct ranges functions; /* value: the entry's offset in .debug_info (or .debug_info.dwo) */
};

struct dwarf_scopes {
    Dwfl_Module *module;
    Dwarf_Addr bias; /* link-time address - address in the debug file */
    struct unit *units;
    size_t unit_count, unit_capacity;
    struct ranges unit_ranges; /* unit: its index */
};

/* The ranges of DIE, an entry of unit number UNIT, as the debug file has them: without the bias. */
static void ranges_add_die(struct ranges *ranges, Dwarf_Die *die, size_t unit)
{
    Dwarf_Addr base;
    struct range range = {.value = dwarf_dieoffset(die), .unit = unit};
    for (ptrdiff_t next = 0; (next = dwarf_ranges(die, next, &base, &range.low, &range.high)) > 0;)
        if (range.low != 0) ranges_add(ranges, range); /* at 0 stand functions that the linker dropped */
}

/* libdw cannot return from running out of memory; its own handler ends the process with status 1. */
static void end_without_memory(void)
    __attribute__((noreturn)); /* clang: part of the type, as _Noreturn is not */
static void end_without_memory(void)
{
    memory_exhausted("debug information");
}

struct dwarf_scopes *dwarf_scopes_new(Dwfl_Module *module)
{
    struct dwarf_scopes *scopes = memory_new(1, sizeof *scopes);
    scopes->module = module;
    Dwarf_Die *die = NULL;
    Dwarf_Addr bias;
    Dwarf *dwarf = module != NULL ? dwfl_module_getdwarf(module, &bias) : NULL;
    if (dwarf != NULL) dwarf_new_oom_handler(dwarf, end_without_memory);
    while (dwarf != NULL && (die = dwfl_module_nextcu(module, die, &scopes->bias)) != NULL) {
        scopes->units =
            memory_grow(scopes->units, &scopes->unit_capacity, scopes->unit_count, sizeof *scopes->units);
        scopes->units[scopes->unit_count] = (struct unit){.die = *die};
        ranges_add_die(&scopes->unit_ranges, die, scopes->unit_count);
        scopes->unit_count++;
    }
    ranges_sort(&scopes->unit_ranges);
    return scopes;
}

void dwarf_scopes_free(struct dwarf_scopes *scopes)
{
    if (scopes == NULL) return;
    for (size_t i = 0; i < scopes->unit_count; i++)
        ranges_free(&scopes->units[i].functions);
    free(scopes->units);
    ranges_free(&scopes->unit_ranges);
    free(scopes);
}

/* Can an entry of TAG hold functions with code? */
static bool tag_holds_functions(int tag)
{
    switch (tag) {
    case DW_TAG_subprogram: /* nested functions, members of local classes */
    case DW_TAG_lexical_block:
    case DW_TAG_namespace:
    case DW_TAG_module:
    case DW_TAG_structure_type:
    case DW_TAG_class_type:
    case DW_TAG_union_type:
    case DW_TAG_enumeration_type: /* Rust's */
    case DW_TAG_variant_part:
        return true;
    default:
        return false;
    }
}

static void unit_index(struct unit *unit, size_t number, Dwarf_Die *parent, int depth)
{
    Dwarf_Die child;
    if (depth == DIE_DEPTH_MAX || dwarf_child(parent, &child) != 0) return;
    do {
        int tag = dwarf_tag(&child);
        if (tag == DW_TAG_subprogram) ranges_add_die(&unit->functions, &child, number);
        if (tag_holds_functions(tag)) unit_index(unit, number, &child, depth + 1);
    } while (dwarf_siblingof(&child, &child) == 0);
}

/* With -gsplit-dwarf the unit in the file is a skeleton, its content in a .dwo file. */
static void unit_prepare(struct unit *unit, size_t number)
{
    if (unit->indexed) return;
    unit->indexed = true;
    unit->content = unit->die;
    uint8_t type = 0;
    Dwarf_Die content = {0};
    if (dwarf_cu_info(unit->die.cu, NULL, &type, NULL, &content, NULL, NULL, NULL) == 0 &&
        type == DW_UT_skeleton && content.addr != NULL)
        unit->content = content;
    unit_index(unit, number, &unit->content, 0);
    ranges_sort(&unit->functions);
}

/* The inlined call among PARENT's children (looking through blocks) that has ADDRESS. */
static bool find_inlined(Dwarf_Die *parent, Dwarf_Addr address, Dwarf_Die *found, int depth)
{
    Dwarf_Die child;
    if (depth == DIE_DEPTH_MAX || dwarf_child(parent, &child) != 0) return false;
    do {
        int tag = dwarf_tag(&child);
        if (tag != DW_TAG_inlined_subroutine && tag != DW_TAG_lexical_block) continue;
        bool has_address = dwarf_haspc(&child, address) > 0;
        if (tag == DW_TAG_inlined_subroutine && has_address) {
            *found = child;
            return true;
        }
        /* A block without addresses of its own has those of its parent. */
        if (tag == DW_TAG_lexical_block && (has_address || !dwarf_hasattr(&child, DW_AT_low_pc)) &&
            find_inlined(&child, address, found, depth + 1))
            return true;
    } while (dwarf_siblingof(&child, &child) == 0);
    return false;
}

static void scope_set_line(struct dwarf_scope *scope, struct unit *unit, Dwarf_Addr address)
{
    Dwarf_Line *line = dwarf_getsrc_die(&unit->die, address);
    int number = 0;
    if (line == NULL) return;
    scope->file = dwarf_linesrc(line, NULL, NULL);
    if (dwarf_lineno(line, &number) == 0 && number > 0) scope->line = (uint32_t)number;
}

/* Where INLINED, an inlined call, stands in the function around it. */
static void scope_set_call(struct dwarf_scope *scope, struct unit *unit, Dwarf_Die *inlined)
{
    Dwarf_Attribute attribute;
    Dwarf_Word value;
    if (dwarf_formudata(dwarf_attr(inlined, DW_AT_call_line, &attribute), &value) == 0 && value <= UINT32_MAX)
        scope->line = (uint32_t)value;
    Dwarf_Files *files;
    size_t count;
    if (dwarf_formudata(dwarf_attr(inlined, DW_AT_call_file, &attribute), &value) == 0 &&
        dwarf_getsrcfiles(&unit->die, &files, &count) == 0 && value < count)
        scope->file = dwarf_filesrc(files, value, NULL, NULL);
}

size_t dwarf_scopes_find(struct dwarf_scopes *scopes, uint64_t address,
                         struct dwarf_scope found[DWARF_SCOPES_MAX])
{
    Dwarf_Addr local = address - scopes->bias;
    const struct range *range = ranges_find(&scopes->unit_ranges, local);
    if (range == NULL) return 0;
    struct unit *unit = &scopes->units[range->unit];
    unit_prepare(unit, range->unit);
    Dwarf_Attribute attribute;
    found[0] = (struct dwarf_scope){.directory =
                                        dwarf_formstring(dwarf_attr(&unit->die, DW_AT_comp_dir, &attribute))};
    scope_set_line(&found[0], unit, local);

    const struct range *function = ranges_find(&unit->functions, local);
    Dwarf *dwarf = dwarf_cu_getdwarf(unit->content.cu);
    Dwarf_Die chain[DWARF_SCOPES_MAX]; /* outermost first */
    if (function == NULL || dwarf_offdie(dwarf, function->value, &chain[0]) == NULL) return 1;
    size_t count = 1;
    while (count < DWARF_SCOPES_MAX && find_inlined(&chain[count - 1], local, &chain[count], 0))
        count++;
    for (size_t i = 0; i < count; i++) {
        struct dwarf_scope *scope = &found[i];
        if (i > 0) {
            *scope = (struct dwarf_scope){0};
            scope_set_call(scope, unit, &chain[count - i]);
        }
        scope->die = chain[count - 1 - i];
        scope->has_die = true;
        scope->directory = found[0].directory;
    }
    return count;
}

const char *dwarf_scope_name(Dwarf_Die *die)
{
    Dwarf_Attribute attribute;
    const char *name = dwarf_formstring(dwarf_attr_integrate(die, DW_AT_linkage_name, &attribute));
    if (name == NULL) name = dwarf_formstring(dwarf_attr_integrate(die, DW_AT_MIPS_linkage_name, &attribute));
    return name != NULL ? name : dwarf_diename(die);
}
