// Exceptions through frames that allocate in their destructors and handlers, deep templates, std::function
// and lambdas, virtual calls. Exits 0 when all ran.
#include <array>
#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <numeric>
#include <stdexcept>
#include <string>
#include <variant>
#include <vector>

static unsigned long steps;

struct noisy {
    std::unique_ptr<int> number = std::make_unique<int>(1);
    ~noisy()
    {
        auto again = std::make_unique<std::array<int, 8>>();
        steps += static_cast<unsigned long>(again->size()) / 8;
    }
};

template <int N> __attribute__((noinline)) int deep(std::vector<int> numbers)
{
    noisy here;
    numbers.push_back(N);
    if constexpr (N == 0) {
        throw std::runtime_error(
            "at the bottom of the templates, with a message that is too long to be kept inline");
    } else {
        try {
            return deep<N - 1>(numbers) + N;
        } catch (const std::runtime_error &error) {
            std::string text = error.what() + std::to_string(N);
            if (N % 5 == 0) throw std::runtime_error(text);
            throw;
        }
    }
}

struct shape {
    virtual ~shape() = default;
    virtual std::string name() const = 0;
};
struct circle : shape {
    std::string name() const override
    {
        return std::string(40, 'c');
    }
};
struct square : shape {
    std::string name() const override
    {
        std::function<std::string(int)> repeat = [&](int n) {
            return n ? std::string(30, 's') + repeat(n - 1) : std::string();
        };
        return repeat(10);
    }
};

static std::size_t visit_all()
{
    std::map<std::string, std::variant<int, std::string, std::vector<double>>> values;
    for (int i = 0; i < 50; i++) {
        std::string key = "a rather long key, longer than fifteen characters " + std::to_string(i);
        if (i % 3 == 0)
            values[key] = i;
        else if (i % 3 == 1)
            values[key] = key + key;
        else
            values[key] = std::vector<double>(static_cast<std::size_t>(i), 1.5);
    }
    std::size_t size = 0;
    for (const auto &[key, value] : values)
        size += std::visit([&key = key](const auto &) { return (key + "!").size(); }, value);
    return size;
}

int main()
{
    std::size_t size = 0;
    for (int i = 0; i < 20; i++) {
        try {
            deep<40>({1, 2, 3});
        } catch (const std::exception &error) {
            size += std::string(error.what()).size();
        }
    }
    std::vector<std::unique_ptr<shape>> shapes;
    for (int i = 0; i < 30; i++) {
        if (i % 2)
            shapes.push_back(std::make_unique<circle>());
        else
            shapes.push_back(std::make_unique<square>());
    }
    for (const auto &each : shapes)
        size += each->name().size();
    size += visit_all();
    std::printf("steps=%lu size=%zu\n", steps, size);
    return steps == 20 * 41 ? 0 : 1;
}
