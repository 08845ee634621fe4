/* Each phrase is a row of at most 64 positions, one bit each; the positions that a partial match may be at
 * are one word, advanced at each word of the text. So a text costs its words times the partial matches open
 * at once, which the phrases' lengths bound: no backtracking, nothing to time out. */
#include "phrases.h"

#include "report.h"
#include "words.h"

#include <stdlib.h>
#include <string.h>

enum { POSITIONS_MAX = 63, SPELLED_MIN = 4, ANY_WORD = 0 };

struct position {
    uint32_t set; /* which set of words; ANY_WORD: each */
    bool optional;
};
struct phrase {
    size_t first; /* in `positions` */
    unsigned count;
    uint32_t rule;
};
struct word_set {
    const char *name; /* of [Words NAME]; NULL for a set written in a phrase */
    uint32_t *words;
    size_t count;
};

struct phrases {
    const struct folding *folding;
    struct intern dictionary; /* skeletons */
    struct word_set *sets;    /* [0] is unused */
    size_t set_count;
    struct position *positions;
    size_t position_count;
    struct phrase *items;
    size_t count;
    /* Made when all are loaded: */
    uint64_t *members; /* [set * stride + word / 64] bit word % 64 */
    size_t stride;
    uint32_t *beginning; /* [word]..[word + 1]: which of `starters` begin with it */
    uint32_t *starters;  /* numbers of phrases */
};

/* ---- loading ---- */

struct loading {
    struct load *load;
    struct phrases *phrases;
    const struct rules_section *section;
    const struct rules_entry *entry;
    uint32_t rule;
};

static int loading_report(struct loading *loading, const char *what, const char *text, size_t length)
{
    return report(loading->load->error, "%s:%u: %s '%.*s'; see \"Phrases\" in target/rules/schema.md",
                  loading->section->file, loading->entry->line, what, (int)(length < 60 ? length : 60), text);
}

/* The number of a rule's word, entered as the text's words are looked up. 0: ERROR filled. */
static uint32_t word_enter(struct loading *loading, const char *text, size_t length)
{
    struct word_stream stream = {.folding = loading->phrases->folding, .bytes = text, .length = length};
    struct word word, more;
    if (!word_next(&stream, &word) || word.length == 0 || word_next(&stream, &more)) {
        loading_report(loading, "not a single word of letters and digits:", text, length);
        return 0;
    }
    uint32_t number = intern_add(&loading->phrases->dictionary, word.skeleton, word.length);
    if (!number) report_memory(loading->load->error);
    return number;
}

static uint32_t set_new(struct loading *loading, const char *name)
{
    struct phrases *phrases = loading->phrases;
    if (phrases->set_count == 0) phrases->set_count = 1;
    struct word_set *sets = realloc(phrases->sets, (phrases->set_count + 1) * sizeof *sets);
    if (!sets) {
        report_memory(loading->load->error);
        return 0;
    }
    phrases->sets = sets;
    sets[0] = (struct word_set){0};
    sets[phrases->set_count] = (struct word_set){.name = name};
    return (uint32_t)phrases->set_count++;
}

static uint32_t set_find(const struct phrases *phrases, const char *name, size_t length)
{
    for (uint32_t i = 1; i < phrases->set_count; i++) {
        const char *have = phrases->sets[i].name;
        if (have && strlen(have) == length && memcmp(have, name, length) == 0) return i;
    }
    return 0;
}

static int set_add(struct loading *loading, uint32_t number, const uint32_t *words, size_t count)
{
    struct word_set *set = &loading->phrases->sets[number];
    if (count == 0) return 0;
    uint32_t *all = realloc(set->words, (set->count + count) * sizeof *all);
    if (!all) return report_memory(loading->load->error);
    memcpy(all + set->count, words, count * sizeof *all);
    set->words = all;
    set->count += count;
    return 0;
}

