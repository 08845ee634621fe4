#include "watch/trim.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

/* Not in linux/magic.h. */
#define FILE_SYSTEM_XFS      0x58465342u
#define FILE_SYSTEM_ZFS      0x2fc12fc1u
#define FILE_SYSTEM_BCACHEFS 0xca451a4eu

int trim_open(const char *path, struct trace_header *header)
{
    struct stat file;
    /* O_NONBLOCK: the name may be a FIFO's */
    int descriptor = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0) return -1;
    bool good = fstat(descriptor, &file) == 0 && S_ISREG(file.st_mode) &&
                pread(descriptor, header, sizeof *header, 0) == (ssize_t)sizeof *header &&
                memcmp(header->magic, TRACE_MAGIC, sizeof header->magic) == 0 &&
                header->byte_order == TRACE_BYTE_ORDER && header->version >= TRACE_OLDEST_VERSION &&
                header->version <= TRACE_VERSION && header->header_bytes == TRACE_HEADER_BYTES;
    if (good) return descriptor;
    close(descriptor);
    errno = 0;
    return -1;
}

/* A lease is refused while the inode's count of writers is not zero; a shared writable mapping holds
 * its file open, and so counts. True of file systems that keep their own pages; overlayfs maps another inode
 * than the one that is leased, and over a network the writer may be elsewhere. */
static bool counts_writers(int descriptor)
{
    static const uint64_t known[] = {EXT4_SUPER_MAGIC, FILE_SYSTEM_XFS, BTRFS_SUPER_MAGIC,   TMPFS_MAGIC,
                                     F2FS_SUPER_MAGIC, FILE_SYSTEM_ZFS, FILE_SYSTEM_BCACHEFS};
    struct statfs system;
    if (fstatfs(descriptor, &system) != 0) return false;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if ((uint64_t)system.f_type == known[i]) return true;
    return false;
}

enum trim_outcome trim_writers(int descriptor)
{
    if (!counts_writers(descriptor)) return TRIM_UNKNOWABLE;
    if (fcntl(descriptor, F_SETLEASE, F_RDLCK) == 0) {
        /* Nobody gets in between: recorders map only what they created themselves. The lease must go, or our
         * own opening for writing would break it. */
        fcntl(descriptor, F_SETLEASE, F_UNLCK);
        return TRIM_NOT_NEEDED;
    }
    if (errno == EAGAIN) return TRIM_IN_USE;
    return errno == EACCES || errno == EPERM ? TRIM_NOT_PERMITTED : TRIM_UNKNOWABLE;
}

int trim_reopen(int descriptor)
{
    char path[32];
    struct stat file;
    if (fstat(descriptor, &file) != 0 || fchmod(descriptor, 0600) != 0) return -1;
    /* Through the descriptor: the same file, whatever its name means by now. */
    snprintf(path, sizeof path, "/proc/self/fd/%d", descriptor);
    int writable = open(path, O_RDWR | O_CLOEXEC);
    if (writable < 0) {
        int reason = errno;
        fchmod(descriptor, file.st_mode & 07777);
        errno = reason;
    }
    return writable;
}

uint64_t trim_end(int descriptor, const struct trace_header *header, uint64_t file_bytes)
{
    uint64_t end = TRACE_HEADER_BYTES, at = TRACE_HEADER_BYTES;
    if (header->next >= TRACE_HEADER_BYTES && header->next < header->limit &&
        header->next % TRACE_CHUNK_ALIGNMENT == 0)
        return header->next;
    while (at < file_bytes) {
        struct trace_chunk chunk;
        off_t data =
            lseek(descriptor, (off_t)at, SEEK_DATA); /* chunks lie scattered in a file of gigabytes */
        if (data < 0) break;
        at = (uint64_t)data - (uint64_t)data % TRACE_CHUNK_ALIGNMENT;
        bool begun = pread(descriptor, &chunk, sizeof chunk, (off_t)at) == (ssize_t)sizeof chunk &&
                     chunk.magic == TRACE_CHUNK_MAGIC && chunk.offset == at &&
                     chunk.bytes >= TRACE_CHUNK_ALIGNMENT && chunk.bytes % TRACE_CHUNK_ALIGNMENT == 0 &&
                     chunk.bytes <= header->limit - at;
        at += begun ? chunk.bytes : TRACE_CHUNK_ALIGNMENT;
        if (begun) end = at;
    }
    return end;
}

int trim_cut(int descriptor, uint64_t end)
{
    /* First the header: a file that is too long is only untidy, one that ends before `next` looks damaged. */
    if (pwrite(descriptor, &end, sizeof end, offsetof(struct trace_header, next)) != (ssize_t)sizeof end)
        return -1;
    return ftruncate(descriptor, (off_t)end);
}

static enum trim_outcome trim_outcome_of_errno(void)
{
    return errno == EACCES || errno == EPERM || errno == EROFS ? TRIM_NOT_PERMITTED : TRIM_FAILED;
}

/* Cut what nobody writes any more. The header is read here and not before: until the lease was granted
 * the process may have gone on claiming. */
static enum trim_outcome trim_dead(int descriptor)
{
    struct trace_header header;
    struct stat file;
    if (pread(descriptor, &header, sizeof header, 0) != (ssize_t)sizeof header ||
        fstat(descriptor, &file) != 0)
        return TRIM_FAILED;
    uint64_t end = trim_end(descriptor, &header, (uint64_t)file.st_size);
    if (end >= (uint64_t)file.st_size) return TRIM_NOT_NEEDED;
    int writable = trim_reopen(descriptor);
    if (writable < 0) return trim_outcome_of_errno();
    enum trim_outcome outcome = trim_cut(writable, end) == 0 ? TRIM_DONE : trim_outcome_of_errno();
    fchmod(writable, file.st_mode & 07777);
    close(writable);
    return outcome;
}

enum trim_outcome trim_if_dead(const char *path)
{
    struct trace_header header;
    struct stat file;
    int descriptor = trim_open(path, &header);
    if (descriptor < 0) return errno == 0 || errno == ELOOP ? TRIM_NOT_A_TRACE : trim_outcome_of_errno();
    enum trim_outcome outcome = TRIM_NOT_NEEDED;
    /* Most traces have been trimmed long ago: no lease for these. */
    if (fstat(descriptor, &file) != 0 ||
        trim_end(descriptor, &header, (uint64_t)file.st_size) < (uint64_t)file.st_size)
        outcome = trim_writers(descriptor);
    if (outcome == TRIM_NOT_NEEDED) outcome = trim_dead(descriptor);
    close(descriptor);
    return outcome;
}
