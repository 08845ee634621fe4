/* Exec: the image ends with the call, unless it fails. Nothing can be done behind a call that succeeds, so
 * the exit record is written and the file is cut before it, where it looks as if it will; when it fails all
 * the same, the file gets its size back and recording goes on. Shells try one directory of PATH after the
 * other: a try at a file that is not there costs two system calls. */
#include "process/exec.h"

#include <alloca.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "hot/clock.h"
#include "process/exit.h"
#include "process/image.h"
#include "process/preload_variable.h"
#include "process/text.h"
#include "process/trace_file.h"
#include "syscall.h"

#define EXPORT __attribute__((visibility("default")))

typedef int spawn_function(pid_t *, const char *, const posix_spawn_file_actions_t *,
                           const posix_spawnattr_t *, char *const[], char *const[]);
int execveat(int directory, const char *path, char *const argv[], char *const envp[], int flags);

static int (*next_execve)(const char *, char *const[], char *const[]);
static int (*next_execvpe)(const char *, char *const[], char *const[]);
static int (*next_fexecve)(int, char *const[], char *const[]);
static int (*next_execveat)(int, const char *, char *const[], char *const[], int);

static spawn_function *next_posix_spawn, *next_posix_spawnp;

void exec_resolve(void)
{
    static const struct {
        void *pointer;
        const char *name;
    } functions[] = {
        {&next_execvpe, "execvpe"}, {&next_fexecve, "fexecve"},         {&next_execveat, "execveat"},
        {&next_execve, "execve"},   {&next_posix_spawn, "posix_spawn"}, {&next_posix_spawnp, "posix_spawnp"},
    };
    for (unsigned i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
        void *found = dlsym(RTLD_NEXT, functions[i].name);
        memcpy(functions[i].pointer, &found, sizeof(found));
    }
}

/* --- Will it succeed? ------------------------------------------------------------------------------- */

static bool is_executable(const char *path)
{
    return raw_syscall(SYS_faccessat, AT_FDCWD, (long)path, X_OK, 0, 0, 0) == 0;
}

/* As execvpe searches: in the directories of PATH, an empty one being the current, unless FILE has a slash.
 */
static bool is_executable_in_path(const char *file)
{
    char candidate[4096];
    if (strchr(file, '/') != NULL) return is_executable(file);
    const char *directory = getenv("PATH");
    if (directory == NULL) directory = "/bin:/usr/bin";
    for (;;) {
        size_t length = strcspn(directory, ":");
        struct text path = {.bytes = candidate, .capacity = sizeof(candidate)};
        text_append_bytes(&path, directory, length);
        if (length > 0) text_append(&path, "/");
        text_append(&path, file);
        if (!path.overflow && is_executable(candidate)) return true;
        if (directory[length] == '\0') return false;
        directory += length + 1;
    }
}

/* --- Around the call -------------------------------------------------------------------------------- */

struct exec_attempt {
    bool recorded;  /* the exit record has been written */
    uint32_t state; /* of the image, before it */
    uint64_t limit; /* of the file, before it was cut; 0: it was not */
};

/* EXECUTABLE: there is a file that can be executed. */
static void exec_begin(struct exec_attempt *attempt, bool executable)
{
    *attempt = (struct exec_attempt){.recorded = executable};
    if (!executable) return;
    attempt->state = atomic_load(&image_page.state);
    exit_record(TRACE_EXIT_EXEC, 0, 0);
    /* With other threads there is no way back: one may claim a chunk meanwhile. */
    if (clock_one_thread()) attempt->limit = trace_file_trim();
}

static int exec_failed(const struct exec_attempt *attempt)
{
    int program_errno = errno;
    if (!attempt->recorded) return -1;
    if (attempt->limit != 0) trace_file_extend(attempt->limit);
    __atomic_store_n(&recorder.header->exit.kind, TRACE_EXIT_NONE, __ATOMIC_RELEASE);
    /* A signal handler that asked for a chunk of the file when it was cut has stopped recording: begin again.
     */
    if (attempt->state == IMAGE_RECORDING) atomic_store(&image_page.state, IMAGE_RECORDING);
    errno = program_errno;
    return -1;
}

