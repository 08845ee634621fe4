// Allocates nothing itself: what a trace of it counts is libstdc++'s own start.
#include <exception>

int main()
{
    return std::uncaught_exceptions();
}
