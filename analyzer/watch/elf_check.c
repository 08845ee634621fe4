#include "watch/elf_check.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#define SCRIPT_LINE_BYTES 256 /* of the #! line, as the kernel reads (BINPRM_BUF_SIZE) */
#define SCRIPT_CHAIN      5   /* interpreters that are scripts themselves: as deep as the kernel goes */

/* --- Which file will run ------------------------------------------------------------------------ */

static int can_execute(const char *path)
{
    struct stat file;
    if (stat(path, &file) != 0) return errno;
    if (!S_ISREG(file.st_mode)) return EACCES;
    return faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == 0 ? 0 : errno;
}

int elf_find(const char *command, char *found, size_t size)
{
    if (strchr(command, '/') != NULL) {
        if ((size_t)snprintf(found, size, "%s", command) >= size) return ENAMETOOLONG;
        return can_execute(command);
    }
    if (*command == '\0') return ENOENT;
    const char *path = getenv("PATH");
    if (path == NULL) path = "/bin:/usr/bin"; /* as execvp of glibc */
    int reason = ENOENT;
    for (const char *end; path != NULL; path = *end == '\0' ? NULL : end + 1) {
        end = strchrnul(path, ':');
        int length = (int)(end - path);
        /* an empty entry is the working directory */
        if ((size_t)snprintf(found, size, "%.*s%s%s", length, path, length > 0 ? "/" : "", command) >= size)
            continue;
        int refused = can_execute(found);
        if (refused == 0) return 0;
        if (refused == EACCES) reason = EACCES;
    }
    return reason;
}

/* The interpreter that the #! line in LINE[0..LENGTH) names, terminated in place; NULL when it is no script.
 */
static char *script_interpreter(char *line, size_t length)
{
    if (length < 2 || line[0] != '#' || line[1] != '!') return NULL;
    line[length] = '\0';
    line[strcspn(line, "\n")] = '\0';
    char *name = line + 2 + strspn(line + 2, " \t");
    name[strcspn(name, " \t")] = '\0';
    return *name != '\0' ? name : NULL;
}

/* Follow PATH, which holds the name of an executable in PATH_MAX bytes, to the ELF file that the kernel, or
 * execvp by calling the shell, will run in its place. The descriptor of that file; -1: it cannot be read. */
static int open_image(char *path)
{
    for (int script = 0; script <= SCRIPT_CHAIN; script++) {
        char line[SCRIPT_LINE_BYTES + 1];
        int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (descriptor < 0) return -1;
        ssize_t length = pread(descriptor, line, SCRIPT_LINE_BYTES, 0);
        if (length >= SELFMAG && memcmp(line, ELFMAG, SELFMAG) == 0) return descriptor;
        close(descriptor);
        if (length < 0) return -1;
        const char *interpreter = script_interpreter(line, (size_t)length);
        snprintf(path, PATH_MAX, "%s", interpreter != NULL ? interpreter : "/bin/sh");
    }
    return -1;
}

/* --- What speaks against it --------------------------------------------------------------------- */

struct image {
    int descriptor;
    Elf *elf;
    GElf_Ehdr header;
    bool has_interpreter, is_loader;
    char interpreter[PATH_MAX];
    const char *sanitizer;    /* the sanitizer's library that it needs, NULL: none */
    const char *own_function; /* of malloc's family, that it defines and exports, NULL: none */
    char texts[256];
};

/* Set-user-ID, set-group-ID and file capabilities: the loader then ignores LD_PRELOAD (AT_SECURE). Only where
 * they change something: root gains nothing from set-user-ID root. */
static const char *privileges_of(const struct image *image)
{
    struct stat file;
    struct statvfs system;
    char capabilities[64];
    if (fstat(image->descriptor, &file) != 0) return NULL;
    if (fstatvfs(image->descriptor, &system) == 0 && (system.f_flag & ST_NOSUID)) return NULL;
    if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1) return NULL;
    if ((file.st_mode & S_ISUID) && file.st_uid != getuid()) return "set-user-ID";
    /* without the group's x it means mandatory locking */
    if ((file.st_mode & S_ISGID) && (file.st_mode & S_IXGRP) && file.st_gid != getgid())
        return "set-group-ID";
    if (getuid() != 0 &&
        fgetxattr(image->descriptor, "security.capability", capabilities, sizeof capabilities) > 0)
        return "given capabilities of its own";
    return NULL;
}

