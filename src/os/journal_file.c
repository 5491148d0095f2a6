/*
 * Good day: open, lock, look at the place, fill what has never been written with zeros, switch to
 * O_DIRECT.
 *
 * Only a file that was written all over takes each later write in place: no allocation that can
 * fail with ENOSPC in the middle of an outage, no metadata to sync with each commit. Hence zeros,
 * not fallocate(). A new file gets its full size first and is one hole then; holes are what is
 * filled. So a creation that was killed is completed by the next start, and since a hole reads as
 * zeros, filling one changes nothing in a journal that is in use.
 *
 * What can go wrong: no room (looked at first, so that a nearly full disk is not filled up for
 * nothing); then, and when the progress callback gives up, a file that was made here is removed,
 * and one that was there empty is empty again. Everything else refuses with a reason.
 */
#include "os/journal_file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/checked.h"
#include "os/clock.h"
#include "os/journal_place.h"

#define FILL_BYTES   (1024u * 1024u)       /* one write */
#define SETTLE_BYTES (32u * 1024u * 1024u) /* dirty at most */
#define LOCK_TRY_MS  50u

#define MIB(bytes) ((double)(bytes) / (1024. * 1024.))

struct opening {
    const struct jdev_config *config;
    struct journal_file file;
    bool is_new;  /* made here: to be removed when the rest fails */
    bool emptied; /* was there, empty, and got a size here */
    char *why;
    size_t why_bytes;
};

__attribute__((format(printf, 3, 4))) static int refuse(struct opening *opening, int error,
                                                        const char *format, ...)
{
    va_list arguments;
    int length = snprintf(opening->why, opening->why_bytes, "journal %s ", opening->config->path);
    if (length >= 0 && (size_t)length < opening->why_bytes) {
        va_start(arguments, format);
        vsnprintf(opening->why + length, opening->why_bytes - (size_t)length, format, arguments);
        va_end(arguments);
    }
    return error;
}

static bool read_only(const struct opening *opening)
{
    return opening->config->flags & JDEV_READ_ONLY;
}

/* --- open --- */

static int refuse_open(struct opening *opening, int error, bool block_device)
{
    if (error == EBUSY && block_device)
        return refuse(opening, -EBUSY, "is mounted or taken (LVM, RAID, swap): free it first");
    return refuse(opening, -error, "cannot be opened: %s", strerror(error));
}

static int make_file(struct opening *opening, int flags)
{
    const char *path = opening->config->path;
    if (opening->config->create_bytes == 0 || read_only(opening))
        return refuse(opening, -ENOENT, "does not exist");
    /* A partition that is not there yet must not become a file in the memory behind /dev. */
    if (strncmp(path, "/dev/", 5) == 0 && strncmp(path, "/dev/shm/", 9) != 0)
        return refuse(opening, -ENOENT, "does not exist: is the disk there, and the name right?");
    opening->file.fd = open(path, flags | O_CREAT | O_EXCL, 0600);
    if (opening->file.fd < 0)
        return refuse(opening, -errno, "cannot be made: %s%s", strerror(errno),
                      errno == ENOENT ? "; make its folder first" : "");
    opening->is_new = true;
    return 0;
}

