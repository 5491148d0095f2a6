/*
 * The lock is an fcntl() lock of the open file description kind: held by the descriptor, gone with
 * it, and F_OFD_GETLK tells whether it is held without taking it. Such a lock does not know a
 * pid; that stands in the file, written by its holder.
 */
#include "daemon/run_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int make_directories(const char *path)
{
    char part[1024];
    if (snprintf(part, sizeof part, "%s", path) >= (int)sizeof part)
        return -ENAMETOOLONG;
    for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(part, 0755) < 0 && errno != EEXIST)
            return -errno;
        *slash = '/';
    }
    return mkdir(part, 0700) < 0 && errno != EEXIST ? -errno : 0;
}

static int make_directory(const char *path, struct fault *fault)
{
    struct stat status;
    int error = make_directories(path);
    if (!error && lstat(path, &status) < 0)
        error = -errno;
    if (error)
        return fault_set(fault, error, "run directory %.300s: %s", path, strerror(-error));
    if (!S_ISDIR(status.st_mode) || status.st_uid != geteuid())
        return fault_set(fault, -EPERM,
                         "run directory %.300s: not a directory of ours; remove it, "
                         "or give another run_dir=PATH",
                         path);
    if ((status.st_mode & 077) && chmod(path, 0700) < 0)
        return fault_set(fault, -errno, "run directory %.300s: %s", path, strerror(errno));
    return 0;
}

static pid_t read_pid(int fd)
{
    char text[32] = "";
    ssize_t got = pread(fd, text, sizeof text - 1, 0);
    return got > 0 ? (pid_t)strtol(text, NULL, 10) : 0;
}

static int lock_path(const char *path, char *ret_path, size_t path_bytes)
{
    return snprintf(ret_path, path_bytes, "%s/lock", path) < (int)path_bytes ? 0 : -ENAMETOOLONG;
}

static int write_pid(int fd)
{
    char pid[32];
    int bytes = snprintf(pid, sizeof pid, "%d\n", (int)getpid());
    ssize_t put = ftruncate(fd, 0) < 0 ? -1 : pwrite(fd, pid, (size_t)bytes, 0);
    return put < 0 ? -errno : put < bytes ? -ENOSPC : 0;
}

/* The descriptor that holds the lock; -EBUSY, with the holder's pid, when somebody else does. */
static int take_lock(const char *path, pid_t *ret_holder, struct fault *fault)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return fault_set(fault, -errno, "%.300s: %s", path, strerror(errno));
    int error = fcntl(fd, F_OFD_SETLK, &lock) < 0 ? -errno : write_pid(fd);
    if (!error)
        return fd;
    *ret_holder = read_pid(fd);
    close(fd);
    if (error == -EAGAIN || error == -EACCES)
        return -EBUSY;
    return fault_set(fault, error, "%.300s: cannot be locked: %s; give another run_dir=PATH", path,
                     strerror(-error));
}

int run_dir_take(struct run_dir *run_dir, const char *path, struct fault *fault)
{
    run_dir->lock_fd = -1;
    run_dir->lun_fd = -1;
    if (path[0] != '/')
        return fault_set(fault, -EINVAL, "run directory '%.200s': no absolute path", path);
    snprintf(run_dir->path, sizeof run_dir->path, "%s", path);
    int error = make_directory(path, fault);
    if (error)
        return error;
    char file[1040];
    pid_t holder = 0;
    lock_path(path, file, sizeof file);
    run_dir->lock_fd = take_lock(file, &holder, fault);
    if (run_dir->lock_fd == -EBUSY)
        fault_set(fault, -EBUSY,
                  "a daemon of this name is running already (pid %d); stop it first, "
                  "or give another --name",
                  (int)holder);
    return run_dir->lock_fd < 0 ? run_dir->lock_fd : 0;
}

/* FNV-1a: a file's name, nothing secret. */
static uint64_t hash_of(const char *text)
{
    uint64_t hash = 0xcbf29ce484222325ull;
    for (const char *c = text; *c; c++)
        hash = (hash ^ (unsigned char)*c) * 0x100000001b3ull;
    return hash;
}

int run_dir_base_bytes(const char *path)
{
    size_t bytes = strlen(path);
    while (bytes > 0 && path[bytes - 1] == '/') /* at the end of what somebody typed */
        bytes--;
    const char *slash = memrchr(path, '/', bytes);
    return slash ? (int)(slash - path) : 0;
}

int run_dir_claim_lun(struct run_dir *run_dir, const char *target, uint32_t lun,
                      struct fault *fault)
{
    char file[1100];
    pid_t holder = 0;
    int base = run_dir_base_bytes(run_dir->path);
    snprintf(file, sizeof file, "%.*s/.lun-%016" PRIx64 "-%" PRIu32, base, run_dir->path,
             hash_of(target), lun);
    run_dir->lun_fd = take_lock(file, &holder, fault);
    if (run_dir->lun_fd == -EBUSY)
        fault_set(fault, -EBUSY,
                  "LUN %" PRIu32 " of %.200s is served already by the daemon with pid "
                  "%d; one disk has one daemon, with as many front ends as you like",
                  lun, target, (int)holder);
    return run_dir->lun_fd < 0 ? run_dir->lun_fd : 0;
}

/* The files stay: unlinking a lock that somebody else is just opening would let two have it. */
static void release(int *fd)
{
    if (*fd >= 0 && ftruncate(*fd, 0) == 0)
        close(*fd);
    *fd = -1;
}

void run_dir_release(struct run_dir *run_dir)
{
    release(&run_dir->lun_fd);
    release(&run_dir->lock_fd);
}

pid_t run_dir_holder(const char *directory)
{
    char path[1040];
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (lock_path(directory, path, sizeof path) < 0)
        return -ENAMETOOLONG;
    int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
    pid_t holder = 0;
    if (fcntl(fd, F_OFD_GETLK, &lock) < 0)
        holder = -errno;
    else if (lock.l_type != F_UNLCK)
        holder = read_pid(fd);
    close(fd);
    return holder;
}
