/* Modules, recorded when first met by the unwinder, with generations across dlclose. The list is append-only
 * and lock-free; two threads that meet a module at once may both record it, which readers take as one. */
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <string.h>
#include <sys/syscall.h>
#include "hot/clock.h"
#include "process/image.h"
#include "find_object.h"
#include "slow/chunk.h"
#include "slow/frame_pointers.h"
#include "slow/module_find.h"
#include "syscall.h"

#define EXPORT            __attribute__((visibility("default")))
#define MODULES           4096u
#define MODULE_PATH_BYTES 4096u

struct module {
    uint64_t start, end, bias;
    const struct link_map *map;
    uint64_t
        path_hash; /* another module may come to lie at the same address with its map at the same place */
    uint64_t generation;
    _Atomic uint32_t state; /* 0 being filled, 1 loaded, 2 gone */
};
enum { MODULE_FILLING, MODULE_LOADED, MODULE_GONE };

static struct module modules[MODULES];
static _Atomic uint32_t module_count;
static int (*next_dlclose)(void *);

static uint32_t modules_known(void)
{
    uint32_t count = atomic_load(&module_count);
    return count < MODULES ? count : MODULES;
}

/* Whether [AT, STOP) lies in what the module has mapped readable. */
static bool is_loaded(const ElfW(Ehdr) * header, uint64_t bias, uint64_t at, uint64_t stop)
{
    const ElfW(Phdr) *segment = (const ElfW(Phdr) *)((uint64_t)header + header->e_phoff);
    for (unsigned i = 0; i < header->e_phnum; i++, segment++) {
        uint64_t start = bias + segment->p_vaddr;
        if (segment->p_type == PT_LOAD && segment->p_flags & PF_R && at >= start && at <= stop &&
            stop <= start + segment->p_filesz)
            return true;
    }
    return false;
}

/* The GNU build-id in the notes of the ELF image at BASE, which is mapped with its headers: length, 0: none.
 * Source: gABI, "Note Section"; NT_GNU_BUILD_ID. */
static size_t build_id_find(uint64_t base, uint64_t bias, uint64_t end, const uint8_t **id)
{
    const ElfW(Ehdr) *header = (const ElfW(Ehdr) *)base;
    if (base == 0 || end - base < sizeof(*header) || memcmp(header->e_ident, ELFMAG, SELFMAG) != 0) return 0;
    if (header->e_phoff + header->e_phnum * sizeof(ElfW(Phdr)) > recorder_page_size) return 0;
    const ElfW(Phdr) *segment = (const ElfW(Phdr) *)(base + header->e_phoff);
    for (unsigned i = 0; i < header->e_phnum; i++, segment++) {
        uint64_t at = bias + segment->p_vaddr, stop = at + segment->p_memsz;
        if (segment->p_type != PT_NOTE || !is_loaded(header, bias, at, stop)) continue;
        while (at + sizeof(ElfW(Nhdr)) <= stop) {
            const ElfW(Nhdr) *note = (const ElfW(Nhdr) *)at;
            uint64_t name = at + sizeof(*note), value = name + ((note->n_namesz + 3u) & ~3u);
            at = value + ((note->n_descsz + 3u) & ~3u);
            if (at > stop) break;
            if (note->n_type != NT_GNU_BUILD_ID || note->n_namesz != 4 || memcmp((void *)name, "GNU", 4) != 0)
                continue;
            *id = (const uint8_t *)value;
            return note->n_descsz <= 20 ? note->n_descsz : 0;
        }
    }
    return 0;
}

/* The path as the loader knows it; the executable's entry has none. */
static size_t module_path(const struct link_map *map, const char **path)
{
    *path = map != NULL && map->l_name != NULL ? map->l_name : "";
    if (**path == '\0') *path = image.executable[0] != '\0' ? image.executable : "?";
    return strnlen(*path, MODULE_PATH_BYTES);
}

