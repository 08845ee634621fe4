/* What recording relies on, tried before the first event. A kernel that lacks one of these says so, but there
 * are emulators that accept any advice and do nothing (qemu-user 7.2): stores would raise SIGBUS on a full
 * disk, and a fork child would write into its parent's trace. */
#include "process/mechanisms.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include "machine.h"
#include "process/image.h"
#include "process/sandbox.h"
#include "syscall.h"

#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif
#define NO_ADVICE 0x7ead /* no kernel gives it a meaning */

#define LEAST_PAGE_BYTES 4096u

static bool advice_is_refused(const void *address, size_t bytes, int advice)
{
    return raw_syscall(SYS_madvise, (long)address, (long)bytes, advice, 0, 0, 0) < 0;
}

/* MADV_WIPEONFORK and MADV_DONTFORK cannot be tried without a fork. But whoever refuses advice that does not
 * exist, and the former on a file's mapping, for which it is not, knows what it accepts. */
static bool advice_is_meant(const struct trace_header *header)
{
    return advice_is_refused(header, recorder_page_size, NO_ADVICE) &&
           advice_is_refused(header, recorder_page_size, MADV_WIPEONFORK);
}

/* MADV_POPULATE_WRITE, or what stands in for it: all of HEADER is there, and what cannot be there is an
 * error. A filter that we inherited may kill at mincore, which nothing else here needs. */
static bool pages_are_populated(struct trace_header *header)
{
    uint8_t resident[TRACE_HEADER_BYTES / LEAST_PAGE_BYTES] = {0};
    const void *nowhere = (const void *)(ARCH_ADDRESS_END - recorder_page_size);
    if (!advice_is_refused(nowhere, recorder_page_size, MADV_POPULATE_WRITE)) return false;
    if (image.seccomp_inherited) return true;
    if (raw_syscall(SYS_mincore, (long)header, TRACE_HEADER_BYTES, (long)resident, 0, 0, 0) != 0)
        return false;
    for (size_t i = 0; i < TRACE_HEADER_BYTES / recorder_page_size; i++)
        if ((resident[i] & 1) == 0) return false;
    return true;
}

/* mremap from an old size of 0: another mapping of the same pages. */
static bool mapping_is_duplicated(struct trace_header *header)
{
    long mapped = raw_syscall(SYS_mremap, (long)header, 0, TRACE_HEADER_BYTES, MREMAP_MAYMOVE, 0, 0);
    if (mapped < 0 && mapped > -4096) return false;
    struct trace_header *duplicate = (struct trace_header *)mapped;
    if (duplicate == header) return false;
    __atomic_store_n(&duplicate->next, 1, __ATOMIC_SEQ_CST); /* another address, to the compiler, too */
    bool same = __atomic_load_n(&header->next, __ATOMIC_SEQ_CST) == 1;
    __atomic_store_n(&duplicate->next, 0, __ATOMIC_SEQ_CST);
    raw_syscall(SYS_munmap, mapped, TRACE_HEADER_BYTES, 0, 0, 0, 0);
    return same;
}

static const char *try_all(struct trace_header *header)
{
    if (!advice_is_meant(header)) return "the kernel accepts any advice on memory (an emulator?)";
    if (!pages_are_populated(header)) return "the kernel does not populate pages when it says so";
    if (!mapping_is_duplicated(header)) return "the kernel does not duplicate a mapping by mremap";
    return NULL;
}

const char *mechanisms_test(struct trace_header *header)
{
    static const char *verdict;
    static bool tried;
    /* A first trace behind a filter: its parent had none, or could open none. What we would ask may kill. */
    if (tried || (image.initialised && sandbox_forbids(SANDBOX_ALL))) return verdict;
    tried = true;
    return verdict = try_all(header);
}
