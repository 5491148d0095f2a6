#include "mount/records.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/human.h"
#include "daemon/run_dir.h"
#include "mount/interrupt.h"
#include "mount/source.h"
#include "os/clock.h"

#define PATH_BYTES 256
#define LOOK_MS    100
#define TEXT_BYTES 8192

/* The files of a name, as what stands before and behind it. */
#define LOCK  ".mount-", ""
#define MARK  ".mounted-", ""
#define CONF  "", ".conf"
#define DRAFT ".", ".conf.new"

static const char *path_of(const char *name, const char *before, const char *behind,
                           char ret_path[PATH_BYTES])
{
    snprintf(ret_path, PATH_BYTES, RUN_DIR_BASE "/%s%.100s%s", before, name, behind);
    return ret_path;
}

static int make_folder(struct fault *fault)
{
    if (mkdir(RUN_DIR_BASE, 0755) == 0 || errno == EEXIST)
        return 0;
    return fault_set(fault, -EDEADLK, "%s: %s", RUN_DIR_BASE, strerror(errno));
}

static int lock(int fd, const char *path, uint64_t timeout_ms, struct fault *fault)
{
    char time[HUMAN_BYTES];
    for (uint64_t waited = 0; timeout_ms == 0 || waited <= timeout_ms; waited += LOOK_MS) {
        if (flock(fd, LOCK_EX | LOCK_NB) == 0)
            return 0;
        if (errno != EWOULDBLOCK && errno != EINTR)
            return fault_set(fault, -EDEADLK, "%s: %s", path, strerror(errno));
        if (interrupt_came())
            return fault_set(fault, -EINTR, "interrupted");
        clock_pause_ms(LOOK_MS);
    }
    return fault_set(fault, -EDEADLK,
                     "another mount or umount of this LUN has been under way for %s; see what it "
                     "waits for",
                     human_time(timeout_ms, time));
}

/* The file stays: unlinking it would let two have the lock. */
int records_lock(const char *name, uint64_t timeout_ms, int *ret_fd, struct fault *fault)
{
    char path[PATH_BYTES];
    int error = make_folder(fault);
    if (error)
        return error;
    int fd = open(path_of(name, LOCK, path), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return fault_set(fault, -EDEADLK, "%s: %s", path, strerror(errno));
    error = lock(fd, path, timeout_ms, fault);
    if (error)
        close(fd);
    else
        *ret_fd = fd;
    return error;
}

static int write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -errno;
    ssize_t wrote = write(fd, text, strlen(text));
    int error = wrote == (ssize_t)strlen(text) ? 0 : wrote < 0 ? -errno : -ENOSPC;
    close(fd);
    return error;
}

int records_write_configuration(const char *name, const char *text, struct fault *fault)
{
    char draft[PATH_BYTES], path[PATH_BYTES];
    int error = write_file(path_of(name, DRAFT, draft), text);
    if (!error && rename(draft, path_of(name, CONF, path)) < 0)
        error = -errno;
    return error ? fault_set(fault, -EDEADLK, "%s: %s", draft, strerror(-error)) : 0;
}

static bool read_configuration(const char *name, char ret_text[TEXT_BYTES])
{
    char path[PATH_BYTES];
    int fd = open(path_of(name, CONF, path), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return false;
    ssize_t got = read(fd, ret_text, TEXT_BYTES - 1);
    close(fd);
    ret_text[got > 0 ? got : 0] = '\0';
    return got >= 0;
}

bool records_configuration_is(const char *name, const char *text)
{
    char there[TEXT_BYTES];
    return read_configuration(name, there) && strcmp(there, text) == 0;
}

int records_mark(const char *name, struct fault *fault)
{
    char path[PATH_BYTES];
    int error = write_file(path_of(name, MARK, path), "");
    return error ? fault_set(fault, -EDEADLK, "%s: %s", path, strerror(-error)) : 0;
}

bool records_is_marked(const char *name)
{
    char path[PATH_BYTES];
    return access(path_of(name, MARK, path), F_OK) == 0;
}

void records_forget(const char *name)
{
    char path[PATH_BYTES], text[TEXT_BYTES];
    unlink(path_of(name, MARK, path));
    if (read_configuration(name, text) &&
        strncmp(text, SOURCE_HEAD_LINE, strlen(SOURCE_HEAD_LINE)) == 0)
        unlink(path_of(name, CONF, path));
}
