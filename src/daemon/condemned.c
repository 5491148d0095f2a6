#include "daemon/condemned.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "daemon/run_dir.h"

#define LASTING_DIR "/var/lib/holdfast"

void condemned_places(const char *run_dir, struct condemned_places *ret_places)
{
    const char *given = getenv("STATE_DIRECTORY"); /* perhaps several, as systemd says it */
    const char *lasting = given && *given == '/' ? given : LASTING_DIR;
    snprintf(ret_places->run, sizeof ret_places->run, "%.*s", run_dir_base_bytes(run_dir), run_dir);
    snprintf(ret_places->lasting, sizeof ret_places->lasting, "%.*s", (int)strcspn(lasting, ":"),
             lasting);
}

static int path_of(const char *directory, const uint8_t uuid[16], char *ret_path, size_t bytes)
{
    int used = snprintf(ret_path, bytes, "%s/.condemned-", directory);
    if (used + 2 * 16 >= (int)bytes)
        return -ENAMETOOLONG;
    for (unsigned i = 0; i < 16; i++)
        used += snprintf(ret_path + used, bytes - (size_t)used, "%02x", uuid[i]);
    return 0;
}

static bool is_in_memory(int fd)
{
    struct statfs fs;
    return fstatfs(fd, &fs) == 0 && (fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC);
}

/* The file, then the directory that names it. */
static int write_note(const char *path, int directory_fd)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -errno;
    int error = fsync(fd) < 0 ? -errno : 0;
    close(fd);
    return !error && fsync(directory_fd) < 0 ? -errno : error;
}

int condemned_note(const char *directory, bool lasting, const uint8_t uuid[16])
{
    char path[CONDEMNED_PATH_BYTES + 64];
    int error = path_of(directory, uuid, path, sizeof path);
    if (error)
        return error;
    if (mkdir(directory, 0700) < 0 && errno != EEXIST)
        return -errno;
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    error = lasting && is_in_memory(fd) ? -EROFS : write_note(path, fd);
    close(fd);
    return error;
}

bool condemned_is_noted(const struct condemned_places *places, const uint8_t uuid[16])
{
    char path[CONDEMNED_PATH_BYTES + 64];
    return (path_of(places->run, uuid, path, sizeof path) == 0 && access(path, F_OK) == 0) ||
           (path_of(places->lasting, uuid, path, sizeof path) == 0 && access(path, F_OK) == 0);
}

void condemned_forget(const struct condemned_places *places, const uint8_t uuid[16])
{
    char path[CONDEMNED_PATH_BYTES + 64];
    if (path_of(places->run, uuid, path, sizeof path) == 0)
        unlink(path);
    if (path_of(places->lasting, uuid, path, sizeof path) == 0)
        unlink(path);
}
