#include "process/trace_file.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>
#include "hot/clock.h"
#include "hot/next.h"
#include "machine.h"
#include "process/config.h"
#include "process/descriptors.h"
#include "process/image.h"
#include "process/mechanisms.h"
#include "process/sandbox.h"
#include "process/text.h"
#include "process/trace_file.h"
#include "find_object.h"
#include "slow/chunk.h"
#include "slow/module_find.h"
#include "slow/sampled.h"
#include "syscall.h"

#define RECORDER_VERSION   "0.1.0"
#define LARGEST_CAP        (64ull << 30)
#define SMALLEST_CAP       (TRACE_HEADER_BYTES + TRACE_SMALL_CHUNK_BYTES)
#define BTRFS_MAGIC        0x9123683e
#define TMPFS_MAGIC        0x01021994
#define RAMFS_MAGIC        0x858458f6
#define INFO_BYTES         16384u
#define COMMAND_LINE_BYTES 8192u

static uint8_t info[INFO_BYTES]; /* the info records, copied into each header */
static uint32_t info_bytes;
static char working_directory[4096];
static char host[65];

static void info_append(uint32_t kind, const void *payload, size_t bytes)
{
    size_t padded = (bytes + 7) & ~(size_t)7;
    if (bytes == 0 ||
        info_bytes + sizeof(struct trace_info) + padded + sizeof(struct trace_info) > INFO_BYTES)
        return;
    struct trace_info head = {.kind = kind, .bytes = (uint32_t)bytes};
    memcpy(info + info_bytes, &head, sizeof(head));
    memcpy(info + info_bytes + sizeof(head), payload, bytes);
    info_bytes += (uint32_t)(sizeof(head) + padded);
}

static long open_raw(const char *path, int flags, int mode)
{
    return raw_syscall(SYS_openat, AT_FDCWD, (long)path, flags | O_CLOEXEC, mode, 0, 0);
}

static void close_raw(long fd)
{
    raw_syscall(SYS_close, fd, 0, 0, 0, 0, 0);
}

static void describe_executable(void)
{
    char *path = image.executable;
    long length = raw_syscall(SYS_readlinkat, AT_FDCWD, (long)"/proc/self/exe", (long)path,
                              sizeof(image.executable) - 1, 0, 0);
    if (length <= 0) return;
    path[length] = '\0';
    info_append(TRACE_INFO_EXECUTABLE, path, (size_t)length);
    const char *name = strrchr(path, '/') != NULL ? strrchr(path, '/') + 1 : path;
    size_t kept = strnlen(name, sizeof(image.name) - 1);
    memcpy(image.name, name, kept);
    image.name[kept] = '\0';
}

static void describe_command_line(void)
{
    static char arguments[COMMAND_LINE_BYTES];
    long fd = open_raw("/proc/self/cmdline", O_RDONLY, 0);
    if (fd < 0) return;
    long length = raw_syscall(SYS_read, fd, (long)arguments, sizeof(arguments), 0, 0, 0);
    close_raw(fd);
    if (length > 0) info_append(TRACE_INFO_COMMAND_LINE, arguments, (size_t)length);
}

/* A sandbox that was there before us: docs/design.md, "Sandboxes". Line "Seccomp:\t2" of status. */
static void describe_sandbox(void)
{
    static char status[4096];
    descriptors_init();
    long fd = open_raw("/proc/self/status", O_RDONLY, 0);
    if (fd < 0) return;
    long length = raw_syscall(SYS_read, fd, (long)status, sizeof(status) - 1, 0, 0, 0);
    close_raw(fd);
    if (length <= 0) return;
    status[length] = '\0';
    const char *line = strstr(status, "\nSeccomp:\t");
    image.seccomp_inherited = line != NULL && line[10] != '0';
    if (image.seccomp_inherited) sandbox_inherited();
}

static void describe_allocator(void)
{
    struct dl_find_object found;
    if (!module_find((uint64_t)(uintptr_t)next_malloc, &found) || found.dlfo_link_map == NULL) return;
    const char *path = found.dlfo_link_map->l_name;
    info_append(TRACE_INFO_ALLOCATOR, path, strnlen(path, 4096));
}

