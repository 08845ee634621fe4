#include "match.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <stdio.h>
#include <stdlib.h>

enum {
    GROUPS_MAX = 16,
    HEAP_LIMIT_KIB = 16 * 1024,
    JIT_STACK_START = 32 * 1024,
    JIT_STACK_LARGEST = 512 * 1024
};

struct matcher {
    pcre2_match_data *data;
    pcre2_match_context *context;
    pcre2_jit_stack *jit_stack; /* the machine stack's 32 KiB do not reach for long lines */
    bool interpret;
};

struct pattern {
    pcre2_code *code;
    bool tried_machine_code; /* compiled at the first use: most rules never meet their keyword */
    bool unicode;
};

struct matcher *matcher_new(uint32_t match_limit, bool interpret)
{
    struct matcher *matcher = calloc(1, sizeof *matcher);
    if (!matcher) return NULL;
    matcher->interpret = interpret;
    matcher->data = pcre2_match_data_create(GROUPS_MAX, NULL);
    matcher->context = pcre2_match_context_create(NULL);
    if (!interpret) matcher->jit_stack = pcre2_jit_stack_create(JIT_STACK_START, JIT_STACK_LARGEST, NULL);
    if (!matcher->data || !matcher->context) {
        matcher_free(matcher);
        return NULL;
    }
    pcre2_set_match_limit(matcher->context, match_limit);
    pcre2_set_heap_limit(matcher->context, HEAP_LIMIT_KIB);
    if (matcher->jit_stack) pcre2_jit_stack_assign(matcher->context, NULL, matcher->jit_stack);
    return matcher;
}

void matcher_free(struct matcher *matcher)
{
    if (!matcher) return;
    pcre2_match_data_free(matcher->data);
    pcre2_match_context_free(matcher->context);
    pcre2_jit_stack_free(matcher->jit_stack);
    free(matcher);
}

struct pattern *pattern_compile(const char *source, unsigned flags, char *why, size_t why_size)
{
    uint32_t options = PCRE2_NEVER_BACKSLASH_C;
    if (flags & PATTERN_UNICODE) options |= PCRE2_UTF | PCRE2_UCP;
    if (flags & PATTERN_CASELESS) options |= PCRE2_CASELESS;
    int number;
    PCRE2_SIZE offset;
    struct pattern *pattern = calloc(1, sizeof *pattern);
    if (!pattern) {
        snprintf(why, why_size, "out of memory");
        return NULL;
    }
    pattern->unicode = flags & PATTERN_UNICODE;
    pattern->code = pcre2_compile((PCRE2_SPTR)source, PCRE2_ZERO_TERMINATED, options, &number, &offset, NULL);
    if (!pattern->code) {
        PCRE2_UCHAR message[128];
        pcre2_get_error_message(number, message, sizeof message);
        snprintf(why, why_size, "%s at its character %zu", (const char *)message, (size_t)offset + 1);
        free(pattern);
        return NULL;
    }
    return pattern;
}

void pattern_free(struct pattern *pattern)
{
    if (!pattern) return;
    pcre2_code_free(pattern->code);
    free(pattern);
}

/* Which part of the match is meant: the first group that is set, so that a rule can ask for context. */
static void match_fill(struct matcher *matcher, int count, struct match *match)
{
    const PCRE2_SIZE *ends = pcre2_get_ovector_pointer(matcher->data);
    size_t group = 0;
    for (size_t i = 1; i < (size_t)count && !group; i++)
        if (ends[2 * i] != PCRE2_UNSET) group = i;
    *match = (struct match){
        .start = ends[2 * group], .end = ends[2 * group + 1], .next = ends[1], .group = (unsigned)group};
}

enum match_status pattern_match(struct matcher *matcher, struct pattern *pattern, const char *bytes,
                                size_t length, size_t from, struct match *match)
{
    if (from > length) return MATCH_NONE;
    if (!matcher->interpret && !pattern->tried_machine_code) {
        pattern->tried_machine_code = true;
        pcre2_jit_compile(pattern->code,
                          PCRE2_JIT_COMPLETE); /* refused (no executable memory): interpreted */
    }
    uint32_t options = pattern->unicode ? PCRE2_NO_UTF_CHECK : 0; /* repaired before any scanner ran */
    int count =
        pcre2_match(pattern->code, (PCRE2_SPTR)bytes, length, from, options, matcher->data, matcher->context);
    if (count == PCRE2_ERROR_NOMATCH) return MATCH_NONE;
    if (count < 0) return MATCH_UNDECIDED;
    match_fill(matcher, count ? count : GROUPS_MAX, match);
    if (match->next <= from) match->next = from + 1; /* empty, or \K: go on all the same */
    while (pattern->unicode && match->next < length && ((unsigned char)bytes[match->next] & 0xc0) == 0x80)
        match->next++; /* an empty match must not send the next attempt into the middle of a character */
    return MATCH_FOUND;
}
