/* Aho-Corasick with a full transition table. Bytes fall into classes (those that occur in no keyword share
 * one), which makes the table a fifth of 256 columns wide and keeps it in the cache. */
#include "match.h"

#include <stdlib.h>
#include <string.h>

struct keywords {
    unsigned char class_of[256];
    size_t class_count, state_count;
    uint32_t *next;   /* [state * class_count + class] */
    uint32_t *fail;   /* the longest proper suffix that is a state */
    uint32_t *output; /* first of the state's owners in `owned`, 0 none */
    uint32_t *report; /* nearest state on the fail chain, itself included, with an output; 0 none */
    struct owned {
        uint32_t owner, next; /* next owner of the same state, 0 at the end */
    } * owned;
    size_t owned_count;
};

static unsigned char lower(unsigned char byte)
{
    return byte >= 'A' && byte <= 'Z' ? (unsigned char)(byte + ('a' - 'A')) : byte;
}

static void classes_assign(struct keywords *keywords, const struct keyword *words, size_t count)
{
    keywords->class_count = 1;
    for (size_t i = 0; i < count; i++)
        for (const char *at = words[i].word; *at; at++) {
            unsigned char *class = &keywords->class_of[lower((unsigned char)*at)];
            if (!*class) *class = (unsigned char)keywords->class_count++;
        }
    for (int byte = 'A'; byte <= 'Z'; byte++)
        keywords->class_of[byte] = keywords->class_of[lower((unsigned char)byte)];
}

static void word_add(struct keywords *keywords, const struct keyword *word)
{
    uint32_t state = 0;
    for (const char *at = word->word; *at; at++) {
        uint32_t *next =
            &keywords->next[state * keywords->class_count + keywords->class_of[(unsigned char)*at]];
        if (!*next) *next = (uint32_t)keywords->state_count++;
        state = *next;
    }
    keywords->owned[++keywords->owned_count] = (struct owned){word->owner, keywords->output[state]};
    keywords->output[state] = (uint32_t)keywords->owned_count;
}

/* Breadth first: a state's suffix is shorter, so its row is complete before it is copied from. */
static void suffixes_link(struct keywords *keywords, uint32_t *queue)
{
    size_t classes = keywords->class_count, head = 0, tail = 0;
    for (size_t class = 0; class < classes; class ++)
        if (keywords->next[class]) queue[tail++] = keywords->next[class];
    while (head < tail) {
        uint32_t state = queue[head++], fail = keywords->fail[state];
        keywords->report[state] = keywords->output[state] ? state : keywords->report[fail];
        for (size_t class = 0; class < classes; class ++) {
            uint32_t *next = &keywords->next[state * classes + class];
            uint32_t suffix = keywords->next[fail * classes + class];
            if (!*next) {
                *next = suffix;
            } else {
                keywords->fail[*next] = suffix;
                queue[tail++] = *next;
            }
        }
    }
}

static int tables_allocate(struct keywords *keywords, const struct keyword *words, size_t count)
{
    size_t states = 1;
    for (size_t i = 0; i < count; i++)
        states += strlen(words[i].word);
    keywords->next = calloc(states * keywords->class_count, sizeof *keywords->next);
    keywords->fail = calloc(states, sizeof *keywords->fail);
    keywords->output = calloc(states, sizeof *keywords->output);
    keywords->report = calloc(states, sizeof *keywords->report);
    keywords->owned = calloc(count + 1, sizeof *keywords->owned);
    return keywords->next && keywords->fail && keywords->output && keywords->report && keywords->owned ? 0
                                                                                                       : -1;
}

struct keywords *keywords_build(const struct keyword *words, size_t count)
{
    struct keywords *keywords = calloc(1, sizeof *keywords);
    uint32_t *queue = NULL;
    if (!keywords) return NULL;
    classes_assign(keywords, words, count);
    if (tables_allocate(keywords, words, count) != 0) goto failed;
    keywords->state_count = 1;
    for (size_t i = 0; i < count; i++)
        word_add(keywords, &words[i]);
    queue = malloc(keywords->state_count * sizeof *queue);
    if (!queue) goto failed;
    suffixes_link(keywords, queue);
    free(queue);
    return keywords;
failed:
    keywords_free(keywords);
    return NULL;
}

void keywords_free(struct keywords *keywords)
{
    if (!keywords) return;
    free(keywords->next);
    free(keywords->fail);
    free(keywords->output);
    free(keywords->report);
    free(keywords->owned);
    free(keywords);
}

void keywords_scan(const struct keywords *keywords, const char *bytes, size_t length, bool *seen)
{
    uint32_t state = 0;
    for (size_t i = 0; i < length; i++) {
        state = keywords->next[state * keywords->class_count + keywords->class_of[(unsigned char)bytes[i]]];
        for (uint32_t at = keywords->report[state]; at; at = keywords->report[keywords->fail[at]])
            for (uint32_t owned = keywords->output[at]; owned; owned = keywords->owned[owned].next)
                seen[keywords->owned[owned].owner] = true;
    }
}
