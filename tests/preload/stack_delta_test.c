/* Stack deltas: applied to the previous stack as docs/trace-format.md says, each gives the current one. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "hot/stack_delta.h"

#define MAX 600u

struct stack {
    uint64_t frames[MAX]; /* innermost first */
    uint32_t depth;
};

/* A reader's side: drop at the inner end, change the outer end, add at the inner end. */
static void apply(const struct stack *previous, const struct stack *current, const struct stack_delta *delta,
                  struct stack *result)
{
    assert_true(delta->dropped <= previous->depth);
    uint32_t kept = previous->depth - delta->dropped;
    assert_true(delta->outer_dropped <= kept);
    kept -= delta->outer_dropped;
    assert_true(delta->added + kept + delta->outer_added == current->depth);
    memcpy(result->frames, current->frames, delta->added * sizeof(uint64_t));
    memcpy(result->frames + delta->added, previous->frames + delta->dropped, kept * sizeof(uint64_t));
    memcpy(result->frames + delta->added + kept, current->frames + current->depth - delta->outer_added,
           delta->outer_added * sizeof(uint64_t));
    result->depth = current->depth;
}

static void assert_equal(const struct stack *a, const struct stack *b)
{
    assert_int_equal(a->depth, b->depth);
    assert_memory_equal(a->frames, b->frames, a->depth * sizeof(uint64_t));
}

static uint64_t random_state = 88172645463325252u;
static uint64_t random64(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    return random_state ^= random_state << 17;
}

/* Some inner frames other than before, few distinct values so that chance matches occur. */
static void change(struct stack *stack, uint32_t limit)
{
    uint32_t dropped = stack->depth > 0 ? (uint32_t)(random64() % (stack->depth + 1)) : 0;
    uint32_t added = (uint32_t)(random64() % 20);
    if (random64() % 4 != 0) dropped %= 5;
    uint32_t kept = stack->depth - dropped;
    if (dropped > stack->depth) dropped = stack->depth;
    if (kept + added > limit) added = limit - kept;
    memmove(stack->frames + added, stack->frames + dropped, kept * sizeof(uint64_t));
    for (uint32_t i = 0; i < added; i++)
        stack->frames[i] = 0x1000 + random64() % 3;
    stack->depth = kept + added;
}

/* Both cut at LIMIT, of a deeper true stack that changes at its inner end. */
static void cut(struct stack *stack, const struct stack *whole, uint32_t limit)
{
    stack->depth = whole->depth < limit ? whole->depth : limit;
    memcpy(stack->frames, whole->frames, stack->depth * sizeof(uint64_t));
}

static void truncated(void **state)
{
    (void)state;
    static struct stack whole, previous, current, result;
    for (int limit = 1; limit <= 100; limit += 9) {
        whole.depth = previous.depth = 0;
        for (int i = 0; i < 20000; i++) {
            change(&whole, 400);
            cut(&current, &whole, (uint32_t)limit);
            struct stack_delta delta =
                stack_delta_truncated(previous.frames, previous.depth, current.frames, current.depth);
            apply(&previous, &current, &delta, &result);
            assert_equal(&result, &current);
            previous = current;
        }
    }
}

/* A recursion that goes one deeper: one frame comes in at the inner end, one leaves at the outer. */
static void recursion_goes_deeper(void **state)
{
    (void)state;
    uint64_t previous[100], current[100];
    for (uint64_t i = 0; i < 100; i++) {
        previous[i] = 1000 - i;
        current[i] = 1001 - i;
    }
    struct stack_delta delta = stack_delta_truncated(previous, 100, current, 100);
    assert_int_equal(delta.dropped, 0);
    assert_int_equal(delta.added, 1);
    assert_int_equal(delta.outer_dropped, 1);
    assert_int_equal(delta.outer_added, 0);
    delta = stack_delta_truncated(current, 100, previous, 100); /* and back */
    assert_int_equal(delta.dropped, 1);
    assert_int_equal(delta.added, 0);
    assert_int_equal(delta.outer_dropped, 0);
    assert_int_equal(delta.outer_added, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(truncated),
        cmocka_unit_test(recursion_goes_deeper),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
