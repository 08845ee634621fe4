/* The ways out of a process image. No trace needs them to be readable: they add how it ended and cut the
 * file. Each does nothing unless this is the process that the header names and the fork page is unwiped:
 * python's subprocess calls _exit in a vfork child. */
#include "process/exit.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "hot/clock.h"
#include "process/config.h"
#include "process/descriptors.h"
#include "process/image.h"
#include "process/marks.h"
#include "process/sandbox.h"
#include "process/trace_file.h"
#include "slow/chunk.h"
#include "syscall.h"

#define EXPORT __attribute__((visibility("default")))

typedef int main_function(int, char **, char **);
typedef int start_main_function(main_function *, int, char **, void (*)(void), void (*)(void), void (*)(void),
                                void *);
int __libc_start_main(main_function *program_main, int argc, char **argv, void (*init)(void),
                      void (*fini)(void), void (*loader_fini)(void), void *stack_end);

static void (*next_exit)(int) __attribute__((noreturn));
static void (*next__exit)(int) __attribute__((noreturn));
static void (*next__Exit)(int) __attribute__((noreturn));
static void (*next_quick_exit)(int) __attribute__((noreturn));
static void (*next_abort)(void) __attribute__((noreturn));
static start_main_function *next_start_main;
static main_function *program_main;
static _Atomic int quick_exit_status;

void exit_resolve(void)
{
    static const struct {
        void *pointer;
        const char *name;
    } functions[] = {
        {&next_exit, "exit"},   {&next__exit, "_exit"},
        {&next__Exit, "_Exit"}, {&next_quick_exit, "quick_exit"},
        {&next_abort, "abort"}, {&next_start_main, "__libc_start_main"},
    };
    for (unsigned i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
        void *found = dlsym(RTLD_NEXT, functions[i].name);
        memcpy(functions[i].pointer, &found, sizeof(found));
    }
}

bool image_is_ours(void)
{
    if (atomic_load(&image_page.state) == IMAGE_NEW || recorder.header == NULL) return false;
    if (sandbox_forbids(SANDBOX_EXIT)) return false; /* it cannot be asked */
    return (uint32_t)raw_syscall(SYS_getpid, 0, 0, 0, 0, 0, 0) == recorder.header->pid;
}

static uint64_t peak_rss_bytes(void)
{
    struct rusage usage = {0};
    if (raw_syscall(SYS_getrusage, RUSAGE_SELF, (long)&usage, 0, 0, 0, 0) != 0) return 0;
    return (uint64_t)usage.ru_maxrss * 1024;
}

void exit_record(unsigned kind, int code, uint64_t stack_pointer)
{
    struct trace_exit *exit = &recorder.header->exit;
    bool may_ask = !sandbox_forbids(SANDBOX_EXIT);
    exit->code = code;
    exit->monotonic_ns = slow_monotonic_ns();
    exit->ticks = clock_ticks();
    exit->stack_pointer = stack_pointer;
    exit->tid = may_ask ? (uint32_t)raw_syscall(SYS_gettid, 0, 0, 0, 0, 0, 0) : 0;
    exit->peak_rss_bytes = may_ask && !image.seccomp_inherited ? peak_rss_bytes() : 0;
    __atomic_store_n(&exit->kind, kind, __ATOMIC_RELEASE);
}

/* The end of recording but for what other threads still commit into chunks that they have. */
static void exit_finish(unsigned kind, int code, uint64_t stack_pointer)
{
    if (!image_is_ours()) return;
    if (recorder.samples_allowed) {
        struct lane *lane = recorder_enter();
        if (lane != NULL) {
            sample_take(lane, TRACE_SAMPLE_EXIT);
            recorder_leave(lane);
        }
    }
    exit_record(kind, code, stack_pointer);
    if (descriptors_take_leave()) trace_file_trim(); /* else whoever reads the trace cuts it */
}

/* At exit handlers it need not be asked whose process this is: a vfork child must not come here. */
static void exit_handlers_finish(unsigned kind, int code, uint64_t stack_pointer)
{
    if (!sandbox_forbids(SANDBOX_EXIT))
        exit_finish(kind, code, stack_pointer);
    else if (atomic_load(&image_page.state) != IMAGE_NEW && recorder.header != NULL &&
             !sandbox_forbids(SANDBOX_TICKS))
        exit_record(kind, code, stack_pointer);
}

/* Registered first, called last: everything of the program has been torn down. */
static void exit_handler(int status, void *argument)
{
    (void)argument;
    uint64_t stack_pointer =
        image.exit_stack_pointer != 0 ? image.exit_stack_pointer : image.main_stack_pointer;
    exit_handlers_finish(TRACE_EXIT_EXIT, status, stack_pointer);
}

static void quick_exit_handler(void)
{
    exit_handlers_finish(TRACE_EXIT_QUICK_EXIT, atomic_load(&quick_exit_status), image.exit_stack_pointer);
}

void exit_register(void)
{
    if (config.disabled) return;
    on_exit(exit_handler, NULL);
    (void)at_quick_exit(quick_exit_handler); /* nobody could be told that there is no room */
}

EXPORT void exit(int status)
{
    if (next_exit == NULL) image_init();
    image.exit_stack_pointer = frame_of_caller().sp;
    next_exit(status);
}

EXPORT void quick_exit(int status)
{
    if (next_quick_exit == NULL) image_init();
    image.exit_stack_pointer = frame_of_caller().sp;
    atomic_store(&quick_exit_status, status);
    next_quick_exit(status);
}

EXPORT void _exit(int status)
{
    if (next__exit == NULL) image_init();
    exit_finish(TRACE_EXIT__EXIT, status, frame_of_caller().sp);
    next__exit(status);
}

EXPORT void _Exit(int status)
{
    if (next__Exit == NULL) image_init();
    exit_finish(TRACE_EXIT__EXIT, status, frame_of_caller().sp);
    next__Exit(status);
}

/* A handler of SIGABRT may jump out, and the process live on: no cut, and a later exit overwrites this. */
EXPORT void abort(void)
{
    if (next_abort == NULL) image_init();
    if (image_is_ours()) exit_record(TRACE_EXIT_ABORT, 6, frame_of_caller().sp);
    next_abort();
}

/* --- main ------------------------------------------------------------------------------------------- */

/* Tail calls (-foptimize-sibling-calls): neither adds a frame to the program's stacks. */
static int main_marked(int argc, char **argv, char **envp)
{
    image.main_stack_pointer = frame_of_caller().sp;
    mark_write(TRACE_MARK_MAIN, "main");
    return program_main(argc, argv, envp);
}

EXPORT int __libc_start_main(main_function *main, int argc, char **argv, void (*init)(void),
                             void (*fini)(void), void (*loader_fini)(void), void *stack_end)
{
    program_main = main;
    return next_start_main(main_marked, argc, argv, init, fini, loader_fini, stack_end);
}
