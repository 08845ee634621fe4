/* Every distinct stack once, as a tree: a node is (parent, frame), a stack is its innermost node. A frame is
 * (module, link-time address), so that a library that is loaded again elsewhere has the same frames, and two
 * that take turns at one address have different ones. */
#ifndef ANALYZER_REPLAY_STACK_TREE_H
#define ANALYZER_REPLAY_STACK_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Roots: of stacks that are whole, and of those whose outermost frames are missing. A root is the stack
 * without frames. */
enum { STACK_ROOT = 0, STACK_ROOT_TRUNCATED = 1 };

#define STACK_NO_MODULE UINT32_MAX

struct stack_frame {
    uint32_t module; /* of modules.h, or STACK_NO_MODULE */
    uint64_t link_address;
};

struct stack_tree;

struct stack_tree *stack_tree_new(void);
void stack_tree_free(struct stack_tree *tree);

/* The number, from 0, of the frame (MODULE, LINK_ADDRESS). */
uint32_t stack_tree_frame(struct stack_tree *tree, uint32_t module, uint64_t link_address);
/* The node of FRAME called from PARENT. Numbers are dense and stay valid. Running out of them (2^32) ends
 * the command as running out of memory does. */
uint32_t stack_tree_intern(struct stack_tree *tree, uint32_t parent, uint32_t frame);

size_t stack_tree_count(const struct stack_tree *tree); /* of nodes, roots included */
/* Of a node that is no root. */
struct stack_frame stack_tree_node_frame(const struct stack_tree *tree, uint32_t node);
/* The frames of the stack NODE, innermost first, into FRAMES[0..MOST); the depth. *TRUNCATED: outermost
 * frames are missing in the trace. No stack is deeper than TRACE_MAX_DEPTH. */
size_t stack_tree_unwind(const struct stack_tree *tree, uint32_t node, struct stack_frame *frames,
                         size_t most, bool *truncated);
/* An order of stacks that depends on their frames alone: <0, 0, >0. By depth-first comparison from the
 * innermost frame outwards. */
int stack_tree_compare(const struct stack_tree *tree, uint32_t left, uint32_t right);

#endif
