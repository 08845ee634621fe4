#include "process/descriptors.h"

#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include "hot/clock.h"
#include "process/image.h"
#include "process/sandbox.h"
#include "syscall.h"

/* The threads of this process, without a descriptor: the links of its task folder, one for each besides the
 * two of every folder (Linux, fs/proc/base.c, proc_task_getattr). 0: cannot be told. */
static uint64_t threads_count(void)
{
    struct stat status = {0};
    if (raw_syscall(SYS_newfstatat, AT_FDCWD, (long)"/proc/self/task", (long)&status, 0, 0, 0) != 0) return 0;
    return status.st_nlink > 2 ? (uint64_t)status.st_nlink - 2 : 0;
}

void descriptors_init(void)
{
    if (threads_count() != 1) atomic_fetch_or(&sandbox_forbidden, SANDBOX_TASKS);
}

bool descriptors_take_leave(void)
{
    /* One more reference to the table is all that the kernel looks for: with one thread this does nothing. */
    if (!sandbox_forbids(SANDBOX_UNSHARE) && raw_syscall(SYS_unshare, CLONE_FILES, 0, 0, 0, 0, 0) == 0)
        return true;
    if (!atomic_load(&recorder.many_threads)) return true;
    return !sandbox_forbids(SANDBOX_TASKS) && threads_count() == 1;
}
