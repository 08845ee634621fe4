// Containers over an allocator that counts, and single objects by new, new[] and aligned new. What libstdc++
// allocates before main (its pool for exceptions without memory) is not in the counts: empty_cpp has it
// alone.
#include "counted.h"
#include <map>
#include <memory>
#include <new>
#include <string>
#include <unordered_map>
#include <vector>

template <typename T> struct counting_allocator {
    using value_type = T;
    counting_allocator() = default;
    template <typename U> counting_allocator(const counting_allocator<U> &)
    {
    }
    T *allocate(std::size_t count)
    {
        return static_cast<T *>(counted_result(::operator new(count * sizeof(T)), count * sizeof(T)));
    }
    void deallocate(T *block, std::size_t)
    {
        counted_frees++;
        ::operator delete(block);
    }
    template <typename U> bool operator==(const counting_allocator<U> &) const
    {
        return true;
    }
    template <typename U> bool operator!=(const counting_allocator<U> &) const
    {
        return false;
    }
};

using text = std::basic_string<char, std::char_traits<char>, counting_allocator<char>>;
template <typename T> using list = std::vector<T, counting_allocator<T>>;
template <typename K, typename V>
using tree = std::map<K, V, std::less<K>, counting_allocator<std::pair<const K, V>>>;
template <typename K, typename V>
using table =
    std::unordered_map<K, V, std::hash<K>, std::equal_to<K>, counting_allocator<std::pair<const K, V>>>;

static std::size_t containers(unsigned rounds)
{
    tree<int, text> names;
    table<int, list<int>> numbers;
    for (unsigned number = 0; number < rounds; number++) {
        names[static_cast<int>(number)] = text(number % 90, 'x');
        numbers[static_cast<int>(number % 37)].push_back(static_cast<int>(number));
    }
    return names.size() + numbers.size();
}

struct alignas(64) line {
    char bytes[64];
};

int main()
{
    if (containers(2000) != 2037) return 1;
    for (int round = 0; round < 100; round++) {
        int *number = static_cast<int *>(counted_result(new int(round), sizeof(int)));
        char *bytes =
            static_cast<char *>(counted_result(new char[static_cast<std::size_t>(round) + 1], round + 1));
        line *aligned = static_cast<line *>(counted_result(new line, sizeof(line)));
        counted_frees += 3;
        delete number;
        delete[] bytes;
        delete aligned;
    }
    return counted_print();
}
