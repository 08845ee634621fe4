/* mlockall locks what is mapped, and by MCL_FUTURE what comes: of the recorder that would be slabs of 16 MiB,
 * and since a slab's mapping is made by duplicating the header's, all of the file in front of it would be
 * read into memory each time. So what is not in use is unmapped before, and what is in use is unlocked after.
 */
#include <dlfcn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include "process/image.h"
#include "process/locked.h"
#include "process/sandbox.h"
#include "slow/chunk.h"
#include "syscall.h"

#define EXPORT __attribute__((visibility("default")))

static int (*next_mlockall)(int);

void locked_resolve(void)
{
    void *found = dlsym(RTLD_NEXT, "mlockall");
    memcpy(&next_mlockall, &found, sizeof(found));
}

static void unlock(void *start, uint64_t bytes)
{
    if (start != NULL) raw_syscall(SYS_munlock, (long)start, (long)bytes, 0, 0, 0, 0);
}

/* The header, from which slabs are mapped, and this thread's chunks. Other threads' stay locked until they
 * are full. */
static void recorder_unlock(void)
{
    const struct thread_state *self = thread_self;
    unlock(recorder.header, TRACE_HEADER_BYTES);
    for (unsigned i = 0; self != NULL && i < 2; i++)
        unlock(self->lanes[i].chunk, self->lanes[i].chunk_bytes);
}

EXPORT int mlockall(int flags)
{
    if (next_mlockall == NULL) image_init();
    bool recording = atomic_load(&image_page.state) == IMAGE_RECORDING && !sandbox_forbids(SANDBOX_CHUNKS);
    if (recording) chunk_drop_unclaimed();
    int result = next_mlockall(flags);
    if (result == 0 && recording && !sandbox_forbids(SANDBOX_LOCK)) recorder_unlock();
    return result;
}
