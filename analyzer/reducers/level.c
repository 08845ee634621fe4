#include "reducers/level.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "util/memory.h"

#define RANGES 65536u

/* --- the distribution ------------------------------------------------------------------------------- */

static void ranges_double_width(struct level *level)
{
    level->range_shift++;
    for (size_t i = 0; i < RANGES / 2; i++) {
        struct level_range low = level->ranges[2 * i], high = level->ranges[2 * i + 1];
        level->ranges[i].ticks = low.ticks + high.ticks;
        level->ranges[i].greatest = high.greatest > low.greatest ? high.greatest : low.greatest;
    }
    memset(level->ranges + RANGES / 2, 0, RANGES / 2 * sizeof(*level->ranges));
}

static void distribution_add(struct level *level, uint64_t ticks)
{
    struct level_range *range;

    if (!level->ranges) level->ranges = memory_new(RANGES, sizeof(*level->ranges));
    while (level->value >> level->range_shift >= RANGES)
        ranges_double_width(level);
    range = &level->ranges[level->value >> level->range_shift];
    range->ticks += ticks;
    if (level->value > range->greatest) range->greatest = level->value;
    level->integral += (double)level->value * (double)ticks;
    level->covered += ticks;
}

/* --- the series ------------------------------------------------------------------------------------- */

static void series_double_width(struct level_series *series)
{
    series->shift++;
    for (size_t i = 0; i < LEVEL_POINTS / 2; i++) {
        series->sums[i] = series->sums[2 * i] + series->sums[2 * i + 1];
        series->ticks[i] = series->ticks[2 * i] + series->ticks[2 * i + 1];
    }
    memset(series->sums + LEVEL_POINTS / 2, 0, LEVEL_POINTS / 2 * sizeof(*series->sums));
    memset(series->ticks + LEVEL_POINTS / 2, 0, LEVEL_POINTS / 2 * sizeof(*series->ticks));
}

/* VALUE from FROM to TO, both since the series' start. */
static void series_add(struct level_series *series, uint64_t from, uint64_t to, uint64_t value)
{
    while ((to - 1) >> series->shift >= LEVEL_POINTS)
        series_double_width(series);
    while (from < to) {
        uint64_t stretch = from >> series->shift;
        uint64_t last = stretch << series->shift | (((uint64_t)1 << series->shift) - 1);
        uint64_t ticks = to - 1 < last ? to - from : last - from + 1;
        series->sums[stretch] += (double)value * (double)ticks;
        series->ticks[stretch] += ticks;
        from += ticks;
    }
}

void level_hold(struct level *level, uint64_t ticks)
{
    const struct level_series *series = &level->series;

    if (level->known && ticks > level->since) {
        distribution_add(level, ticks - level->since);
        if (ticks > series->start)
            series_add(&level->series, level->since > series->start ? level->since - series->start : 0,
                       ticks - series->start, level->value);
    }
    if (!level->known || ticks > level->since) level->since = ticks;
    level->known = true;
}

void level_restart(struct level *level, uint64_t ticks)
{
    if (level->known) level_hold(level, ticks);
    level->series = (struct level_series){.start = ticks};
}

void level_free(struct level *level)
{
    free(level->ranges);
    level->ranges = NULL;
}

/* --- answers ---------------------------------------------------------------------------------------- */

bool level_mean(const struct level *level, double *mean)
{
    *mean = level->covered ? level->integral / (double)level->covered : (double)level->value;
    return level->known;
}

bool level_percentile(const struct level *level, unsigned percent, uint64_t *value)
{
    unsigned __int128 needed = (unsigned __int128)level->covered * percent;
    uint64_t ticks = 0;

    *value = level->value;
    if (!level->covered) return level->known;
    for (size_t i = 0; i < RANGES; i++) {
        if (!level->ranges[i].ticks) continue;
        ticks += level->ranges[i].ticks;
        *value = level->ranges[i].greatest;
        if ((unsigned __int128)ticks * 100 >= needed) break;
    }
    return true;
}

static int compare_reals(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;

    return (left > right) - (left < right);
}

/* The series as points: the middle of what is known of each stretch (the last one may be cut), its mean. */
static size_t series_points(const struct level_series *series, double *times, double *values)
{
    size_t count = 0;

    for (size_t i = 0; i < LEVEL_POINTS; i++) {
        if (!series->ticks[i]) continue;
        times[count] = (double)((uint64_t)i << series->shift) + (double)series->ticks[i] / 2;
        values[count] = series->sums[i] / (double)series->ticks[i];
        count++;
    }
    return count;
}

bool level_find_slope(const struct level *level, struct level_slope *slope)
{
    double times[LEVEL_POINTS], values[LEVEL_POINTS];
    size_t count = series_points(&level->series, times, values), pairs = count * (count - 1) / 2, pair = 0;
    double n = (double)count, spread = 1.959964 * sqrt(n * (n - 1) * (2 * n + 5) / 18);
    double *slopes, low, high;

    if (count < LEVEL_POINTS_LEAST) return false;
    slopes = memory_new(pairs, sizeof(*slopes));
    for (size_t i = 0; i < count; i++)
        for (size_t j = i + 1; j < count; j++)
            slopes[pair++] = (values[j] - values[i]) / (times[j] - times[i]);
    qsort(slopes, pairs, sizeof(*slopes), compare_reals);
    low = floor(((double)pairs - spread) / 2);
    high = ceil(((double)pairs + spread) / 2);
    slope->slope = pairs % 2 ? slopes[pairs / 2] : (slopes[pairs / 2 - 1] + slopes[pairs / 2]) / 2;
    slope->low = slopes[low > 0 ? (size_t)low : 0];
    slope->high = slopes[high < (double)pairs ? (size_t)high : pairs - 1];
    free(slopes);
    return true;
}
