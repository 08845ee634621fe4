/* Threads as they are met: a state for each, the second lane, lanes that were left by a jump. */
#include "hot/thread.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include "hot/clock.h"
#include "process/image.h"
#include "process/initial_stack.h"
#include "slow/chunk.h"
#include "syscall.h"

#define THREAD_BUCKETS 1024u

struct recorder recorder;
struct image_page image_page __attribute__((aligned(IMAGE_PAGE_BYTES)));
__thread struct thread_state *thread_self __attribute__((tls_model("initial-exec")));

/* All states of this image, by thread pointer. Never freed: a thread's end is not seen (the program has only
 * 1,024 pthread keys, so we take none), and a later thread with the same thread pointer takes its state. */
static _Atomic(struct thread_state *) threads[THREAD_BUCKETS];
static _Atomic uint32_t thread_serials;

void threads_forget(void)
{
    for (unsigned i = 0; i < THREAD_BUCKETS; i++)
        atomic_store(&threads[i], NULL);
    atomic_store(&thread_serials, 0);
}

static _Atomic(struct thread_state *) *thread_bucket(uint64_t thread_pointer)
{
    return &threads[trace_cache_slot(thread_pointer, 6, 10)];
}

/* The outer end of the calling thread's stack: the thread's descriptor lies on top of it, but for the initial
 * thread, whose stack ends where the kernel put arguments and environment. 0: not known. */
static uint64_t stack_high(const struct thread_state *self)
{
    uint64_t here = (uint64_t)__builtin_frame_address(0);
    uint64_t initial = &__libc_stack_end != NULL ? (uint64_t)__libc_stack_end : 0;
    uint64_t high = self->thread_pointer > here ? self->thread_pointer : 0;
    if (initial > here && (high == 0 || initial < high)) high = initial;
    return high;
}

static bool thread_start_write(struct lane *lane, uint64_t ticks)
{
    struct thread_state *self = lane->thread;
    uint64_t fields[] = {self->serial, self->tid, ticks, 0, stack_high(self), self->thread_pointer};
    struct extension start = {.type = TRACE_THREAD_START, .ticks = ticks, .fields = fields, .count = 6};
    if (!extension_write(lane, &start)) return false;
    lane_reset(lane, ticks);
    return true;
}

static struct thread_state *thread_state_map(void)
{
    size_t frame_bytes = recorder.depth_limit * sizeof(uint64_t);
    size_t bytes = sizeof(struct thread_state) + 4 * frame_bytes;
    bytes = (bytes + recorder_page_size - 1) & ~(recorder_page_size - 1);
    long mapped = raw_syscall(SYS_mmap, 0, (long)bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped < 0 && mapped > -4096) return NULL;
    struct thread_state *state = (struct thread_state *)mapped;
    uint64_t *frames = (uint64_t *)(state + 1);
    for (unsigned i = 0; i < 2; i++) {
        state->lanes[i].thread = state;
        state->lanes[i].number = i;
        state->lanes[i].frames[0] = frames + (2 * i) * recorder.depth_limit;
        state->lanes[i].frames[1] = frames + (2 * i + 1) * recorder.depth_limit;
    }
    return state;
}

static void thread_state_begin(struct thread_state *state)
{
    state->serial = atomic_fetch_add(&thread_serials, 1) + 1;
    state->tid = (uint32_t)raw_syscall(SYS_gettid, 0, 0, 0, 0, 0, 0);
    state->untimed = 0;
    state->untimed_limit = 1;
    if (state->serial > 1) atomic_store(&recorder.many_threads, true);
}

/* A thread that is gone left STATE behind, and the calling thread has its thread pointer: take it over. The
 * chunks go on behind an end and a start record, where the decoder's state is reset as well. */
static void thread_take_over(struct thread_state *state)
{
    uint64_t ticks = clock_ticks();
    uint64_t fields[] = {state->serial, state->tid, ticks};
    struct extension end = {.type = TRACE_THREAD_END, .ticks = ticks, .fields = fields, .count = 3};
    if (state->lanes[0].chunk != NULL) extension_write(&state->lanes[0], &end);
    thread_state_begin(state);
    for (unsigned i = 0; i < 2; i++) {
        state->lanes[i].unwind = (struct unwind_thread){0};
        if (state->lanes[i].chunk != NULL) thread_start_write(&state->lanes[i], ticks);
    }
}

