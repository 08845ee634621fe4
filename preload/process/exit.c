/* The ways out of a process image. No trace needs them to be readable: they add how it ended and cut the file.
 * Each does nothing unless this is the process that the header names and the fork page is unwiped: python's
 * subprocess calls _exit in a vfork child. */
#include "process/exit.h"

#include <alloca.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "hot/clock.h"
#include "process/image.h"
#include "process/marks.h"
#include "process/trace_file.h"
#include "slow/chunk.h"
#include "syscall.h"

#define EXPORT __attribute__((visibility("default")))

typedef int main_function(int, char **, char **);
typedef int start_main_function(main_function *, int, char **, void (*)(void), void (*)(void), void (*)(void),
                                void *);
int __libc_start_main(main_function *program_main, int argc, char **argv, void (*init)(void), void (*fini)(void),
                      void (*loader_fini)(void), void *stack_end);

static void (*next_exit)(int) __attribute__((noreturn));
static void (*next__exit)(int) __attribute__((noreturn));
static void (*next__Exit)(int) __attribute__((noreturn));
static void (*next_quick_exit)(int) __attribute__((noreturn));
static void (*next_abort)(void) __attribute__((noreturn));
static int (*next_execve)(const char *, char *const[], char *const[]);
static int (*next_execvpe)(const char *, char *const[], char *const[]);
static int (*next_fexecve)(int, char *const[], char *const[]);
static start_main_function *next_start_main;
static main_function *program_main;
static _Atomic int quick_exit_status;

void exit_resolve(void)
{
    static const struct {
        void *pointer;
        const char *name;
    } functions[] = {
        {&next_exit, "exit"},         {&next__exit, "_exit"},       {&next__Exit, "_Exit"},
        {&next_quick_exit, "quick_exit"}, {&next_abort, "abort"},   {&next_execve, "execve"},
        {&next_execvpe, "execvpe"},   {&next_fexecve, "fexecve"},   {&next_start_main, "__libc_start_main"},
    };
    for (unsigned i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
        void *found = dlsym(RTLD_NEXT, functions[i].name);
        memcpy(functions[i].pointer, &found, sizeof(found));
    }
}

/* Whether this process is the one whose trace is mapped. */
static bool image_is_ours(void)
{
    if (atomic_load(&image_page.state) == IMAGE_NEW || recorder.header == NULL) return false;
    return (uint32_t)raw_syscall(SYS_getpid, 0, 0, 0, 0, 0, 0) == recorder.header->pid;
}

static uint64_t peak_rss_bytes(void)
{
    struct rusage usage;
    if (raw_syscall(SYS_getrusage, RUSAGE_SELF, (long)&usage, 0, 0, 0, 0) != 0) return 0;
    return (uint64_t)usage.ru_maxrss * 1024;
}

static void exit_record(unsigned kind, int code, uint64_t stack_pointer)
{
    struct trace_exit *exit = &recorder.header->exit;
    exit->code = code;
    exit->monotonic_ns = slow_monotonic_ns();
    exit->ticks = clock_ticks();
    exit->stack_pointer = stack_pointer;
    exit->tid = (uint32_t)raw_syscall(SYS_gettid, 0, 0, 0, 0, 0, 0);
    if (!image.seccomp_inherited) exit->peak_rss_bytes = peak_rss_bytes();
    __atomic_store_n(&exit->kind, kind, __ATOMIC_RELEASE);
}

/* The end of recording but for what other threads still commit into chunks that they have. */
static void exit_finish(unsigned kind, int code, uint64_t stack_pointer)
{
    if (!image_is_ours()) return;
    if (!image.seccomp_inherited) {
        struct lane *lane = recorder_enter();
        if (lane != NULL) {
            sample_take(lane, TRACE_SAMPLE_EXIT);
            recorder_leave(lane);
        }
    }
    exit_record(kind, code, stack_pointer);
    if (!image.seccomp_inherited) trace_file_trim();
}

/* Registered first, called last: everything of the program has been torn down. */
static void exit_handler(int status, void *argument)
{
    (void)argument;
    uint64_t stack_pointer = image.exit_stack_pointer != 0 ? image.exit_stack_pointer : image.main_stack_pointer;
    exit_finish(TRACE_EXIT_EXIT, status, stack_pointer);
}

