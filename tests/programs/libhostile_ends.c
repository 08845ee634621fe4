/* Preloaded for hostile_heap: it allocates before the recorder's constructor may have run, and after every
 * exit handler of the program. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *kept;
void hostile_ends_touch(void);

__attribute__((constructor)) static void begin(void)
{
    kept = malloc(892);
    memset(kept, 'k', 892);
}

void hostile_ends_touch(void)
{
    kept = realloc(kept, 893);
}

__attribute__((destructor)) static void end(void)
{
    static const char good[] = "library's end: as it was\n", bad[] = "library's end: changed\n";
    char *late = malloc(894);
    memset(late, 'l', 894);
    int same = kept != NULL && kept[0] == 'k' && kept[890] == 'k';
    if (write(1, same ? good : bad, strlen(same ? good : bad)) < 0) _exit(1);
    free(kept);
    free(late);
}
