#include "vault.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct vault_entry {
    struct vault_entry *in_bucket, *newer;
    const char *type;
    size_t number, length;
    uint64_t hash;
    char value[];
};

struct type_counter {
    const char *type;
    size_t given; /* numbers given so far */
};

struct vault {
    size_t limit, count, bucket_count; /* power of two */
    struct vault_entry **buckets;
    struct vault_entry *oldest, *newest;
    struct type_counter *types;
    size_t type_count;
};

struct vault *vault_new(size_t limit)
{
    struct vault *vault = calloc(1, sizeof *vault);
    if (!vault) return NULL;
    vault->limit = limit;
    vault->bucket_count = 64;
    vault->buckets = calloc(vault->bucket_count, sizeof(struct vault_entry *));
    if (vault->buckets) return vault;
    free(vault);
    return NULL;
}

void vault_free(struct vault *vault)
{
    if (!vault) return;
    for (struct vault_entry *entry = vault->oldest, *newer; entry; entry = newer) {
        newer = entry->newer;
        free(entry);
    }
    free(vault->buckets);
    free(vault->types);
    free(vault);
}

static uint64_t value_hash(const char *type, const char *value, size_t length)
{
    uint64_t hash = 14695981039346656037u; /* FNV-1a, 64 bits */
    for (const char *at = type; *at; at++)
        hash = (hash ^ (unsigned char)*at) * 1099511628211u;
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (unsigned char)value[i]) * 1099511628211u;
    return hash;
}

static struct vault_entry **bucket_of(const struct vault *vault, uint64_t hash)
{
    return &vault->buckets[(hash ^ hash >> 32) & (vault->bucket_count - 1)];
}

static struct type_counter *counter_of(struct vault *vault, const char *type)
{
    for (size_t i = 0; i < vault->type_count; i++)
        if (strcmp(vault->types[i].type, type) == 0) return &vault->types[i];
    struct type_counter *types = realloc(vault->types, (vault->type_count + 1) * sizeof *types);
    if (!types) return NULL;
    vault->types = types;
    types[vault->type_count] = (struct type_counter){.type = type};
    return &types[vault->type_count++];
}

/* Twice the buckets. Without memory the chains merely grow longer. */
static void buckets_grow(struct vault *vault)
{
    struct vault_entry **buckets = calloc(vault->bucket_count * 2, sizeof(struct vault_entry *));
    if (!buckets) return;
    free(vault->buckets);
    vault->buckets = buckets;
    vault->bucket_count *= 2;
    for (struct vault_entry *entry = vault->oldest; entry; entry = entry->newer) {
        struct vault_entry **bucket = bucket_of(vault, entry->hash);
        entry->in_bucket = *bucket;
        *bucket = entry;
    }
}

static void oldest_evict(struct vault *vault)
{
    struct vault_entry *entry = vault->oldest;
    struct vault_entry **link = bucket_of(vault, entry->hash);
    while (*link != entry)
        link = &(*link)->in_bucket;
    *link = entry->in_bucket;
    vault->oldest = entry->newer;
    if (!vault->oldest) vault->newest = NULL;
    vault->count--;
    free(entry);
}

static void entry_link(struct vault *vault, struct vault_entry *entry)
{
    if (vault->limit && vault->count == vault->limit) oldest_evict(vault);
    if (vault->count >= vault->bucket_count) buckets_grow(vault);
    struct vault_entry **bucket = bucket_of(vault, entry->hash);
    entry->in_bucket = *bucket;
    *bucket = entry;
    if (vault->newest)
        vault->newest->newer = entry;
    else
        vault->oldest = entry;
    vault->newest = entry;
    vault->count++;
}

/* Its own function, so that a growing vault is attributed to the insertion and nothing else. */
static __attribute__((noinline)) size_t vault_insert(struct vault *vault, const char *type, const char *value,
                                                     size_t length, uint64_t hash)
{
    struct type_counter *counter = counter_of(vault, type);
    struct vault_entry *entry = counter ? malloc(sizeof *entry + length) : NULL;
    if (!entry) return 0;
    *entry = (struct vault_entry){.type = type, .number = ++counter->given, .length = length, .hash = hash};
    memcpy(entry->value, value, length);
    entry_link(vault, entry);
    return entry->number;
}

size_t vault_number(struct vault *vault, const char *type, const char *value, size_t length)
{
    uint64_t hash = value_hash(type, value, length);
    for (struct vault_entry *entry = *bucket_of(vault, hash); entry; entry = entry->in_bucket)
        if (entry->hash == hash && entry->length == length && strcmp(entry->type, type) == 0 &&
            memcmp(entry->value, value, length) == 0)
            return entry->number;
    return vault_insert(vault, type, value, length, hash);
}

size_t vault_size(const struct vault *vault)
{
    return vault->count;
}
