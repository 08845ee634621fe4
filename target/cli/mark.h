/* Named moments of a run: ready (rules loaded), baseline (before the first prompt), load (first prompt read),
 * drained (every prompt answered, every result released). */
#ifndef SCANNER_MARK_H
#define SCANNER_MARK_H

/* The one place where the program says which phase begins. With SCANNER_MARKS=1 in the environment the name
 * goes to stderr with the seconds since the first mark. Under memtrace it becomes a mark of the trace. */
void scanner_mark(const char *name);

#endif
