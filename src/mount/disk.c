#include "mount/disk.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/answer.h"
#include "cli/program.h"
#include "mount/loop.h"
#include "os/clock.h"

#define BLOCK_BYTES_MAX 65536u
#define NBD_MODULE      "/sys/module/nbd"
#define ATTACH_MS       30000
#define LOOK_MS         100
#define PARTITION_LOOKS 100

static bool is_there(const char *path)
{
    return access(path, F_OK) == 0;
}

/* One way is as good as another to mount a file system, but this one outlives the daemon. */
static bool kernel_has_nbd(void)
{
    static const char *const load[] = {"modprobe", "-q", "nbd", NULL};
    char ignored[16];
    int status;
    if (!is_there(NBD_MODULE))
        (void)program_read(load, ignored, sizeof ignored, &status);
    return is_there(NBD_MODULE);
}

int disk_choose(const struct mount_call *call, enum mount_via *ret_via, struct fault *fault)
{
    bool has_nbd = call->via != VIA_LOOP && kernel_has_nbd();
    if (call->via == VIA_NBD && !has_nbd)
        return fault_set(fault, -ENODEV,
                         "via: the kernel has no nbd (modprobe nbd fails); leave it out, or say "
                         "via=loop");
    *ret_via = has_nbd ? VIA_NBD : VIA_LOOP;
    return 0;
}

/* The path of the first file among the front ends; false when there is none. */
static bool find_file(struct json_object *status, char *ret_path, size_t path_bytes)
{
    struct json_object *all = answer_part(status, "front_ends");
    struct stat found;
    for (size_t i = 0; all && i < json_object_array_length(all); i++) {
        struct json_object *one = json_object_array_get_idx(all, i);
        const char *path = answer_text(one, "path");
        if (strcmp(answer_text(one, "kind"), "file") != 0 || !*path)
            continue;
        bool in_folder = stat(path, &found) == 0 && S_ISDIR(found.st_mode);
        snprintf(ret_path, path_bytes, in_folder ? "%s/disk" : "%s", path);
        return true;
    }
    return false;
}

static unsigned block_bytes_of(struct json_object *status)
{
    uint64_t bytes = answer_number(answer_part(status, "lun"), "block_bytes");
    return bytes >= 512 && bytes <= BLOCK_BYTES_MAX ? (unsigned)bytes : 512;
}

/* Whatever is mounted read-only: a journal of the file system may have to be replayed first. So
 * only a disk that cannot be written is opened so. */
static int open_disk(const char *path, bool *ret_read_only, struct fault *fault)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    *ret_read_only = fd < 0 && (errno == EROFS || errno == EACCES || errno == EPERM);
    if (*ret_read_only)
        fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd < 0 ? fault_set(fault, -EIO, "%.300s: %s", path, strerror(errno)) : fd;
}

static int find_file_system(int fd, unsigned block_bytes, const struct mount_call *call,
                            struct probe_place *ret_place, char *ret_type, struct fault *fault)
{
    struct probe_place place = {0};
    int error = probe_partition(fd, block_bytes, call->part, &place, fault);
    if (!error && *call->type)
        snprintf(ret_type, PROBE_TYPE_BYTES, "%s", call->type);
    else if (!error)
        error = probe_type(fd, &place, block_bytes, ret_type, fault);
    *ret_place = place;
    return error;
}

static int open_loop(struct json_object *status, const struct mount_call *call, struct disk *disk,
                     struct fault *fault)
{
    char path[OPTION_PATH_BYTES + 8];
    struct probe_place place;
    if (!find_file(status, path, sizeof path))
        return fault_set(fault, -ENODEV,
                         "the daemon serves no file for a loop device; add fuse=PATH to its "
                         "configuration");
    struct loop_wish wish = {.path = path, .block_bytes = block_bytes_of(status)};
    wish.file_fd = open_disk(path, &wish.read_only, fault);
    if (wish.file_fd < 0)
        return wish.file_fd;
    int error = find_file_system(wish.file_fd, wish.block_bytes, call, &place, disk->type, fault);
    wish.offset = place.offset;
    wish.bytes = place.bytes;
    if (!error)
        error = loop_attach(&wish, disk->device, &disk->hold_fd, fault);
    close(wish.file_fd);
    return error;
}

/* --- kernel nbd --- */

/* The daemon answers when the kernel has the device. */
static int ask_for_device(const struct service *service, char *ret_device, size_t device_bytes,
                          struct fault *fault)
{
    struct json_object *answer;
    int error = service_ask(service, "attach", ATTACH_MS, &answer, fault);
    if (error)
        return error == -ETIMEDOUT ? fault_set(fault, error,
                                               "the daemon %s has no device within %d s; "
                                               "`holdfast status` says why",
                                               service->name, ATTACH_MS / 1000)
                                   : error;
    snprintf(ret_device, device_bytes, "%s", answer_text(answer, "device"));
    json_object_put(answer);
    return 0;
}

/* The kernel has read the partition table when it said that the device is there, or does so now. */
static int await_partition(const char *whole, unsigned part, char *ret_device, size_t device_bytes,
                           struct fault *fault)
{
    snprintf(ret_device, device_bytes, "%.40sp%u", whole, part);
    for (int i = 0; i < PARTITION_LOOKS; i++) {
        if (is_there(ret_device))
            return 0;
        clock_pause_ms(LOOK_MS);
    }
    return fault_set(fault, -ENODEV,
                     "the kernel does not show %.40s; is nbd's parameter max_part 0? via=loop does "
                     "without",
                     ret_device);
}

static int open_nbd(const struct service *service, struct json_object *status,
                    const struct mount_call *call, struct disk *disk, struct fault *fault)
{
    char whole[sizeof disk->device];
    struct probe_place place;
    int error = ask_for_device(service, whole, sizeof whole, fault);
    if (error)
        return error;
    int fd = open(whole, O_RDONLY | O_CLOEXEC); /* udev looks again at what was open for writing */
    if (fd < 0)
        return fault_set(fault, -EIO, "%s: %s", whole, strerror(errno));
    error = find_file_system(fd, block_bytes_of(status), call, &place, disk->type, fault);
    close(fd);
    if (!error && call->part > 0)
        return await_partition(whole, call->part, disk->device, sizeof disk->device, fault);
    memcpy(disk->device, whole, sizeof whole);
    return error;
}

int disk_open(enum mount_via via, const struct service *service, struct json_object *status,
              const struct mount_call *call, struct disk *ret_disk, struct fault *fault)
{
    struct disk disk = {.hold_fd = -1};
    assert(via != VIA_AUTO);
    int error = via == VIA_NBD ? open_nbd(service, status, call, &disk, fault)
                               : open_loop(status, call, &disk, fault);
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
