/* A fork child is detected at its first event by the wiped image page, whoever forked (raw clone included);
 * then the parent's mappings are gone (MADV_DONTFORK) and it opens a trace of its own. The hook of fork only
 * adds what the parent knows, and the one protection that cannot wait: when a signal handler that interrupted
 * the recorder forks, the child's interrupted frame would go on storing into an unmapped chunk. */
#include "process/fork.h"

#include <dlfcn.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "hot/clock.h"
#include "process/config.h"
#include "process/image.h"
#include "slow/chunk.h"
#include "syscall.h"

#define EXPORT __attribute__((visibility("default")))

static pid_t (*next_fork)(void);
static pid_t (*next__Fork)(void);
static __thread uint64_t fork_ticks __attribute__((tls_model("initial-exec"))); /* of the fork under way */

void fork_resolve(void)
{
    next_fork = (pid_t(*)(void))dlsym(RTLD_NEXT, "fork");
    next__Fork = (pid_t(*)(void))dlsym(RTLD_NEXT, "_Fork");
}

static void fork_note(pid_t child)
{
    struct lane *lane = recorder_enter();
    if (lane == NULL) return;
    uint64_t fields[] = {fork_ticks, (uint64_t)child};
    struct extension extension = {.type = TRACE_FORK, .ticks = fork_ticks, .fields = fields, .count = 2};
    extension_write(lane, &extension);
    recorder_leave(lane);
}

/* Private zero pages where the interrupted frames' chunks were. Nobody reads them. */
static void fork_protect_interrupted_lanes(void)
{
    struct thread_state *self = thread_self;
    for (unsigned i = 0; self != NULL && i < self->level; i++) {
        struct lane *lane = &self->lanes[i];
        if (lane->populated_end == NULL) continue;
        long start = (long)lane->chunk, end = (long)lane->populated_end;
        if (start == 0) continue;
        raw_syscall(SYS_mmap, start, end - start, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
                    -1, 0);
    }
}

static pid_t fork_by(pid_t (*next)(void))
{
    if (atomic_load(&image_page.state) != IMAGE_RECORDING || thread_self == NULL) return next();
    fork_ticks = clock_ticks();
    pid_t child = next();
    if (child == 0 && thread_self->level > 0) fork_protect_interrupted_lanes();
    if (child > 0) fork_note(child);
    return child;
}

EXPORT pid_t fork(void)
{
    return fork_by(next_fork);
}

EXPORT pid_t _Fork(void)
{
    return fork_by(next__Fork != NULL ? next__Fork : next_fork);
}

bool image_begin_in_fork_child(void)
{
    uint32_t fresh = IMAGE_NEW;
    if (!atomic_compare_exchange_strong(&image_page.state, &fresh, IMAGE_BUSY)) return false;
    if (config.disabled) {
        atomic_store(&image_page.state, IMAGE_OFF);
        return false;
    }
    struct trace_origin origin = {.ticks = fork_ticks != 0 ? fork_ticks : clock_ticks()};
    memcpy(origin.run_id, image.run_id, sizeof(origin.run_id));
    const struct thread_state *parent = thread_self;
    bool parent_recorded = image.trace_path[0] != '\0';
    /* The chunk itself is not mapped here: its offset is kept beside it, in private memory. */
    if (parent != NULL && parent->lanes[0].chunk != NULL) {
        origin.chunk = parent->lanes[0].chunk_offset;
        origin.committed = (uint64_t)(parent->lanes[0].at - (uint8_t *)parent->lanes[0].chunk);
    }
    /* The old states stay where they are: a frame of the recorder that was interrupted may still use one. */
    thread_self = NULL;
    threads_forget();
    chunk_reset_all();
    atomic_store(&recorder.many_threads, false);
    image.exit_stack_pointer = 0;
    return image_begin(parent_recorded ? &origin : NULL);
}