static int find_or_make(struct opening *opening)
{
    struct stat found;
    int flags = (read_only(opening) ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
    if (stat(opening->config->path, &found) < 0) {
        if (errno != ENOENT)
            return refuse_open(opening, errno, false);
        return make_file(opening, flags);
    }
    bool block_device = S_ISBLK(found.st_mode);
    if (!block_device && !S_ISREG(found.st_mode))
        return refuse(opening, -EINVAL, "is neither a file nor a block device");
    if (block_device && !read_only(opening))
        flags |= O_EXCL;
    opening->file.fd = open(opening->config->path, flags);
    return opening->file.fd < 0 ? refuse_open(opening, errno, block_device) : 0;
}

/* --- lock --- */

static int lock(struct opening *opening)
{
    int kind = (read_only(opening) ? LOCK_SH : LOCK_EX) | LOCK_NB;
    for (unsigned waited_ms = 0;; waited_ms += LOCK_TRY_MS) {
        if (flock(opening->file.fd, kind) == 0)
            return 0;
        if (errno == EINTR)
            continue;
        if (errno != EWOULDBLOCK)
            return refuse(opening, -errno, "cannot be locked: %s", strerror(errno));
        if (waited_ms >= opening->config->lock_wait_ms)
            break;
        clock_pause_ms(LOCK_TRY_MS);
    }
    opening->is_new = false; /* whoever holds it owns it */
    return refuse(opening, -EBUSY, "is in use by another process: stop that one first");
}

/* --- judge --- */

static int look(struct opening *opening, struct stat *ret_stat)
{
    struct journal_file *file = &opening->file;
    if (fstat(file->fd, ret_stat) < 0)
        return refuse(opening, -errno, "cannot be examined: %s", strerror(errno));
    file->facts.block_device = S_ISBLK(ret_stat->st_mode);
    if (!file->facts.block_device && !S_ISREG(ret_stat->st_mode))
        return refuse(opening, -EINVAL, "is neither a file nor a block device");
    if (ret_stat->st_nlink == 0)
        return refuse(opening, -ESTALE, "was removed by another process meanwhile: try again");
    file->device = file->facts.block_device ? ret_stat->st_rdev : ret_stat->st_dev;
    return 0;
}

static int judge_place(struct opening *opening)
{
    const struct jdev_config *config = opening->config;
    struct journal_file *file = &opening->file;
    if (journal_place_rests_on("/sys", file->device, config->own_devices, config->own_device_count))
        return refuse(opening, -EDEADLK,
                      "lies on the very disk that it is to protect: use another disk");
    if (file->facts.block_device)
        return 0;
    if (opening->is_new)
        journal_place_no_copy_on_write(file->fd);
    const char *objection = journal_place_of_file(file->fd, &file->facts.memory);
    if (objection && !read_only(opening))
        return refuse(opening, -EOPNOTSUPP, "%s", objection);
    return 0;
}

/* --- fill --- */

static int refuse_full(struct opening *opening, int error, uint64_t free_bytes)
{
    return refuse(opening, error,
                  "needs %.0f MiB, and there is room for %.0f MiB: make room, or set a smaller "
                  "journal_size",
                  MIB(opening->config->create_bytes), MIB(free_bytes));
}

static int give_size(struct opening *opening)
{
    uint64_t bytes = round_down(opening->config->create_bytes, JDEV_BLOCK);
    struct statvfs fs;
    if (fstatvfs(opening->file.fd, &fs) == 0 && fs.f_blocks > 0 &&
        (uint64_t)fs.f_bavail * fs.f_frsize < bytes)
        return refuse_full(opening, -ENOSPC, (uint64_t)fs.f_bavail * fs.f_frsize);
    opening->emptied = !opening->is_new;
    if (ftruncate(opening->file.fd, (off_t)bytes) < 0)
        return refuse(opening, -errno, "cannot be made %.0f MiB large: %s", MIB(bytes),
                      strerror(errno));
    opening->file.size_bytes = bytes;
    opening->file.facts.created = true;
    return 0;
}

static int refuse_fill(struct opening *opening, int error, uint64_t offset)
{
    if (error == -ENOSPC || error == -EDQUOT || error == -EFBIG)
        return refuse(opening, error,
                      "can only be filled up to %.0f of %.0f MiB (%s): make room, or set a smaller "
                      "journal_size",
                      MIB(offset), MIB(opening->file.size_bytes), strerror(-error));
    return refuse(opening, error, "cannot be filled: %s", strerror(-error));
}

/* What was written goes to the disk now: progress is honest, and memory is not full of zeros. */
static int settle(struct opening *opening, uint64_t offset)
{
    const struct jdev_config *config = opening->config;
    int fd = opening->file.fd;
    if (fdatasync(fd) < 0)
        return refuse_fill(opening, -errno, offset);
    posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    if (config->progress && !config->progress(config->owner, offset, opening->file.size_bytes))
        return refuse(opening, -ECANCELED, "was not filled: stopped");
    return 0;
}

static int fill(struct opening *opening, const char *zeros, uint64_t offset, uint64_t end)
{
    uint64_t settled = offset;
    while (offset < end) {
        size_t bytes = (size_t)min_u64(FILL_BYTES, end - offset);
        ssize_t written = pwrite(opening->file.fd, zeros, bytes, (off_t)offset);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return refuse_fill(opening, written < 0 ? -errno : -EIO, offset);
        offset += (uint64_t)written;
        if (offset - settled < SETTLE_BYTES && offset < end)
            continue;
        int error = settle(opening, offset);
        if (error < 0)
            return error;
        settled = offset;
    }
    return 0;
}

static int sync_folder(struct opening *opening)
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s", opening->config->path) >= (int)sizeof path)
        return refuse(opening, -ENAMETOOLONG, "has too long a name");
    int fd = open(dirname(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int error = fd < 0 || fsync(fd) < 0 ? -errno : 0;
    if (fd >= 0)
        close(fd);
    return error < 0 ? refuse(opening, error, "cannot be made durable in its folder: %s",
                              strerror(-error))
                     : 0;
}

static int fill_holes(struct opening *opening)
{
    int fd = opening->file.fd, error = 0;
    off_t end = (off_t)opening->file.size_bytes;
    off_t hole = lseek(fd, 0, SEEK_HOLE);
    if (hole < 0 || hole >= end)
        return 0;
    char *zeros = calloc(1, FILL_BYTES);
    if (zeros == NULL)
        return refuse(opening, -ENOMEM, "cannot be filled: out of memory");
    while (error == 0 && hole >= 0 && hole < end) {
        off_t data = lseek(fd, hole, SEEK_DATA);
        if (data < 0 || data > end)
            data = end; /* nothing but a hole up to the end */
        error = fill(opening, zeros, (uint64_t)hole, (uint64_t)data);
        hole = lseek(fd, data, SEEK_HOLE);
    }
    free(zeros);
    if (error < 0)
        return error;
    if (fsync(fd) < 0)
        return refuse_fill(opening, -errno, opening->file.size_bytes);
    return sync_folder(opening);
}

/* --- size --- */

static int find_size(struct opening *opening, const struct stat *found)
{
    struct journal_file *file = &opening->file;
    uint64_t bytes = (uint64_t)found->st_size;
    if (file->facts.block_device && ioctl(file->fd, BLKGETSIZE64, &bytes) < 0)
        return refuse(opening, -errno, "does not tell its size: %s", strerror(errno));
    file->size_bytes = round_down(bytes, JDEV_BLOCK);
    if (bytes == 0 && !file->facts.block_device) {
        if (opening->config->create_bytes == 0 || read_only(opening))
            return refuse(opening, -EINVAL, "is empty: it holds no journal");
        int error = give_size(opening);
        if (error < 0)
            return error;
    }
    if (file->size_bytes < JDEV_BYTES_MIN)
        return refuse(opening, -EINVAL, "has %.0f KiB, a journal needs %u KiB at least",
                      (double)bytes / 1024., JDEV_BYTES_MIN / 1024);
    return file->facts.block_device || read_only(opening) ? 0 : fill_holes(opening);
}

/* O_DIRECT needs the file system's consent and blocks no larger than the port's alignment. */
static void go_direct(struct journal_file *file)
{
    int flags = fcntl(file->fd, F_GETFL) & ~O_NONBLOCK;
    fcntl(file->fd, F_SETFL, flags);
    if (file->facts.memory || fcntl(file->fd, F_SETFL, flags | O_DIRECT) < 0)
        return;
    char *sector = aligned_alloc(JDEV_BLOCK, JDEV_BLOCK);
    file->facts.direct =
        sector && pread(file->fd, sector + JDEV_ALIGN, JDEV_ALIGN, JDEV_ALIGN) == JDEV_ALIGN;
    free(sector);
    if (!file->facts.direct)
        fcntl(file->fd, F_SETFL, flags);
}

static void undo(struct opening *opening)
{
    if (opening->is_new)
        unlink(opening->config->path);
    else if (opening->emptied && ftruncate(opening->file.fd, 0) < 0)
        return; /* holes, which the next start fills */
}

int journal_file_open(const struct jdev_config *config, char *ret_why, size_t why_bytes,
                      struct journal_file *ret_file)
{
    struct opening opening = {
        .config = config, .file.fd = -1, .why = ret_why, .why_bytes = why_bytes};
    struct stat found;
    int error = 0;
    if (config->create_bytes > 0 && config->create_bytes < JDEV_BYTES_MIN)
        return refuse(&opening, -EINVAL, "is to have %.0f KiB, a journal needs %u KiB at least",
                      (double)config->create_bytes / 1024., JDEV_BYTES_MIN / 1024);
    error = find_or_make(&opening);
    if (error == 0)
        error = config->flags & JDEV_LIVE ? 0 : lock(&opening);
    if (error == 0)
        error = look(&opening, &found);
    if (error == 0)
        error = judge_place(&opening);
    if (error == 0)
        error = find_size(&opening, &found);
    if (error < 0) {
        undo(&opening);
        journal_file_close(&opening.file);
        return error;
    }
    go_direct(&opening.file);
    *ret_file = opening.file;
    return 0;
}

void journal_file_close(struct journal_file *file)
{
    if (file->fd >= 0)
        close(file->fd);
    file->fd = -1;
}
