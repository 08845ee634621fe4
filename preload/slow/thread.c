/* Threads as they are met: a state for each, the second lane, lanes that were left by a jump. */
#include "hot/thread.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include "hot/clock.h"
#include "process/image.h"
#include "process/initial_stack.h"
#include "process/sandbox.h"
#include "slow/chunk.h"
#include "slow/stack_range.h"
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
    lane->serial = self->serial;
    if (!extension_write(lane, &start)) return false;
    lane_reset(lane, lane->previous_ticks); /* not TICKS: the record may have begun a chunk, which is later */
    lane->entry_chunk = UINT64_MAX;         /* a second lane says its place anew at its next run */
    return true;
}

static struct lane *lane_enter(struct thread_state *self, unsigned number)
{
    struct lane *lane = &self->lanes[number];
    lane->entry_stack_pointer = (uint64_t)__builtin_frame_address(0);
    atomic_signal_fence(memory_order_seq_cst);
    self->level = number + 1;
    atomic_signal_fence(memory_order_seq_cst);
    lane->entry_stack_pointer = (uint64_t)__builtin_frame_address(0); /* as in recorder_enter */
    return lane;
}

/* --- A thread's first event ------------------------------------------------------------------------- */

/* Mapped before a sandbox that forbids mapping went up. */
#define RESERVED_STATES 64u
static uint8_t *reserved_states;
static _Atomic uint32_t reserved_taken;

static size_t state_bytes(void)
{
    size_t bytes = sizeof(struct thread_state) + sizeof(uint64_t) * 4 * recorder.depth_limit +
                   2 * unwind_memory_bytes(recorder.depth_limit);
    return (bytes + recorder_page_size - 1) & ~(recorder_page_size - 1);
}