/* [Words NAME]: all its `words` lines. */
static int words_load(struct loading *loading)
{
    const struct rules_section *section = loading->section;
    uint32_t set = set_new(loading, section->name);
    if (!set) return -1;
    for (size_t i = 0; i < section->entry_count; i++) {
        loading->entry = &section->entries[i];
        const char *at = loading->entry->value, *text;
        for (size_t length; (text = rules_next_word(&at, &length));) {
            uint32_t word = word_enter(loading, text, length);
            if (!word || set_add(loading, set, &word, 1) != 0) return -1;
        }
    }
    return 0;
}

/* word|other|<set> */
static int alternatives_add(struct loading *loading, uint32_t set, const char *text, size_t length)
{
    const struct phrases *phrases = loading->phrases;
    for (size_t at = 0; at <= length;) {
        const char *bar = memchr(text + at, '|', length - at);
        size_t one = bar ? (size_t)(bar - (text + at)) : length - at;
        const char *word = text + at;
        if (one > 2 && word[0] == '<' && word[one - 1] == '>') {
            uint32_t named = set_find(phrases, word + 1, one - 2);
            if (!named) return loading_report(loading, "there is no [Words] section for", word, one);
            if (set_add(loading, set, phrases->sets[named].words, phrases->sets[named].count) != 0) return -1;
        } else {
            uint32_t number = word_enter(loading, word, one);
            if (!number || set_add(loading, set, &number, 1) != 0) return -1;
        }
        at += one + 1;
    }
    return 0;
}

static int position_add(struct loading *loading, struct phrase *phrase, struct position position)
{
    struct phrases *phrases = loading->phrases;
    if (phrase->count == POSITIONS_MAX)
        return loading_report(loading, "the phrase is too long:", loading->entry->value, 60);
    struct position *positions =
        realloc(phrases->positions, (phrases->position_count + 1) * sizeof *positions);
    if (!positions) return report_memory(loading->load->error);
    phrases->positions = positions;
    positions[phrases->position_count++] = position;
    phrase->count++;
    return 0;
}

static int element_add(struct loading *loading, struct phrase *phrase, const char *text, size_t length)
{
    if (length == 3 && text[0] == '.' && text[1] == '.' && text[2] >= '1' && text[2] <= '9') {
        for (char i = '0'; i < text[2]; i++)
            if (position_add(loading, phrase, (struct position){ANY_WORD, true}) != 0) return -1;
        return 0;
    }
    bool optional = text[length - 1] == '?';
    uint32_t set = set_new(loading, NULL);
    if (!set || alternatives_add(loading, set, text, length - optional) != 0) return -1;
    return position_add(loading, phrase, (struct position){set, optional});
}

static int phrase_load(struct loading *loading)
{
    struct phrases *phrases = loading->phrases;
    struct phrase phrase = {.first = phrases->position_count, .rule = loading->rule};
    const char *at = loading->entry->value, *text;
    for (size_t length; (text = rules_next_word(&at, &length));)
        if (element_add(loading, &phrase, text, length) != 0) return -1;
    if (phrase.count == 0 || phrases->positions[phrase.first].optional ||
        phrases->positions[phrases->position_count - 1].optional)
        return loading_report(loading, "a phrase begins and ends with a word that must be there:",
                              loading->entry->value, strlen(loading->entry->value));
    struct phrase *items = realloc(phrases->items, (phrases->count + 1) * sizeof *items);
    if (!items) return report_memory(loading->load->error);
    phrases->items = items;
    items[phrases->count++] = phrase;
    return 0;
}

static int section_load(struct loading *loading)
{
    for (size_t i = 0; i < loading->section->entry_count; i++) {
        loading->entry = &loading->section->entries[i];
        if (strcmp(loading->entry->key, "phrase") == 0 && phrase_load(loading) != 0) return -1;
    }
    loading->rule++;
    return 0;
}

/* ---- tables ---- */

static bool set_has(const struct phrases *phrases, uint32_t set, uint32_t word)
{
    return phrases->members[set * phrases->stride + word / 64] >> word % 64 & 1;
}

static void members_fill(struct phrases *phrases)
{
    for (uint32_t i = 1; i < phrases->set_count; i++)
        for (size_t j = 0; j < phrases->sets[i].count; j++) {
            uint32_t word = phrases->sets[i].words[j];
            phrases->members[i * phrases->stride + word / 64] |= (uint64_t)1 << word % 64;
        }
}

