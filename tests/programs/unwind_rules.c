/* flags: -Ipreload -Ipreload/arch/x86_64 -Ipreload/arch/generic */
/* unwind_rules FILE <ADDRESSES: the recorder's CFI rule for each link-time address (hexadecimal, one a line)
 * of an ELF file, which is mapped as the loader would map it but neither relocated nor run. One line an
 * address, in readelf's words: the address, the CFA, where rbp is saved, where the return address is. */
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../preload/slow/cfi_entry.c"
#include "../../preload/slow/cfi_rule.c"
#include "../../preload/slow/module_find.c"
#include "../../preload/slow/stack_range.c"

struct rule_cache rule_cache; /* all of one generation */

static uint64_t map_start, load_bias, eh_frame_hdr;

static void map_segments(const char *file, int fd)
{
    static uint8_t head[4096];
    const Elf64_Ehdr *header = (const Elf64_Ehdr *)head;
    uint64_t low = UINT64_MAX, high = 0;
    if (pread(fd, head, sizeof head, 0) < (ssize_t)sizeof *header) {
        fprintf(stderr, "unwind_rules: '%s' is no ELF file\n", file);
        exit(2);
    }
    const Elf64_Phdr *segments = (const Elf64_Phdr *)(head + header->e_phoff);
    for (unsigned i = 0; i < header->e_phnum; i++) {
        if (segments[i].p_type == PT_GNU_EH_FRAME) eh_frame_hdr = segments[i].p_vaddr;
        if (segments[i].p_type != PT_LOAD) continue;
        if (segments[i].p_vaddr < low) low = segments[i].p_vaddr & -4096ull;
        if (segments[i].p_vaddr + segments[i].p_memsz > high)
            high = segments[i].p_vaddr + segments[i].p_memsz;
    }
    map_start =
        (uint64_t)mmap(NULL, high - low, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    load_bias = map_start - low;
    for (unsigned i = 0; i < header->e_phnum; i++) {
        uint64_t start = segments[i].p_vaddr & -4096ull, skew = segments[i].p_vaddr - start;
        if (segments[i].p_type != PT_LOAD || !segments[i].p_filesz) continue;
        if (mmap((void *)(load_bias + start), segments[i].p_filesz + skew, PROT_READ, MAP_PRIVATE | MAP_FIXED,
                 fd, (off_t)(segments[i].p_offset - skew)) == MAP_FAILED)
            exit(2);
    }
    if (eh_frame_hdr) eh_frame_hdr += load_bias;
}

static void print_rule(uint64_t address, uint64_t rule)
{
    static const char *const kinds[] = {"no-rule", "frame",  "outermost",
                                        "signal",  "no-cfi", "not-expressible"};
    printf("%016lx", (unsigned long)address);
    if (rule_kind(rule) != RULE_FRAME) {
        printf(" %s\n", kinds[rule_kind(rule)]);
        return;
    }
    const char *base = rule & RULE_CFA_FROM_BP ? "rbp" : "rsp";
    printf(rule & RULE_CFA_DEREF ? " (%s%+ld)" : " %s%+ld", base, (long)rule_offset(rule));
    if (rule_bp(rule) == RULE_BP_SAME)
        printf(" u");
    else
        printf(" %s%+ld", rule_bp(rule) == RULE_BP_AT_CFA ? "c" : "rbp", (long)rule_slot(rule));
    printf(" c-8\n");
}

int main(int argc, char **argv)
{
    char line[64];
    int fd = argc == 2 ? open(argv[1], O_RDONLY) : -1;
    if (fd < 0) {
        fprintf(stderr, "unwind_rules: give one ELF file that can be read\n");
        return 2;
    }
    map_segments(argv[1], fd);
    stack_range_init();
    while (fgets(line, sizeof line, stdin)) {
        uint64_t address = strtoul(line, NULL, 16);
        print_rule(address, cfi_rule_make(address + load_bias, map_start, eh_frame_hdr));
    }
    return 0;
}
