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

#include <stddef.h>

#include "frame.h"
#include "hot/unwind_rule.h"
#include "slow/cfi_entry.h"

/* --- values: what an expression or a rule can come to --- */

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

/* --- the program --- */

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
    const struct cfi_entry *entry;
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

/* --- one row to one word --- */

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
    struct cfi_module module;
    struct cfi_entry entry;
    if (!cfi_module_open(&module, map_start, eh_frame_hdr) || !cfi_find_entry(&entry, &module, pc))
        return rule_of_kind(RULE_NO_CFI);
    struct program program = {
        .entry = &entry, .pc = pc, .location = entry.start, .row.cfa.base = BASE_UNKNOWN};
    /* The CIE's instructions hold for the whole function: nothing there begins a new row. */
    if (!run(&program, entry.initial)) return rule_of_kind(RULE_NOT_EXPRESSIBLE);
    program.initial = program.row;
    if (!run(&program, entry.program)) return rule_of_kind(RULE_NOT_EXPRESSIBLE);
    return compact(&program.row, entry.signal_frame);
}
