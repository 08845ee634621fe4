/* Confidence intervals of estimates from a sample. */
#ifndef ANALYZER_RESULTS_INTERVAL_H
#define ANALYZER_RESULTS_INTERVAL_H

#include <stdbool.h>

struct interval {
    double low, high;
};

/* What an interval is made from. */
struct interval_basis {
    double total;    /* the estimate */
    double variance; /* of it, estimated */
    double heaviest; /* standard deviation that one more event of the kind may have; 0: none can be missing */
    double recorded; /* what was seen: it cannot be less */
    bool seen;    /* the estimate is shown because something of it was sampled: what was not is not shown */
    double looks; /* it is the largest of so many independent estimates; below 1: of one */
};

/* The interval that contains the true figure in at least 95 of 100 samples.
 *
 * Fay and Feuer's gamma interval (Statistics in Medicine 16, 1997) for a weighted sum of Poisson variables:
 * the lower end is the 2.5 % point of a gamma distribution with the estimate's mean and variance, the upper
 * end the 97.5 % point of one with one more event of the heaviest kind. With many samples it is the normal
 * interval; with few, where that is too narrow, it is Garwood's exact one. Chi-square points by Wilson and
 * Hilferty (1931).
 *
 * SEEN: the first event that was sampled only says that the row exists; the lower end is that of the others.
 * LOOKS: the lower end's error is shared among so many (Bonferroni), since the largest of many estimates is
 * likely one that came out too large. */
struct interval interval_of(const struct interval_basis *basis);

/* SUM becomes the basis of the sum of what it and MORE are of, which have no block in common. */
void interval_basis_add(struct interval_basis *sum, const struct interval_basis *more);

/* Of a difference A - B, and of A / B, of estimates that need not be independent but are not opposed (Zou and
 * Donner, Statistics in Medicine 27, 2008). A quotient by an interval that has 0 in it is unbounded above:
 * infinity. */
struct interval interval_of_difference(double a, struct interval of_a, double b, struct interval of_b);
struct interval interval_of_quotient(double a, struct interval of_a, double b, struct interval of_b);

#endif