/* The calling thread's first event: a state of its own. NULL: no memory; the event is counted as lost. */
static struct thread_state *thread_attach(void)
{
    uint64_t thread_pointer = frame_thread_pointer();
    _Atomic(struct thread_state *) *bucket = thread_bucket(thread_pointer);
    struct thread_state *state = atomic_load(bucket);
    while (state != NULL && state->thread_pointer != thread_pointer)
        state = state->next;
    if (state != NULL) {
        state->level = 1;
        thread_take_over(state);
        state->level = 0;
    } else {
        state = thread_state_map();
        if (state == NULL) {
            counter_add(TRACE_COUNTER_EVENTS_LOST);
            return NULL;
        }
        state->thread_pointer = thread_pointer;
        thread_state_begin(state);
        state->next = atomic_load(bucket);
        while (!atomic_compare_exchange_weak(bucket, &state->next, state)) {
        }
    }
    thread_self = state;
    return state;
}

/* Whether the hook that was inside LANE is gone: its frame lies below STACK_POINTER, both on the thread's own
 * stack. On another stack (an alternate signal stack, a coroutine) nothing can be said. */
static bool lane_is_abandoned(const struct lane *lane, uint64_t stack_pointer)
{
    const struct unwind_thread *known = &lane->thread->lanes[0].unwind;
    if (known->verified_low == 0) known = &lane->thread->lanes[1].unwind;
    uint64_t low = known->verified_low & ~(uint64_t)(recorder_page_size - 1), high = known->stack_high;
    uint64_t entry = lane->entry_stack_pointer;
    return entry >= low && stack_pointer < high && entry < stack_pointer;
}

/* What the abandoned hook left half-written is cleared (bytes behind the last record are zero), and since its
 * encoder state may be torn, writer and reader start afresh by a thread record. */
static void lane_recover(struct lane *lane)
{
    counter_add(TRACE_COUNTER_LANES_ABANDONED);
    if (lane->chunk == NULL) return;
    size_t longest = 4096 + 12 * (size_t)recorder.depth_limit;
    size_t room = (size_t)(lane->populated_end - lane->at);
    memset(lane->at, 0, room < longest ? room : longest);
    uint64_t ticks = clock_ticks();
    lane_reset(lane, ticks);
    thread_start_write(lane, ticks);
}

static struct lane *lane_enter(struct thread_state *self, unsigned number)
{
    struct lane *lane = &self->lanes[number];
    lane->entry_stack_pointer = (uint64_t)__builtin_frame_address(0);
    atomic_signal_fence(memory_order_seq_cst);
    self->level = number + 1;
    atomic_signal_fence(memory_order_seq_cst);
    return lane;
}

/* Begin a run of second-lane records: say what of the first lane came before it. */
static void second_lane_place(struct lane *lane)
{
    const struct lane *first = &lane->thread->lanes[0];
    uint64_t chunk = 0, committed = 0;
    if (first->chunk != NULL) {
        chunk = first->chunk->offset;
        committed = (uint64_t)(first->at - (uint8_t *)first->chunk);
    }
    if (lane->chunk != NULL && chunk == lane->entry_chunk && committed == lane->entry_committed) return;
    uint64_t ticks = clock_ticks();
    uint64_t fields[] = {ticks, chunk, committed};
    struct extension entry = {.type = TRACE_LANE_ENTRY, .ticks = ticks, .fields = fields, .count = 3};
    if (!extension_write(lane, &entry)) return;
    lane->entry_chunk = chunk;
    lane->entry_committed = committed;
}

struct lane *slow_enter_nested(struct thread_state *self)
{
    uint64_t stack_pointer = (uint64_t)__builtin_frame_address(0);
    while (self->level > 0 && lane_is_abandoned(&self->lanes[self->level - 1], stack_pointer)) {
        lane_recover(&self->lanes[self->level - 1]);
        self->level--;
    }
    if (self->level == 0) return lane_enter(self, 0);
    if (self->level == 1) {
        struct lane *lane = lane_enter(self, 1);
        second_lane_place(lane);
        return lane;
    }
    counter_add(TRACE_COUNTER_NESTED_SIGNALS);
    counter_add(TRACE_COUNTER_EVENTS_LOST);
    return NULL;
}

struct lane *slow_enter(void)
{
    uint32_t state = atomic_load(&image_page.state);
    if (state == IMAGE_NEW) {
        if (!image.initialised || !image_begin_in_fork_child()) return NULL;
    } else if (state != IMAGE_RECORDING) {
        return NULL;
    }
    struct thread_state *self = thread_self;
    if (self == NULL) {
        self = thread_attach();
        if (self == NULL) return NULL;
        struct lane *lane = lane_enter(self, 0);
        if (lane->chunk == NULL) {
            if (!slow_make_room(lane, 64)) {
                self->level = 0;
                return NULL;
            }
            thread_start_write(lane, clock_ticks());
        }
        return lane;
    }
    if (self->level != 0) return slow_enter_nested(self);
    return lane_enter(self, 0);
}
