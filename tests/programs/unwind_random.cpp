/* flags: -O2 -pthread -Wno-unknown-warning-option -Wno-clobbered */
// A random walk through frames of every shape, allocating all the way: plain ones, with and without a frame
// pointer, with alloca and variable arrays, realigned ones, arguments on the stack, rbp used for something
// else, callbacks from the C library, tail calls; left by return, by exception, by longjmp and by siglongjmp
// out of handlers; on the thread's stack, on alternate ones and on those of coroutines, which switch at any
// depth. So a stack differs from the one before it in every way there is.
//
//   unwind_random [SEED [ALLOCATIONS [THREADS]]]      (1, 20,000, 1)
//
// Prints allocations=N, without those of the exceptions.
#include <alloca.h>
#include <csetjmp>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <pthread.h>
#include <string>
#include <ucontext.h>
#include <unistd.h>

#ifdef __clang__ // has no such attribute; the shapes that need it are then like others
#define OPTIMIZE(as)
#else
#define OPTIMIZE(as) __attribute__((optimize(as)))
#endif
#define SHAPE static __attribute__((noinline)) void

enum { COROUTINES = 4, COROUTINE_STACK = 256 << 10, ALTERNATE_STACK = 128 << 10, JUMPS = 8 };

// Where control is: the thread's own stack, a coroutine or a handler. Exceptions and jumps stay inside one,
// but for those out of handlers.
struct place {
    sigjmp_buf jumps[JUMPS];
    unsigned jump_count, tries;
    unsigned held; // > 0: no jump and no switch, as inside of a catch block
    struct place *interrupted;
    int coroutine; // number, -1: none
};

struct walker {
    uint64_t random;
    unsigned long allocations, enough;
    unsigned budget; // actions left in this round
    struct place *here;
    struct place bottom, places[COROUTINES];
    ucontext_t scheduler, coroutines[COROUTINES];
    bool running[COROUTINES];
    char *stacks[COROUTINES];
};
static __thread struct walker *self;
static volatile unsigned long sum;

struct unlucky {
    std::string why;
};

extern "C" void act(unsigned depth);

static unsigned random_below(unsigned limit)
{
    self->random ^= self->random << 13;
    self->random ^= self->random >> 7;
    self->random ^= self->random << 17;
    return static_cast<unsigned>(self->random >> 33) % limit;
}

SHAPE allocate()
{
    size_t size = 1 + random_below(300);
    void *block = nullptr;
    switch (random_below(4)) {
    case 0:
        block = calloc(1, size);
        break;
    case 1:
        block = malloc(size);
        block = realloc(block, 2 * size);
        self->allocations++;
        break;
    default:
        block = malloc(size);
    }
    self->allocations++;
    sum = sum + (reinterpret_cast<uintptr_t>(block) & 1);
    free(block);
}

// --- shapes ---

SHAPE plain(unsigned depth)
{
    volatile unsigned keep[6] = {depth};
    act(depth);
    sum = sum + keep[depth % 6];
}

OPTIMIZE("no-omit-frame-pointer") SHAPE with_frame_pointer(unsigned depth)
{
    volatile unsigned keep[3] = {depth};
    act(depth);
    sum = sum + keep[depth % 3];
}

SHAPE with_alloca(unsigned depth)
{
    volatile char *bytes = static_cast<volatile char *>(alloca(1 + random_below(400)));
    bytes[0] = 1;
    act(depth);
    sum = sum + static_cast<unsigned long>(bytes[0]);
}

SHAPE over_aligned(unsigned depth)
{
    alignas(64) volatile char bytes[64];
    bytes[depth % 64] = 1;
    act(depth);
    sum = sum + static_cast<unsigned long>(bytes[depth % 64]);
}

SHAPE over_aligned_variable(unsigned depth, int a, int b, int c, int d, int e, int f, int g)
{
    alignas(128) volatile char fixed[128];
    volatile char *bytes = static_cast<volatile char *>(alloca(1 + random_below(200)));
    fixed[depth % 128] = bytes[0] = static_cast<char>(a + b + c + d + e + f + g);
    act(depth);
    sum = sum + static_cast<unsigned long>(fixed[depth % 128] + bytes[0]);
}

SHAPE pushes_arguments(unsigned depth, long a, long b, long c, long d, long e, long f, long g)
{
    act(depth);
    sum = sum + static_cast<unsigned long>(a + b + c + d + e + f + g);
}