static void quick_exit_handler(void)
{
    exit_finish(TRACE_EXIT_QUICK_EXIT, atomic_load(&quick_exit_status), image.exit_stack_pointer);
}

void exit_register(void)
{
    if (!image_is_ours()) return;
    on_exit(exit_handler, NULL);
    at_quick_exit(quick_exit_handler);
}

EXPORT void exit(int status)
{
    image.exit_stack_pointer = frame_of_caller().sp;
    next_exit(status);
}

EXPORT void quick_exit(int status)
{
    image.exit_stack_pointer = frame_of_caller().sp;
    atomic_store(&quick_exit_status, status);
    next_quick_exit(status);
}

EXPORT void _exit(int status)
{
    exit_finish(TRACE_EXIT__EXIT, status, frame_of_caller().sp);
    next__exit(status);
}

EXPORT void _Exit(int status)
{
    exit_finish(TRACE_EXIT__EXIT, status, frame_of_caller().sp);
    next__Exit(status);
}

/* A handler of SIGABRT may jump out, and the process live on: no cut, and a later exit overwrites this. */
EXPORT void abort(void)
{
    if (image_is_ours()) exit_record(TRACE_EXIT_ABORT, 6, frame_of_caller().sp);
    next_abort();
}

/* --- exec: the image ends with the call, unless it fails --------------------------------------------- */

static bool exec_begin(void)
{
    if (!image_is_ours()) return false; /* a vfork child */
    exit_record(TRACE_EXIT_EXEC, 0, 0);
    return true;
}

static int exec_failed(bool begun)
{
    if (begun) __atomic_store_n(&recorder.header->exit.kind, TRACE_EXIT_NONE, __ATOMIC_RELEASE);
    return -1;
}

EXPORT int execve(const char *path, char *const argv[], char *const envp[])
{
    bool begun = exec_begin();
    next_execve(path, argv, envp);
    return exec_failed(begun);
}

EXPORT int execv(const char *path, char *const argv[])
{
    return execve(path, argv, environ);
}

EXPORT int execvpe(const char *file, char *const argv[], char *const envp[])
{
    bool begun = exec_begin();
    next_execvpe(file, argv, envp);
    return exec_failed(begun);
}

EXPORT int execvp(const char *file, char *const argv[])
{
    return execvpe(file, argv, environ);
}

EXPORT int fexecve(int fd, char *const argv[], char *const envp[])
{
    bool begun = exec_begin();
    next_fexecve(fd, argv, envp);
    return exec_failed(begun);
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
    char **argv = alloca((count_arguments(list) + 1) * sizeof(char *));                                      \
    va_end(list);                                                                                            \
    va_start(list, first);                                                                                   \
    collect_arguments(argv, first, list)

EXPORT int execl(const char *path, const char *first, ...)
{
    va_list arguments;
    COLLECT(argv, first, arguments);
    va_end(arguments);
    return execve(path, argv, environ);
}

EXPORT int execlp(const char *file, const char *first, ...)
{
    va_list arguments;
    COLLECT(argv, first, arguments);
    va_end(arguments);
    return execvpe(file, argv, environ);
}

EXPORT int execle(const char *path, const char *first, ...)
{
    va_list arguments;
    COLLECT(argv, first, arguments);
    char **envp = va_arg(arguments, char **);
    va_end(arguments);
    return execve(path, argv, envp);
}

/* --- main ------------------------------------------------------------------------------------------- */

/* Tail calls (-foptimize-sibling-calls): neither adds a frame to the program's stacks. */
static int main_marked(int argc, char **argv, char **envp)
{
    image.main_stack_pointer = frame_of_caller().sp;
    mark_write(TRACE_MARK_MAIN, "main");
    return program_main(argc, argv, envp);
}

EXPORT int __libc_start_main(main_function *main, int argc, char **argv, void (*init)(void), void (*fini)(void),
                             void (*loader_fini)(void), void *stack_end)
{
    program_main = main;
    return next_start_main(main_marked, argc, argv, init, fini, loader_fini, stack_end);
}
