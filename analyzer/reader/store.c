#include "reader/store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "util/memory.h"

/* Blocks of several chunks are small, and their chunks are read about the same time: a few stay decoded. */
#define CONTENTS_KEPT 3

struct content {
    uint32_t block; /* CHUNK_NONE: none */
    bool good;
    uint64_t used; /* when, in loads */
    uint8_t *bytes;
};

struct store {
    struct compact_file *compact;
    int raw_fd;
    uint8_t *bytes;
    uint64_t size;
    struct content contents[CONTENTS_KEPT];
    uint64_t loads;
};

struct store *store_new(struct compact_file *compact, int raw_fd, uint64_t size)
{
    struct store *store;
    void *bytes = size == (size_t)size ? mmap(NULL, (size_t)size, PROT_NONE,
                                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
                                       : MAP_FAILED;

    if (bytes == MAP_FAILED) return NULL;
    store = memory_new(1, sizeof(*store));
    *store = (struct store){.compact = compact, .raw_fd = raw_fd, .bytes = bytes, .size = size};
    for (size_t i = 0; i < CONTENTS_KEPT; i++)
        store->contents[i].block = CHUNK_NONE;
    return store;
}

void store_free(struct store *store)
{
    if (!store) return;
    for (size_t i = 0; i < CONTENTS_KEPT; i++)
        free(store->contents[i].bytes);
    munmap(store->bytes, (size_t)store->size);
    free(store);
}

const uint8_t *store_bytes(const struct store *store)
{
    return store->bytes;
}

/* Chunks begin at multiples of 64 KiB and end at such, or at the range's end: whole pages. */
void store_release(struct store *store, const struct chunk *chunk)
{
    /* A mapping without access in its place, rather than MADV_DONTNEED: it gives back what the kernel set
     * aside for it as well, and joins its neighbours. */
    if (mmap(store->bytes + chunk->offset, chunk->bytes, PROT_NONE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) == MAP_FAILED)
        memory_exhausted("a mapping");
}

static void load_raw(const struct store *store, const struct chunk *chunk, uint8_t *to)
{
    for (uint64_t done = 0; done < chunk->limit;) {
        ssize_t n = pread(store->raw_fd, to + done, chunk->limit - done, (off_t)(chunk->offset + done));
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) break; /* cut meanwhile: what is missing stays zero */
        done += (uint64_t)n;
    }
}

static const struct content *content_of(struct store *store, uint32_t block)
{
    struct content *oldest = &store->contents[0];
    uint64_t size = compact_file_content_bytes(store->compact, block);

    for (size_t i = 0; i < CONTENTS_KEPT; i++) {
        struct content *content = &store->contents[i];
        if (content->block == block) {
            content->used = ++store->loads;
            return content;
        }
        if (content->used < oldest->used) oldest = content;
    }
    free(oldest->bytes);
    *oldest = (struct content){.block = block, .used = ++store->loads};
    if (size > COMPACT_CONTENT_LIMIT) return oldest;
    oldest->bytes = memory_new(size, 1);
    oldest->good = compact_file_read(store->compact, block, oldest->bytes, size);
    return oldest;
}

void store_load(struct store *store, const struct chunk *chunk)
{
    uint8_t *to = store->bytes + chunk->offset;

    if (mprotect(to, chunk->bytes, PROT_READ | PROT_WRITE) != 0) memory_exhausted("a chunk's bytes");
    if (chunk->block == CHUNK_NONE) {
        load_raw(store, chunk, to);
    } else if (store->compact->blocks[chunk->block].entries == 1) {
        if (!compact_file_read(store->compact, chunk->block, to, chunk->stored)) memset(to, 0, chunk->stored);
    } else {
        const struct content *content = content_of(store, chunk->block);
        if (content->good) memcpy(to, content->bytes + chunk->place, chunk->stored);
    }
}

bool store_check(struct store *store, const struct chunk *chunk)
{
    return chunk->block == CHUNK_NONE || compact_file_check(store->compact, chunk->block);
}
