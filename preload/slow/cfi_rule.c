/* From .eh_frame to one compact rule.
 *
 * The CFI program of the function that holds an address is interpreted up to that address. Only three
 * registers are followed (bp, sp and the return address): the others cannot matter to a walk that starts with
 * no others. The result is one word, or the statement that it does not fit one; either is cached by the
 * caller.
 *
 * Sources: LSB Core 5.0, "Exception Frames" (.eh_frame, .eh_frame_hdr, pointer encodings, augmentations);
 * DWARF 5, section 6.4 (call frame information), section 2.5 (expressions), section 7.24 (encodings). */
#include "slow/cfi_rule.h"

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "frame.h"
#include "hot/unwind_rule.h"
#include "slow/stack_range.h"

/* --- bytes that are not believed --------------------------------------------------------------------------
 */

/* Reads never pass END; a bad read makes the cursor bad for good and empty, and yields 0. */
struct cursor {
    const uint8_t *at, *end;
    bool bad;
};

static void cursor_fail(struct cursor *c)
{
    c->bad = true;
    c->at = c->end;
}

static uint64_t cursor_left(const struct cursor *c)
{
    return (uint64_t)(c->end - c->at);
}

/* SIZE (1, 2, 4 or 8) bytes, least significant first, as the machine has them. */
static uint64_t cursor_fixed(struct cursor *c, unsigned size)
{
    uint64_t value = 0;
    if (cursor_left(c) < size) {
        cursor_fail(c);
        return 0;
    }
    memcpy(&value, c->at, size);
    c->at += size;
    return value;
}

static int64_t cursor_signed(struct cursor *c, unsigned size)
{
    unsigned unused_bits = 64 - 8 * size;
    return (int64_t)(cursor_fixed(c, size) << unused_bits) >> unused_bits;
}

/* LEB128, DWARF 5, section 7.6. SIGN: the last byte's bit 6 fills the bits above. */
static uint64_t cursor_leb128(struct cursor *c, bool sign)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && c->at < c->end;) {
        uint8_t byte = *c->at++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        shift += 7;
        if (byte & 0x80) continue;
        if (sign && byte & 0x40 && shift < 64) value |= UINT64_MAX << shift;
        return value;
    }
    cursor_fail(c);
    return 0;
}

static uint64_t cursor_uleb(struct cursor *c)
{
    return cursor_leb128(c, false);
}

static int64_t cursor_sleb(struct cursor *c)
{
    return (int64_t)cursor_leb128(c, true);
}

static void cursor_skip(struct cursor *c, uint64_t size)
{
    if (cursor_left(c) < size)
        cursor_fail(c);
    else
        c->at += size;
}

/* Cut the next SIZE bytes off as a cursor of their own. */
static struct cursor cursor_take(struct cursor *c, uint64_t size)
{
    struct cursor part = {.at = c->at, .end = c->at};
    cursor_skip(c, size);
    part.end = c->at;
    if (c->bad) part = (struct cursor){.at = c->end, .end = c->end, .bad = true};
    return part;
}

enum {
    ENCODED_OMITTED = 0xff,
    ENCODED_FORMAT = 0x0f,
    ENCODED_BASE = 0x70,
    ENCODED_FROM_PC = 0x10,
    ENCODED_FROM_DATA = 0x30,
    ENCODED_INDIRECT = 0x80
};

/* A pointer in one of the DW_EH_PE encodings; DATA_BASE is where .eh_frame_hdr is. The encodings that need
 * other bases, or a pointer followed (only personality routines, which are skipped), count as bad. */
static uint64_t cursor_encoded(struct cursor *c, unsigned encoding, uint64_t data_base)
{
    uint64_t base = 0, value = 0;
    switch (encoding & ENCODED_BASE) {
    case 0:
        break;
    case ENCODED_FROM_PC:
        base = (uint64_t)c->at;
        break;
    case ENCODED_FROM_DATA:
        base = data_base;
        break;
    default:
        cursor_fail(c);
    }
    switch (encoding & ENCODED_FORMAT) {
    case 0x0: /* absptr */
    case 0x4: /* udata8 */
    case 0xc: /* sdata8 */
        value = cursor_fixed(c, 8);
        break;
    case 0x1:
        value = cursor_uleb(c);
        break;
    case 0x2:
        value = cursor_fixed(c, 2);
        break;
    case 0x3:
        value = cursor_fixed(c, 4);
        break;
    case 0x9:
        value = (uint64_t)cursor_sleb(c);
        break;
    case 0xa:
        value = (uint64_t)cursor_signed(c, 2);
        break;
    case 0xb:
        value = (uint64_t)cursor_signed(c, 4);
        break;
    default:
        cursor_fail(c);
    }
    return value + base;
}

