/* objects: analyzer/replay/stack_tree.o analyzer/util/memory.o analyzer/util/report_error.o
 * analyzer/util/progress.o */
/* Stacks in a tree: equal stacks are one node, different ones are not, and a node gives its stack back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdint.h>
#include <stdlib.h>
#include "replay/stack_tree.h"

/* The stack of frames (module M, addresses outermost first). */
static uint32_t intern(struct stack_tree *tree, uint32_t root, uint32_t module, const uint64_t *frames,
                       size_t depth)
{
    uint32_t node = root;

    for (size_t i = 0; i < depth; i++)
        node = stack_tree_intern(tree, node, stack_tree_frame(tree, module, frames[i]));
    return node;
}

static void equal_stacks_are_one(void **state)
{
    struct stack_tree *tree = stack_tree_new();
    const uint64_t frames[] = {10, 20, 30}, others[] = {10, 20, 31};
    uint32_t node = intern(tree, STACK_ROOT, 0, frames, 3);

    (void)state;
    assert_int_equal(intern(tree, STACK_ROOT, 0, frames, 3), node);
    assert_int_not_equal(intern(tree, STACK_ROOT, 0, others, 3), node);
    assert_int_not_equal(intern(tree, STACK_ROOT, 0, frames, 2), node);
    assert_int_not_equal(intern(tree, STACK_ROOT, 1, frames, 3), node);           /* another module */
    assert_int_not_equal(intern(tree, STACK_ROOT_TRUNCATED, 0, frames, 3), node); /* more is missing */
    stack_tree_free(tree);
}

static void a_node_gives_its_stack(void **state)
{
    struct stack_tree *tree = stack_tree_new();
    const uint64_t frames[] = {10, 20, 30};
    struct stack_frame out[8];
    bool truncated;

    (void)state;
    assert_int_equal(stack_tree_unwind(tree, intern(tree, STACK_ROOT, 4, frames, 3), out, 8, &truncated), 3);
    assert_false(truncated);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(out[i].link_address, frames[2 - i]); /* innermost first */
        assert_int_equal(out[i].module, 4);
    }
    assert_int_equal(stack_tree_unwind(tree, STACK_ROOT_TRUNCATED, out, 8, &truncated), 0);
    assert_true(truncated);
    assert_int_equal(stack_tree_unwind(tree, STACK_ROOT, out, 8, &truncated), 0);
    assert_false(truncated);
    stack_tree_free(tree);
}

/* 300,000 nodes: numbers stay what they were through every growth of the tables. */
static void numbers_are_dense_and_stay(void **state)
{
    struct stack_tree *tree = stack_tree_new();
    enum { COUNT = 300000 };
    uint32_t *nodes = malloc(COUNT * sizeof(*nodes));
    size_t before = stack_tree_count(tree);

    (void)state;
    for (uint32_t i = 0; i < COUNT; i++)
        nodes[i] = stack_tree_intern(tree, i < 10 ? (uint32_t)STACK_ROOT : nodes[i / 3],
                                     stack_tree_frame(tree, i % 7, i % 5000));
    assert_true(stack_tree_count(tree) > COUNT / 2);
    before = stack_tree_count(tree);
    for (uint32_t i = 0; i < COUNT; i++)
        assert_int_equal(stack_tree_intern(tree, i < 10 ? (uint32_t)STACK_ROOT : nodes[i / 3],
                                           stack_tree_frame(tree, i % 7, i % 5000)),
                         nodes[i]);
    assert_int_equal(stack_tree_count(tree), before);
    free(nodes);
    stack_tree_free(tree);
}

static void the_order_is_of_frames(void **state)
{
    struct stack_tree *left = stack_tree_new(), *right = stack_tree_new();
    const uint64_t a[] = {10, 20}, b[] = {10, 30}, c[] = {20};
    uint32_t left_a = intern(left, STACK_ROOT, 0, a, 2), left_b = intern(left, STACK_ROOT, 0, b, 2);
    uint32_t right_b = intern(right, STACK_ROOT, 0, b, 2), right_a = intern(right, STACK_ROOT, 0, a, 2);

    (void)state;
    assert_true(stack_tree_compare(left, left_a, left_b) < 0);
    assert_true(stack_tree_compare(right, right_a, right_b) < 0); /* whichever was interned first */
    assert_true(stack_tree_compare(left, left_b, left_a) > 0);
    assert_int_equal(stack_tree_compare(left, left_a, left_a), 0);
    assert_true(stack_tree_compare(left, intern(left, STACK_ROOT, 0, c, 1), left_a) < 0); /* a shorter one */
    stack_tree_free(left);
    stack_tree_free(right);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_stacks_are_one),
        cmocka_unit_test(a_node_gives_its_stack),
        cmocka_unit_test(numbers_are_dense_and_stay),
        cmocka_unit_test(the_order_is_of_frames),
    };

    return cmocka_run_group_tests_name("stack_tree", tests, NULL, NULL);
}
