// load_containers [WORDS]: counts words in a map, keeps where each stood in a vector, sorts copies of them,
// and forgets a part in between: strings longer than those kept in place, tree nodes, growing vectors. For
// measuring the recorder on C++ as it is commonly written.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

namespace
{
std::uint64_t random_state = 88172645463325252u;

std::uint64_t draw()
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

// One of about 20,000 words, the small numbers more often, as in a language.
std::string draw_word()
{
    std::uint64_t number = draw() % 20000;
    number = number * (draw() % 20000) / 20000;
    return "the word of number " + std::to_string(number);
}

using places = std::map<std::string, std::vector<std::uint32_t>>;

void forget_some(places &index)
{
    for (auto at = index.begin(); at != index.end();)
        at = draw() % 4 == 0 ? index.erase(at) : std::next(at);
}

std::size_t most_frequent(const places &index)
{
    std::vector<std::pair<std::size_t, std::string>> order;
    for (const auto &[word, where] : index)
        order.emplace_back(where.size(), word);
    std::sort(order.rbegin(), order.rend());
    return order.empty() ? 0 : order.front().first;
}
} // namespace

int main(int argc, char **argv)
{
    const std::uint32_t words = argc > 1 ? static_cast<std::uint32_t>(std::atol(argv[1])) : 200000;
    places index;
    std::size_t sum = 0;
    for (std::uint32_t number = 0; number < words; number++) {
        index[draw_word()].push_back(number);
        if (number % 50000 == 49999) {
            sum += most_frequent(index);
            forget_some(index);
        }
    }
    std::printf("%zu %zu\n", index.size(), sum);
    return 0;
}