SHAPE with_large_local(unsigned depth)
{
    volatile char bytes[9000];
    bytes[depth] = 1;
    act(depth);
    sum = sum + static_cast<unsigned long>(bytes[depth]);
}

SHAPE tail_calls(unsigned depth)
{
    act(depth);
}

static int compare(const void *a, const void *b)
{
    if (random_below(8) == 0) act(3);
    return *static_cast<const int *>(a) - *static_cast<const int *>(b);
}

SHAPE called_back(unsigned depth)
{
    int numbers[5];
    for (int &number : numbers)
        number = static_cast<int>(random_below(100));
    self->here->held++; // a jump out of qsort may lose its memory
    qsort(numbers, 5, sizeof numbers[0], compare);
    self->here->held--;
    act(depth);
    sum = sum + static_cast<unsigned long>(numbers[0]);
}

// rbp is a number here; the caller's is found by CFI alone.
extern "C" void saves_rbp(unsigned depth);
__asm__(".text\n"
        ".type saves_rbp, @function\n"
        "saves_rbp:\n"
        ".cfi_startproc\n"
        "push %rbp\n"
        ".cfi_def_cfa_offset 16\n"
        ".cfi_offset %rbp, -16\n"
        "mov $0x1234, %ebp\n"
        "sub $16, %rsp\n"
        ".cfi_def_cfa_offset 32\n"
        "call act@PLT\n"
        "add $16, %rsp\n"
        ".cfi_def_cfa_offset 16\n"
        "pop %rbp\n"
        ".cfi_restore %rbp\n"
        ".cfi_def_cfa_offset 8\n"
        "ret\n"
        ".cfi_endproc\n"
        ".size saves_rbp, . - saves_rbp\n");

// --- other ways out ---

// Allocates while an exception passes.
struct noisy {
    ~noisy()
    {
        allocate();
    }
};

SHAPE cleans_up(unsigned depth)
{
    noisy here;
    act(depth);
}

SHAPE catches(unsigned depth)
{
    struct place *const here = self->here;
    const unsigned jumps = here->jump_count, tries = here->tries, held = here->held;
    here->tries++;
    try {
        act(depth);
    } catch (const unlucky &error) {
        here->jump_count = jumps;
        here->tries = tries;
        here->held = held + 1;
        sum = sum + error.why.size();
        std::string copy = error.why + "!";
        sum = sum + copy.size();
        act(depth / 2);
        if (tries && random_below(3) == 0) throw;
    }
    here->tries = tries;
    here->held = held;
}

SHAPE comes_back(unsigned depth)
{
    struct place *volatile here = self->here;
    volatile unsigned tries = here->tries, held = here->held, mine = here->jump_count;
    if (mine == JUMPS || held) {
        act(depth);
        return;
    }
    here->jump_count = mine + 1;
    if (sigsetjmp(here->jumps[mine], 1) == 0) act(depth);
    self->here = here; // a handler may have been left
    here->jump_count = mine;
    here->tries = tries;
    here->held = held;
    allocate();
}

SHAPE leaves()
{
    struct place *here = self->here;
    if (here->tries && random_below(2)) throw unlucky{std::string(40, 'x')};
    if (here->held) return;
    struct place *target = here->jump_count || !here->interrupted ? here : here->interrupted;
    if (target->held || !target->jump_count) return;
    siglongjmp(target->jumps[random_below(target->jump_count)], 1);
}

static void on_signal(int number)
{
    struct place handler = {};
    struct place *interrupted = self->here;
    handler.interrupted = interrupted;
    handler.coroutine = interrupted->coroutine;
    self->here = &handler;
    allocate();
    act(number == SIGUSR1 ? 5 : 3);
    self->here = interrupted;
}

static void coroutine(int number)
{
    for (;;) {
        act(4 + random_below(20));
        self->running[number] = false; // at its bottom: may be made anew
        swapcontext(&self->coroutines[number], &self->scheduler);
    }
}

SHAPE switches()
{
    struct place *here = self->here;
    if (here->held || here->interrupted) return;
    if (here->coroutine >= 0) {
        int number = here->coroutine;
        swapcontext(&self->coroutines[number], &self->scheduler);
        return;
    }
    int number = static_cast<int>(random_below(COROUTINES));
    if (!self->running[number] || random_below(10) == 0) { // also one that is not done: it is forgotten
        ucontext_t *context = &self->coroutines[number];
        if (getcontext(context)) abort();
        context->uc_stack.ss_sp = self->stacks[number];
        context->uc_stack.ss_size = COROUTINE_STACK;
        context->uc_link = nullptr;
        makecontext(context, reinterpret_cast<void (*)()>(coroutine), 1, number);
        self->running[number] = true;
        self->places[number] = {};
        self->places[number].coroutine = number;
    }
    self->here = &self->places[number];
    swapcontext(&self->scheduler, &self->coroutines[number]);
    self->here = here;
    allocate();
}

