#include "symbols/symbolizer.h"

#include <stdlib.h>
#include <string.h>
#include "symbols/demangle.h"
#include "symbols/dwarf_scopes.h"
#include "symbols/module_file.h"
#include "symbols/plt.h"
#include "symbols/symbol_table.h"
#include "util/hash_table.h"
#include "util/memory.h"

struct symbol_address { /* what was found at an address, once */
    uint64_t link_address;
    struct symbol_frame *frames;
    size_t count;
    UT_hash_handle hh;
};

struct symbol_name { /* a mangled name and what it means: many addresses share a function */
    const char *shown;
    UT_hash_handle hh;
    char key[];
};

struct symbol_module {
    char *path; /* NULL: code in no module */
    uint8_t *build_id;
    size_t build_id_bytes;
    bool opened;
    struct module_file file;
    struct dwarf_scopes *scopes;
    struct symbol_table *symbols;
    struct symbol_address *addresses; /* uthash */
    struct symbol_module *next;
};

struct symbolizer {
    struct arena *arena;
    struct symbol_module *modules; /* tens: a list does */
    struct symbol_name *names;     /* uthash */
};

struct symbolizer *symbolizer_new(void)
{
    struct symbolizer *symbolizer = memory_new(1, sizeof *symbolizer);
    symbolizer->arena = arena_new();
    return symbolizer;
}

void symbolizer_free(struct symbolizer *symbolizer)
{
    if (symbolizer == NULL) return;
    for (struct symbol_module *module = symbolizer->modules; module != NULL; module = module->next) {
        HASH_CLEAR(hh, module->addresses);
        dwarf_scopes_free(module->scopes);
        symbol_table_free(module->symbols);
        module_file_close(&module->file);
    }
    HASH_CLEAR(hh, symbolizer->names);
    arena_free(symbolizer->arena);
    free(symbolizer);
}

struct symbol_module *symbolizer_module(struct symbolizer *symbolizer, const char *path,
                                        const uint8_t *build_id, size_t build_id_bytes)
{
    struct symbol_module **end = &symbolizer->modules;
    for (; *end != NULL; end = &(*end)->next) {
        const struct symbol_module *known = *end;
        if (path == NULL
                ? known->path == NULL
                : known->path != NULL && strcmp(known->path, path) == 0 &&
                      known->build_id_bytes == build_id_bytes &&
                      (build_id_bytes == 0 || memcmp(known->build_id, build_id, build_id_bytes) == 0))
            return *end;
    }
    struct symbol_module *module = arena_allocate(symbolizer->arena, sizeof *module);
    if (path != NULL) {
        module->path = arena_text(symbolizer->arena, path, strlen(path));
        module->build_id = arena_allocate(symbolizer->arena, build_id_bytes + 1);
        if (build_id_bytes > 0) memcpy(module->build_id, build_id, build_id_bytes);
        module->build_id_bytes = build_id_bytes;
    }
    *end = module;
    return module;
}

/* TEXT kept for the life of SYMBOLIZER, demangled if it is a mangled name; equal texts are one. */
static const char *symbolizer_text(struct symbolizer *symbolizer, const char *text)
{
    struct symbol_name *name;
    size_t length = strlen(text);
    HASH_FIND(hh, symbolizer->names, text, length, name);
    if (name != NULL) return name->shown;
    name = arena_allocate(symbolizer->arena, sizeof *name + length + 1);
    memcpy(name->key, text, length + 1);
    /* glibc's internal aliases of its functions: __GI_fopen is fopen. */
    name->shown = strncmp(name->key, "__GI_", 5) == 0 && length > 5 ? name->key + 5 : name->key;
    char *demangled = demangle(text);
    if (demangled != NULL) name->shown = arena_text(symbolizer->arena, demangled, strlen(demangled));
    free(demangled);
    HASH_ADD(hh, symbolizer->names, key, length, name);
    return name->shown;
}

