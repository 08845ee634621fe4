/* flags: -pthread */
/* What an allocator promises and shows: where blocks lie, what is left of the heap, errno, every byte of a
 * block usable. It prints all of it. */
#include "hostile.h"

#include <malloc.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>

/* Of libhostile_ends.so, where that is preloaded. */
__attribute__((weak)) void hostile_ends_touch(void);

static int work(void)
{
    allocate(20000, 777);
    say("alive");
    return 0;
}

/* Where each block lies in its page and relative to the one before it: not a byte of the heap is ours. */
static int layout(void)
{
    unsigned long hash = 5381;
    char *previous = NULL, *blocks[64] = {NULL};
    uint32_t random = 1;
    for (int i = 0; i < 20000; i++) {
        random = random * 1664525 + 1013904223;
        unsigned slot = random >> 26;
        size_t size = (random >> 8) % (i % 100 == 0 ? 100000 : 2000); /* none that is mapped */
        if (random & 128)
            blocks[slot] = realloc(blocks[slot], size + 1);
        else {
            free(blocks[slot]);
            blocks[slot] = malloc(size);
        }
        unsigned long distance = previous != NULL ? (unsigned long)(blocks[slot] - previous) : 0;
        hash = hash * 33 + distance + ((unsigned long)blocks[slot] & 4095);
        previous = blocks[slot];
    }
    say("%lx", hash);
    return 0;
}

static void show_mallinfo(const char *when)
{
    struct mallinfo2 info = mallinfo2();
    say("%s: arena %zu, ordblks %zu, smblks %zu, hblks %zu, hblkhd %zu, fsmblks %zu, uordblks %zu, fordblks "
        "%zu, "
        "keepcost %zu",
        when, info.arena, info.ordblks, info.smblks, info.hblks, info.hblkhd, info.fsmblks, info.uordblks,
        info.fordblks, info.keepcost);
}

static void at_exit(void)
{
    show_mallinfo("at exit");
}

/* The C library's own account of its heap. */
static int account(void)
{
    atexit(at_exit);
    show_mallinfo("start");
    void *blocks[500];
    for (int i = 0; i < 500; i++)
        blocks[i] = malloc(100 + (size_t)i * 13);
    void *large = malloc(3 << 20);
    show_mallinfo("500 blocks");
    for (int i = 0; i < 500; i += 2)
        free(blocks[i]);
    free(large);
    allocate(20000, 777);
    show_mallinfo("half of them");
    say("%d", malloc_trim(0));
    show_mallinfo("trimmed");
    char *text = NULL;
    size_t bytes = 0;
    FILE *memory = open_memstream(&text, &bytes);
    malloc_info(0, memory);
    fclose(memory);
    say("%.400s", text);
    free(text);
    malloc_stats();
    return 0;
}

/* malloc_usable_size says what may be written, to the last byte. */
static int usable_written(void)
{
    unsigned bad = 0;
    unsigned char *kept[200];
    for (int i = 0; i < 200; i++) {
        size_t size = (size_t)i * 37;
        kept[i] = malloc(size);
        memset(kept[i], i, malloc_usable_size(kept[i]));
        allocate(20, 777);
    }
    for (int i = 0; i < 200; i++) {
        size_t usable = malloc_usable_size(kept[i]);
        for (size_t at = 0; at < usable; at++)
            bad += kept[i][at] != (unsigned char)i;
        kept[i] = realloc(kept[i], usable + 100);
        for (size_t at = 0; at < usable; at++)
            bad += kept[i][at] != (unsigned char)i;
        free(kept[i]);
    }
    say("%u bad bytes", bad);
    return 0;
}

static void expect(const char *call, int holds, int wanted_errno)
{
    if (!holds || errno != wanted_errno) say("%s: %d errno %d", call, holds, errno);
    errno = 33;
}

