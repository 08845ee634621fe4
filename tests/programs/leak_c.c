/* Planted leaks in C. A line that leaks ends in a comment: LEAK, the function that the leak is in, the number
 * of blocks and their bytes. tests/e2e/planted_leaks.t reads these comments. */
#include <stdlib.h>
#include <string.h>

struct session {
    char *name;
    struct session *next;
};

static void *volatile sink;

/* Takes a copy that nobody frees. */
__attribute__((noinline)) static char *copy_name(const char *name)
{
    char *copy = malloc(strlen(name) + 1); /* LEAK copy_name 10 80 */
    strcpy(copy, name);
    return copy;
}

/* Opens and closes a session; close forgets the name. */
__attribute__((noinline)) static void session_cycle(void)
{
    struct session *session = calloc(1, sizeof(*session));
    session->name = copy_name("session");
    sink = session;
    free(session);
}

/* Forgets the old block when it cannot use the new one. */
__attribute__((noinline)) static void grow_and_forget(void)
{
    char *buffer = malloc(100);
    buffer = realloc(buffer, 5000); /* LEAK grow_and_forget 1 5000 */
    sink = buffer;
    sink = NULL;
}

/* Recursion: the leak is at its deepest point. */
__attribute__((noinline)) static void descend(unsigned depth)
{
    if (depth == 0) {
        sink = malloc(333); /* LEAK descend 1 333 */
        sink = NULL;
        return;
    }
    descend(depth - 1);
    sink = NULL; /* no tail call */
}

int main(void)
{
    for (unsigned count = 0; count < 10; count++)
        session_cycle();
    grow_and_forget();
    descend(20);
    for (unsigned count = 0; count < 1000; count++) {
        sink = malloc(64);
        free(sink);
    }
    sink = NULL;
    return 0;
}
