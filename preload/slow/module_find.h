/* Which loaded module an address belongs to, and where its CFI is. */
#ifndef MEMTRACE_SLOW_MODULE_FIND_H
#define MEMTRACE_SLOW_MODULE_FIND_H

#include <stdbool.h>
#include <stdint.h>

struct dl_find_object; /* find_object.h */

/* Fill FOUND for the module that ADDRESS is in. False: in none, FOUND unspecified. Lock-free, any context. */
__attribute__((cold)) bool module_find(uint64_t address, struct dl_find_object *found);

/* Whether an ELF header begins at START, with MODULE_HEADER_BYTES that can be read. Asks the kernel once a
 * module: what was so stays so until modules are unloaded, which begins a new generation of rules. */
#define MODULE_HEADER_BYTES 4096
__attribute__((cold)) bool module_header_at(uint64_t start);

/* Build the table of modules where the C library has no _dl_find_object; else do nothing. Takes the loader's
 * lock. */
void module_find_init(void);
/* Build it again after dlopen or dlclose. Takes the loader's lock. */
void module_find_changed(void);

#endif
