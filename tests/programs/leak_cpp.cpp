/* flags: -ldl */
// Planted leaks in C++: through an inlined function, in a template, in a lambda, and in a library that is
// closed before the end (liblineleak.so, beside this program). The LEAK comments are as in leak_c.c.
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <unistd.h>

static void *volatile sink;

namespace planted
{

// Always inlined: only debug information knows that it was ever there.
static inline __attribute__((always_inline)) int *make_numbers(unsigned count)
{
    int *numbers = new int[count]; /* LEAK make_numbers 3 1200 */
    numbers[0] = 1;
    return numbers;
}

__attribute__((noinline)) void inlined_leak()
{
    sink = make_numbers(100);
    sink = nullptr;
}

template <typename T> struct holder {
    T *value;
    __attribute__((noinline)) void reset()
    {
        value = new T(); /* LEAK planted::holder<long>::reset 5 40 */
        sink = value;
    }
};

} // namespace planted

__attribute__((noinline)) static int library_round()
{
    char path[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 32);
    if (length < 0) return 1;
    path[length] = 0;
    std::strcpy(std::strrchr(path, '/') + 1, "liblineleak.so");
    void *library = dlopen(path, RTLD_NOW);
    if (!library) {
        std::fprintf(stderr, "%s\n", dlerror());
        return 1;
    }
    auto call = reinterpret_cast<void (*)()>(dlsym(library, "lineleak_call"));
    call();
    return dlclose(library);
}

int main()
{
    for (int count = 0; count < 3; count++)
        planted::inlined_leak();
    planted::holder<long> holder{};
    for (int count = 0; count < 5; count++)
        holder.reset();
    auto leak = [](std::size_t size) {
        sink = std::malloc(size); /* LEAK operator() 1 77 */
        sink = nullptr;
    };
    leak(77);
    int status = library_round();
    sink = nullptr;
    holder.value = nullptr;
    return status;
}