/* image_is_ours() is false in a vfork child, whose exec ends no image of ours. */
static int exec_path(const char *path, char *const argv[], char *const envp[])
{
    struct exec_attempt attempt;
    if (next_execve == NULL) image_init();
    exec_begin(&attempt, image_is_ours() && is_executable(path));
    next_execve(path, argv, PRELOAD_VARIABLE_FOR_EXEC(envp));
    return exec_failed(&attempt);
}

static int exec_file(const char *file, char *const argv[], char *const envp[])
{
    struct exec_attempt attempt;
    if (next_execve == NULL) image_init();
    exec_begin(&attempt, image_is_ours() && is_executable_in_path(file));
    next_execvpe(file, argv, PRELOAD_VARIABLE_FOR_EXEC(envp));
    return exec_failed(&attempt);
}

EXPORT int execve(const char *path, char *const argv[], char *const envp[])
{
    return exec_path(path, argv, envp);
}

EXPORT int execv(const char *path, char *const argv[])
{
    return exec_path(path, argv, environ);
}

EXPORT int execvpe(const char *file, char *const argv[], char *const envp[])
{
    return exec_file(file, argv, envp);
}

EXPORT int execvp(const char *file, char *const argv[])
{
    return exec_file(file, argv, environ);
}

EXPORT int fexecve(int fd, char *const argv[], char *const envp[])
{
    struct exec_attempt attempt;
    if (next_execve == NULL) image_init();
    exec_begin(&attempt, fd >= 0 && image_is_ours());
    next_fexecve(fd, argv, PRELOAD_VARIABLE_FOR_EXEC(envp));
    return exec_failed(&attempt);
}

EXPORT int execveat(int directory, const char *path, char *const argv[], char *const envp[], int flags)
{
    struct exec_attempt attempt;
    if (next_execve == NULL) image_init();
    if (next_execveat == NULL) { /* glibc before 2.34 */
        errno = ENOSYS;
        return -1;
    }
    exec_begin(&attempt, image_is_ours());
    next_execveat(directory, path, argv, PRELOAD_VARIABLE_FOR_EXEC(envp), flags);
    return exec_failed(&attempt);
}

/* --- A child's exec --------------------------------------------------------------------------------- */

EXPORT int posix_spawn(pid_t *child, const char *path, const posix_spawn_file_actions_t *actions,
                       const posix_spawnattr_t *attributes, char *const argv[], char *const envp[])
{
    if (next_posix_spawn == NULL) image_init();
    return next_posix_spawn(child, path, actions, attributes, argv, PRELOAD_VARIABLE_FOR_EXEC(envp));
}

EXPORT int posix_spawnp(pid_t *child, const char *file, const posix_spawn_file_actions_t *actions,
                        const posix_spawnattr_t *attributes, char *const argv[], char *const envp[])
{
    if (next_posix_spawnp == NULL) image_init();
    return next_posix_spawnp(child, file, actions, attributes, argv, PRELOAD_VARIABLE_FOR_EXEC(envp));
}

/* The variadic forms: the arguments into an array on the stack, as the C library does. */
static size_t count_arguments(va_list arguments)
{
    size_t count = 1;
    while (va_arg(arguments, char *) != NULL)
        count++;
    return count;
}

static void collect_arguments(char **argv, const char *first, va_list arguments)
{
    size_t i = 0;
    argv[i++] = (char *)(uintptr_t)first;
    while ((argv[i++] = va_arg(arguments, char *)) != NULL) {
    }
}

#define COLLECT(argv, first, list)                                                                           \
    va_start(list, first);                                                                                   \
    char **argv /* NOLINT(bugprone-macro-parentheses): a name to declare */ =                                \
        alloca((count_arguments(list) + 1) * sizeof(char *));                                                \
    va_end(list);                                                                                            \
    va_start(list, first);                                                                                   \
    collect_arguments(argv, first, list)

EXPORT int execl(const char *path, const char *first, ...)
{
    va_list arguments;
    COLLECT(argv, first, arguments);
    va_end(arguments);
    return exec_path(path, argv, environ);
}

EXPORT int execlp(const char *file, const char *first, ...)
{
    va_list arguments;
    COLLECT(argv, first, arguments);
    va_end(arguments);
    return exec_file(file, argv, environ);
}

EXPORT int execle(const char *path, const char *first, ...)
{
    va_list arguments;
    COLLECT(argv, first, arguments);
    char **envp = va_arg(arguments, char **);
    va_end(arguments);
    return exec_path(path, argv, envp);
}