static void *memory_map(size_t bytes)
{
    long mapped =
        raw_syscall(SYS_mmap, 0, (long)bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return mapped < 0 && mapped > -4096 ? NULL : (void *)mapped;
}

void threads_reserve(void)
{
    if (reserved_states == NULL) reserved_states = memory_map(RESERVED_STATES * state_bytes());
}

static void *state_memory(void)
{
    if (likely(!sandbox_forbids(SANDBOX_THREADS))) return memory_map(state_bytes());
    uint32_t index = atomic_fetch_add(&reserved_taken, 1);
    return reserved_states != NULL && index < RESERVED_STATES ? reserved_states + index * state_bytes()
                                                              : NULL;
}

/* What LANE's unwinder knows is forgotten: it has a new thread, or was left in the middle of a walk. Behind
 * the state lie both lanes' stacks, then what their unwinders remember. */
static void unwind_restart(struct lane *lane)
{
    uint8_t *memory = (uint8_t *)((uint64_t *)(lane->thread + 1) + (size_t)4 * recorder.depth_limit);
    lane->unwind = (struct unwind_thread){0};
    unwind_remember(&lane->unwind, memory + lane->number * unwind_memory_bytes(recorder.depth_limit),
                    recorder.depth_limit);
}

static struct thread_state *thread_state_make(uint64_t thread_pointer)
{
    struct thread_state *state = state_memory();
    if (state == NULL) return NULL;
    uint64_t *frames = (uint64_t *)(state + 1);
    size_t depth_limit = recorder.depth_limit;
    for (unsigned i = 0; i < 2; i++) {
        state->lanes[i].thread = state;
        state->lanes[i].number = i;
        state->lanes[i].frames[0] = frames;
        state->lanes[i].frames[1] = frames + depth_limit;
        frames += 2 * depth_limit;
    }
    state->thread_pointer = thread_pointer;
    return state;
}

static struct thread_state *thread_find(uint64_t thread_pointer)
{
    struct thread_state *state = atomic_load(thread_bucket(thread_pointer));
    while (state != NULL && state->thread_pointer != thread_pointer)
        state = state->next;
    return state;
}

static void thread_publish(struct thread_state *state)
{
    _Atomic(struct thread_state *) *bucket = thread_bucket(state->thread_pointer);
    state->next = atomic_load(bucket);
    while (!atomic_compare_exchange_weak(bucket, &state->next, state)) {
    }
}

/* STATE becomes the calling thread's. It was a thread's that is gone (its thread pointer has come back), or
 * is new. Its first lane goes on behind an end and a start record, where the decoder's state is reset as
 * well; the second one when it is next entered. */
static void thread_begin(struct thread_state *state)
{
    struct lane *lane = &state->lanes[0];
    uint64_t ticks = clock_ticks();
    if (lane->chunk != NULL) {
        uint64_t fields[] = {state->serial, state->tid, ticks};
        struct extension end = {.type = TRACE_THREAD_END, .ticks = ticks, .fields = fields, .count = 3};
        extension_write(lane, &end);
    }
    state->serial = atomic_fetch_add(&thread_serials, 1) + 1;
    state->tid = sandbox_forbids(SANDBOX_THREADS) ? 0 : (uint32_t)raw_syscall(SYS_gettid, 0, 0, 0, 0, 0, 0);
    state->untimed = 0;
    state->untimed_limit = 1;
    if (state->serial > 1) atomic_store(&recorder.many_threads, true);
    if (lane->chunk != NULL || slow_make_room(lane, 64)) thread_start_write(lane, ticks);
}

/* The calling thread's first event: the first lane of a state of its own. NULL: none can be had. A signal
 * handler may come in at any moment and need a state itself: thread_self is set in one instruction, with the
 * first lane busy, and whoever finds it set uses that state. */
static struct lane *thread_attach(void)
{
    uint64_t thread_pointer = frame_thread_pointer();
    struct thread_state *none = NULL, *state = thread_find(thread_pointer);
    bool new_state = state == NULL;
    if (new_state) state = thread_state_make(thread_pointer);
    if (state == NULL) {
        counter_add(TRACE_COUNTER_EVENTS_LOST);
        return NULL;
    }
    unwind_restart(&state->lanes[0]);
    unwind_restart(&state->lanes[1]);
    state->lanes[0].entry_stack_pointer = (uint64_t)__builtin_frame_address(0);
    state->level = 1;
    if (!__atomic_compare_exchange_n(&thread_self, &none, state, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
        /* A handler was faster. Taken over by it, the old state is free again; a new one of ours is not
         * needed. */
        if (new_state && !sandbox_forbids(SANDBOX_CHUNKS))
            raw_syscall(SYS_munmap, (long)state, (long)state_bytes(), 0, 0, 0, 0);
        return slow_enter();
    }
    if (new_state) thread_publish(state);
    thread_begin(state);
    if (state->lanes[0].chunk != NULL) return &state->lanes[0];
    state->level = 0;
    return NULL;
}

/* --- Lanes that are busy ---------------------------------------------------------------------------- */

/* Whether the calling thread is on its alternate signal stack, which then is [*LOW, *HIGH). One system call;
 * where that is forbidden: no. */
static bool on_signal_stack(uint64_t *low, uint64_t *high)
{
    stack_t stack = {0};
    if (sandbox_forbids(SANDBOX_SIGNAL_STACK)) return false;
    if (raw_syscall(SYS_sigaltstack, 0, (long)&stack, 0, 0, 0, 0) != 0) return false;
    *low = (uint64_t)(uintptr_t)stack.ss_sp;
    *high = *low + stack.ss_size;
    return (stack.ss_flags & SS_ONSTACK) != 0;
}

/* Whether the hook that was inside LANE is gone: its frame lies below STACK_POINTER, both on the same stack.
 * A handler on an alternate stack says nothing of the frame that it interrupted, even where that stack is an
 * array on the thread's own; nor does a coroutine's stack. Own stack: readable without a gap from the frame
 * up to the stack's outer end. */
static bool lane_is_abandoned(const struct lane *lane, uint64_t stack_pointer)
{
    uint64_t entry = lane->entry_stack_pointer, low, high;
    if (entry >= stack_pointer) return false;
    if (on_signal_stack(&low, &high)) return entry >= low && stack_pointer < high;
    high = stack_high(lane->thread);
    return stack_pointer < high && memory_readable(entry, high - entry);
}

/* What the abandoned hook left half-written is cleared (bytes behind the last record are zero), and since its
 * encoder state may be torn, writer and reader start afresh by a thread record. */
static void lane_recover(struct lane *lane)
{
    counter_add(TRACE_COUNTER_LANES_ABANDONED);
    unwind_restart(lane);
    lane->begun = NULL;
    if (lane->chunk == NULL) { /* it was about to get one */
        lane->at = lane->populated_end = NULL;
        return;
    }
    size_t room = (size_t)(lane->populated_end - lane->at);
    if (room > 0) { /* the first byte first: never the head of a record without its rest */
        __atomic_store_n(lane->at, 0, __ATOMIC_RELEASE);
        memset(lane->at, 0, room);
    }
    lane->chunk->committed = 0; /* it was about to be sealed */
    uint64_t ticks = clock_ticks();
    lane_reset(lane, ticks);
    thread_start_write(lane, ticks);
}

/* Begin a run of second-lane records: say what of the first lane came before it. */
static void second_lane_place(struct lane *lane)
{
    const struct lane *first = &lane->thread->lanes[0];
    if (lane->chunk != NULL && lane->serial != lane->thread->serial) thread_start_write(lane, clock_ticks());
    uint64_t chunk = 0, committed = 0;
    if (first->chunk != NULL) {
        chunk = first->chunk_offset;
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

static struct lane *lane_enter_nested(struct thread_state *self)
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
        if (state == IMAGE_BUSY && image.initialised) atomic_fetch_add(&image.lost_at_begin, 1);
        return NULL;
    }
    struct thread_state *self = thread_self;
    if (self == NULL) return thread_attach();
    if (self->level != 0) return lane_enter_nested(self);
    return lane_enter(self, 0);
}

struct lane *slow_enter_again(struct thread_state *self)
{
    self->level = 0;
    return slow_enter();
}
