/*
 * mount.fuse.holdfast: the daemon itself mounts the file; this starts it and waits until the LUN
 * is known, so that the file has its size.
 */
#include <errno.h>
#include <json-c/json.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mount/helper.h"
#include "mount/interrupt.h"
#include "mount/keeper.h"
#include "mount/mountinfo.h"
#include "mount/records.h"

/* What is said of the file system means nothing to a file; that it is read-only does. */
static int take_read_only(struct mount_call *call, struct fault *fault)
{
    if (!call->read_only || options_was_given(&call->options, "read_only"))
        return 0;
    return mount_call_take_options(call, "read_only=yes", fault);
}

static int check_call(const struct mount_call *call, struct fault *fault)
{
    if (call->remount)
        return fault_set(fault, -EINVAL,
                         "the file cannot be remounted; unmount it and mount again");
    if (call->part > 0 || *call->type || call->via != VIA_AUTO)
        return fault_set(fault, -EINVAL,
                         "part=, fstype= and via= are for file systems: mount -t holdfast");
    return 0;
}

/* A configured daemon serves where its file says. */
static int check_place(const struct mount_source *source, const char *path, struct fault *fault)
{
    char expected[OPTION_TEXT_BYTES + 16];
    struct mountinfo info;
    int error = mountinfo_read(&info);
    if (error)
        return fault_set(fault, error, "/proc/self/mountinfo: %s", strerror(-error));
    const struct mount_entry *entry = mountinfo_at(&info, path);
    snprintf(expected, sizeof expected, "holdfast:%s", source->name);
    if (!entry || strcmp(entry->source, expected) != 0)
        error = fault_set(fault, -ENODEV,
                          "the daemon %s does not serve this file; add fuse=%.200s to its "
                          "configuration",
                          source->name, path);
    mountinfo_done(&info);
    return error;
}

static int serve_file(const struct mount_call *call, const struct mount_source *source,
                      const char *path, struct fault *fault)
{
    char front_end[PATH_MAX + 8];
    struct json_object *status;
    struct service service;
    struct fault ignored;
    bool started;
    snprintf(front_end, sizeof front_end, "fuse = %s", path);
    int error = keeper_start(source, call, front_end, &service, &started, fault);
    if (!error)
        error = check_place(source, path, fault);
    if (!error)
        error = keeper_wait(&service, call, &status, fault);
    if (!error)
        json_object_put(status);
    else if (started)
        (void)keeper_let_go(source->name, NULL, false, &ignored);
    return error;
}

static int mount_file(struct mount_call *call, struct fault *fault)
{
    struct mount_source source;
    char path[PATH_MAX];
    int lock_fd;
    int error = check_call(call, fault);
    if (!error && url_is_url(call->source))
        error = take_read_only(call, fault);
    if (!error)
        error = mount_source_find(&source, call, fault);
    if (!error && !realpath(call->directory, path))
        error = fault_set(fault, -ENOENT, "%s; make the file first, an empty one", strerror(errno));
    if (error || call->fake)
        return error;
    error = records_lock(source.name, mount_call_lock_timeout(call), &lock_fd, fault);
    if (error)
        return error;
    error = serve_file(call, &source, path, fault);
    close(lock_fd);
    return error;
}

int mount_fuse_holdfast(int count, char **words)
{
    static struct mount_call call; /* big */
    struct fault fault;
    interrupt_catch();
    int error = mount_call_parse(&call, count, words, &fault);
    if (!error && geteuid() != 0)
        error = fault_set(&fault, -EPERM, "only root can mount a LUN");
    if (!error)
        error = mount_file(&call, &fault);
    return error ? mount_helper_complain("mount.fuse.holdfast", call.directory, error, &fault)
                 : MOUNT_DONE;
}