/* errno is kept by what succeeds, and ENOMEM comes from what fails, however often. */
static int errors(void)
{
    volatile size_t huge = PTRDIFF_MAX, all = SIZE_MAX, half = SIZE_MAX / 2;
    void *block = NULL, *volatile kept = malloc(50);
    errno = 33;
    for (int i = 0; i < 2000; i++) {
        expect("malloc", (block = malloc(100)) != NULL, 33);
        expect("realloc", (block = realloc(block, 5000)) != NULL, 33);
        free(block);
        expect("free", 1, 33);
        expect("calloc", (block = calloc(10, 10)) != NULL, 33);
        free(block);
        free(NULL);
        expect("free(NULL)", 1, 33);
        expect("malloc(0)", (block = malloc(0)) != NULL, 33);
        expect("realloc(p, 0)", realloc(block, 0) == NULL, 33);
        expect("malloc(huge)", malloc(huge + 1) == NULL, ENOMEM);
        expect("malloc(all)", malloc(all) == NULL, ENOMEM);
        expect("malloc(all - 15)", malloc(all - 15) == NULL, ENOMEM);
        expect("calloc(half, 3)", calloc(half, 3) == NULL, ENOMEM);
        expect("calloc(3, half)", calloc(3, half) == NULL, ENOMEM);
        expect("realloc(huge)", realloc(kept, huge + 1) == NULL, ENOMEM);
        expect("reallocarray", reallocarray(kept, half, 4) == NULL, ENOMEM);
        expect("memalign(huge)", memalign(64, huge + 1) == NULL, ENOMEM);
        expect("aligned_alloc(huge)", aligned_alloc(64, all - 63) == NULL, ENOMEM);
        expect("valloc(huge)", valloc(all - 4096) == NULL, ENOMEM);
        expect("pvalloc(huge)", pvalloc(all - 100) == NULL, ENOMEM);
        expect("posix_memalign(huge)", posix_memalign(&block, 64, huge + 1) == ENOMEM, ENOMEM);
        expect("posix_memalign(24)", posix_memalign(&block, 24, 100) == EINVAL, 33);
        expect("mmapped", (block = malloc(1 << 20)) != NULL, 33);
        free(block);
        expect("free of a mapped one", 1, 33);
    }
    free(kept);
    say("%d", errno);
    return 0;
}

/* Results are aligned as asked, for every alignment and size. */
static int alignments(void)
{
    unsigned bad = 0;
    for (size_t alignment = 1; alignment <= 1 << 20; alignment *= 2)
        for (size_t size = 0; size < 3000; size = size * 3 + 1) {
            void *blocks[6] = {memalign(alignment, size),
                               aligned_alloc(alignment, size),
                               malloc(size),
                               calloc(size, 1),
                               valloc(size),
                               NULL};
            if (alignment >= 8 && posix_memalign(&blocks[5], alignment, size) != 0) return 40;
            for (int i = 0; i < 6; i++) {
                size_t wanted = i < 2 || i == 5 ? alignment : i == 4 ? 4096 : 16;
                bad += (uintptr_t)blocks[i] % wanted != 0;
                free(blocks[i]);
            }
        }
    say("%u not aligned", bad);
    return 0;
}

/* --- The ends of the process -----------------------------------------------------------------------------
 */

static pthread_key_t key;
static void at_thread_end(void *block)
{
    allocate(5, 895);
    free(block);
}

static void *thread_main(void *argument)
{
    pthread_setspecific(key, malloc(50));
    return argument;
}

static void first_registered(void)
{
    allocate(10, 896);
    say("first registered, last called");
}

static void registers_more(void)
{
    allocate(10, 896);
    atexit(first_registered);
    say("registers one more");
}

static int ends(void)
{
    pthread_t thread;
    atexit(first_registered);
    for (int i = 0; i < 100; i++)
        atexit(registers_more);
    pthread_key_create(&key, at_thread_end);
    pthread_setspecific(key, malloc(50));
    for (int i = 0; i < 20; i++) {
        pthread_create(&thread, NULL, thread_main, NULL);
        pthread_join(thread, NULL);
    }
    if (hostile_ends_touch != NULL) hostile_ends_touch();
    return work();
}

/* --- Little memory ------------------------------------------------------------------------------------- */

/* What is left of a limit that the recorder has a part of, too: until nothing more is given, twice. */
static int until_refused(void)
{
    struct rlimit limits = {512u << 20, 512u << 20};
    setrlimit(RLIMIT_AS, &limits);
    for (int round = 0; round < 2; round++) {
        void *first = NULL;
        unsigned count = 0;
        for (void **block; (block = malloc(100000)) != NULL; count++) {
            *block = first;
            first = block;
        }
        say("errno %d, %s", errno, count > 4000 ? "most of it was given" : "too little was given");
        while (first != NULL) {
            void *next = *(void **)first;
            free(first);
            first = next;
        }
    }
    return work();
}

int main(int argc, char **argv)
{
    static const struct mode modes[] = {
        {"layout", layout},
        {"account", account},
        {"usable_written", usable_written},
        {"errors", errors},
        {"alignments", alignments},
        {"ends", ends},
        {"until_refused", until_refused},
        {"work", work},
    };
    return RUN_MODE(modes, argc, argv);
}