static bool starts_with(const char *text, const char *start)
{
    return text != NULL && strncmp(text, start, strlen(start)) == 0;
}

static void read_interpreter(struct image *image, const GElf_Phdr *segment)
{
    size_t length = segment->p_filesz < PATH_MAX ? segment->p_filesz : PATH_MAX - 1;
    ssize_t got = pread(image->descriptor, image->interpreter, length, (off_t)segment->p_offset);
    image->interpreter[got > 0 ? got : 0] = '\0';
    image->has_interpreter = true;
}

static void read_dynamic(struct image *image, Elf_Scn *section, const GElf_Shdr *header)
{
    static const char *const sanitizers[] = {"libasan.so", "libhwasan.so", "liblsan.so", "libtsan.so"};
    Elf_Data *data = elf_getdata(section, NULL);
    size_t count = header->sh_entsize > 0 ? header->sh_size / header->sh_entsize : 0;
    for (size_t i = 0; data != NULL && i < count; i++) {
        GElf_Dyn entry;
        if (gelf_getdyn(data, (int)i, &entry) == NULL || entry.d_tag == DT_NULL) break;
        if (entry.d_tag != DT_NEEDED && entry.d_tag != DT_SONAME) continue;
        const char *name = elf_strptr(image->elf, header->sh_link, entry.d_un.d_val);
        if (entry.d_tag == DT_SONAME) {
            image->is_loader =
                starts_with(name, "ld-linux") || starts_with(name, "ld.so") || starts_with(name, "ld64");
            continue;
        }
        for (size_t known = 0; known < sizeof sanitizers / sizeof sanitizers[0]; known++)
            if (starts_with(name, sanitizers[known])) image->sanitizer = sanitizers[known];
    }
}

static bool is_allocation_function(const char *name)
{
    static const char *const names[] = {"malloc", "calloc", "realloc", "free"};
    for (size_t i = 0; name != NULL && i < sizeof names / sizeof names[0]; i++)
        if (strcmp(name, names[i]) == 0) return true;
    return false;
}

/* Symbols that the executable defines itself come before those of any preloaded library. */
static void read_symbols(struct image *image, Elf_Scn *section, const GElf_Shdr *header)
{
    Elf_Data *data = elf_getdata(section, NULL);
    size_t count = header->sh_entsize > 0 ? header->sh_size / header->sh_entsize : 0;
    for (size_t i = 1; data != NULL && i < count; i++) {
        GElf_Sym symbol;
        if (gelf_getsym(data, (int)i, &symbol) == NULL) break;
        unsigned type = GELF_ST_TYPE(symbol.st_info);
        if (symbol.st_shndx == SHN_UNDEF || (type != STT_FUNC && type != STT_GNU_IFUNC)) continue;
        if (GELF_ST_BIND(symbol.st_info) == STB_LOCAL) continue;
        const char *name = elf_strptr(image->elf, header->sh_link, symbol.st_name);
        if (!is_allocation_function(name)) continue;
        if (image->own_function != NULL && strcmp(name, "malloc") != 0) continue;
        snprintf(image->texts, sizeof image->texts, "%s", name);
        image->own_function = image->texts;
    }
}

static void read_image(struct image *image)
{
    size_t segments = 0;
    if (elf_getphdrnum(image->elf, &segments) != 0) segments = 0;
    for (size_t i = 0; i < segments; i++) {
        GElf_Phdr segment;
        if (gelf_getphdr(image->elf, (int)i, &segment) != NULL && segment.p_type == PT_INTERP)
            read_interpreter(image, &segment);
    }
    for (Elf_Scn *section = NULL; (section = elf_nextscn(image->elf, section)) != NULL;) {
        GElf_Shdr header;
        if (gelf_getshdr(section, &header) == NULL) continue;
        if (header.sh_type == SHT_DYNAMIC) read_dynamic(image, section, &header);
        if (header.sh_type == SHT_DYNSYM) read_symbols(image, section, &header);
    }
}

