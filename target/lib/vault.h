/* The vault: which placeholder stands for which value, so that the same value gets the same placeholder and
 * an answer can be put back. Bounded: the oldest entry makes room; its number is not used again. */
#ifndef SCANNER_VAULT_H
#define SCANNER_VAULT_H

#include <stddef.h>

struct vault;

/* LIMIT: entries kept, 0 without bound. To be freed with vault_free. NULL: out of memory. */
struct vault *vault_new(size_t limit);
void vault_free(struct vault *vault);

/* The number (from 1, per type) of VALUE[0..LENGTH) under TYPE, entered when new. TYPE is compared by its
 * text and borrowed for the life of VAULT. 0: out of memory, VAULT unchanged. */
size_t vault_number(struct vault *vault, const char *type, const char *value, size_t length);

/* Entries held. */
size_t vault_size(const struct vault *vault);

#endif
