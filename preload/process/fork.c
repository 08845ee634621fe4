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
#include "process/sandbox.h"
#include "slow/chunk.h"
#include "slow/sampled.h"
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

/* Not over what the child has mapped there by now: after a fork that we did not see it had time to. Kernels
 * before 4.17 take the address for a hint. */
static void map_zeros(long start, long end)
{
    if (start == 0) return;
    long mapped = raw_syscall(SYS_mmap, start, end - start, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (mapped > 0 && mapped != start) raw_syscall(SYS_munmap, mapped, end - start, 0, 0, 0, 0);
}

/* Where the chunks of SELF's interrupted frames were, and the header: private zeros, which nobody reads.
 * Whole chunks: the frame may have been about to use more of one. */
static void fork_protect_interrupted_lanes(const struct thread_state *self, struct trace_header *header)
{
    if (self->level == 0 || sandbox_forbids(SANDBOX_THREADS)) return;
    map_zeros((long)header, (long)header + TRACE_HEADER_BYTES);
    for (unsigned i = 0; i < 2; i++) {
        const struct lane *lane = &self->lanes[i];
        map_zeros((long)lane->chunk, (long)lane->chunk + (long)lane->chunk_bytes);
        map_zeros((long)lane->begun, (long)lane->begun + (long)lane->begun_bytes);
    }
}

static pid_t fork_recorded(pid_t (*next)(void))
{
    struct thread_state *self = thread_self;
    struct trace_header *header = recorder.header;
    fork_ticks = clock_ticks();
    pid_t child = next();
    /* Unless one of pthread_atfork's functions has allocated: then it is done, and there may be a new header.
     */
    if (child == 0 && self != NULL && thread_self == self) fork_protect_interrupted_lanes(self, header);
    if (child > 0) fork_note(child);
    if (child != 0) fork_ticks = 0;
    return child;
}

static pid_t fork_by(pid_t (*next)(void))
{
    uint64_t number = sampling_before_fork();
    bool recording = atomic_load(&image_page.state) == IMAGE_RECORDING;
    pid_t child = recording ? fork_recorded(next) : next();
    if (child == 0) sampling_begin_in_child(number);
    return child;
}

EXPORT pid_t fork(void)
{
    if (next_fork == NULL) image_init();
    return fork_by(next_fork);
}

EXPORT pid_t _Fork(void)
{
    if (next_fork == NULL) image_init();
    return fork_by(next__Fork != NULL ? next__Fork : next_fork);
}

/* A frame that was interrupted just before it made a lane busy will find nothing in it. */
static void lanes_let_go(struct thread_state *state)
{
    for (unsigned i = 0; i < 2; i++) {
        state->lanes[i].chunk = state->lanes[i].begun = NULL;
        state->lanes[i].at = state->lanes[i].populated_end = NULL;
    }
}

bool image_begin_in_fork_child(void)
{
    uint32_t fresh = IMAGE_NEW;
    if (!atomic_compare_exchange_strong(&image_page.state, &fresh, IMAGE_BUSY)) return false;
    if (config.disabled || sandbox_forbids(SANDBOX_BEGIN)) {
        recorder.header = NULL;
        atomic_store(&image_page.state, IMAGE_OFF);
        return false;
    }
    struct trace_origin origin = {.ticks = fork_ticks != 0 ? fork_ticks : clock_ticks()};
    memcpy(origin.run_id, image.run_id, sizeof(origin.run_id));
    struct thread_state *parent = thread_self;
    bool parent_recorded = image.trace_path[0] != '\0';
    /* The chunk itself is not mapped here: its offset is kept beside it, in private memory. */
    if (parent != NULL && parent->lanes[0].chunk != NULL) {
        origin.chunk = parent->lanes[0].chunk_offset;
        origin.committed = (uint64_t)(parent->lanes[0].at - (uint8_t *)parent->lanes[0].chunk);
    }
    if (fork_ticks == 0) sampling_begin_in_child(clock_ticks()); /* a fork that we did not see */
    fork_ticks = 0;
    /* The old states stay where they are: a frame of the recorder that was interrupted may still use one. */
    if (parent != NULL && recorder.header != NULL) fork_protect_interrupted_lanes(parent, recorder.header);
    if (parent != NULL && parent->level == 0) lanes_let_go(parent);
    thread_self = NULL;
    threads_forget();
    chunk_reset_all();
    atomic_store(&recorder.many_threads, false);
    image.exit_stack_pointer = 0;
    return image_begin(parent_recorded ? &origin : NULL);
}
