#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/netboot_host.h"

#define COPY_BYTES (1u << 20)

static int make_folder(const char *path, struct fault *fault)
{
    if (mkdir(path, 0755) == 0 || errno == EEXIST)
        return 0;
    return fault_set(fault, -errno, "%.256s: %s", path, strerror(errno));
}

int netboot_make_folders(const char *folder, char *ret_folder, size_t bytes, struct fault *fault)
{
    char path[PATH_MAX], tftp[PATH_MAX + 8];
    int error = make_folder(folder, fault);
    if (error)
        return error;
    if (!realpath(folder, path))
        return fault_set(fault, -errno, "%.256s: %s", folder, strerror(errno));
    if (strpbrk(path, " \t\n\"#,;\\") || strlen(path) >= bytes)
        return fault_set(fault, -EINVAL,
                         "%.256s: the path is too long or has characters that dnsmasq does not "
                         "understand; take another folder",
                         path);
    snprintf(ret_folder, bytes, "%s", path);
    snprintf(tftp, sizeof tftp, "%s/tftp", path);
    return make_folder(tftp, fault);
}

/* The file under a name of its own, which no reader knows; it gets its place when it is whole. */
static int open_new(const char *path, unsigned mode, char *ret_scratch, size_t bytes)
{
    if (snprintf(ret_scratch, bytes, "%s.XXXXXX", path) >= (int)bytes)
        return -ENAMETOOLONG;
    int fd = mkostemp(ret_scratch, O_CLOEXEC); /* 0600 */
    if (fd >= 0 && fchmod(fd, mode) == 0)
        return fd;
    int error = -errno;
    if (fd >= 0) {
        unlink(ret_scratch);
        close(fd);
    }
    return error;
}

static int finish(int fd, const char *scratch, const char *path, int error)
{
    if (!error && fsync(fd) != 0)
        error = -errno;
    close(fd);
    if (!error && rename(scratch, path) != 0)
        error = -errno;
    if (error)
        unlink(scratch);
    return error;
}

static int write_all(int fd, const char *bytes, size_t count)
{
    while (count > 0) {
        ssize_t done = write(fd, bytes, count);
        if (done < 0 && errno != EINTR)
            return -errno;
        bytes += done > 0 ? done : 0;
        count -= done > 0 ? (size_t)done : 0;
    }
    return 0;
}

int netboot_write(const char *folder, const char *name, unsigned mode,
                  const struct netboot_text *text, struct fault *fault)
{
    char path[PATH_MAX], scratch[PATH_MAX + 8];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int fd = open_new(path, mode, scratch, sizeof scratch);
    int error = fd < 0 ? fd : finish(fd, scratch, path, write_all(fd, text->bytes, text->used));
    return error ? fault_set(fault, error, "%.256s: %s", path, strerror(-error)) : 0;
}

static int check_source(int fd, const char *path, struct fault *fault)
{
    struct stat status;
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode))
        return fault_set(fault, -EINVAL, "%.256s: not a regular file", path);
    if (!(status.st_mode & S_IROTH))
        return fault_set(fault, -EPERM,
                         "%.256s: not everybody may read it (mode %04o), but TFTP gives it to "
                         "everybody; if it holds no secret, run: chmod a+r %.256s",
                         path, status.st_mode & 07777, path);
    return 0;
}

static int copy_bytes(int from, int to)
{
    ssize_t done;
    do {
        done = sendfile(to, from, NULL, COPY_BYTES);
    } while (done > 0 || (done < 0 && errno == EINTR));
    return done < 0 ? -errno : 0;
}

int netboot_copy(const char *folder, const char *path, struct fault *fault)
{
    char target[PATH_MAX], scratch[PATH_MAX + 8];
    const char *slash = strrchr(path, '/');
    int from = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (from < 0)
        return fault_set(fault, -errno, "%.256s: %s", path, strerror(errno));
    int error = check_source(from, path, fault);
    if (!error) {
        snprintf(target, sizeof target, "%s/tftp/%s", folder, slash ? slash + 1 : path);
        int to = open_new(target, 0644, scratch, sizeof scratch);
        error = to < 0 ? to : finish(to, scratch, target, copy_bytes(from, to));
        if (error)
            fault_set(fault, error, "%.256s: %s", target, strerror(-error));
    }
    close(from);
    return error;
}

bool netboot_closed_folder(const char *folder, char *ret_path, size_t bytes)
{
    struct stat status;
    snprintf(ret_path, bytes, "%s", folder);
    for (;;) {
        if (stat(*ret_path ? ret_path : "/", &status) == 0 && !(status.st_mode & S_IXOTH))
            return true;
        char *slash = strrchr(ret_path, '/');
        if (!slash)
            return false;
        *slash = '\0';
    }
}
