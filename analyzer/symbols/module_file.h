/* The file of a module, verified and opened with libdwfl so that its addresses are the link-time ones. */
#ifndef ANALYZER_SYMBOLS_MODULE_FILE_H
#define ANALYZER_SYMBOLS_MODULE_FILE_H

#include <elfutils/libdwfl.h>
#include <stddef.h>
#include <stdint.h>

struct module_file {
    Dwfl *dwfl;
    Dwfl_Module *module; /* NULL: nothing can be said about its addresses */
    const char *note;    /* why not, or what is uncertain; static; NULL: nothing to say */
};

/* Open PATH if it is the build that BUILD_ID names, else the debug file of that build, if one is installed.
 * BUILD_ID_BYTES 0: the module has none, so PATH must have none either. */
void module_file_open(struct module_file *file, const char *path, const uint8_t *build_id,
                      size_t build_id_bytes);
void module_file_close(struct module_file *file);

#endif
