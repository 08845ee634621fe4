#include "process/config.h"

#include <string.h>
#include "machine.h"
#include "memtrace/trace_format.h"
#include "process/text.h"
#include "slow/sampled.h"

#define DEFAULT_DEPTH  512u
#define DEFAULT_OUTPUT "memtrace.%n.%p.mtr"

struct config config;

static const char *environment_get(char *const *environment, const char *name)
{
    size_t length = strlen(name);
    for (; environment != NULL && *environment != NULL; environment++) {
        if (strncmp(*environment, name, length) == 0 && (*environment)[length] == '=')
            return *environment + length + 1;
    }
    return NULL;
}

static bool is_set(const char *value)
{
    return value != NULL && *value != '\0' && strcmp(value, "0") != 0;
}

static void complain(const char *name, const char *value, const char *instead)
{
    struct text text = {.bytes = config.complaint, .capacity = sizeof(config.complaint)};
    text_append(&text, name);
    text_append(&text, "=");
    text_append_bytes(&text, value, strnlen(value, 40));
    text_append(&text, " is not understood; ");
    text_append(&text, instead);
}

/* The factor of a unit as the command line has it: K M G and KiB MiB GiB are powers of 1024, KB MB GB of
 * 1000. 0: none of these. */
static uint64_t unit_factor(const char *unit)
{
    static const struct {
        const char *name;
        uint64_t factor;
    } units[] = {{"", 1},         {"B", 1},          {"K", 1u << 10},   {"KiB", 1u << 10},
                 {"KB", 1000},    {"M", 1u << 20},   {"MiB", 1u << 20}, {"MB", 1000000},
                 {"G", 1u << 30}, {"GiB", 1u << 30}, {"GB", 1000000000}};
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
        if (strcmp(unit, units[i].name) == 0) return units[i].factor;
    return 0;
}

/* A number with a unit into *RESULT, or false. */
static bool parse_size(const char *value, uint64_t *result)
{
    uint64_t number = 0;
    const char *at = value;
    for (; *at >= '0' && *at <= '9'; at++) {
        if (__builtin_mul_overflow(number, 10, &number)) return false;
        if (__builtin_add_overflow(number, (uint64_t)(*at - '0'), &number)) return false;
    }
    uint64_t factor = unit_factor(at);
    return at != value && factor != 0 && !__builtin_mul_overflow(number, factor, result);
}

/* The number of the unwinder that VALUE names; 0 with a complaint: none that there is. */
static uint32_t parse_unwinder(const char *value)
{
    if (ARCH_HAS_CFI && strcmp(value, "cfi") == 0) return TRACE_UNWINDER_CFI;
    if (strcmp(value, "libunwind") == 0) return TRACE_UNWINDER_LIBUNWIND;
    if (strcmp(value, "frame-pointer") == 0) return TRACE_UNWINDER_FRAME_POINTER;
    complain("MEMTRACE_UNWINDER", value,
             ARCH_HAS_CFI ? "cfi, frame-pointer or libunwind are allowed, cfi used"
                          : "frame-pointer or libunwind are allowed on this machine, its default used");
    return 0;
}

/* VALUE into BUFFER when it is there and fits. */
static bool copy(char *buffer, size_t capacity, const char *value)
{
    if (value == NULL || *value == '\0' || strlen(value) >= capacity) return false;
    memcpy(buffer, value, strlen(value) + 1);
    return true;
}

static void read_numbers(char *const *environment)
{
    uint64_t number;
    const char *value = environment_get(environment, "MEMTRACE_DEPTH");
    if (value != NULL && *value != '\0') {
        if (parse_size(value, &number) && number >= 1 && number <= TRACE_MAX_DEPTH)
            config.depth_limit = (uint32_t)number;
        else
            complain("MEMTRACE_DEPTH", value, "1 to 4096 frames are allowed, 512 used");
    }
    value = environment_get(environment, "MEMTRACE_LIMIT");
    if (value != NULL && *value != '\0') {
        if (parse_size(value, &number) && number >= 1u << 18)
            config.limit_bytes = number;
        else
            complain("MEMTRACE_LIMIT", value, "at least 256K, as in 4G, is allowed; chosen by free space");
    }
}

static void read_sampling(char *const *environment)
{
    uint64_t number;
    const char *value = environment_get(environment, "MEMTRACE_SAMPLE");
    if (value != NULL && *value != '\0') {
        if (parse_size(value, &number) && number <= SAMPLING_LARGEST_RATE)
            config.sample_bytes = number;
        else
            complain("MEMTRACE_SAMPLE", value, "up to 1024G, as in 512K, is allowed; all is recorded");
    }
    value = environment_get(environment, "MEMTRACE_SAMPLE_SEED");
    if (value != NULL && *value != '\0') {
        config.sample_seeded = parse_size(value, &config.sample_seed);
        if (!config.sample_seeded)
            complain("MEMTRACE_SAMPLE_SEED", value, "a number is allowed; a random one used");
    }
}

void config_read(char *const *environment, bool secure)
{
    config = (struct config){.depth_limit = DEFAULT_DEPTH, .output = DEFAULT_OUTPUT};
    if (secure) {
        config.disabled = true;
        return;
    }
    config.disabled = is_set(environment_get(environment, "MEMTRACE_DISABLE"));
    config.verbose = is_set(environment_get(environment, "MEMTRACE_VERBOSE"));
    read_numbers(environment);
    read_sampling(environment);
    const char *value = environment_get(environment, "MEMTRACE_OUTPUT");
    if (value != NULL && *value != '\0' && !copy(config.output, sizeof(config.output), value))
        complain("MEMTRACE_OUTPUT", value, "2047 characters are allowed, default used");
    value = environment_get(environment, "MEMTRACE_UNWINDER");
    if (value != NULL && *value != '\0') config.unwinder = parse_unwinder(value);
    value = environment_get(environment, "MEMTRACE_IMAGES");
    if (value != NULL && *value != '\0' && !copy(config.images, sizeof(config.images), value)) {
        complain("MEMTRACE_IMAGES", value, "255 characters are allowed, no image recorded");
        memcpy(config.images, ",", 2); /* a pattern that matches no name */
    }
    copy(config.status, sizeof(config.status), environment_get(environment, "MEMTRACE_STATUS"));
    copy(config.tunables, sizeof(config.tunables), environment_get(environment, "GLIBC_TUNABLES"));
}

/* One alternative, PATTERN[0..LENGTH): linear, by going back to the last star only. */
static bool glob_matches(const char *pattern, size_t length, const char *name)
{
    const char *end = pattern + length, *star = NULL, *star_name = NULL;
    while (*name != '\0') {
        if (pattern < end && *pattern == '*') {
            star = pattern++;
            star_name = name;
        } else if (pattern < end && (*pattern == '?' || *pattern == *name)) {
            pattern++;
            name++;
        } else if (star != NULL) {
            pattern = star + 1;
            name = ++star_name;
        } else {
            return false;
        }
    }
    while (pattern < end && *pattern == '*')
        pattern++;
    return pattern == end;
}

bool config_image_matches(const char *pattern, const char *name)
{
    for (;;) {
        size_t length = strcspn(pattern, ",");
        if (glob_matches(pattern, length, name)) return true;
        if (pattern[length] == '\0') return false;
        pattern += length + 1;
    }
}