static void descend(unsigned depth)
{
    switch (random_below(12)) {
    case 0:
        return plain(depth);
    case 1:
        return with_frame_pointer(depth);
    case 2:
        return with_alloca(depth);
    case 3:
        return over_aligned(depth);
    case 4:
        return over_aligned_variable(depth, 1, 2, 3, 4, 5, 6, 7);
    case 5:
        return pushes_arguments(depth, 1, 2, 3, 4, 5, 6, 7);
    case 6:
        return random_below(4) ? tail_calls(depth) : with_large_local(depth);
    case 7:
        return saves_rbp(depth);
    case 8:
        return called_back(depth);
    case 9:
        return cleans_up(depth);
    case 10:
        return catches(depth);
    default:
        return comes_back(depth);
    }
}

extern "C" __attribute__((noinline)) void act(unsigned depth)
{
    for (unsigned n = 1 + random_below(4); n-- > 0;) {
        if (self->budget == 0) return;
        self->budget--;
        unsigned choice = random_below(32);
        if (choice < 10 || (depth == 0 && choice < 24))
            allocate();
        else if (choice < 26 && depth)
            descend(depth - 1);
        else if (choice < 28)
            switches();
        else if (choice < 30 && self->here->interrupted == nullptr && random_below(6) == 0)
            raise(choice == 28 ? SIGUSR1 : SIGUSR2);
        else if (choice >= 30)
            leaves();
    }
}

// Straight down, for stacks deeper than any limit.
OPTIMIZE("no-optimize-sibling-calls") SHAPE dive(unsigned depth)
{
    volatile unsigned keep[2] = {depth};
    if (depth)
        dive(depth - 1);
    else
        act(10);
    sum = sum + keep[depth % 2];
}

static void *walk(void *argument)
{
    self = static_cast<struct walker *>(argument);
    stack_t alternate = {};
    alternate.ss_sp = malloc(ALTERNATE_STACK);
    alternate.ss_size = ALTERNATE_STACK;
    if (sigaltstack(&alternate, nullptr)) abort();
    for (char *&stack : self->stacks)
        stack = static_cast<char *>(malloc(COROUTINE_STACK));
    while (self->allocations < self->enough) {
        self->here = &self->bottom;
        self->bottom = {};
        self->bottom.coroutine = -1;
        self->budget = 2000;
        if (random_below(20) == 0)
            dive(300 + random_below(400));
        else
            act(5 + random_below(60));
    }
    return nullptr;
}

static void handle(int number, int flags)
{
    struct sigaction action = {};
    action.sa_handler = on_signal;
    action.sa_flags = flags;
    sigaddset(&action.sa_mask, SIGUSR1);
    sigaddset(&action.sa_mask, SIGUSR2);
    if (sigaction(number, &action, nullptr)) abort();
}

int main(int argc, char **argv)
{
    enum { THREADS_MAX = 16 };
    static struct walker walkers[THREADS_MAX];
    unsigned seed = argc > 1 ? static_cast<unsigned>(atoi(argv[1])) : 1;
    unsigned long enough = argc > 2 ? static_cast<unsigned long>(atol(argv[2])) : 20000, allocations = 0;
    unsigned threads = argc > 3 ? static_cast<unsigned>(atoi(argv[3])) : 1;
    pthread_t numbers[THREADS_MAX];
    if (threads < 1 || threads > THREADS_MAX) return 2;
    handle(SIGUSR1, 0);
    handle(SIGUSR2, SA_ONSTACK);
    for (unsigned i = 0; i < threads; i++) {
        walkers[i].random = 0x9e3779b97f4a7c15ull * (seed * THREADS_MAX + i + 1);
        walkers[i].enough = enough;
        if (i && pthread_create(&numbers[i], nullptr, walk, &walkers[i])) abort();
    }
    walk(&walkers[0]);
    for (unsigned i = 1; i < threads; i++)
        pthread_join(numbers[i], nullptr);
    for (const struct walker &walker : walkers)
        allocations += walker.allocations;
    char line[64];
    int length = snprintf(line, sizeof line, "allocations=%lu\n", allocations);
    return write(1, line, static_cast<size_t>(length)) == length ? 0 : 1;
}
