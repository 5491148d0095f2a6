#include "mount/disk.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mount/loop.h"

#define BLOCK_BYTES_MAX 65536u

int disk_choose(const struct mount_call *call, enum mount_via *ret_via, struct fault *fault)
{
    bool can_nbd = option_find("device") != NULL;
    if (call->via == VIA_NBD && !can_nbd)
        return fault_set(fault, -ENODEV,
                         "via: this holdfast has no kernel nbd; leave it out, or say via=loop");
    *ret_via = VIA_LOOP;
    return 0;
}

/* The path of the first file among the front ends; false when there is none. */
static bool find_file(struct json_object *status, char *ret_path, size_t path_bytes)
{
    struct json_object *all = NULL;
    struct stat found;
    json_object_object_get_ex(status, "front_ends", &all);
    for (size_t i = 0; all && i < json_object_array_length(all); i++) {
        struct json_object *one = json_object_array_get_idx(all, i), *kind = NULL, *path = NULL;
        json_object_object_get_ex(one, "kind", &kind);
        json_object_object_get_ex(one, "path", &path);
        if (!kind || !path || strcmp(json_object_get_string(kind), "file") != 0)
            continue;
        const char *text = json_object_get_string(path);
        bool in_folder = stat(text, &found) == 0 && S_ISDIR(found.st_mode);
        snprintf(ret_path, path_bytes, in_folder ? "%s/disk" : "%s", text);
        return true;
    }
    return false;
}

static unsigned block_bytes_of(struct json_object *status)
{
    struct json_object *lun = NULL, *bytes = NULL;
    json_object_object_get_ex(status, "lun", &lun);
    json_object_object_get_ex(lun, "block_bytes", &bytes);
    uint64_t value = bytes ? json_object_get_uint64(bytes) : 0;
    return value >= 512 && value <= BLOCK_BYTES_MAX ? (unsigned)value : 512;
}

/* Whatever is mounted read-only: a journal of the file system may have to be replayed first. So
 * only a disk that cannot be written is opened so. */
static int open_file(const char *path, bool *ret_read_only, struct fault *fault)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    *ret_read_only = fd < 0 && (errno == EROFS || errno == EACCES || errno == EPERM);
    if (*ret_read_only)
        fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd < 0 ? fault_set(fault, -EIO, "%.300s: %s", path, strerror(errno)) : fd;
}

static int find_type(int fd, const struct probe_place *place, unsigned block_bytes,
                     const struct mount_call *call, char *ret_type, struct fault *fault)
{
    if (!*call->type)
        return probe_type(fd, place, block_bytes, ret_type, fault);
    snprintf(ret_type, PROBE_TYPE_BYTES, "%s", call->type);
    return 0;
}

int disk_open_loop(struct json_object *status, const struct mount_call *call, struct disk *ret_disk,
                   struct fault *fault)
{
    char path[OPTION_PATH_BYTES + 8];
    struct disk disk = {.hold_fd = -1};
    struct probe_place place;
    if (!find_file(status, path, sizeof path))
        return fault_set(fault, -ENODEV,
                         "the daemon serves no file for a loop device; add fuse=PATH to its "
                         "configuration");
    struct loop_wish wish = {.path = path, .block_bytes = block_bytes_of(status)};
    wish.file_fd = open_file(path, &wish.read_only, fault);
    if (wish.file_fd < 0)
        return wish.file_fd;
    int error = probe_partition(wish.file_fd, wish.block_bytes, call->part, &place, fault);
    if (!error)
        error = find_type(wish.file_fd, &place, wish.block_bytes, call, disk.type, fault);
    wish.offset = place.offset;
    wish.bytes = place.bytes;
    if (!error)
        error = loop_attach(&wish, disk.device, &disk.hold_fd, fault);
    close(wish.file_fd);
    if (!error)
        *ret_disk = disk;
    return error;
}

void disk_release(struct disk *disk)
{
    if (disk && disk->hold_fd >= 0) {
        close(disk->hold_fd);
        disk->hold_fd = -1;
    }
}
