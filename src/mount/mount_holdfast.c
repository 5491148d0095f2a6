/*
 * mount.holdfast: a good day is the daemon started, the LUN known, its file system found and
 * handed to mount(8), which is asked to call umount.holdfast at the end (helper=).
 *
 * What can go wrong, goes wrong before mount(2), or there: then the device is let go, and the
 * daemon ended if it was started for this mount. An interrupt is a failure like another.
 */
#include <assert.h>
#include <errno.h>
#include <json-c/json.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "cli/program.h"
#include "daemon/run_dir.h"
#include "mount/disk.h"
#include "mount/helper.h"
#include "mount/interrupt.h"
#include "mount/keeper.h"
#include "mount/records.h"

#define WORDS_MAX 16u
/* Called for root; uhelper= is for users (libmount, mnt_context_prepare_umount()). */
#define UMOUNT_BY_US "helper=holdfast"

/* mount(8) for the file system itself. */
static int run_mount(const struct mount_call *call, const char *type, const char *device,
                     int *ret_status, struct fault *fault)
{
    char options[MOUNT_OPTIONS_BYTES + sizeof UMOUNT_BY_US + 1];
    const char *words[WORDS_MAX] = {"mount", "-t", type};
    unsigned count = 3;
    if (call->sloppy)
        words[count++] = "-s";
    if (call->no_mtab)
        words[count++] = "-n";
    if (call->verbose)
        words[count++] = "-v";
    if (call->namespace) {
        words[count++] = "-N";
        words[count++] = call->namespace;
    }
    snprintf(options, sizeof options, "%s%s%s", call->file_system, *call->file_system ? "," : "",
             UMOUNT_BY_US);
    words[count++] = "-o";
    words[count++] = options;
    words[count++] = device;
    words[count++] = call->directory;
    assert(count < WORDS_MAX);
    int error = program_run(words, ret_status);
    return error ? fault_set(fault, error, "mount(8) cannot be run: %s", strerror(-error)) : 0;
}

/* Where this device, or another one with the same part of the same disk, is mounted already. */
static bool is_mounted(const struct mount_call *call, const struct disk *disk)
{
    char directory[PATH_MAX];
    struct mountinfo info;
    struct owner there, ours;
    struct stat status;
    if (!realpath(call->directory, directory) || stat(disk->device, &status) < 0 ||
        mountinfo_read(&info) != 0)
        return false;
    const struct mount_entry *entry = mountinfo_at(&info, directory);
    bool same = entry && owner_of_mount("/sys", &info, entry, &there) &&
                owner_of_device("/sys", &info, status.st_rdev, &ours) &&
                strcmp(there.name, ours.name) == 0 && there.offset == ours.offset;
    mountinfo_done(&info);
    return same;
}

/* mount -a cannot know that it is, and asks again. But who asks for read-only relies on it. */
static int mounted_already(const struct mount_call *call, struct fault *fault)
{
    struct statvfs there;
    if (call->read_only && statvfs(call->directory, &there) == 0 && !(there.f_flag & ST_RDONLY))
        return fault_set(fault, -EBUSY,
                         "mounted there already, and can be written; to change that: "
                         "mount -o remount,ro %s",
                         call->directory);
    if (call->verbose)
        printf("%s is mounted on %s already\n", call->source, call->directory);
    return 0;
}

static int mount_disk(const struct mount_call *call, const struct service *service,
                      enum mount_via via, int *ret_status, struct fault *fault)
{
    struct json_object *answer;
    struct disk disk;
    int error = keeper_wait(service, call, &answer, fault);
    if (error)
        return error;
    error = disk_open(via, service, answer, call, &disk, fault);
    json_object_put(answer);
    if (error)
        return error;
    *ret_status = MOUNT_DONE;
    error = is_mounted(call, &disk) ? mounted_already(call, fault)
                                    : run_mount(call, disk.type, disk.device, ret_status, fault);
    disk_release(&disk);
    return error;
}

static int with_daemon(const struct mount_call *call, const struct mount_source *source,
                       int *ret_status, struct fault *fault)
{
    char front_end[OPTION_PATH_BYTES];
    enum mount_via via;
    struct service service;
    struct fault ignored;
    bool started;
    int error = disk_choose(call, &via, fault);
    if (error)
        return error;
    if (via == VIA_NBD)
        snprintf(front_end, sizeof front_end, "device = nbd");
    else
        snprintf(front_end, sizeof front_end, "fuse = " RUN_DIR_BASE "/%s/disk", source->name);
    error = keeper_start(source, call, front_end, &service, &started, fault);
    if (!error)
        error = mount_disk(call, &service, via, ret_status, fault);
    if ((error || *ret_status != MOUNT_DONE) && started)
        (void)keeper_let_go(source->name, NULL, false, &ignored);
    return error;
}

static int check_directory(const struct mount_call *call, struct fault *fault)
{
    struct stat status;
    if (stat(call->directory, &status) < 0)
        return fault_set(fault, -ENOENT, "the mount point: %s; make it first", strerror(errno));
    if (!S_ISDIR(status.st_mode))
        return fault_set(fault, -ENOTDIR,
                         "the mount point is no folder; mount.fuse.holdfast is "
                         "for a file");
    return 0;
}

static int locked(struct mount_call *call, int *ret_status, struct fault *fault)
{
    struct mount_source source;
    int lock_fd;
    int error = mount_source_find(&source, call, fault);
    if (!error)
        error = check_directory(call, fault);
    if (error || call->fake)
        return error;
    error = records_lock(source.name, mount_call_lock_timeout(call), &lock_fd, fault);
    if (error)
        return error;
    error = with_daemon(call, &source, ret_status, fault);
    close(lock_fd);
    return error;
}

/* The daemon has its options already; the file system's are changed. */
static int remount(const struct mount_call *call, int *ret_status, struct fault *fault)
{
    char directory[PATH_MAX];
    struct mountinfo info;
    struct owner owner;
    const struct mount_entry *entry = NULL;
    if (call->fake)
        return 0;
    int error = mountinfo_read(&info);
    if (error)
        return fault_set(fault, error, "/proc/self/mountinfo: %s", strerror(-error));
    if (realpath(call->directory, directory))
        entry = mountinfo_at(&info, directory);
    if (!entry || !owner_of_mount("/sys", &info, entry, &owner))
        error = fault_set(fault, -ENOENT, "no LUN is mounted there");
    else
        error = run_mount(call, entry->type, entry->source, ret_status, fault);
    mountinfo_done(&info);
    return error;
}

int mount_holdfast(int count, char **words)
{
    static struct mount_call call; /* big */
    struct fault fault;
    int status = MOUNT_DONE;
    interrupt_catch();
    int error = mount_call_parse(&call, count, words, &fault);
    if (!error && geteuid() != 0)
        error = fault_set(&fault, -EPERM, "only root can mount a LUN");
    if (!error)
        error = call.remount ? remount(&call, &status, &fault) : locked(&call, &status, &fault);
    return error ? mount_helper_complain("mount.holdfast", call.directory, error, &fault) : status;
}