static const char *machine_name(unsigned machine)
{
    static const struct {
        unsigned machine;
        const char *name;
    } names[] = {{EM_386, "x86, 32 bit"}, {EM_X86_64, "x86-64"},       {EM_AARCH64, "AArch64"},
                 {EM_ARM, "ARM, 32 bit"}, {EM_RISCV, "RISC-V"},        {EM_PPC64, "POWER"},
                 {EM_S390, "S/390"},      {EM_LOONGARCH, "LoongArch"}, {EM_MIPS, "MIPS"},
                 {EM_SPARCV9, "SPARC"}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (names[i].machine == machine) return names[i].name;
    return NULL;
}

/* Another class or machine than the recorder's: the loader would skip the library, or the kernel cannot even
 * run the program. RECORDER is the library's header, e_ident and e_machine filled. */
static bool explain_machine(const struct image *image, const GElf_Ehdr *recorder, char *reason, size_t size)
{
    const GElf_Ehdr *program = &image->header;
    const unsigned char *ours = recorder->e_ident, *its = program->e_ident;
    if (its[EI_CLASS] == ours[EI_CLASS] && its[EI_DATA] == ours[EI_DATA] &&
        program->e_machine == recorder->e_machine)
        return false;
    const char *name = machine_name(program->e_machine), *own = machine_name(recorder->e_machine);
    char number[32];
    snprintf(number, sizeof number, "ELF machine %u", program->e_machine);
    if (its[EI_CLASS] != ours[EI_CLASS] && program->e_machine == recorder->e_machine)
        snprintf(reason, size, "it is a %s-bit program, and the recorder here is %s-bit",
                 its[EI_CLASS] == ELFCLASS32 ? "32" : "64", ours[EI_CLASS] == ELFCLASS32 ? "32" : "64");
    else
        snprintf(reason, size, "it is a program for %s, and the recorder here is for %s",
                 name != NULL ? name : number, own != NULL ? own : "this machine");
    return true;
}

static bool explain(const struct image *image, const GElf_Ehdr *recorder, char *reason, size_t size)
{
    const char *privileges = privileges_of(image), *base = strrchr(image->interpreter, '/');
    if (explain_machine(image, recorder, reason, size)) return true;
    if (privileges != NULL)
        snprintf(reason, size, "it is %s, and the loader then ignores LD_PRELOAD; record a copy without that",
                 privileges);
    else if (!image->has_interpreter && !image->is_loader)
        snprintf(reason, size,
                 "it is statically linked, and there is no loader that could preload the recorder");
    else if (starts_with(base, "/ld-musl"))
        snprintf(reason, size, "it runs on musl (%.200s), and the recorder here needs glibc",
                 image->interpreter);
    else if (image->sanitizer != NULL)
        snprintf(reason, size,
                 "it needs %s, a sanitizer, which insists on being the allocator itself; "
                 "build it without -fsanitize",
                 image->sanitizer);
    else if (image->own_function != NULL)
        snprintf(reason, size,
                 "it defines %s itself, and its own symbols come before those of a preloaded library",
                 image->own_function);
    else
        return false;
    return true;
}

static bool read_header(const char *path, int descriptor, struct image *image)
{
    *image = (struct image){.descriptor = descriptor};
    elf_version(EV_CURRENT);
    if (image->descriptor < 0) image->descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (image->descriptor < 0) return false;
    image->elf = elf_begin(image->descriptor, ELF_C_READ, NULL);
    return image->elf != NULL && gelf_getehdr(image->elf, &image->header) != NULL;
}

static void release(struct image *image)
{
    if (image->elf != NULL) elf_end(image->elf);
    if (image->descriptor >= 0) close(image->descriptor);
}

bool elf_can_be_recorded(const char *path, const char *recorder, char *reason, size_t size)
{
    char file[PATH_MAX];
    bool refused = false;
    snprintf(file, sizeof file, "%s", path);
    int descriptor = open_image(file);
    if (descriptor < 0) return true;
    struct image program, library;
    bool readable = read_header(file, descriptor, &program);
    bool comparable = read_header(recorder, -1, &library);
    if (readable && comparable) {
        read_image(&program);
        char why[512];
        refused = explain(&program, &library.header, why, sizeof why);
        if (refused && strcmp(file, path) != 0)
            snprintf(reason, size, "it is run by '%s': %s", file, why);
        else if (refused)
            snprintf(reason, size, "%s", why);
    }
    release(&program);
    release(&library);
    return !refused;
}
