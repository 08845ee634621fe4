/* Which block does an allocator give out next, which one does a program free next? A guess that coder and
 * decoder make alike, so that what is guessed right costs next to nothing. For columns.c. The rules are part
 * of the format: docs/trace-format.md, "Choices". */
#ifndef ANALYZER_READER_HEAP_MODEL_H
#define ANALYZER_READER_HEAP_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HEAP_CLASSES 256
#define HEAP_ENDS    16 /* where blocks that came from fresh memory ended */
#define HEAP_FREED   8  /* addresses freed last */
#define HEAP_STEPS   64 /* how deep a class's free list is searched */

/* Choices of an allocation: the top of its class's free list, one of the ends, one of the addresses freed
 * last, deeper in the list, none of them. */
#define CHOICE_TOP     0
#define CHOICE_END     1
#define CHOICE_FREED   (CHOICE_END + HEAP_ENDS)
#define CHOICE_DEEPER  (CHOICE_FREED + HEAP_FREED)
#define CHOICE_LITERAL 255
/* Of a free: the block allocated after the one freed before, the one as many allocations ago as last time,
 * the last one allocated, the one allocated before the one freed before; the address as far from the one
 * freed before as that from its predecessor; a block by its number; none of them. */
#define CHOICE_NEXT     0
#define CHOICE_AGE      1
#define CHOICE_LAST     2
#define CHOICE_PREVIOUS 3
#define CHOICE_STRIDE   4
#define CHOICE_NUMBER   5

struct heap_block {
    uint64_t address;
    uint32_t below; /* in its class's free list; 0: none */
    uint8_t class;
    bool listed; /* it is or was in that list */
    bool gone;   /* another block has been allocated at its address */
};

struct heap_model {
    struct heap_block *blocks; /* by number, from 1, in the order of their allocation */
    uint32_t count, capacity;
    uint32_t *table;    /* open addressing: the last block at each address */
    uint32_t addresses; /* in the table */
    uint32_t table_bits;
    uint32_t lists[HEAP_CLASSES]; /* freed blocks, the last one on top; 0: none */
    uint64_t ends[HEAP_ENDS];     /* the one used last first */
    uint64_t freed[HEAP_FREED];   /* the last one first */
    uint64_t stride;
    uint32_t freed_block; /* the known block freed last; 0: none */
    uint32_t age;         /* allocations since its own, when it was freed */
};

void heap_model_reset(struct heap_model *model);
void heap_model_free(struct heap_model *model);

/* Coder: which choice leads to ADDRESS for an allocation of SIZE bytes? */
uint8_t heap_choose_allocation(struct heap_model *model, uint64_t size, uint64_t address);
/* Decoder: where does CHOICE, not CHOICE_LITERAL, lead? False: nowhere. */
bool heap_follow_allocation(struct heap_model *model, uint64_t size, uint8_t choice, uint64_t *address);
/* Both, afterwards. */
void heap_allocated(struct heap_model *model, uint64_t size, uint8_t choice, uint64_t address);

/* The same for frees. *BLOCK: the number of the block, 0: unknown. CHOICE_NUMBER: the decoder is told it. */
uint8_t heap_choose_free(const struct heap_model *model, uint64_t address, uint32_t *block);
bool heap_follow_free(const struct heap_model *model, uint8_t choice, uint32_t *block, uint64_t *address);
void heap_freed(struct heap_model *model, uint32_t block, uint64_t address);
/* The block at ADDRESS; 0: none is known. */
uint32_t heap_find(const struct heap_model *model, uint64_t address);

#endif
