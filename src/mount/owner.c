#include "mount/owner.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/loop.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define PREFIX      "holdfast:"
#define MOUNT_TYPE  "fuse.holdfast"
#define SECTOR      512u /* of sysfs, whatever the disk's */
#define MAJOR_OF_FS 0    /* no block device */

/* One line of a sysfs attribute; false when there is none. */
static bool read_attribute(const char *folder, const char *name, char *ret_text, size_t bytes)
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path)
        return false;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t got = read(fd, ret_text, bytes - 1);
    close(fd);
    if (got <= 0)
        return false;
    ret_text[got] = '\0';
    ret_text[strcspn(ret_text, "\n")] = '\0';
    return true;
}

static uint64_t read_number(const char *folder, const char *name)
{
    char text[32];
    return read_attribute(folder, name, text, sizeof text) ? strtoull(text, NULL, 10) : 0;
}

/* "holdfast:NAME" or "holdfast:NAME:what it likes" */
static bool take_name(const char *text, struct owner *owner)
{
    if (strncmp(text, PREFIX, strlen(PREFIX)) != 0)
        return false;
    text += strlen(PREFIX);
    size_t bytes = strcspn(text, ":");
    if (bytes == 0 || bytes >= sizeof owner->name)
        return false;
    memcpy(owner->name, text, bytes);
    owner->name[bytes] = '\0';
    return true;
}

/* The path that sysfs shows may be one of another mount namespace, and something else in ours.
 * Without an answer of the loop device it is believed. */
static bool is_file_of(const char *disk, dev_t file_system)
{
    char path[64];
    struct loop_info64 status;
    snprintf(path, sizeof path, "/dev/%.40s", disk);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return true;
    bool answered = ioctl(fd, LOOP_GET_STATUS64, &status) == 0;
    close(fd);
    return !answered || status.lo_device == file_system;
}

static bool is_ours(const struct mountinfo *info, const char *path, struct owner *owner)
{
    const struct mount_entry *entry = mountinfo_at(info, path);
    return entry && strcmp(entry->type, MOUNT_TYPE) == 0 && take_name(entry->source, owner) &&
           is_file_of(owner->disk, entry->device);
}

/* The file is a mount, or it is `disk` in the directory that is one. */
static bool take_file(const struct mountinfo *info, char *path, struct owner *owner)
{
    if (is_ours(info, path, owner))
        return true;
    char *slash = strrchr(path, '/');
    if (!slash)
        return false;
    *slash = '\0';
    return is_ours(info, path, owner);
}

/* folder: of the whole device, /sys/block/nbd0 or so. */
static bool owner_of_disk(const struct mountinfo *info, const char *folder, struct owner *owner)
{
    char text[PATH_MAX];
    snprintf(owner->disk, sizeof owner->disk, "%s", strrchr(folder, '/') + 1);
    if (read_attribute(folder, "loop/backing_file", text, sizeof text)) {
        owner->offset += read_number(folder, "loop/offset");
        return take_file(info, text, owner);
    }
    return read_attribute(folder, "backend", text, sizeof text) && take_name(text, owner);
}

bool owner_of_device(const char *sysfs, const struct mountinfo *info, dev_t device,
                     struct owner *ret_owner)
{
    char link[PATH_MAX], folder[PATH_MAX], number[16];
    struct owner owner = {0};
    snprintf(link, sizeof link, "%s/dev/block/%u:%u", sysfs, major(device), minor(device));
    if (!realpath(link, folder))
        return false;
    if (read_attribute(folder, "partition", number, sizeof number)) {
        owner.offset = read_number(folder, "start") * SECTOR;
        *strrchr(folder, '/') = '\0';
    }
    if (!owner_of_disk(info, folder, &owner))
        return false;
    *ret_owner = owner;
    return true;
}

bool owner_of_mount(const char *sysfs, const struct mountinfo *info,
                    const struct mount_entry *entry, struct owner *ret_owner)
{
    struct stat status;
    if (major(entry->device) != MAJOR_OF_FS)
        return owner_of_device(sysfs, info, entry->device, ret_owner);
    return stat(entry->source, &status) == 0 && S_ISBLK(status.st_mode) &&
           owner_of_device(sysfs, info, status.st_rdev, ret_owner);
}

/* Whoever mounts a device, or a partition of it, claims it. */
static bool is_claimed(const char *disk)
{
    char path[64];
    snprintf(path, sizeof path, "/dev/%.40s", disk);
    int fd = open(path, O_RDONLY | O_EXCL | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return errno == EBUSY;
    close(fd);
    return false;
}

/* A loop device of ours lives as long as its last user, an nbd device as long as its daemon. */
static bool is_used(const char *sysfs, const struct mountinfo *info, const char *disk,
                    const char *name)
{
    char folder[PATH_MAX];
    struct owner owner = {0};
    snprintf(folder, sizeof folder, "%s/block/%s", sysfs, disk);
    if (!owner_of_disk(info, folder, &owner) || strcmp(owner.name, name) != 0)
        return false;
    return strncmp(disk, "loop", 4) == 0 || is_claimed(disk);
}

bool owner_is_used(const char *sysfs, const struct mountinfo *info, const char *name,
                   const char *except)
{
    char path[PATH_MAX];
    bool used = false;
    snprintf(path, sizeof path, "%s/block", sysfs);
    DIR *folder = opendir(path);
    if (!folder)
        return true; /* who cannot look, stops nobody */
    for (const struct dirent *entry; !used && (entry = readdir(folder));) {
        if (except && strcmp(entry->d_name, except) == 0)
            continue;
        if (strncmp(entry->d_name, "loop", 4) == 0 || strncmp(entry->d_name, "nbd", 3) == 0)
            used = is_used(sysfs, info, entry->d_name, name);
    }
    closedir(folder);
    return used;
}
