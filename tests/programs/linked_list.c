/* A list of 1,000 nodes with names of their own, each third node taken out again, a few left at the end. */
#include "counted.h"

struct node {
    struct node *next;
    char *name;
};

static struct node *node_new(struct node *next, unsigned number)
{
    struct node *node = counted_malloc(sizeof(*node));
    node->next = next;
    node->name = counted_malloc(8 + number % 57);
    memset(node->name, 'n', 8 + number % 57);
    return node;
}

static void node_free(struct node *node)
{
    counted_free(node->name);
    counted_free(node);
}

static struct node *list_build(unsigned count)
{
    struct node *list = NULL;
    for (unsigned number = 0; number < count; number++)
        list = node_new(list, number);
    return list;
}

static void list_thin(struct node *list)
{
    for (; list && list->next && list->next->next; list = list->next) {
        struct node *third = list->next->next;
        list->next->next = third->next;
        node_free(third);
        list = list->next;
    }
}

static struct node *list_shorten(struct node *list, unsigned keep)
{
    unsigned length = 0;
    for (struct node *node = list; node; node = node->next)
        length++;
    for (; length > keep; length--) {
        struct node *first = list;
        list = list->next;
        node_free(first);
    }
    return list;
}

static struct node *kept;

int main(void)
{
    kept = list_build(1000);
    list_thin(kept);
    kept = list_shorten(kept, 5);
    return counted_print();
}
