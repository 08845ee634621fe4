/* How far a long command is: one line on stderr, only where stderr is a terminal and only after the
 * first second. */
#ifndef ANALYZER_UTIL_PROGRESS_H
#define ANALYZER_UTIL_PROGRESS_H

/* WHAT ("reading 'x.mtr'", borrowed until progress_end) begins. */
void progress_begin(const char *what);
/* FRACTION 0..1 of it is done. Cheap enough for every few thousand events: looks at the clock, prints at
 * most ten times a second. Does nothing outside progress_begin and progress_end. */
void progress_update(double fraction);
/* Wipe the line. */
void progress_end(void);
/* Wipe the line while something else is printed to stderr; the next update prints it again. */
void progress_hide(void);

#endif
