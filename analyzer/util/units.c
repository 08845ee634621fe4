#include "util/units.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

/* VALUE with three significant digits below 1000, without an exponent. */
static void units_three_digits(char *buffer, double value, const char *unit)
{
    double size = fabs(value);
    int decimals = size < 9.995 ? 2 : size < 99.95 ? 1 : 0;
    snprintf(buffer, UNITS_TEXT_BYTES, "%.*f %s", decimals, value, unit);
}

/* VALUE in the unit of NAMES that leaves it below STEP; the first is STEP large, the next STEP times that. */
static char *units_scaled(char *buffer, double value, double step, const char *const *names, size_t count)
{
    size_t unit = 0;
    for (value /= step; fabs(value) >= step - 0.5 && unit + 1 < count; unit++)
        value /= step;
    units_three_digits(buffer, value, names[unit]);
    return buffer;
}

char *units_bytes(char *buffer, int64_t bytes)
{
    static const char *const names[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    if (bytes > -1024 && bytes < 1024) {
        snprintf(buffer, UNITS_TEXT_BYTES, "%d B", (int)bytes);
        return buffer;
    }
    return units_scaled(buffer, (double)bytes, 1024, names, sizeof names / sizeof *names);
}

char *units_ns(char *buffer, int64_t ns)
{
    static const char *const names[] = {"us", "ms", "s"};
    if (ns > -1000 && ns < 1000) {
        snprintf(buffer, UNITS_TEXT_BYTES, "%d ns", (int)ns);
        return buffer;
    }
    int64_t seconds = (ns + 500000000) / 1000000000;
    if (seconds >= 3600) {
        snprintf(buffer, UNITS_TEXT_BYTES, "%lld h %02d min", (long long)(seconds / 3600),
                 (int)(seconds % 3600 / 60));
        return buffer;
    }
    if (seconds >= 100) {
        snprintf(buffer, UNITS_TEXT_BYTES, "%d min %02d s", (int)(seconds / 60), (int)(seconds % 60));
        return buffer;
    }
    return units_scaled(buffer, (double)ns, 1000, names, sizeof names / sizeof *names);
}

char *units_count(char *buffer, int64_t count)
{
    char digits[UNITS_TEXT_BYTES];
    int length = snprintf(digits, sizeof digits, "%lld", (long long)count);
    char *to = buffer;
    for (int i = 0; i < length; i++) {
        *to++ = digits[i];
        int left = length - 1 - i;
        if (left > 0 && left % 3 == 0 && digits[i] != '-') *to++ = ',';
    }
    *to = '\0';
    return buffer;
}

char *units_percent(char *buffer, double percent)
{
    if (fabs(percent) < 1e6)
        snprintf(buffer, UNITS_TEXT_BYTES, "%.1f %%", percent);
    else
        snprintf(buffer, UNITS_TEXT_BYTES, "%.3g %%", percent);
    return buffer;
}

int units_parse_size(const char *text, uint64_t *bytes)
{
    static const struct {
        const char *name;
        double factor;
    } units[] = {
        {"", 1},        {"B", 1},        {"K", 1024.0},   {"M", 1048576.0}, {"G", 1073741824.0},
        {"T", 0x1p40},  {"KiB", 1024.0}, {"MiB", 0x1p20}, {"GiB", 0x1p30},  {"TiB", 0x1p40},
        {"KB", 1000.0}, {"MB", 1e6},     {"GB", 1e9},     {"TB", 1e12},
    };
    /* not strtod: it also takes signs, "inf", exponents and hexadecimal */
    if (text[0] < '0' || text[0] > '9') return -1;
    char *unit = NULL;
    errno = 0;
    unsigned long long whole = strtoull(text, &unit, 10);
    if (errno != 0) return -1;
    double value = (double)whole, place = 1;
    bool is_whole = *unit != '.';
    if (!is_whole)
        for (unit++; *unit >= '0' && *unit <= '9'; unit++)
            value += (*unit - '0') * (place /= 10);
    while (*unit == ' ')
        unit++;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (strcasecmp(unit, units[i].name) != 0) continue;
        if (value * units[i].factor >= 0x1p63) return -1;
        /* whole bytes beyond 2^53 keep every digit */
        *bytes = is_whole ? (uint64_t)whole * (uint64_t)units[i].factor : (uint64_t)(value * units[i].factor);
        return 0;
    }
    return -1;
}