static void module_write(struct lane *lane, const struct module *module)
{
    const uint8_t *build_id = NULL;
    const char *path;
    size_t path_bytes = module_path(module->map, &path);
    size_t build_id_bytes = build_id_find(module->start, module->bias, module->end, &build_id);
    uint64_t ticks = clock_ticks();
    uint64_t fields[] = {ticks, module->generation, module->start, module->end, module->bias, build_id_bytes};
    struct extension record = {.type = TRACE_MODULE,
                               .ticks = ticks,
                               .fields = fields,
                               .count = 6,
                               .first = build_id,
                               .first_bytes = build_id_bytes,
                               .second = path,
                               .second_bytes = path_bytes};
    extension_write(lane, &record);
}

/* One more than the modules that were seen in a range overlapping [START, END). */
static uint64_t next_generation(uint64_t start, uint64_t end)
{
    uint64_t generation = 1;
    for (uint32_t i = 0; i < modules_known(); i++)
        if (modules[i].start < end && modules[i].end > start) generation++;
    return generation;
}

/* The loaded module that is known at ADDRESS, or NULL. */
static struct module *module_at(uint64_t address)
{
    for (uint32_t i = 0; i < modules_known(); i++)
        if (address >= modules[i].start && address < modules[i].end &&
            atomic_load_explicit(&modules[i].state, memory_order_acquire) == MODULE_LOADED)
            return &modules[i];
    return NULL;
}

static uint64_t path_hash(const struct link_map *map)
{
    uint64_t hash = 0;
    const char *path = map != NULL && map->l_name != NULL ? map->l_name : "";
    for (; *path != '\0'; path++)
        hash = (hash ^ (uint8_t)*path) * TRACE_GOLDEN_RATIO;
    return hash;
}

static bool module_is(const struct module *module, const struct dl_find_object *found)
{
    return module->start == (uint64_t)found->dlfo_map_start && module->end == (uint64_t)found->dlfo_map_end &&
           module->map == found->dlfo_link_map && module->path_hash == path_hash(found->dlfo_link_map);
}

/* The lane that the calling thread is recording into. */
static struct lane *current_lane(void)
{
    struct thread_state *self = thread_self;
    return self != NULL && self->level > 0 ? &self->lanes[self->level - 1] : NULL;
}

static void module_gone(struct lane *lane, struct module *module);

void slow_module_seen(uint64_t address, const struct dl_find_object *found)
{
    struct lane *lane = current_lane();
    struct module *known = module_at(address);
    if (lane == NULL || found == NULL || (known != NULL && module_is(known, found))) return;
    if (known !=
        NULL) { /* the C library closes modules without our hook; or another thread is about to notice */
        module_gone(lane, known);
        unwind_flush();
        frame_pointers_flush();
    }
    const struct link_map *map = found->dlfo_link_map;
    uint64_t start = (uint64_t)found->dlfo_map_start, end = (uint64_t)found->dlfo_map_end;
    uint64_t generation = next_generation(start, end);
    uint32_t index = atomic_fetch_add(&module_count, 1);
    if (index >= MODULES) {
        counter_add(TRACE_COUNTER_MODULES_UNNAMED);
        return;
    }
    struct module *module = &modules[index];
    module->start = start;
    module->end = end;
    module->bias = map != NULL ? map->l_addr : 0;
    module->map = map;
    module->path_hash = path_hash(map);
    module->generation = generation;
    module_write(lane, module);
    atomic_store_explicit(&module->state, MODULE_LOADED, memory_order_release);
}

void modules_notice(const uint64_t *frames, uint32_t depth)
{
    for (uint32_t i = 0; i < depth; i++) {
        struct dl_find_object found;
        if (module_at(frames[i] - 1) != NULL) continue;
        if (module_find(frames[i] - 1, &found)) slow_module_seen(frames[i] - 1, &found);
    }
}

static bool module_is_still_there(const struct module *module)
{
    struct dl_find_object found;
    return module_find(module->start, &found) && module_is(module, &found);
}

