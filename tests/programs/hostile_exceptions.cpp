/* flags: -pthread */
/* C++ exceptions through frames that allocate, in threads, rethrown, out of constructors; new that fails. */
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

struct thrower {
    std::unique_ptr<char[]> block{new char[890]};
    explicit thrower(int depth)
    {
        *const_cast<volatile char *>(block.get()) = 1; // or it may be left out
        if (depth == 0) throw std::runtime_error(std::string(100, 'x'));
        thrower inner(depth - 1);
    }
};

static unsigned caught_in(int times)
{
    unsigned caught = 0;
    for (int i = 0; i < times; i++) {
        try {
            try {
                thrower outer(i % 20);
            } catch (const std::runtime_error &error) {
                caught += error.what()[0] == 'x';
                throw;
            }
        } catch (...) {
            caught++;
        }
    }
    return caught;
}

__attribute__((noinline)) static void throws(int what)
{
    if (what != 0) throw what;
}

static void by_noexcept() noexcept
{
    throws(1);
}

int main(int argc, char **argv)
{
    setvbuf(stdout, nullptr, _IONBF, 0);
    if (argc > 1 && std::string(argv[1]) == "terminate") by_noexcept();
    std::printf("%u\n", caught_in(500));
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; i++)
        threads.emplace_back([] { caught_in(200); });
    for (auto &thread : threads)
        thread.join();
    try {
        volatile std::size_t huge = PTRDIFF_MAX;
        char *volatile block = new char[huge];
        delete[] block;
    } catch (const std::bad_alloc &error) {
        std::printf("%s\n", error.what());
    }
    std::set_new_handler([] {
        std::set_new_handler(nullptr);
        std::puts("new handler");
    });
    volatile std::size_t huge = PTRDIFF_MAX;
    char *volatile none = new (std::nothrow) char[huge];
    std::printf("%d\n", none == nullptr);
    return 0;
}
