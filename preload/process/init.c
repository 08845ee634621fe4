/* Initialisation: at the first hook call or in the constructor, whichever is earlier (clang makes thousands
 * of calls before a preload's constructor runs). Resolves the next functions, reads the configuration, opens
 * the trace. Runs in the initial thread before there is a second one. */
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <link.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "hot/clock.h"
#include "hot/next.h"
#include "machine.h"
#include "process/bootstrap.h"
#include "process/config.h"
#include "process/exec.h"
#include "process/exit.h"
#include "process/fork.h"
#include "process/image.h"
#include "process/initial_stack.h"
#include "process/locked.h"
#include "process/sandbox.h"
#include "process/trace_file.h"
#include "slow/chunk.h"
#include "slow/sampled.h"
#include "syscall.h"

#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif

struct image image;
size_t recorder_page_size = 4096;

static _Atomic uint32_t init_begun; /* a word: gcc for RISC-V has no exchange of bytes without libatomic */

/* --- Before init: the next functions lead here ------------------------------------------------------ */

/* True while init itself is running further up the stack: then only the arena can serve. */
static bool init_is_running(void)
{
    image_init();
    return !image.initialised;
}

static void *early_malloc(size_t size)
{
    return init_is_running() ? bootstrap_allocate(16, size) : next_malloc(size);
}

static void *early_calloc(size_t count, size_t size)
{
    size_t total;
    if (!init_is_running()) return next_calloc(count, size);
    if (__builtin_mul_overflow(count, size, &total)) {
        errno = ENOMEM;
        return NULL;
    }
    return bootstrap_allocate(16, total);
}

/* A block that is not of the arena was allocated before us by someone else: pass it on once we can. */
static void *early_realloc(void *block, size_t size)
{
    if (!init_is_running()) return next_realloc(block, size);
    return block == NULL ? bootstrap_allocate(16, size) : NULL;
}

/* Called where the executable's realloc comes before ours, and only then. */
static void *early_reallocarray(void *block, size_t count, size_t size)
{
    if (!init_is_running()) return next_reallocarray(block, count, size);
    errno = ENOMEM;
    return NULL;
}

static void early_free(void *block)
{
    if (!init_is_running()) next_free(block); /* else: leaked; nothing else can be done with it */
}

static void *early_memalign(size_t alignment, size_t size)
{
    return init_is_running() ? bootstrap_allocate(alignment, size) : next_memalign(alignment, size);
}

static void *early_aligned_alloc(size_t alignment, size_t size)
{
    return init_is_running() ? bootstrap_allocate(alignment, size) : next_aligned_alloc(alignment, size);
}

static int early_posix_memalign(void **block, size_t alignment, size_t size)
{
    if (!init_is_running()) return next_posix_memalign(block, alignment, size);
    *block = bootstrap_allocate(alignment, size);
    return *block != NULL ? 0 : ENOMEM;
}

static void *early_valloc(size_t size)
{
    return init_is_running() ? bootstrap_allocate(recorder_page_size, size) : next_valloc(size);
}

static void *early_pvalloc(size_t size)
{
    return init_is_running() ? bootstrap_allocate(recorder_page_size, size) : next_pvalloc(size);
}

static size_t no_usable_size(void *block)
{
    (void)block;
    return 0;
}

void *(*next_malloc)(size_t) = early_malloc;
void *(*next_calloc)(size_t, size_t) = early_calloc;
void *(*next_realloc)(void *, size_t) = early_realloc;
void (*next_free)(void *) = early_free;
int (*next_posix_memalign)(void **, size_t, size_t) = early_posix_memalign;
void *(*next_aligned_alloc)(size_t, size_t) = early_aligned_alloc;
void *(*next_memalign)(size_t, size_t) = early_memalign;
void *(*next_valloc)(size_t) = early_valloc;
void *(*next_pvalloc)(size_t) = early_pvalloc;
void *(*next_reallocarray)(void *, size_t, size_t) = early_reallocarray;
size_t (*next_malloc_usable_size)(void *) = no_usable_size;

/* --- Init ------------------------------------------------------------------------------------------- */

/* Whether the executable's realloc comes before ours. Taking its address is not yet having one: in an
 * executable at a fixed address that does so, the address of realloc, for everybody, is the entry in that
 * executable's procedure linkage table, under a symbol that is undefined; calls come to us all the same. */
static bool executable_has_realloc(void)
{
    const ElfW(Sym) *symbol = NULL;
    Dl_info info;
    if ((void *)realloc == (void *)own_realloc) return false;
    if (!dladdr1((void *)realloc, &info, (void **)&symbol, RTLD_DL_SYMENT)) return true;
    return symbol == NULL || symbol->st_shndx != SHN_UNDEF;
}

/* All are looked up before one is used, so that dlsym's own allocations stay in the arena together. None of
 * these names is missing in a C library that we know: for a name that is, dlsym allocates its message, and
 * when an executable's own allocator has called us while it initialised itself, that waits for itself for
 * ever. */
static void resolve_next_functions(void)
{
    static const struct {
        void *pointer;
        const char *name;
    } functions[] = {
        {&next_malloc, "malloc"},
        {&next_calloc, "calloc"},
        {&next_realloc, "realloc"},
        {&next_free, "free"},
        {&next_posix_memalign, "posix_memalign"},
        {&next_aligned_alloc, "aligned_alloc"},
        {&next_memalign, "memalign"},
        {&next_valloc, "valloc"},
        {&next_pvalloc, "pvalloc"},
        {&next_reallocarray, "reallocarray"},
        {&next_malloc_usable_size, "malloc_usable_size"},
    };
    enum { FUNCTIONS = sizeof(functions) / sizeof(functions[0]) };
    void *found[FUNCTIONS];
    for (unsigned i = 0; i < FUNCTIONS; i++)
        found[i] = dlsym(RTLD_NEXT, functions[i].name);
    recorder.preempted = executable_has_realloc();
    recorder.usable_sizes = found[FUNCTIONS - 1] != NULL;
    for (unsigned i = 0; i < FUNCTIONS; i++)
        if (found[i] != NULL) memcpy(functions[i].pointer, &found[i], sizeof(found[i]));
    fork_resolve();
    exit_resolve();
    exec_resolve();
    locked_resolve();
    sandbox_resolve();
    dlerror(); /* what was not found must not be the program's next dlerror() */
}

