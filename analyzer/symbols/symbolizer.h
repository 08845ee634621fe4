/* Return addresses to functions, files and lines, by elfutils libdw.
 *
 * A module is looked up by its path and, where the trace has one, its build-id: the file on disk must
 * have the same, else nothing of it is used and the frame says so. Debug information comes from the file
 * itself or from /usr/lib/debug/.build-id; without DWARF the symbol table names the function, without
 * that the procedure linkage table (name@plt). Results are cached per distinct address; memory grows
 * with these. Not thread-safe. */
#ifndef ANALYZER_SYMBOLS_SYMBOLIZER_H
#define ANALYZER_SYMBOLS_SYMBOLIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct symbolizer;
struct symbol_module;

struct symbol_frame {
    const char *function; /* demangled; "module+0x1234" where no name is known. Never NULL */
    const char *file; /* as the compiler was told it, made absolute by its working directory; NULL: unknown */
    uint32_t line;    /* 0: unknown */
    const char *module; /* path; NULL: the address lies in no known module */
    const char *note;   /* why there is no name: "another build is on disk", ...; NULL: nothing to say */
    bool named;         /* function is a name from the module */
    bool inlined;       /* its code stands inside the next frame's function */
};

/* Never NULL. */
struct symbolizer *symbolizer_new(void);
/* SYMBOLIZER may be NULL. Frames and modules handed out become invalid. */
void symbolizer_free(struct symbolizer *symbolizer);

/* The module of PATH and BUILD_ID (0 bytes: unknown), the same one for equal arguments; opened at its first
 * look-up. PATH NULL: no module (code made at run time). Never NULL; owned by SYMBOLIZER. */
struct symbol_module *symbolizer_module(struct symbolizer *symbolizer, const char *path,
                                        const uint8_t *build_id, size_t build_id_bytes);

/* Why look-ups so far could not name MODULE's functions ("another build of it is on disk"), static; NULL:
 * nothing to say, or none was made. */
const char *symbolizer_note(const struct symbol_module *module);

/* The frames at LINK_ADDRESS, a *return address* in MODULE's link-time addresses: it is looked up at minus 1,
 * inside the call. Innermost inlined function first, the function itself last: at least one frame. *FRAMES is
 * valid for the life of SYMBOLIZER. */
size_t symbolizer_frames(struct symbolizer *symbolizer, struct symbol_module *module, uint64_t link_address,
                         const struct symbol_frame **frames);

#endif
