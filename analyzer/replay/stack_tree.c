#include "replay/stack_tree.h"

#include <stdlib.h>
#include "replay/hash.h"
#include "util/memory.h"

/* An open-addressing index of numbered things: number + 1 in each place, 0 where it is empty. */
struct number_index {
    uint32_t *places;
    size_t capacity; /* a power of two */
};

struct node {
    uint32_t parent, frame;
};

struct stack_tree {
    uint64_t key;
    struct node *nodes;
    size_t node_count, node_capacity;
    struct stack_frame *frames;
    size_t frame_count, frame_capacity;
    struct number_index node_index, frame_index;
};

static uint64_t node_hash(const struct stack_tree *tree, struct node node)
{
    return hash_mix((uint64_t)node.parent << 32 | node.frame, tree->key);
}

static uint64_t frame_hash(const struct stack_tree *tree, const struct stack_frame *frame)
{
    return hash_mix(hash_mix(frame->link_address, tree->key) ^ frame->module, tree->key);
}

struct stack_tree *stack_tree_new(void)
{
    struct stack_tree *tree = memory_new(1, sizeof(*tree));

    tree->key = hash_key();
    tree->node_index = (struct number_index){memory_new(1024, sizeof(uint32_t)), 1024};
    tree->frame_index = (struct number_index){memory_new(1024, sizeof(uint32_t)), 1024};
    while (tree->node_count <= STACK_ROOT_TRUNCATED) {
        tree->nodes = memory_grow(tree->nodes, &tree->node_capacity, tree->node_count, sizeof(*tree->nodes));
        tree->nodes[tree->node_count] = (struct node){.parent = (uint32_t)tree->node_count};
        tree->node_count++;
    }
    return tree;
}

void stack_tree_free(struct stack_tree *tree)
{
    if (!tree) return;
    free(tree->nodes);
    free(tree->frames);
    free(tree->node_index.places);
    free(tree->frame_index.places);
    free(tree);
}

/* A number is an index of 32 bits, and one is kept free. Out of them: as out of memory. */
static uint32_t next_number(size_t count)
{
    if (count >= UINT32_MAX - 1) free(memory_new(SIZE_MAX, 2));
    return (uint32_t)count;
}

static void index_insert(struct number_index *index, uint64_t hash, uint32_t number)
{
    size_t place = hash & (index->capacity - 1);

    while (index->places[place])
        place = (place + 1) & (index->capacity - 1);
    index->places[place] = number + 1;
}

static void index_double(struct number_index *index)
{
    free(index->places);
    index->capacity *= 2;
    index->places = memory_new(index->capacity, sizeof(*index->places));
}

uint32_t stack_tree_frame(struct stack_tree *tree, uint32_t module, uint64_t link_address)
{
    struct number_index *index = &tree->frame_index;
    struct stack_frame frame = {.module = module, .link_address = link_address};
    uint64_t hash = frame_hash(tree, &frame);
    uint32_t number;

    for (size_t place = hash & (index->capacity - 1); index->places[place];
         place = (place + 1) & (index->capacity - 1)) {
        const struct stack_frame *there = &tree->frames[index->places[place] - 1];
        if (there->link_address == link_address && there->module == module) return index->places[place] - 1;
    }
    tree->frames = memory_grow(tree->frames, &tree->frame_capacity, tree->frame_count, sizeof(*tree->frames));
    number = next_number(tree->frame_count);
    tree->frames[tree->frame_count++] = frame;
    if (tree->frame_count * 2 > index->capacity) {
        index_double(index);
        for (uint32_t i = 0; i < number; i++)
            index_insert(index, frame_hash(tree, &tree->frames[i]), i);
    }
    index_insert(index, hash, number);
    return number;
}

uint32_t stack_tree_intern(struct stack_tree *tree, uint32_t parent, uint32_t frame)
{
    struct number_index *index = &tree->node_index;
    struct node node = {.parent = parent, .frame = frame};
    uint64_t hash = node_hash(tree, node);
    uint32_t number;

    for (size_t place = hash & (index->capacity - 1); index->places[place];
         place = (place + 1) & (index->capacity - 1)) {
        const struct node *there = &tree->nodes[index->places[place] - 1];
        if (there->parent == parent && there->frame == frame) return index->places[place] - 1;
    }
    tree->nodes = memory_grow(tree->nodes, &tree->node_capacity, tree->node_count, sizeof(*tree->nodes));
    number = next_number(tree->node_count);
    tree->nodes[tree->node_count++] = node;
    if (tree->node_count * 2 > index->capacity) {
        index_double(index);
        for (uint32_t i = STACK_ROOT_TRUNCATED + 1; i < number; i++)
            index_insert(index, node_hash(tree, tree->nodes[i]), i);
    }
    index_insert(index, hash, number);
    return number;
}

size_t stack_tree_count(const struct stack_tree *tree)
{
    return tree->node_count;
}

struct stack_frame stack_tree_node_frame(const struct stack_tree *tree, uint32_t node)
{
    return tree->frames[tree->nodes[node].frame];
}

size_t stack_tree_unwind(const struct stack_tree *tree, uint32_t node, struct stack_frame *frames,
                         size_t most, bool *truncated)
{
    size_t depth = 0;

    for (; node > STACK_ROOT_TRUNCATED && depth < most; node = tree->nodes[node].parent)
        frames[depth++] = tree->frames[tree->nodes[node].frame];
    *truncated = node != STACK_ROOT;
    return depth;
}

static int compare_frames(const struct stack_frame *left, const struct stack_frame *right)
{
    if (left->module != right->module) return left->module < right->module ? -1 : 1;
    if (left->link_address != right->link_address) return left->link_address < right->link_address ? -1 : 1;
    return 0;
}

int stack_tree_compare(const struct stack_tree *tree, uint32_t left, uint32_t right)
{
    while (left > STACK_ROOT_TRUNCATED && right > STACK_ROOT_TRUNCATED) {
        const struct node *l = &tree->nodes[left], *r = &tree->nodes[right];
        int order = compare_frames(&tree->frames[l->frame], &tree->frames[r->frame]);
        if (order) return order;
        left = l->parent;
        right = r->parent;
    }
    return (left > right) - (left < right); /* a root is less than any frame */
}
