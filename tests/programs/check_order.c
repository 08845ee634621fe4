/* check_order <DUMP: reads what `memtrace dump` (or the oracle reader) prints and follows each address on its
 * own, sharing nothing with the analyzer: is it freed while it is not live, or allocated while it is? The
 * lines' times must not go back. Prints events=N anomalies=N going_back=N live=N, and the first ten anomalies
 * on stderr; exits 1 when there is one. Of addresses that were live before the recording nothing is known:
 * none are, in what this is for. */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS_AT_FIRST = 1 << 16 };

/* Addresses that were ever seen, by open addressing; none is taken out. */
struct seen {
    uint64_t address;
    int live;
};
static struct seen *slots;
static size_t slots_count, seen_count;
static uint64_t events, anomalies, going_back, live;

static struct seen *find(struct seen *table, size_t count, uint64_t address)
{
    size_t at = (size_t)((address * 0x9e3779b97f4a7c15u) >> 20) & (count - 1);
    while (table[at].address != 0 && table[at].address != address)
        at = (at + 1) & (count - 1);
    return &table[at];
}

static void grow(void)
{
    size_t count = slots_count ? slots_count * 2 : SLOTS_AT_FIRST;
    struct seen *table = calloc(count, sizeof(*table));
    if (table == NULL) abort();
    for (size_t at = 0; at < slots_count; at++)
        if (slots[at].address != 0) *find(table, count, slots[at].address) = slots[at];
    free(slots);
    slots = table;
    slots_count = count;
}

static void event(uint64_t address, int becomes_live, const char *line)
{
    if (seen_count * 2 >= slots_count) grow();
    struct seen *seen = find(slots, slots_count, address);
    events++;
    if (seen->address == 0) {
        seen->address = address;
        seen_count++;
    }
    if (seen->live == becomes_live && anomalies++ < 10)
        fprintf(stderr, "%s: %.200s", becomes_live ? "allocated while live" : "freed while not live", line);
    live += (uint64_t)(becomes_live - seen->live);
    seen->live = becomes_live;
}

static int is_one_of(const char *word, const char *words)
{
    char between_blanks[40];
    snprintf(between_blanks, sizeof(between_blanks), " %s ", word);
    return strstr(words, between_blanks) != NULL;
}

static void check_line(const char *line)
{
    static uint64_t before;
    char operation[32];
    uint64_t time;
    const char *address = strstr(line, " address=");
    if (sscanf(line, "%" SCNu64 " %*u %31s", &time, operation) != 2) {
        fprintf(stderr, "no line of a dump: %.100s\n", line);
        exit(2);
    }
    going_back += time < before;
    before = time;
    if (address == NULL) return;
    uint64_t at = strtoull(address + strlen(" address="), NULL, 16);
    if (is_one_of(operation, " free realloc_begin "))
        event(at, 0, line);
    else if (is_one_of(operation, " malloc calloc realloc reallocarray realloc_null reallocarray_null "
                                  "posix_memalign aligned_alloc memalign valloc pvalloc "))
        event(at, 1, line);
}

int main(void)
{
    static char line[1 << 16];
    while (fgets(line, sizeof(line), stdin) != NULL)
        check_line(line);
    printf("events=%" PRIu64 " anomalies=%" PRIu64 " going_back=%" PRIu64 " live=%" PRIu64 "\n", events,
           anomalies, going_back, live);
    return anomalies > 0 || going_back > 0;
}
