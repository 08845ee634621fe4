/* Can this program be recorded by LD_PRELOAD? Asked before it is started, so that the answer is a
 * sentence and not an empty trace. */
#ifndef ANALYZER_WATCH_ELF_CHECK_H
#define ANALYZER_WATCH_ELF_CHECK_H

#include <stdbool.h>
#include <stddef.h>

/* Find COMMAND as execvp would: as it is when it has a slash, else along PATH. On success 0 and the path in
 * FOUND[0..SIZE); else the errno that exec would give (ENOENT: nowhere; EACCES: only files that may not be
 * executed, or a directory). */
int elf_find(const char *command, char *found, size_t size);

/* Read the executable at PATH (of a script: its interpreter, and so on along the chain of #! lines) and
 * compare it with the recorder's library at RECORDER. True: nothing speaks against it, or the file cannot be
 * read (then only the attempt can tell). False: REASON[0..SIZE) is a clause without a full stop that says why
 * not, to stand behind "cannot record 'PATH': ". */
bool elf_can_be_recorded(const char *path, const char *recorder, char *reason, size_t size);

#endif
