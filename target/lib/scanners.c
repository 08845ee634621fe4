/* The scanners there are. */
#include "pipeline.h"

extern const struct scanner_kind scanner_invisible_text, scanner_secrets, scanner_anonymize,
    scanner_ban_substrings, scanner_prompt_injection;

const struct scanner_kind *const scanner_kinds[] = {
    &scanner_invisible_text, &scanner_secrets,          &scanner_anonymize,
    &scanner_ban_substrings, &scanner_prompt_injection,
};
const size_t scanner_kind_count = sizeof scanner_kinds / sizeof scanner_kinds[0];