/* What another thread was closing when this one forked is not there any more. */
void modules_rerecord(struct lane *lane)
{
    for (uint32_t i = 0; i < modules_known(); i++)
        if (atomic_load(&modules[i].state) == MODULE_LOADED && module_is_still_there(&modules[i]))
            module_write(lane, &modules[i]);
}

static void module_gone(struct lane *lane, struct module *module)
{
    uint32_t loaded = MODULE_LOADED;
    if (!atomic_compare_exchange_strong(&module->state, &loaded, MODULE_GONE)) return; /* said already */
    uint64_t ticks = clock_ticks();
    uint64_t fields[] = {ticks, module->generation, module->start};
    struct extension gone = {.type = TRACE_MODULE_GONE, .ticks = ticks, .fields = fields, .count = 3};
    extension_write(lane, &gone);
}

/* Behind every dlclose: what went is recorded, and the rules of its code are forgotten, since another library
 * may come to lie at the same addresses. */
static void modules_check(void)
{
    bool changed = false;
    struct lane *lane = recorder_enter();
    for (uint32_t i = 0; i < modules_known(); i++) {
        if (atomic_load(&modules[i].state) != MODULE_LOADED || module_is_still_there(&modules[i])) continue;
        if (lane != NULL)
            module_gone(lane, &modules[i]);
        else
            atomic_store(&modules[i].state, MODULE_GONE);
        changed = true;
    }
    if (lane != NULL) recorder_leave(lane);
    if (changed) {
        unwind_flush();
        frame_pointers_flush();
    }
    unwind_modules_changed();
}

EXPORT int dlclose(void *handle)
{
    if (next_dlclose == NULL) next_dlclose = (int (*)(void *))dlsym(RTLD_NEXT, "dlclose");
    int result = next_dlclose(handle);
    int program_errno = errno;
    modules_check();
    errno = program_errno;
    return result;
}

void slow_other_stack(struct lane *lane, const struct unwind_registers *from, struct unwind_outcome *outcome)
{
    if (recorder.unwinder == TRACE_UNWINDER_FRAME_POINTER) {
        frame_pointers_stack(&lane->unwind, from, recorder.depth_limit, outcome);
        return;
    }
    int program_errno = errno;
    enum unwind_end ended;
    uint64_t *frames = lane->frames[0];
    uint32_t depth = libunwind_stack(from, frames, recorder.depth_limit, &ended);
    modules_notice(frames, depth);
    for (uint32_t i = 0; i < depth; i++)
        lane->unwind.fresh[i] = (struct unwind_frame){.pc = frames[i]};
    *outcome = (struct unwind_outcome){
        .walked = depth, .truncated = ended == UNWIND_DEPTH_LIMIT, .ended = (uint8_t)ended};
    errno = program_errno;
}

void counter_add(unsigned counter)
{
    if (recorder.header != NULL) __atomic_fetch_add(&recorder.header->counters[counter], 1, __ATOMIC_RELAXED);
}

void slow_count_guessed(void)
{
    counter_add(TRACE_COUNTER_STACKS_FRAME_POINTER);
}

void recorder_count(unsigned reason)
{
    static const uint8_t counters[UNWIND_END_COUNT] = {
        [UNWIND_DEPTH_LIMIT] = TRACE_COUNTER_STACKS_TRUNCATED,
        [UNWIND_NO_CFI] = TRACE_COUNTER_STACKS_NO_CFI,
        [UNWIND_NOT_EXPRESSIBLE] = TRACE_COUNTER_STACKS_NOT_EXPRESSIBLE,
        [UNWIND_UNMAPPED] = TRACE_COUNTER_STACKS_UNMAPPED,
        [UNWIND_NO_PROGRESS] = TRACE_COUNTER_STACKS_UNMAPPED,
    };
    if (reason < UNWIND_END_COUNT) counter_add(counters[reason]);
}
