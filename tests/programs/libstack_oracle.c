/* flags: -O2 -fvisibility=hidden -ftls-model=initial-exec -fno-omit-frame-pointer -fno-stack-protector */
/* Preloaded behind the recorder, as its next allocator, it writes down the stack that libunwind sees at every
 * allocation call, for a comparison with the trace: LD_PRELOAD=libmemtrace.so:libstack_oracle.so
 * STACK_ORACLE_OUTPUT=FILE. The recorder's own frames, innermost, are left out.
 *
 * FILE, shared by a tree of processes, is sparse: a 64-bit offset of its end, then entries of 64-bit words:
 * pid << 32 | tid, requested size, address, frames << 1 | there are more, and the frames. No frames: the call
 * was made while libunwind was being asked, or by the recorder itself. */
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "libunwind_oracle.h"

#define HOOK       __attribute__((visibility("default")))
#define FILE_BYTES (16ull << 30)
#define FRAMES_MAX 512 /* the recorder's limit */
#define OWN_FRAMES 8   /* the recorder's frames, at most */

struct output {
    uint64_t end;
    uint64_t entries[];
};

struct oracle_thread {
    struct oracle oracle;
    uint64_t frames[OWN_FRAMES + FRAMES_MAX];
};

static void *(*next_malloc)(size_t);
static void *(*next_calloc)(size_t, size_t);
static void *(*next_realloc)(void *, size_t);
static void *(*next_aligned_alloc)(size_t, size_t);
static void *(*next_memalign)(size_t, size_t);
static int (*next_posix_memalign)(void **, size_t, size_t);
static int (*next_dlclose)(void *);

static struct output *output;
static uint64_t recorder_start, recorder_end;
static bool ready;
static __thread struct oracle_thread *thread_self;
static __thread bool thread_busy;
static __thread uint64_t thread_number; /* pid << 32 | tid */

/* A fork child finds 0 here. A child of vfork does not: it goes on as its parent, in the trace, too. */
static uint64_t *image_pid;

static uint64_t who(void)
{
    uint64_t pid = *image_pid;
    if (!pid) *image_pid = pid = (uint64_t)getpid();
    if (thread_number >> 32 != pid) thread_number = pid << 32 | (uint64_t)syscall(SYS_gettid);
    return thread_number;
}

static void prepare_output(void)
{
    const char *path = getenv("STACK_ORACLE_OUTPUT");
    int fd = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
    if (fd < 0 || ftruncate(fd, FILE_BYTES)) abort();
    struct output *mapped = mmap(NULL, FILE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
    image_pid = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED || image_pid == MAP_FAILED || madvise(image_pid, 4096, MADV_WIPEONFORK)) abort();
    close(fd);
    output = mapped;
}

static int find_recorder(struct dl_phdr_info *info, size_t size, void *argument)
{
    (void)size, (void)argument;
    const char *name = strrchr(info->dlpi_name, '/');
    if (!name || strcmp(name, "/libmemtrace.so") != 0) return 0;
    recorder_start = info->dlpi_addr;
    for (unsigned i = 0; i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_type == PT_LOAD)
            recorder_end = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr + info->dlpi_phdr[i].p_memsz;
    return 1;
}

/* The first call of the process comes here; it allocates, which is written down without frames. */
static void prepare(void)
{
    thread_busy = true;
    next_malloc = dlsym(RTLD_NEXT, "malloc");
    next_calloc = dlsym(RTLD_NEXT, "calloc");
    next_realloc = dlsym(RTLD_NEXT, "realloc");
    next_aligned_alloc = dlsym(RTLD_NEXT, "aligned_alloc");
    next_memalign = dlsym(RTLD_NEXT, "memalign");
    next_posix_memalign = dlsym(RTLD_NEXT, "posix_memalign");
    next_dlclose = dlsym(RTLD_NEXT, "dlclose");
    prepare_output();
    oracle_open();
    if (!dl_iterate_phdr(find_recorder, NULL)) abort();
    ready = true;
    thread_busy = false;
}

static inline void before(void)
{
    if (!next_malloc) prepare();
}

static void write_entry(uint64_t size, const void *block, const uint64_t *frames, uint64_t depth, bool cut)
{
    uint64_t at = __atomic_fetch_add(&output->end, 4 + depth, __ATOMIC_RELAXED);
    if (8 * (at + 5 + depth) > FILE_BYTES) abort();
    uint64_t *entry = output->entries + at;
    entry[0] = who();
    entry[1] = size;
    entry[2] = (uint64_t)block;
    entry[3] = depth << 1 | cut;
    if (depth) memcpy(entry + 4, frames, depth * sizeof(uint64_t));
}

static bool is_recorder(uint64_t pc)
{
    return pc >= recorder_start && pc < recorder_end;
}

/* The program's part of the stack. */
static void write_stack(uint64_t size, const void *block, const struct oracle *oracle)
{
    uint32_t own = 0;
    while (own < oracle->depth && is_recorder(oracle->frames[own]))
        own++;
    if (own == 0 || own > OWN_FRAMES) abort(); /* who called? */
    for (uint32_t i = own; i < oracle->depth; i++)
        if (is_recorder(oracle->frames[i])) {
            write_entry(size, block, NULL, 0, false);
            return;
        }
    uint32_t depth = oracle->depth - own;
    bool cut = oracle->cut || depth > FRAMES_MAX;
    write_entry(size, block, oracle->frames + own, depth > FRAMES_MAX ? FRAMES_MAX : depth, cut);
}

/* FRAME: the hook's frame address. Failed calls are left out. */
static void after(uint64_t size, const void *block, const uint64_t *frame)
{
    int program_errno = errno;
    if (!block) return;
    if (thread_busy || !ready) {
        if (output) write_entry(size, block, NULL, 0, false);
        return;
    }
    thread_busy = true;
    if (!thread_self) {
        thread_self = mmap(NULL, sizeof *thread_self, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (thread_self == MAP_FAILED) abort();
        thread_self->oracle.frames = thread_self->frames;
        thread_self->oracle.max = OWN_FRAMES + FRAMES_MAX;
    }
    thread_self->oracle.from_pc = frame[1];
    thread_self->oracle.from_sp = (uint64_t)(frame + 2);
    oracle_ask(&thread_self->oracle);
    write_stack(size, block, &thread_self->oracle);
    thread_busy = false;
    errno = program_errno;
}

HOOK int dlclose(void *module)
{
    before();
    int status = next_dlclose(module);
    oracle_forget();
    return status;
}

HOOK void *malloc(size_t size)
{
    before();
    void *block = next_malloc(size);
    after(size, block, __builtin_frame_address(0));
    return block;
}

HOOK void *calloc(size_t n, size_t size)
{
    before();
    void *block = next_calloc(n, size);
    after(n * size, block, __builtin_frame_address(0));
    return block;
}

HOOK void *realloc(void *old, size_t size)
{
    before();
    void *block = next_realloc(old, size);
    after(size, block, __builtin_frame_address(0));
    return block;
}

HOOK void *aligned_alloc(size_t alignment, size_t size)
{
    before();
    void *block = next_aligned_alloc(alignment, size);
    after(size, block, __builtin_frame_address(0));
    return block;
}

HOOK void *memalign(size_t alignment, size_t size)
{
    before();
    void *block = next_memalign(alignment, size);
    after(size, block, __builtin_frame_address(0));
    return block;
}

HOOK int posix_memalign(void **block, size_t alignment, size_t size)
{
    before();
    int status = next_posix_memalign(block, alignment, size);
    after(size, status == 0 ? *block : NULL, __builtin_frame_address(0));
    return status;
}