/* The function's name by the symbol table, or by the procedure linkage table; NULL: neither knows. */
static const char *symbol_of_address(struct symbolizer *symbolizer, struct symbol_module *module,
                                     uint64_t address)
{
    const char *name = symbol_table_find(module->symbols, address);
    char *plt = NULL;
    if (name == NULL) name = plt = plt_name(module->file.module, address);
    if (name == NULL) return NULL;
    /* A version may stand behind the name: malloc@@GLIBC_2.2.5; in a PLT entry's it is wanted (name@plt). */
    char *bare = memory_text(name, plt != NULL ? strlen(name) : strcspn(name, "@"));
    const char *shown = symbolizer_text(symbolizer, bare);
    free(bare);
    free(plt);
    return shown;
}

/* "libc.so.6+0x29d8f", or "0x7f..." where there is no module. */
static const char *unnamed_function(struct symbolizer *symbolizer, const struct symbol_module *module,
                                    uint64_t address)
{
    char *text;
    if (module->path == NULL) {
        text = memory_format("0x%llx", (unsigned long long)address);
    } else {
        const char *slash = strrchr(module->path, '/');
        text = memory_format("%s+0x%llx", slash != NULL && slash[1] != '\0' ? slash + 1 : module->path,
                             (unsigned long long)address);
    }
    const char *kept = arena_text(symbolizer->arena, text, strlen(text));
    free(text);
    return kept;
}

/* libdw gives some files as the compiler was told them, relative to where it ran. */
static const char *absolute_file(struct symbolizer *symbolizer, const struct dwarf_scope *scope)
{
    if (scope->file == NULL || *scope->file == '/' || scope->directory == NULL) return scope->file;
    char *path = memory_format("%s/%s", scope->directory, scope->file);
    const char *kept = symbolizer_text(symbolizer, path);
    free(path);
    return kept;
}

static void fill_frame(struct symbolizer *symbolizer, struct symbol_module *module, uint64_t address,
                       struct dwarf_scope *scope, struct symbol_frame *frame)
{
    frame->module = module->path;
    frame->note = module->path == NULL ? "not in any module" : module->file.note;
    const char *name = scope->has_die ? dwarf_scope_name(&scope->die) : NULL;
    if (name != NULL)
        frame->function = symbolizer_text(symbolizer, name);
    else if (module->file.module != NULL && !frame->inlined)
        frame->function = symbol_of_address(symbolizer, module, address);
    frame->named = frame->function != NULL;
    if (frame->function == NULL) frame->function = unnamed_function(symbolizer, module, address);
    frame->file = absolute_file(symbolizer, scope);
    frame->line = scope->line;
}

static struct symbol_address *look_up(struct symbolizer *symbolizer, struct symbol_module *module,
                                      uint64_t link_address)
{
    if (!module->opened && module->path != NULL) {
        module_file_open(&module->file, module->path, module->build_id, module->build_id_bytes);
        module->scopes = dwarf_scopes_new(module->file.module);
        module->symbols = symbol_table_new(module->file.module);
    }
    module->opened = true;

    /* A return address is behind the call, and may belong to the next line or even the next function. */
    uint64_t address = link_address > 0 ? link_address - 1 : 0;
    struct dwarf_scope scopes[DWARF_SCOPES_MAX];
    size_t count = module->file.module != NULL ? dwarf_scopes_find(module->scopes, address, scopes) : 0;
    if (count == 0) {
        scopes[0] = (struct dwarf_scope){0};
        count = 1;
    }
    struct symbol_address *found = arena_allocate(symbolizer->arena, sizeof *found);
    found->link_address = link_address;
    found->count = count;
    found->frames = arena_allocate(symbolizer->arena, count * sizeof *found->frames);
    for (size_t i = 0; i < count; i++) {
        found->frames[i].inlined = i + 1 < count;
        fill_frame(symbolizer, module, address, &scopes[i], &found->frames[i]);
    }
    return found;
}

const char *symbolizer_note(const struct symbol_module *module)
{
    return module->file.module == NULL ? module->file.note : NULL;
}

size_t symbolizer_frames(struct symbolizer *symbolizer, struct symbol_module *module, uint64_t link_address,
                         const struct symbol_frame **frames)
{
    struct symbol_address *found;
    HASH_FIND(hh, module->addresses, &link_address, sizeof link_address, found);
    if (found == NULL) {
        found = look_up(symbolizer, module, link_address);
        HASH_ADD(hh, module->addresses, link_address, sizeof found->link_address, found);
    }
    *frames = found->frames;
    return found->count;
}
