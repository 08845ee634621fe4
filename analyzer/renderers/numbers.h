/* Real numbers in CSV and JSON. */
#ifndef ANALYZER_RENDERERS_NUMBERS_H
#define ANALYZER_RENDERERS_NUMBERS_H

#include "util/output.h"

/* The shortest decimal form that reads back as REAL; NaN and infinities, which JSON has not, as 0. */
void number_print(struct output *output, double real);

#endif
