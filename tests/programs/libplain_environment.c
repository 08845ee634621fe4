/* A preload for comparing allocation counts under two tools. Each tool leaves variables of its own in the
 * environment, and programs that copy their environment allocate for them: this takes out, before main, all
 * but the few that the tests set alike. Put it before a recorder in LD_PRELOAD: constructors run from the
 * last library to the first. It acts only in the program itself: valgrind starts by a shell script and a
 * launcher that must keep their LD_PRELOAD. */
#include <string.h>

static const char *const kept[] = {"PATH=", "HOME=", "LC_ALL=", "PERL_HASH_SEED=", NULL};

static int is_kept(const char *variable)
{
    for (const char *const *name = kept; *name; name++)
        if (strncmp(variable, *name, strlen(*name)) == 0) return 1;
    return 0;
}

static int is_of_a_tool(const char *variable)
{
    return strncmp(variable, "MEMTRACE_OUTPUT=", 16) == 0 ||
           (strncmp(variable, "LD_PRELOAD=", 11) == 0 && strstr(variable, "/vgpreload_"));
}

/* In place: main's third argument and environ are this array. */
__attribute__((constructor)) static void take_out(int argc, char **argv, char **environment)
{
    (void)argc;
    (void)argv;
    int under_a_tool = 0;
    for (char **from = environment; *from; from++)
        under_a_tool |= is_of_a_tool(*from);
    if (!under_a_tool) return;
    char **to = environment;
    for (char **from = environment; *from; from++)
        if (is_kept(*from)) *to++ = *from;
    *to = NULL;
    /* perl copies the environment when it lies right behind the arguments, to overwrite both by $0. Whether
     * it does would depend on which variable came first: never. */
    static char first[4096];
    if (environment[0] && strlen(environment[0]) < sizeof(first))
        environment[0] = strcpy(first, environment[0]);
}
