/* One line of answer for one prompt. */
#ifndef SCANNER_OUTPUT_H
#define SCANNER_OUTPUT_H

#include "input.h"
#include "scanner.h"

/* Write the answer to stdout: as the JSON object that scripts rely on (target/README.md, "Output"), or as
 * text for people. Returns 0, or -1 when memory or the stream failed. */
int output_json(const struct prompt *prompt, const struct scanner_result *result);
int output_text(const struct prompt *prompt, const struct scanner_result *result);

#endif
