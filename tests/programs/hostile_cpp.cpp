/* flags: -pthread -fnon-call-exceptions */
/* C++ at its ends: exceptions out of signal handlers, through threads and C frames, foreign ones,
 * cancellation as an exception, thread_local objects, operator new of the program's own. */
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <map>
#include <memory>
#include <new>
#include <pthread.h>
#include <stdexcept>
#include <string>
#include <thread>
#include <unistd.h>
#include <unwind.h>
#include <cxxabi.h>
#include <vector>

static std::atomic<unsigned> own_new;

void *operator new(std::size_t size)
{
    own_new++;
    void *block = std::malloc(size != 0 ? size : 1);
    if (block == nullptr) throw std::bad_alloc();
    return block;
}

void operator delete(void *block) noexcept
{
    std::free(block);
}

void operator delete(void *block, std::size_t) noexcept
{
    std::free(block);
}

struct holder {
    char *volatile block = static_cast<char *>(std::malloc(897));
    ~holder()
    {
        std::free(block);
    }
};

/* A fault is an exception: thrown by the handler, through the signal's frame. */
static void throws_from_handler(int)
{
    sigset_t mask;
    sigemptyset(&mask);
    sigaddset(&mask, SIGSEGV);
    sigprocmask(SIG_UNBLOCK, &mask, nullptr);
    holder here;
    throw std::runtime_error("fault");
}

static volatile int *volatile nowhere;
__attribute__((noinline)) static int faults()
{
    holder here;
    return *nowhere;
}

static int from_signals()
{
    std::signal(SIGSEGV, throws_from_handler);
    unsigned caught = 0;
    for (int i = 0; i < 300; i++) {
        try {
            faults();
        } catch (const std::runtime_error &) {
            caught++;
        }
    }
    std::printf("%u\n", caught);
    return 0;
}

extern "C" int compare_throws(const void *a, const void *b)
{
    holder here;
    if (*static_cast<const int *>(a) == 77) throw 77;
    return *static_cast<const int *>(a) - *static_cast<const int *>(b);
}

/* Out of a callback of the C library, whose sort has allocated, and from one thread into another. */
static int through_c()
{
    int caught = 0;
    std::vector<int> numbers(3000);
    for (int i = 0; i < 100; i++) {
        for (int j = 0; j < 3000; j++)
            numbers[static_cast<std::size_t>(j)] = (j * 7919) % 3001;
        try {
            std::qsort(numbers.data(), numbers.size(), sizeof(int), compare_throws);
        } catch (int value) {
            caught += value == 77;
        }
    }
    std::printf("%d\n", caught);
    return 0;
}

static void nest(int depth)
{
    holder here;
    if (depth == 0) throw std::runtime_error(std::string(60, 'n'));
    try {
        nest(depth - 1);
    } catch (const std::runtime_error &error) {
        if (depth % 5 == 0) std::throw_with_nested(std::logic_error(error.what()));
        throw;
    }
}

static int in_threads()
{
    std::vector<std::thread> threads;
    std::atomic<unsigned> caught{0};
    std::vector<std::exception_ptr> carried(8);
    for (unsigned t = 0; t < 8; t++)
        threads.emplace_back([&, t] {
            for (int i = 0; i < 100; i++) {
                try {
                    nest(i % 30);
                } catch (...) {
                    caught++;
                    carried[t] = std::current_exception();
                }
            }
        });
    for (auto &thread : threads)
        thread.join();
    for (auto &one : carried) {
        try {
            std::rethrow_exception(one);
        } catch (const std::exception &) {
            caught++;
        }
    }
    std::printf("%u\n", caught.load());
    return 0;
}

/* An exception of another language's class: caught by catch (...) alone. */
static void cleanup_foreign(_Unwind_Reason_Code, _Unwind_Exception *exception)
{
    std::free(exception);
}

__attribute__((noinline)) static void raise_foreign()
{
    holder here;
    auto *exception = static_cast<_Unwind_Exception *>(std::calloc(1, sizeof(_Unwind_Exception)));
    std::memcpy(&exception->exception_class, "MTRCFOR\0", 8);
    exception->exception_cleanup = cleanup_foreign;
    _Unwind_RaiseException(exception);
    std::abort(); /* the end of the stack was reached */
}

static int foreign()
{
    unsigned caught = 0;
    for (int i = 0; i < 300; i++) {
        try {
            raise_foreign();
        } catch (const std::exception &) {
            std::printf("as an exception of ours\n");
        } catch (...) {
            caught++;
        }
    }
    std::printf("%u\n", caught);
    return 0;
}

static _Unwind_Reason_Code count_frame(_Unwind_Context *, void *count)
{
    ++*static_cast<unsigned *>(count);
    return _URC_NO_REASON;
}

__attribute__((noinline)) static unsigned depth_of(int more)
{
    holder here;
    unsigned count = 0;
    if (more > 0) return depth_of(more - 1) + (here.block == nullptr);
    _Unwind_Backtrace(count_frame, &count);
    return count;
}

/* The program's own look at its stack: its unwinder, and no frame more or less. */
static int backtraces()
{
    unsigned base = depth_of(0);
    for (int i = 1; i < 200; i++)
        if (depth_of(i) != base + static_cast<unsigned>(i)) std::printf("%d\n", i);
    std::printf("alive\n");
    return 0;
}

/* A thread that is cancelled runs its destructors and catch (...) blocks, which must throw on. */
static std::atomic<unsigned> unwound, begun;
struct counter {
    holder inner;
    ~counter()
    {
        unwound++;
    }
};

static void *cancelled(void *)
{
    counter outer;
    begun++;
    try {
        counter inner;
        for (;;) {
            std::string text(300, 'c');
            pthread_testcancel();
        }
    } catch (abi::__forced_unwind &) {
        unwound++;
        throw;
    }
    return nullptr;
}

static void *exits(void *)
{
    counter outer;
    holder inner;
    pthread_exit(nullptr);
}

static int forced()
{
    for (int i = 0; i < 100; i++) {
        pthread_t thread;
        unsigned before = begun.load();
        if (pthread_create(&thread, nullptr, cancelled, nullptr) != 0) return 1;
        while (begun.load() == before)
            sched_yield();
        pthread_cancel(thread);
        pthread_join(thread, nullptr);
        if (pthread_create(&thread, nullptr, exits, nullptr) != 0) return 1;
        pthread_join(thread, nullptr);
    }
    std::printf("%u\n", unwound.load());
    return 0;
}

struct local_object {
    std::map<int, std::string> table;
    holder block;
    ~local_object()
    {
        holder late;
        std::string text(400, 'd');
        table[1] = text;
    }
};
static thread_local local_object local;
static local_object global;

/* thread_local and static objects, whose destructors allocate. */
static int locals()
{
    for (int i = 0; i < 50; i++)
        std::thread([i] { local.table[i] = std::string(200, 'l'); }).join();
    local.table[0] = "main";
    global.table[0] = "global";
    std::printf("alive, %s\n", own_new.load() > 100 ? "by an operator new of its own" : "but not by it");
    return 0;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)();
    } modes[] = {{"from_signals", from_signals},
                 {"through_c", through_c},
                 {"in_threads", in_threads},
                 {"foreign", foreign},
                 {"backtraces", backtraces},
                 {"forced", forced},
                 {"locals", locals}};
    std::setvbuf(stdout, nullptr, _IONBF, 0);
    for (const auto &mode : modes) {
        if (argc < 2)
            std::printf("%s\n", mode.name);
        else if (std::strcmp(argv[1], mode.name) == 0)
            return mode.run();
    }
    return 97;
}