void trace_file_describe(void)
{
    struct utsname system;
    describe_executable();
    describe_command_line();
    if (raw_syscall(SYS_getcwd, (long)working_directory, sizeof(working_directory), 0, 0, 0, 0) > 0)
        info_append(TRACE_INFO_WORKING_DIRECTORY, working_directory, strlen(working_directory));
    if (raw_syscall(SYS_uname, (long)&system, 0, 0, 0, 0, 0) == 0) {
        info_append(TRACE_INFO_HOST, system.nodename, strlen(system.nodename));
        info_append(TRACE_INFO_KERNEL, system.release, strlen(system.release));
        memcpy(host, system.nodename, sizeof(host));
    }
    info_append(TRACE_INFO_RECORDER, RECORDER_VERSION, strlen(RECORDER_VERSION));
    info_append(TRACE_INFO_GLIBC_TUNABLES, config.tunables, strlen(config.tunables));
    describe_allocator();
    describe_sandbox();
}

/* config.output with its %-sequences replaced, absolute; NUMBER > 0 goes in front of the extension. */
static bool name_expand(unsigned number)
{
    struct text path = {.bytes = image.trace_path, .capacity = sizeof(image.trace_path)};
    image.trace_path[0] = '\0';
    if (config.output[0] != '/') {
        /* Not the directory of the start: a fork child names its trace where it is then, as the parent did.
         */
        static char here[4096];
        if (raw_syscall(SYS_getcwd, (long)here, sizeof(here), 0, 0, 0, 0) <= 0 || here[0] != '/')
            return false;
        text_append(&path, here);
        text_append(&path, "/");
    }
    const char *slash = strrchr(config.output, '/');
    const char *dot = strrchr(slash != NULL ? slash : config.output, '.');
    for (const char *at = config.output;; at++) {
        if (number > 0 && (at == dot || (dot == NULL && *at == '\0'))) {
            text_append(&path, ".");
            text_append_number(&path, number);
        }
        if (*at == '\0') break;
        if (*at != '%') {
            text_append_bytes(&path, at, 1);
            continue;
        }
        at++;
        if (*at == 'p')
            text_append_number(&path, image.pid);
        else if (*at == 'n')
            text_append(&path, image.name);
        else if (*at == 'h')
            text_append(&path, host);
        else if (*at == '%')
            text_append(&path, "%");
        else
            return false;
    }
    return !path.overflow;
}

/* The file, created exclusively: a name is never reused. Its descriptor, or -errno. */
static long create_exclusively(void)
{
    for (unsigned number = 0; number < 100000; number++) {
        if (!name_expand(number)) return -ENAMETOOLONG;
        long fd = open_raw(image.trace_path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0400);
        if (fd != -EEXIST) return fd;
    }
    return -EEXIST;
}

/* btrfs must not copy a page on write under a mapping that is full: NOCOW, on the empty file. */
static bool forbid_copy_on_write(long fd)
{
    int flags = 0;
    if (raw_syscall(SYS_ioctl, fd, FS_IOC_GETFLAGS, (long)&flags, 0, 0, 0) < 0) return false;
    flags |= FS_NOCOW_FL;
    return raw_syscall(SYS_ioctl, fd, FS_IOC_SETFLAGS, (long)&flags, 0, 0, 0) >= 0;
}

static uint64_t choose_cap(const struct statfs *system)
{
    uint64_t free_bytes = (uint64_t)system->f_bavail * (uint64_t)system->f_bsize;
    bool in_memory = system->f_type == TMPFS_MAGIC || system->f_type == RAMFS_MAGIC;
    uint64_t cap = in_memory ? free_bytes / 16 : free_bytes / 2;
    if (in_memory && system->f_blocks == 0) cap = 1ull << 30; /* ramfs has no limit to take a part of */
    if (config.limit_bytes != 0) cap = config.limit_bytes;
    if (cap > LARGEST_CAP) cap = LARGEST_CAP;
    struct rlimit64 limit = {0};
    if (raw_syscall(SYS_prlimit64, 0, RLIMIT_FSIZE, 0, (long)&limit, 0, 0) == 0 && cap > limit.rlim_cur)
        cap = limit.rlim_cur; /* beyond it ftruncate would raise SIGXFSZ */
    return cap / TRACE_CHUNK_ALIGNMENT * TRACE_CHUNK_ALIGNMENT;
}

/* Give the file its size, halved as long as the file system refuses. The size, or 0. */
static uint64_t extend(long fd, uint64_t cap)
{
    for (; cap >= SMALLEST_CAP; cap = cap / 2 / TRACE_CHUNK_ALIGNMENT * TRACE_CHUNK_ALIGNMENT)
        if (raw_syscall(SYS_ftruncate, fd, (long)cap, 0, 0, 0, 0) == 0) return cap;
    return 0;
}

