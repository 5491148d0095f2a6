#include "os/journal_place.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

/* Not in <linux/magic.h> of Debian 12. */
#define ZFS_MAGIC      0x2fc12fc1u
#define BCACHEFS_MAGIC 0xca451a4eu
#define CIFS_MAGIC     0xff534d42u

#define DEPTH_MAX 8 /* partition on LVM on RAID on partition is 4 */

static const struct {
    uint32_t type;
    bool mended_by_nocow;
    const char *objection;
} unfit[] = {
    {BTRFS_SUPER_MAGIC, true,
     "is on btrfs, which copies on every write: remove the file and let it be made anew, or use "
     "chattr +C on an empty one"},
    {BCACHEFS_MAGIC, false, "is on bcachefs, which copies on every write: use another file system"},
    {ZFS_MAGIC, false, "is on ZFS, which copies on every write: use a zvol or another file system"},
    {NILFS_SUPER_MAGIC, false, "is on nilfs2, which copies on every write: use another one"},
    {OVERLAYFS_SUPER_MAGIC, false,
     "is on overlayfs, which may move the file under us: use a file system that is mounted itself"},
    {FUSE_SUPER_MAGIC, false,
     "is on a FUSE file system, which a process serves that may need this disk: use a local one"},
    {NFS_SUPER_MAGIC, false, "is on NFS, which is gone when the network is: use a local one"},
    {CIFS_MAGIC, false, "is on SMB, which is gone when the network is: use a local one"},
    {SMB2_SUPER_MAGIC, false, "is on SMB, which is gone when the network is: use a local one"},
};

const char *journal_place_objection(uint32_t fs_type, bool no_copy_on_write)
{
    for (size_t i = 0; i < sizeof unfit / sizeof unfit[0]; i++) {
        if (unfit[i].type == fs_type && !(unfit[i].mended_by_nocow && no_copy_on_write))
            return unfit[i].objection;
    }
    return NULL;
}

const char *journal_place_of_file(int fd, bool *ret_memory)
{
    struct statfs fs;
    int attributes = 0;
    *ret_memory = false;
    if (fstatfs(fd, &fs) < 0)
        return "is on a file system that does not say what it is: use another one";
    uint32_t type = (uint32_t)fs.f_type;
    *ret_memory = type == TMPFS_MAGIC || type == RAMFS_MAGIC;
    bool nocow = ioctl(fd, FS_IOC_GETFLAGS, &attributes) == 0 && (attributes & FS_NOCOW_FL);
    return journal_place_objection(type, nocow);
}

void journal_place_no_copy_on_write(int fd)
{
    struct statfs fs;
    int attributes;
    if (fstatfs(fd, &fs) < 0 || (uint32_t)fs.f_type != BTRFS_SUPER_MAGIC)
        return;
    if (ioctl(fd, FS_IOC_GETFLAGS, &attributes) < 0)
        return;
    attributes |= FS_NOCOW_FL;
    ioctl(fd, FS_IOC_SETFLAGS, &attributes); /* journal_place_of_file() looks whether it worked */
}

/* --- what a block device lies on --- */

struct search {
    const char *sysfs;
    const dev_t *devices;
    unsigned count;
};

static bool search(const struct search *search_for, dev_t device, int depth);

static bool read_line(const char *path, char *ret_line, size_t bytes)
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return false;
    bool read = fgets(ret_line, (int)bytes, file) != NULL;
    fclose(file);
    if (read)
        ret_line[strcspn(ret_line, "\n")] = '\0';
    return read;
}

/* `path` is a file with "major:minor" in it. */
static bool search_named(const struct search *search_for, const char *path, int depth)
{
    char line[64];
    unsigned major_number, minor_number;
    return read_line(path, line, sizeof line) &&
           sscanf(line, "%u:%u", &major_number, &minor_number) == 2 &&
           search(search_for, makedev(major_number, minor_number), depth);
}

static bool search_slaves(const struct search *search_for, const char *folder, int depth)
{
    char path[PATH_MAX];
    bool found = false;
    snprintf(path, sizeof path, "%s/slaves", folder);
    DIR *slaves = opendir(path);
    if (slaves == NULL)
        return false;
    for (struct dirent *entry; !found && (entry = readdir(slaves));) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/slaves/%s/dev", folder, entry->d_name);
        found = search_named(search_for, path, depth);
    }
    closedir(slaves);
    return found;
}

static bool search_loop_file(const struct search *search_for, const char *folder, int depth)
{
    char path[PATH_MAX], backing[PATH_MAX];
    struct stat file;
    snprintf(path, sizeof path, "%s/loop/backing_file", folder);
    if (!read_line(path, backing, sizeof backing) || stat(backing, &file) < 0)
        return false;
    return search(search_for, S_ISBLK(file.st_mode) ? file.st_rdev : file.st_dev, depth);
}

static bool search(const struct search *search_for, dev_t device, int depth)
{
    char folder[256], path[PATH_MAX];
    for (unsigned i = 0; i < search_for->count; i++) {
        if (search_for->devices[i] == device)
            return true;
    }
    if (depth == DEPTH_MAX)
        return false;
    snprintf(folder, sizeof folder, "%s/dev/block/%u:%u", search_for->sysfs, major(device),
             minor(device));
    snprintf(path, sizeof path, "%s/partition", folder);
    if (access(path, F_OK) == 0) {
        snprintf(path, sizeof path, "%s/../dev", folder);
        if (search_named(search_for, path, depth + 1))
            return true;
    }
    return search_slaves(search_for, folder, depth + 1) ||
           search_loop_file(search_for, folder, depth + 1);
}

bool journal_place_rests_on(const char *sysfs, dev_t device, const dev_t *devices, unsigned count)
{
    const struct search search_for = {.sysfs = sysfs, .devices = devices, .count = count};
    return count > 0 && search(&search_for, device, 0);
}
