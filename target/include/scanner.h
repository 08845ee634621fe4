/* The prompt scanner's library: text in, verdicts, findings and sanitized text out.
 *
 * Semantics follow llm-guard: scanners run in the configured order, each on the text that the one before
 * left (chained), and every one of them answers valid or not with a risk score. Nothing here trains or
 * loads a model: findings come from lists, patterns, checksums and weighted phrases in rules files.
 *
 * A handle serves one thread at a time (it owns match memory and the vault); open one handle a thread.
 * All offsets and lengths are bytes. */
#ifndef SCANNER_H
#define SCANNER_H

#include <stdbool.h>
#include <stddef.h>

struct scanner; /* compiled rules, vault, match memory */

/* The longest prompt that is scanned, in bytes; a longer one is refused (SCANNER_TOO_LONG). */
#define SCANNER_PROMPT_MAX_BYTES ((size_t)1 << 30)

/* Keep the vault's limit from the rules file; 0 means without bound. */
#define SCANNER_VAULT_FROM_RULES ((size_t)-1)

struct scanner_options {
    const char *const *rules_paths; /* rules files, read in this order; borrowed during scanner_open */
    size_t rules_count;             /* 0: the rules built into the library */
    size_t vault_limit;             /* entries kept; SCANNER_VAULT_FROM_RULES, or 0 without bound */
    bool interpret_patterns;        /* do not compile patterns to machine code (valgrind, hardened kernels) */
};

/* One line, without a newline: what, where (file:line for rules), what to do. */
struct scanner_error {
    char message[1024];
};

struct scanner_verdict {
    const char *scanner;   /* llm-guard's class name, such as "Secrets" */
    bool valid;            /* nothing found above the threshold */
    bool undecided;        /* a pattern gave up at its match limit; never valid, since silence is no proof */
    int score_thousandths; /* raw score, 0..1000 */
    int risk_tenths;       /* -10..10: distance from the threshold as a share of what is left on that side */
};

struct scanner_finding {
    const char *type;    /* "EMAIL_ADDRESS", "AWS_ACCESS_KEY_ID", ... */
    const char *scanner; /* which scanner found it */
    size_t start, end;   /* bytes of the text as given, before any repair or redaction; end is exclusive */
};

struct scanner_result {
    bool valid;    /* every verdict is valid */
    bool repaired; /* invalid UTF-8 was replaced by U+FFFD */
    const char *sanitized;
    size_t sanitized_length;
    const struct scanner_verdict *verdicts; /* in the order they ran; none for blank text */
    size_t verdict_count;
    const struct scanner_finding *findings; /* by scanner in that order, then by position */
    size_t finding_count;
};

/* Load rules and return a handle, to be closed with scanner_close. OPTIONS may be NULL (built-in rules,
 * machine code, the vault limit of the rules). NULL: ERROR says why. */
struct scanner *scanner_open(const struct scanner_options *options, struct scanner_error *error);

/* Release HANDLE; NULL is allowed. Results outlive it, but their `type` and `scanner` names do not. */
void scanner_close(struct scanner *handle);

enum scanner_status { SCANNER_DONE, SCANNER_OUT_OF_MEMORY, SCANNER_TOO_LONG };

/* Scan TEXT[0..LENGTH): any bytes, NUL included. On SCANNER_DONE *RESULT must be released with
 * scanner_result_free before HANDLE is closed; otherwise *RESULT is NULL and HANDLE stays usable. */
enum scanner_status scanner_scan(struct scanner *handle, const char *text, size_t length,
                                 struct scanner_result **result);

/* Release RESULT and all that it points to; NULL is allowed. */
void scanner_result_free(struct scanner_result *result);

/* Call VISIT once for each loaded rule (SCANNER class name, rule NAME, file:line in ORIGIN). */
void scanner_rules_list(const struct scanner *handle,
                        void (*visit)(void *context, const char *scanner, const char *name,
                                      const char *origin),
                        void *context);

/* Run the rules' own examples (keys `matches` and `misses`): VISIT gets each with whether it held.
 * Returns how many did not hold, or -1 out of memory. */
int scanner_rules_test(struct scanner *handle,
                       void (*visit)(void *context, const char *origin, const char *name, bool expected,
                                     const char *example, bool held),
                       void *context);

/* Entries that the vault holds now. */
size_t scanner_vault_size(const struct scanner *handle);

#endif
