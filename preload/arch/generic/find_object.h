/* _dl_find_object, which glibc has since 2.35, for a build against any C library: where the headers lack it,
 * its result type is declared here, and in either case the function is weak, so that the recorder links
 * without it. Test `&_dl_find_object` before use. Source: glibc manual, "Dynamic Linker Introspection". */
#ifndef MEMTRACE_ARCH_FIND_OBJECT_H
#define MEMTRACE_ARCH_FIND_OBJECT_H

#include <dlfcn.h>

#ifndef DLFO_STRUCT_HAS_EH_DBASE
struct dl_find_object {
    unsigned long long dlfo_flags;
    void *dlfo_map_start,
        *dlfo_map_end; /* the mapped module, from its first segment to the end of its last */
    struct link_map *dlfo_link_map;
    void *dlfo_eh_frame; /* its PT_GNU_EH_FRAME segment: .eh_frame_hdr */
    unsigned long long dlfo_reserved[7];
};
#endif

extern int _dl_find_object(void *address, struct dl_find_object *found) __attribute__((weak));

#endif