static char **program_environment(void)
{
    return environ != NULL ? environ : initial_environment();
}

static void choose_clock(void)
{
    recorder.monotonic_clock = !ticks_are_invariant();
    recorder.ticks_per_ms = 1000000;
    if (recorder.monotonic_clock) return;
    recorder.ticks_per_ms = ticks_per_second() / 1000;
    if (recorder.ticks_per_ms != 0) return;
    uint64_t from_ns = slow_monotonic_ns(), from = ticks_read(), ns;
    while ((ns = slow_monotonic_ns()) - from_ns < 20000) /* 20 us: good to about 1 % */
        ;
    recorder.ticks_per_ms = (ticks_read() - from) * 1000000 / (ns - from_ns);
}

/* The unwinder that was asked for, if it is there; else the machine's. */
static uint32_t choose_unwinder(void)
{
    uint32_t machines = ARCH_UNWINDER;
    if (config.unwinder != 0 && config.unwinder != TRACE_UNWINDER_LIBUNWIND) return config.unwinder;
    if (config.unwinder == 0 && machines != TRACE_UNWINDER_LIBUNWIND) return machines;
    if (libunwind_open()) return TRACE_UNWINDER_LIBUNWIND;
    return machines != TRACE_UNWINDER_LIBUNWIND ? machines : TRACE_UNWINDER_FRAME_POINTER;
}

bool image_begin(const struct trace_origin *parent)
{
    const char *failure = NULL;
    image.pid = (uint32_t)raw_syscall(SYS_getpid, 0, 0, 0, 0, 0, 0);
    recorder.header = NULL;
    if (recorder.preempted)
        failure = "the executable defines malloc itself, which comes before any preload";
    else if (config.images[0] != '\0' && !config_image_matches(config.images, image.name))
        failure = "MEMTRACE_IMAGES does not name it";
    else
        failure = trace_file_create(parent);
    trace_file_report(failure);
    if (failure != NULL) {
        atomic_store(&image_page.state, IMAGE_OFF);
        return false;
    }
    recorder.samples_allowed = !sandbox_forbids(SANDBOX_SAMPLES);
    atomic_store(&image_page.state, IMAGE_RECORDING);
    struct lane *lane = slow_enter();
    if (lane == NULL) return false;
    if (parent != NULL) modules_rerecord(lane);
    sample_take(lane, TRACE_SAMPLE_START);
    recorder.header->counters[TRACE_COUNTER_EVENTS_LOST] += atomic_exchange(&image.lost_at_begin, 0);
    recorder_leave(lane);
    return true;
}

/* The set of recorded blocks is mapped now: later a sandbox may forbid it. No huge page: the first touch
 * would make 2 MiB of it resident. The seed comes from the kernel's random bytes for this image, by a hash
 * that does not give them away. */
static void init_sampling(void)
{
    uint64_t seed = config.sample_seed;
    size_t bytes = sampled_blocks_bytes();
    if (config.sample_bytes == 0) return;
    const void *random = (const void *)getauxval(AT_RANDOM); /* NOLINT(performance-no-int-to-ptr) */
    if (!config.sample_seeded && random != NULL) memcpy(&seed, random, sizeof(seed));
    long memory =
        raw_syscall(SYS_mmap, 0, (long)bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    bool mapped = !(memory < 0 && memory > -4096);
    if (mapped) raw_syscall(SYS_madvise, memory, (long)bytes, MADV_NOHUGEPAGE, 0, 0, 0);
    sampled_blocks_begin(mapped ? (void *)memory : NULL);
    sampling_begin(config.sample_bytes, seed);
    atomic_fetch_or(&recorder.selective, RECORDER_SAMPLED);
}

static void init_recording(void)
{
    bool wiped_on_fork =
        raw_syscall(SYS_madvise, (long)&image_page, (long)recorder_page_size, MADV_WIPEONFORK, 0, 0, 0) == 0;
    config_read(program_environment(), getauxval(AT_SECURE) != 0);
    if (config.disabled || !wiped_on_fork) {
        atomic_store(&image_page.state, IMAGE_OFF);
        if (!config.disabled) trace_file_report("the kernel has no MADV_WIPEONFORK (Linux 4.14)");
        config.disabled = true;
        return;
    }
    recorder.depth_limit = config.depth_limit;
    choose_clock();
    unwind_init();
    recorder.unwinder = choose_unwinder();
    trace_file_describe();
    init_sampling();
    image_begin(NULL);
}

void image_init(void)
{
    if (atomic_exchange(&init_begun, 1)) return;
    int program_errno = errno;
    atomic_store(&image_page.state, IMAGE_BUSY);
    recorder_page_size = (size_t)getauxval(AT_PAGESZ);
    resolve_next_functions();
    init_recording();
    image.initialised = true;
    errno = program_errno;
}

/* Priority 101: before the constructors of programs and of libraries without one. Exit handlers are called
 * last-in first-out, and ours is in before libc registers the loader's: it runs behind every destructor. */
__attribute__((constructor(101))) static void recorder_construct(void)
{
    image_init();
    exit_register();
}