/* --- finding the entry ------------------------------------------------------------------------------------
 */

struct module {
    const Elf64_Phdr *segments;
    unsigned count;
    uint64_t load_bias;
    uint64_t eh_frame_hdr;
};

/* The program headers as mapped. False: no ELF header there, or headers beyond its page (which alone was
 * asked about). */
static bool module_open(struct module *module, uint64_t map_start, uint64_t eh_frame_hdr)
{
    enum { HEADER_BYTES = 4096 };
    const Elf64_Ehdr *header = (const Elf64_Ehdr *)map_start;
    if (!eh_frame_hdr || !memory_readable(map_start, HEADER_BYTES)) return false;
    if (memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 || header->e_phentsize != sizeof(Elf64_Phdr))
        return false;
    if (header->e_phoff > HEADER_BYTES || header->e_phoff % 8) return false;
    if (header->e_phnum > (HEADER_BYTES - header->e_phoff) / sizeof(Elf64_Phdr)) return false;
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
static struct cursor module_bytes(const struct module *module, uint64_t address)
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

/* What an FDE and its CIE say. */
struct entry {
    struct cursor initial, program; /* instructions of the CIE, of the FDE */
    uint64_t start, size;           /* the code it is about */
    uint64_t code_factor;
    int64_t data_factor;
    uint64_t pc_register;
    uint8_t pointer_encoding;
    bool signal_frame;
};

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

static bool parse_augmentation(struct entry *entry, struct cursor *c, const char *letters)
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

static bool parse_cie(struct entry *entry, struct cursor c)
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
static bool parse_fde(struct entry *entry, const struct module *module, struct cursor c, uint64_t pc)
{
    uint64_t id_address;
    uint32_t id;
    struct cursor fde = entry_bytes(&c, &id_address, &id);
    *entry = (struct entry){0};
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
static uint64_t table_search(const struct module *module, struct cursor table, uint64_t count, uint64_t pc)
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

static bool find_entry(struct entry *entry, const struct module *module, uint64_t pc)
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

/* --- values: what an expression or a rule can come to -----------------------------------------------------
 */

enum base {
    BASE_NONE, /* a number */
    BASE_SP,
    BASE_BP,
    BASE_CFA,
    BASE_WORD_SP, /* the word at sp + offset */
    BASE_WORD_BP, /* the word at bp + offset */
    BASE_UNKNOWN
};

struct value {
    int64_t offset;
    uint8_t base;
};

static const struct value unknown = {.base = BASE_UNKNOWN};

static struct value register_plus(uint64_t number, int64_t offset)
{
    if (number == FRAME_DWARF_SP) return (struct value){.base = BASE_SP, .offset = offset};
    if (number == FRAME_DWARF_BP) return (struct value){.base = BASE_BP, .offset = offset};
    return unknown;
}

static struct value value_deref(struct value v)
{
    if (v.base == BASE_SP) return (struct value){.base = BASE_WORD_SP, .offset = v.offset};
    if (v.base == BASE_BP) return (struct value){.base = BASE_WORD_BP, .offset = v.offset};
    return unknown;
}

static struct value value_add(struct value a, struct value b, bool minus)
{
    bool address = a.base == BASE_SP || a.base == BASE_BP || a.base == BASE_CFA || a.base == BASE_NONE;
    if (!minus && a.base == BASE_NONE) {
        struct value swap = a;
        a = b;
        b = swap;
        address = a.base != BASE_UNKNOWN && a.base != BASE_WORD_SP && a.base != BASE_WORD_BP;
    }
    if (!address || b.base != BASE_NONE) return unknown;
    a.offset = (int64_t)((uint64_t)a.offset + (minus ? -(uint64_t)b.offset : (uint64_t)b.offset));
    return a;
}

/* The operations on two numbers that procedure linkage tables' expressions need. */
static struct value value_combine(unsigned operation, struct value a, struct value b)
{
    struct value result = {.base = BASE_NONE};
    if (a.base != BASE_NONE || b.base != BASE_NONE) return unknown;
    switch (operation) {
    case 0x1a: /* and */
        result.offset = a.offset & b.offset;
        return result;
    case 0x21: /* or */
        result.offset = a.offset | b.offset;
        return result;
    case 0x24: /* shl */
        result.offset = (uint64_t)b.offset < 64 ? (int64_t)((uint64_t)a.offset << b.offset) : 0;
        return result;
    case 0x29: /* eq */
        result.offset = a.offset == b.offset;
        return result;
    case 0x2a: /* ge */
        result.offset = a.offset >= b.offset;
        return result;
    case 0x2b: /* gt */
        result.offset = a.offset > b.offset;
        return result;
    case 0x2c: /* le */
        result.offset = a.offset <= b.offset;
        return result;
    case 0x2d: /* lt */
        result.offset = a.offset < b.offset;
        return result;
    case 0x2e: /* ne */
        result.offset = a.offset != b.offset;
        return result;
    default:
        return unknown;
    }
}

struct expression {
    struct cursor c;
    uint64_t pc;
    struct value stack[8];
    unsigned depth;
};

static void push(struct expression *e, struct value v)
{
    if (e->depth == sizeof e->stack / sizeof e->stack[0])
        cursor_fail(&e->c);
    else
        e->stack[e->depth++] = v;
}

static struct value pop(struct expression *e)
{
    if (e->depth) return e->stack[--e->depth];
    cursor_fail(&e->c);
    return unknown;
}

static void push_number(struct expression *e, int64_t number)
{
    push(e, (struct value){.base = BASE_NONE, .offset = number});
}

/* An operation that pushes a constant or a register. False: OPERATION is another one. */
static bool operate_push(struct expression *e, unsigned operation)
{
    if (operation >= 0x30 && operation <= 0x4f) { /* lit0..lit31 */
        push_number(e, operation - 0x30);
        return true;
    }
    if (operation >= 0x70 && operation <= 0x8f) { /* breg0..breg31 */
        int64_t offset = cursor_sleb(&e->c);
        if (operation - 0x70 == FRAME_DWARF_PC)
            push_number(e, (int64_t)e->pc + offset);
        else
            push(e, register_plus(operation - 0x70, offset));
        return true;
    }
    if (operation >= 0x08 && operation <= 0x0f) { /* const1u, const1s, ... const8s */
        unsigned size = 1u << ((operation - 0x08) / 2);
        push_number(e, operation & 1 ? cursor_signed(&e->c, size) : (int64_t)cursor_fixed(&e->c, size));
        return true;
    }
    if (operation == 0x10 || operation == 0x11) { /* constu, consts */
        push_number(e, operation == 0x10 ? (int64_t)cursor_uleb(&e->c) : cursor_sleb(&e->c));
        return true;
    }
    return false;
}

static void operate(struct expression *e, unsigned operation)
{
    struct value top, below;
    if (operate_push(e, operation)) return;
    switch (operation) {
    case 0x06: /* deref */
        push(e, value_deref(pop(e)));
        return;
    case 0x12: /* dup */
        top = pop(e);
        push(e, top);
        push(e, top);
        return;
    case 0x23: /* plus_uconst */
        top = (struct value){.base = BASE_NONE, .offset = (int64_t)cursor_uleb(&e->c)};
        push(e, value_add(pop(e), top, false));
        return;
    case 0x96: /* nop */
        return;
    default: /* two operands, or something unknown: then the result is, too */
        top = pop(e);
        below = pop(e);
        if (operation == 0x22 || operation == 0x1c) /* plus, minus */
            push(e, value_add(below, top, operation == 0x1c));
        else if (operation >= 0x1a && operation <= 0x2e)
            push(e, value_combine(operation, below, top));
        else
            cursor_fail(&e->c);
    }
}

/* The value of the expression in C (a block of its own) for a frame at PC; WITH_CFA: the CFA is pushed first.
 */
static struct value evaluate(struct cursor c, uint64_t pc, bool with_cfa)
{
    struct expression e = {.c = c, .pc = pc};
    if (with_cfa) push(&e, (struct value){.base = BASE_CFA});
    while (e.c.at < e.c.end)
        operate(&e, (unsigned)cursor_fixed(&e.c, 1));
    struct value result = pop(&e);
    return e.c.bad ? unknown : result;
}

/* --- the program ------------------------------------------------------------------------------------------
 */

/* Where the caller's value of a register is. */
enum saved {
    SAVED_NOT /* the register still holds it */,
    SAVED_AT,
    SAVED_VALUE,
    SAVED_UNDEFINED,
    SAVED_OTHER
};

/* A value in a row: small, because rows lie on the stack of whatever thread allocates. */
struct place {
    int32_t offset;
    uint8_t base; /* enum base */
    uint8_t how;  /* enum saved: the place is the address for SAVED_AT, the value itself for SAVED_VALUE */
};

/* One row of the table that CFI stands for, of the registers that matter here. */
struct row {
    struct place cfa, bp, sp, pc;
};

static struct place place_of(struct value value, enum saved how)
{
    struct place place = {.offset = (int32_t)value.offset, .base = value.base, .how = (uint8_t)how};
    if (place.offset != value.offset) place.base = BASE_UNKNOWN;
    return place;
}

/* gcc nests two, hand-written code nests none. */
#define REMEMBERED_ROWS 4

struct program {
    const struct entry *entry;
    uint64_t pc;       /* rows beyond it are of no interest */
    uint64_t location; /* where the current row begins */
    struct row row, initial;
    struct row remembered[REMEMBERED_ROWS];
    unsigned remembered_count;
};

static void row_save(struct program *p, uint64_t number, enum saved how, struct value value)
{
    struct place place = place_of(value, how);
    if (number == p->entry->pc_register)
        p->row.pc = place;
    else if (number == FRAME_DWARF_BP)
        p->row.bp = place;
    else if (number == FRAME_DWARF_SP)
        p->row.sp = place;
}

static int64_t factored(const struct program *p, int64_t number)
{
    return (int64_t)((uint64_t)number *
                     (uint64_t)p->entry->data_factor); /* may wrap round: it is not believed */
}

static void row_save_at_cfa(struct program *p, uint64_t number, int64_t offset, enum saved how)
{
    struct value value = {.base = BASE_CFA, .offset = factored(p, offset)};
    row_save(p, number, how, value);
}

static void row_restore(struct program *p, uint64_t number)
{
    if (number == p->entry->pc_register)
        p->row.pc = p->initial.pc;
    else if (number == FRAME_DWARF_BP)
        p->row.bp = p->initial.bp;
    else if (number == FRAME_DWARF_SP)
        p->row.sp = p->initial.sp;
}

static void row_cfa(struct program *p, uint64_t number, int64_t offset)
{
    struct value cfa = register_plus(number, offset);
    cfa.offset = offset; /* kept through registers that are not followed, too */
    p->row.cfa = place_of(cfa, SAVED_VALUE);
}

/* DW_CFA_def_cfa_offset and its like change the offset of a CFA that is register plus offset; of one given by
 * an expression there is none. */
static void row_cfa_offset(struct program *p, int64_t offset)
{
    struct value cfa = {.offset = offset, .base = p->row.cfa.base};
    if (cfa.base != BASE_SP && cfa.base != BASE_BP) cfa.base = BASE_UNKNOWN;
    p->row.cfa = place_of(cfa, SAVED_VALUE);
}

/* The instructions that say where a register is; see DWARF 5, section 6.4.2.3. False: OPERATION is another
 * one. */
static bool run_register_rule(struct program *p, struct cursor *c, unsigned operation)
{
    bool mine = (operation >= 0x05 && operation <= 0x09) || operation == 0x2f ||
                (operation >= 0x10 && operation <= 0x16 && operation != 0x12 && operation != 0x13);
    if (!mine) return false;
    uint64_t number = cursor_uleb(c); /* the register, which all of them name first */
    switch (operation) {
    case 0x05: /* offset_extended */
        row_save_at_cfa(p, number, (int64_t)cursor_uleb(c), SAVED_AT);
        return true;
    case 0x06: /* restore_extended */
        row_restore(p, number);
        return true;
    case 0x07: /* undefined */
        row_save(p, number, SAVED_UNDEFINED, unknown);
        return true;
    case 0x08: /* same_value */
        row_save(p, number, SAVED_NOT, unknown);
        return true;
    case 0x09: /* register: in another one, which a walk does not know */
        cursor_uleb(c);
        row_save(p, number, SAVED_OTHER, unknown);
        return true;
    case 0x10: /* expression */
    case 0x16: /* val_expression */
        row_save(p, number, operation == 0x10 ? SAVED_AT : SAVED_VALUE,
                 evaluate(cursor_take(c, cursor_uleb(c)), p->pc, true));
        return true;
    case 0x11: /* offset_extended_sf */
        row_save_at_cfa(p, number, cursor_sleb(c), SAVED_AT);
        return true;
    case 0x14: /* val_offset */
        row_save_at_cfa(p, number, (int64_t)cursor_uleb(c), SAVED_VALUE);
        return true;
    case 0x15: /* val_offset_sf */
        row_save_at_cfa(p, number, cursor_sleb(c), SAVED_VALUE);
        return true;
    default: /* 0x2f, GNU_negative_offset_extended */
        row_save_at_cfa(p, number, -(int64_t)cursor_uleb(c), SAVED_AT);
        return true;
    }
}

/* The instructions that say where the CFA is, and the rows kept aside. */
static void run_cfa_rule(struct program *p, struct cursor *c, unsigned operation)
{
    uint64_t number;
    switch (operation) {
    case 0x0a: /* remember_state */
        if (p->remembered_count == REMEMBERED_ROWS)
            cursor_fail(c);
        else
            p->remembered[p->remembered_count++] = p->row;
        return;
    case 0x0b: /* restore_state */
        if (!p->remembered_count)
            cursor_fail(c);
        else
            p->row = p->remembered[--p->remembered_count];
        return;
    case 0x0c: /* def_cfa */
        number = cursor_uleb(c);
        row_cfa(p, number, (int64_t)cursor_uleb(c));
        return;
    case 0x0d: /* def_cfa_register */
        row_cfa(p, cursor_uleb(c), p->row.cfa.offset);
        return;
    case 0x0e: /* def_cfa_offset */
        row_cfa_offset(p, (int64_t)cursor_uleb(c));
        return;
    case 0x0f: /* def_cfa_expression */
        p->row.cfa = place_of(evaluate(cursor_take(c, cursor_uleb(c)), p->pc, false), SAVED_VALUE);
        return;
    case 0x12: /* def_cfa_sf */
        number = cursor_uleb(c);
        row_cfa(p, number, factored(p, cursor_sleb(c)));
        return;
    case 0x13: /* def_cfa_offset_sf */
        row_cfa_offset(p, factored(p, cursor_sleb(c)));
        return;
    case 0x00: /* nop */
        return;
    case 0x2e: /* GNU_args_size: matters to exceptions only */
        cursor_uleb(c);
        return;
    default:
        cursor_fail(c);
    }
}

/* The instructions that begin a new row. False: OPERATION is another one. */
static bool run_advance(struct program *p, struct cursor *c, unsigned operation)
{
    switch (operation) {
    case 0x01: /* set_loc */
        p->location = cursor_encoded(c, p->entry->pointer_encoding, 0);
        return true;
    case 0x02: /* advance_loc1, 2, 4 */
    case 0x03:
    case 0x04:
        p->location += cursor_fixed(c, 1u << (operation - 0x02)) * p->entry->code_factor;
        return true;
    default:
        return false;
    }
}

/* Run the instructions in C until they pass the row that holds p->pc. False: they are bad. */
static bool run(struct program *p, struct cursor c)
{
    while (c.at < c.end) {
        unsigned operation = (unsigned)cursor_fixed(&c, 1);
        unsigned low = operation & 0x3f;
        switch (operation & 0xc0) {
        case 0x40: /* advance_loc */
            p->location += low * p->entry->code_factor;
            break;
        case 0x80: /* offset */
            row_save_at_cfa(p, low, (int64_t)cursor_uleb(&c), SAVED_AT);
            break;
        case 0xc0: /* restore */
            row_restore(p, low);
            break;
        default:
            if (!run_advance(p, &c, operation) && !run_register_rule(p, &c, operation))
                run_cfa_rule(p, &c, operation);
        }
        if (p->location > p->pc) return !c.bad;
    }
    return !c.bad;
}

/* --- one row to one word ----------------------------------------------------------------------------------
 */

static uint64_t rule_of_kind(enum rule_kind kind)
{
    return RULE_DEFINED | (uint64_t)kind << RULE_KIND_SHIFT;
}

static bool saved_at(struct place place, enum base base, int64_t offset)
{
    return place.how == SAVED_AT && place.base == base && place.offset == offset;
}

/* A signal's trampoline describes the saved registers in the ucontext, seen from sp. */
static uint64_t compact_signal(const struct row *row)
{
    int64_t context = (int64_t)row->cfa.offset - FRAME_SIGNAL_SP;
    if (row->cfa.base != BASE_WORD_SP || context != (int32_t)context || context % 8 ||
        !saved_at(row->pc, BASE_SP, context + FRAME_SIGNAL_PC) ||
        !saved_at(row->bp, BASE_SP, context + FRAME_SIGNAL_BP))
        return rule_of_kind(RULE_NOT_EXPRESSIBLE);
    return rule_of_kind(RULE_SIGNAL) | (uint32_t)context;
}

/* Bits of where bp is saved. False: nowhere that a word can name. */
static bool compact_bp(const struct row *row, uint64_t *bits)
{
    struct value slot = {.offset = row->bp.offset, .base = row->bp.base};
    enum rule_bp how = RULE_BP_AT_CFA;
    *bits = RULE_BP_SAME;
    /* Undefined: the caller cannot use it. Keeping it is harmless, and saves a case. */
    if (row->bp.how == SAVED_NOT || row->bp.how == SAVED_UNDEFINED) return true;
    if (row->bp.how != SAVED_AT) return false;
    if (slot.base == BASE_SP && row->cfa.base == BASE_SP)
        slot.offset -= row->cfa.offset;
    else if (slot.base == BASE_BP)
        how = RULE_BP_AT_BP;
    else if (slot.base != BASE_CFA)
        return false;
    if (slot.offset % 8 || slot.offset / 8 != (int16_t)(slot.offset / 8)) return false;
    *bits = (uint64_t)how << RULE_BP_SHIFT | (uint64_t)(uint16_t)(slot.offset / 8) << RULE_SLOT_SHIFT;
    return true;
}

static uint64_t compact(const struct row *row, bool signal_frame)
{
    uint64_t rule = rule_of_kind(RULE_FRAME), bp_bits;
    if (row->pc.how == SAVED_UNDEFINED) return rule_of_kind(RULE_OUTERMOST);
    if (signal_frame) return compact_signal(row);
    bool sp_is_cfa = row->sp.how == SAVED_NOT ||
                     (row->sp.how == SAVED_VALUE && row->sp.base == BASE_CFA && row->sp.offset == 0);
    if (!saved_at(row->pc, BASE_CFA, -8) || !sp_is_cfa || !compact_bp(row, &bp_bits))
        return rule_of_kind(RULE_NOT_EXPRESSIBLE);
    if (row->cfa.offset % 8 || row->cfa.offset != (int32_t)row->cfa.offset)
        return rule_of_kind(RULE_NOT_EXPRESSIBLE);
    switch (row->cfa.base) {
    case BASE_SP:
        break;
    case BASE_BP:
        rule |= RULE_CFA_FROM_BP;
        break;
    case BASE_WORD_SP:
        rule |= RULE_CFA_DEREF;
        break;
    case BASE_WORD_BP:
        rule |= RULE_CFA_FROM_BP | RULE_CFA_DEREF;
        break;
    default:
        return rule_of_kind(RULE_NOT_EXPRESSIBLE);
    }
    rule |= bp_bits | (uint32_t)row->cfa.offset;
    if (!(rule & RULE_CFA_DEREF) && rule_bp(rule) != RULE_BP_AT_BP) rule |= RULE_SIMPLE;
    return rule;
}

uint64_t cfi_rule_make(uint64_t pc, uint64_t map_start, uint64_t eh_frame_hdr)
{
    struct module module;
    struct entry entry;
    if (!module_open(&module, map_start, eh_frame_hdr) || !find_entry(&entry, &module, pc))
        return rule_of_kind(RULE_NO_CFI);
    struct program program = {
        .entry = &entry, .pc = pc, .location = entry.start, .row.cfa.base = BASE_UNKNOWN};
    /* The CIE's instructions hold for the whole function: nothing there begins a new row. */
    if (!run(&program, entry.initial)) return rule_of_kind(RULE_NOT_EXPRESSIBLE);
    program.initial = program.row;
    if (!run(&program, entry.program)) return rule_of_kind(RULE_NOT_EXPRESSIBLE);
    return compact(&program.row, entry.signal_frame);
}