/* For each word the phrases that begin with it; returns how many in all. FILL: write them, too. */
static size_t starters_list(struct phrases *phrases, bool fill)
{
    size_t total = 0;
    for (uint32_t word = 1; word <= phrases->dictionary.count; word++) {
        if (fill) phrases->beginning[word] = (uint32_t)total;
        for (uint32_t i = 0; i < phrases->count; i++) {
            if (!set_has(phrases, phrases->positions[phrases->items[i].first].set, word)) continue;
            if (fill) phrases->starters[total] = i;
            total++;
        }
    }
    if (fill) phrases->beginning[phrases->dictionary.count + 1] = (uint32_t)total;
    return total;
}

static int tables_make(struct phrases *phrases)
{
    size_t words = phrases->dictionary.count;
    phrases->stride = words / 64 + 1;
    phrases->members = calloc((phrases->set_count + 1) * phrases->stride, sizeof *phrases->members);
    phrases->beginning = calloc(words + 2, sizeof *phrases->beginning);
    if (!phrases->members || !phrases->beginning) return -1;
    members_fill(phrases);
    phrases->starters = calloc(starters_list(phrases, false) + 1, sizeof *phrases->starters);
    if (!phrases->starters) return -1;
    starters_list(phrases, true);
    for (size_t i = 1; i < phrases->set_count; i++) { /* the bitmap has replaced the lists */
        free(phrases->sets[i].words);
        phrases->sets[i].words = NULL;
    }
    return 0;
}

struct phrases *phrases_load(struct load *load, const char *kind, const struct folding *folding)
{
    struct loading loading = {.load = load, .phrases = calloc(1, sizeof(struct phrases))};
    if (!loading.phrases) {
        report_memory(load->error);
        return NULL;
    }
    loading.phrases->folding = folding;
    int status = 0;
    for (size_t i = 0; status == 0 && i < load->rules->count; i++) { /* sets first: any phrase may name any */
        loading.section = &load->rules->sections[i];
        if (strcmp(loading.section->kind, "Words") == 0) status = words_load(&loading);
    }
    for (size_t i = 0; status == 0 && i < load->rules->count; i++) {
        loading.section = &load->rules->sections[i];
        if (strcmp(loading.section->kind, kind) == 0) status = section_load(&loading);
    }
    if (status == 0 && tables_make(loading.phrases) != 0) status = report_memory(load->error);
    if (status == 0) return loading.phrases;
    phrases_free(loading.phrases);
    return NULL;
}

void phrases_free(struct phrases *phrases)
{
    if (!phrases) return;
    intern_release(&phrases->dictionary);
    for (size_t i = 1; i < phrases->set_count; i++)
        free(phrases->sets[i].words);
    free(phrases->sets);
    free(phrases->positions);
    free(phrases->items);
    free(phrases->members);
    free(phrases->beginning);
    free(phrases->starters);
    free(phrases);
}

/* ---- finding ---- */

struct partial {
    uint32_t phrase;
    uint64_t at; /* bit i: position i is what may come next */
    size_t start;
};

struct finding {
    const struct phrases *phrases;
    struct scan *scan;
    struct spans *found;
    struct partial *open;
    size_t count, room;
};

/* BITS, and what may be skipped from there. */
static uint64_t positions_reachable(const struct phrases *phrases, const struct phrase *phrase, uint64_t bits)
{
    for (unsigned i = 0; i < phrase->count; i++)
        if (bits >> i & 1 && phrases->positions[phrase->first + i].optional) bits |= (uint64_t)1 << (i + 1);
    return bits;
}

/* Advance PARTIAL over WORD (0: one that no rule knows). True when the phrase is complete. */
static bool partial_step(const struct phrases *phrases, struct partial *partial, uint32_t word)
{
    const struct phrase *phrase = &phrases->items[partial->phrase];
    uint64_t next = 0;
    for (unsigned i = 0; i < phrase->count; i++) {
        uint32_t set = phrases->positions[phrase->first + i].set;
        if (partial->at >> i & 1 && (set == ANY_WORD || (word && set_has(phrases, set, word))))
            next |= (uint64_t)1 << (i + 1);
    }
    partial->at = positions_reachable(phrases, phrase, next);
    return partial->at >> phrase->count & 1;
}

