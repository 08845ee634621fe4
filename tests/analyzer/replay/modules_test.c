/* Which module an address belongs to at a time, against the format's sentence read literally: the record with
 * the latest ticks not after the time whose range has the address, else the one with the earliest ticks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include "../trace_builder.h"
#include "replay/modules.h"
#include "replay/stack_tree.h"

enum { RECORDS = 60, SPACE = 200, TIMES = 100 };

struct truth {
    uint64_t ticks, start, end, bias;
    unsigned name;
};

/* Of equal ticks the later record in the file is the later one. */
static const struct truth *literal(const struct truth *records, size_t count, uint64_t address, uint64_t time)
{
    const struct truth *latest = NULL, *earliest = NULL;

    for (size_t i = 0; i < count; i++) {
        const struct truth *r = &records[i];
        if (address < r->start || address >= r->end) continue;
        if (r->ticks <= time && (!latest || r->ticks >= latest->ticks)) latest = r;
        if (!earliest || r->ticks < earliest->ticks) earliest = r;
    }
    return latest ? latest : earliest;
}

static void check(struct modules *modules, const struct truth *records, size_t count, uint64_t time)
{
    for (uint64_t address = 0; address < SPACE + 20; address++) {
        const struct truth *expected = literal(records, count, address, time);
        uint64_t link_address;
        uint32_t module = modules_find(modules, address, &link_address);
        char name[16];
        if (!expected) {
            assert_int_equal(module, STACK_NO_MODULE);
            assert_int_equal(link_address, address);
            continue;
        }
        assert_int_not_equal(module, STACK_NO_MODULE);
        assert_int_equal(link_address, address - expected->bias);
        snprintf(name, sizeof(name), "/lib%u", expected->name);
        assert_int_equal(modules_get(modules, module)->path_length, strlen(name));
        assert_memory_equal(modules_get(modules, module)->path, name, strlen(name));
    }
}

static void random_records(unsigned seed, bool overlapping)
{
    struct truth records[RECORDS];
    struct builder b = builder_new();
    int lane = builder_lane(&b, 1);
    char path[64];
    struct trace *trace;
    struct modules *modules;
    int fd;

    srand(seed);
    for (size_t i = 0; i < RECORDS; i++) {
        char name[16];
        records[i] = (struct truth){.ticks = 1 + (uint64_t)(rand() % TIMES), .name = (unsigned)(rand() % 8)};
        records[i].start = overlapping ? (uint64_t)(rand() % SPACE) : 3 * i;
        records[i].end = records[i].start + (overlapping ? (uint64_t)(rand() % 40) : 3);
        records[i].bias = (uint64_t)(rand() % 100) * (overlapping ? 1 : 0x1000);
        snprintf(name, sizeof(name), "/lib%u", records[i].name);
        builder_module(&b, lane, records[i].ticks, 1, records[i].start, records[i].end, records[i].bias, "ID",
                       name);
    }
    fd = builder_file(&b, path);
    assert_int_equal(trace_open(path, &trace), 0);
    modules = modules_new(trace);
    check(modules, records, RECORDS, 0); /* before any: the earliest */
    for (uint64_t time = 0; time <= TIMES; time += 1 + time % 3) {
        uint32_t changes = modules_advance(modules, time);
        if (!overlapping) assert_int_equal(changes, 0); /* so that replay keeps what it interned */
        check(modules, records, RECORDS, time);
    }
    modules_free(modules);
    trace_close(trace);
    close(fd);
    builder_free(&b);
}

static void apart(void **state)
{
    (void)state;
    random_records(1, false);
}

static void overlapping(void **state)
{
    (void)state;
    for (unsigned seed = 2; seed < 42; seed++)
        random_records(seed, true);
}

static void equal_modules_are_one(void **state)
{
    struct builder b = builder_new();
    int lane = builder_lane(&b, 1);
    char path[64];
    struct trace *trace;
    struct modules *modules;
    uint64_t link_address;
    int fd;

    (void)state;
    builder_module(&b, lane, 1, 1, 0x1000, 0x2000, 0x1000, "ID", "/lib/a");
    builder_module(&b, lane, 2, 1, 0x5000, 0x6000, 0x5000, "ID", "/lib/a"); /* loaded again elsewhere */
    builder_module(&b, lane, 3, 1, 0x7000, 0x8000, 0x7000, "JE", "/lib/a"); /* another build */
    fd = builder_file(&b, path);
    assert_int_equal(trace_open(path, &trace), 0);
    modules = modules_new(trace);
    assert_int_equal(modules_count(modules), 2);
    assert_int_equal(modules_find(modules, 0x1234, &link_address),
                     modules_find(modules, 0x5234, &link_address));
    assert_int_equal(link_address, 0x234);
    assert_int_not_equal(modules_find(modules, 0x7234, &link_address),
                         modules_find(modules, 0x5234, &link_address));
    modules_free(modules);
    trace_close(trace);
    close(fd);
    builder_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(apart),
        cmocka_unit_test(overlapping),
        cmocka_unit_test(equal_modules_are_one),
    };

    return cmocka_run_group_tests_name("modules", tests, NULL, NULL);
}
