/* A library with static thread-local storage, of which the loader has little to spare. */
#include <stdlib.h>

static __thread char local[120] __attribute__((tls_model("initial-exec")));
int hostile_local(void);
int hostile_local(void)
{
    char *volatile block = malloc(865);
    block[0] = ++local[5];
    int value = block[0];
    free(block);
    return value;
}