static const char *map_header(long fd, struct trace_header **mapped)
{
    const char *failure = "the kernel has no MADV_DONTFORK for the mapping";
    long header = raw_syscall(SYS_mmap, 0, TRACE_HEADER_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (header < 0 && header > -4096) return "the trace cannot be mapped (file system, or RLIMIT_AS)";
    *mapped = (struct trace_header *)header;
    if (raw_syscall(SYS_madvise, header, TRACE_HEADER_BYTES, MADV_DONTFORK, 0, 0, 0) == 0) {
        /* No read-ahead into the hole: the first touch would fill the page cache with zeros, 8 MiB of them
         * and 2 ms where read_ahead_kb is 8192. Chunks inherit it; the large ones turn it on again. */
        raw_syscall(SYS_madvise, header, TRACE_HEADER_BYTES, MADV_RANDOM, 0, 0, 0);
        failure = "no space on the device";
        if (pages_populate(*mapped, TRACE_HEADER_BYTES) == 0) failure = mechanisms_test(*mapped);
    }
    if (failure != NULL) raw_syscall(SYS_munmap, header, TRACE_HEADER_BYTES, 0, 0, 0, 0);
    return failure;
}

static void make_run_id(void)
{
    if (raw_syscall(SYS_getrandom, (long)image.run_id, sizeof(image.run_id), 1 /* GRND_NONBLOCK */, 0, 0,
                    0) == sizeof(image.run_id))
        return;
    uint64_t words[2] = {clock_ticks() * TRACE_GOLDEN_RATIO,
                         slow_monotonic_ns() ^ ((uint64_t)image.pid << 40)};
    memcpy(image.run_id, words, sizeof(words));
}

static uint64_t realtime_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void fill_header(struct trace_header *header, uint64_t cap, const struct trace_origin *parent)
{
    make_run_id();
    header->byte_order = TRACE_BYTE_ORDER;
    header->version = TRACE_VERSION;
    header->header_bytes = TRACE_HEADER_BYTES;
    header->info_offset = TRACE_INFO_OFFSET;
    header->page_size = (uint32_t)recorder_page_size;
    header->flags = (image.seccomp_inherited ? TRACE_FLAG_SECCOMP_INHERITED : 0) |
                    (recorder.usable_sizes ? 0 : TRACE_FLAG_NO_USABLE_SIZES) |
                    (parent != NULL ? TRACE_FLAG_FORK_CHILD : 0) |
                    (config.status[0] != '\0' ? TRACE_FLAG_UNDER_RUN : 0);
    memcpy(header->run_id, image.run_id, sizeof(header->run_id));
    header->pid = image.pid;
    header->parent_pid = (uint32_t)raw_syscall(SYS_getppid, 0, 0, 0, 0, 0, 0);
    header->machine = ARCH_ELF_MACHINE;
    header->clock_kind = recorder.monotonic_clock ? TRACE_CLOCK_MONOTONIC : ARCH_CLOCK;
    header->start_realtime_ns = realtime_ns();
    header->start_monotonic_ns = slow_monotonic_ns();
    header->start_ticks = recorder.monotonic_clock ? header->start_monotonic_ns : clock_ticks();
    header->sampling_rate_bytes = sampling.rate_bytes;
    header->next = TRACE_HEADER_BYTES;
    header->limit = cap;
    if (parent != NULL) header->origin = *parent;
    header->depth_limit = recorder.depth_limit;
    header->unwinder = recorder.unwinder;
    memcpy((uint8_t *)header + TRACE_INFO_OFFSET, info, info_bytes);
    atomic_signal_fence(memory_order_seq_cst);
    memcpy(header->magic, TRACE_MAGIC, sizeof(header->magic));
}

static const char *prepare(long fd, const struct trace_origin *parent)
{
    struct statfs system = {0};
    struct stat status = {0};
    if (raw_syscall(SYS_fstatfs, fd, (long)&system, 0, 0, 0, 0) < 0) return "fstatfs failed";
    if (system.f_type == BTRFS_MAGIC && !forbid_copy_on_write(fd)) return "btrfs refuses NOCOW for the trace";
    if (raw_syscall(SYS_fstat, fd, (long)&status, 0, 0, 0, 0) < 0) return "fstat failed";
    raw_syscall(SYS_fchmod, fd, 0400, 0, 0, 0, 0); /* whatever the umask; and under a filter: it is allowed */
    image.device = status.st_dev;
    image.inode = status.st_ino;
    uint64_t cap = extend(fd, choose_cap(&system));
    if (cap == 0) return "no room for a trace: MEMTRACE_LIMIT, RLIMIT_FSIZE or the device's free space";
    struct trace_header *header;
    const char *failure = map_header(fd, &header);
    if (failure != NULL) return failure;
    fill_header(header, cap, parent);
    recorder.header = header;
    return NULL;
}

const char *trace_file_create(const struct trace_origin *parent)
{
    long fd = create_exclusively();
    if (fd < 0) {
        image.trace_path[0] = '\0';
        return fd == -ENAMETOOLONG
                   ? "MEMTRACE_OUTPUT is no usable name (%p, %n, %h, %%)"
                   : "the trace cannot be created (directory missing or not writable, or no descriptor)";
    }
    const char *failure = prepare(fd, parent);
    if (failure != NULL) {
        raw_syscall(SYS_unlinkat, AT_FDCWD, (long)image.trace_path, 0, 0, 0, 0);
        image.trace_path[0] = '\0';
    }
    close_raw(fd);
    return failure;
}

/* The trace by its path, if that still leads to it; else -1. Not blocking, should it be a FIFO by now. */
static long open_own(int flags)
{
    struct stat status = {0};
    long fd = open_raw(image.trace_path, flags | O_NOFOLLOW | O_NONBLOCK, 0);
    if (fd < 0) return -1;
    if (raw_syscall(SYS_fstat, fd, (long)&status, 0, 0, 0, 0) == 0 && status.st_dev == image.device &&
        status.st_ino == image.inode)
        return fd;
    close_raw(fd);
    return -1;
}

/* Its mode lets nobody write, but for root: changed for a moment, through a descriptor, never by the path. */
static long open_own_for_writing(void)
{
    long fd = open_own(O_RDWR);
    if (fd >= 0) return fd;
    long reader = open_own(O_RDONLY);
    if (reader < 0) return -1;
    raw_syscall(SYS_fchmod, reader, 0600, 0, 0, 0, 0);
    fd = open_own(O_RDWR);
    raw_syscall(SYS_fchmod, reader, 0400, 0, 0, 0, 0);
    close_raw(reader);
    return fd;
}

uint64_t trace_file_trim(void)
{
    struct trace_header *header = recorder.header;
    uint64_t limit = header->limit, cut = 0;
    uint64_t end = __atomic_exchange_n(&header->next, limit, __ATOMIC_SEQ_CST);
    if (end == limit) return 0; /* full, or another thread is at it */
    long fd = open_own_for_writing();
    if (fd >= 0) {
        if (raw_syscall(SYS_ftruncate, fd, (long)end, 0, 0, 0, 0) == 0) {
            header->limit = end;
            cut = limit;
        }
        close_raw(fd);
    }
    __atomic_store_n(&header->next, end, __ATOMIC_RELEASE);
    return cut;
}

void trace_file_extend(uint64_t limit)
{
    struct rlimit64 size = {0};
    if (raw_syscall(SYS_prlimit64, 0, RLIMIT_FSIZE, 0, (long)&size, 0, 0) != 0) return;
    if (limit > size.rlim_cur) return; /* lowered meanwhile: ftruncate would raise SIGXFSZ */
    long fd = open_own_for_writing();
    if (fd < 0) return;
    if (raw_syscall(SYS_ftruncate, fd, (long)limit, 0, 0, 0, 0) == 0) recorder.header->limit = limit;
    close_raw(fd);
}

void trace_file_report(const char *failure)
{
    static char line[IMAGE_PATH_BYTES + 256];
    struct text text = {.bytes = line, .capacity = sizeof(line)};
    text_append(&text, failure == NULL ? "trace " : "untraced ");
    text_append_number(&text, image.pid);
    text_append(&text, " ");
    text_append(&text, failure == NULL ? image.trace_path : failure);
    text_append(&text, "\n");
    if (config.status[0] != '\0') {
        long fd = open_raw(config.status, O_WRONLY | O_APPEND, 0);
        if (fd >= 0) {
            raw_syscall(SYS_write, fd, (long)line, (long)text.length, 0, 0, 0);
            close_raw(fd);
        }
    }
    if (!config.verbose) return;
    raw_syscall(SYS_write, 2, (long)"memtrace: ", 10, 0, 0, 0);
    raw_syscall(SYS_write, 2, (long)line, (long)text.length, 0, 0, 0);
    if (config.complaint[0] == '\0') return;
    raw_syscall(SYS_write, 2, (long)"memtrace: ", 10, 0, 0, 0);
    raw_syscall(SYS_write, 2, (long)config.complaint, (long)strlen(config.complaint), 0, 0, 0);
    raw_syscall(SYS_write, 2, (long)"\n", 1, 0, 0, 0);
}
