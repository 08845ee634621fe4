#include "results/interval.h"

#include <math.h>

#define NORMAL_975 1.959963984540054

/* The point that a normal variable exceeds with probability P, 0 < P <= 0.5. */
static double normal_point(double p)
{
    double low = 0, high = 40;

    for (int i = 0; i < 60; i++) {
        double middle = (low + high) / 2;
        if (erfc(middle / M_SQRT2) / 2 > p)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* The point of a gamma distribution with this mean and variance that a normal variable's Z corresponds to. */
static double gamma_point(double mean, double variance, double z)
{
    double ninth = variance / (mean * mean) / 9; /* 2 / (9 nu), nu = 2 mean^2 / variance */
    double root = 1 - ninth + z * sqrt(ninth);

    return root > 0 ? mean * root * root * root : 0;
}

static double lower_end(const struct interval_basis *basis)
{
    double total = basis->total, variance = basis->variance;
    double z = basis->looks > 1 ? normal_point(0.025 / basis->looks) : NORMAL_975;

    if (total <= 0) return 0;
    if (basis->seen) {
        double first = variance / total; /* what one event stands for */
        variance -= first * first;
        total -= first;
    }
    if (total <= 0 || variance < 0) return 0;
    return gamma_point(total, variance, -z);
}

static double upper_end(const struct interval_basis *basis)
{
    double total = basis->total + basis->heaviest;
    double variance = basis->variance + basis->heaviest * basis->heaviest;

    return total > 0 ? gamma_point(total, variance, NORMAL_975) : 0;
}

struct interval interval_of(const struct interval_basis *basis)
{
    return (struct interval){
        .low = fmin(fmax(lower_end(basis), basis->recorded), basis->total),
        .high = fmax(upper_end(basis), basis->total),
    };
}

void interval_basis_add(struct interval_basis *sum, const struct interval_basis *more)
{
    sum->total += more->total;
    sum->variance += more->variance;
    sum->recorded += more->recorded;
    if (more->heaviest > sum->heaviest) sum->heaviest = more->heaviest;
}

struct interval interval_of_difference(double a, struct interval of_a, double b, struct interval of_b)
{
    return (struct interval){
        .low = a - b - hypot(a - of_a.low, of_b.high - b),
        .high = a - b + hypot(of_a.high - a, b - of_b.low),
    };
}

struct interval interval_of_quotient(double a, struct interval of_a, double b, struct interval of_b)
{
    /* The ends of the logarithms' difference; 0 and infinity take care of themselves. */
    double down = hypot(log(a / of_a.low), log(of_b.high / b));
    double up = hypot(log(of_a.high / a), log(b / of_b.low));

    return (struct interval){.low = of_a.low > 0 ? a / b * exp(-down) : 0,
                             .high = of_b.low > 0 ? a / b * exp(up) : INFINITY};
}