static int partials_step(struct finding *finding, uint32_t number, size_t end)
{
    size_t kept = 0;
    for (size_t i = 0; i < finding->count; i++) {
        struct partial *partial = &finding->open[i];
        if (partial_step(finding->phrases, partial, number)) {
            struct span span = {partial->start, end, finding->phrases->items[partial->phrase].rule};
            if (spans_add(finding->scan->arena, finding->found, span) != 0) return -1;
        } else if (partial->at) {
            finding->open[kept++] = *partial;
        }
    }
    finding->count = kept;
    return 0;
}

/* One word of the text, as a number of the dictionary. */
static int finding_word(struct finding *finding, uint32_t number, size_t start, size_t end,
                        bool ends_sentence)
{
    const struct phrases *phrases = finding->phrases;
    for (uint32_t i = number ? phrases->beginning[number] : 0; number && i < phrases->beginning[number + 1];
         i++) {
        struct partial *open =
            arena_extend(finding->scan->arena, finding->open, finding->count, &finding->room, sizeof *open);
        if (!open) return -1;
        finding->open = open;
        open[finding->count++] = (struct partial){phrases->starters[i], 1, start};
    }
    if (partials_step(finding, number, end) != 0) return -1;
    if (ends_sentence) finding->count = 0;
    return 0;
}

/* A run of single letters, one character apart, may be one word spelled out: "i g n o r e", "i.g.n.o.r.e". */
struct letter {
    size_t start, end;
    char skeleton;
    bool ends_sentence;
};
struct spelling {
    struct letter letters[WORD_MAX];
    size_t count;
};

static int spelling_end(struct finding *finding, struct spelling *spelling)
{
    const struct intern *dictionary = &finding->phrases->dictionary;
    const struct letter *letters = spelling->letters;
    char skeleton[WORD_MAX];
    size_t count = spelling->count;
    spelling->count = 0;
    for (size_t i = 0; i < count; i++)
        skeleton[i] = letters[i].skeleton;
    uint32_t number = count >= SPELLED_MIN ? intern_find(dictionary, skeleton, count) : 0;
    if (number)
        return finding_word(finding, number, letters[0].start, letters[count - 1].end,
                            letters[count - 1].ends_sentence);
    for (size_t i = 0; i < count; i++) {
        number = intern_find(dictionary, &letters[i].skeleton, 1);
        if (finding_word(finding, number, letters[i].start, letters[i].end, letters[i].ends_sentence) != 0)
            return -1;
    }
    return 0;
}

static bool spelling_takes(const struct spelling *spelling, const struct word *word)
{
    if (word->length != 1 || spelling->count == WORD_MAX) return false;
    return spelling->count == 0 || word->start == spelling->letters[spelling->count - 1].end + 1;
}

int phrases_find(const struct phrases *phrases, struct scan *scan, struct spans *found)
{
    struct finding finding = {.phrases = phrases, .scan = scan, .found = found};
    struct word_stream stream = {
        .folding = phrases->folding, .bytes = scan->text.bytes, .length = scan->text.length};
    struct spelling *spelling = arena_alloc(scan->arena, sizeof *spelling);
    struct word word;
    if (!spelling) return -1;
    for (spelling->count = 0; word_next(&stream, &word);) {
        if (!spelling_takes(spelling, &word) && spelling_end(&finding, spelling) != 0) return -1;
        if (word.length == 1) {
            struct letter letter = {word.start, word.end, word.skeleton[0], word.ends_sentence};
            spelling->letters[spelling->count++] = letter;
            continue;
        }
        uint32_t number = intern_find(&phrases->dictionary, word.skeleton, word.length);
        if (finding_word(&finding, number, word.start, word.end, word.ends_sentence) != 0) return -1;
    }
    return spelling_end(&finding, spelling);
}
