/*
 * umount.holdfast: unmounts by umount(8), then ends the daemon if it was started for a mount and
 * this was the last one. When the umount fails, nothing else happens.
 */
#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/program.h"
#include "mount/helper.h"
#include "mount/interrupt.h"
#include "mount/keeper.h"
#include "mount/owner.h"
#include "mount/records.h"

#define WORDS_MAX   16u
#define FUSE_PREFIX "holdfast:"
#define LOCK_MS     60000

/* umount(8) without helpers, or we would be called again. */
static int run_umount(const struct mount_call *call, int *ret_status, struct fault *fault)
{
    const char *words[WORDS_MAX] = {"umount", "-i"};
    unsigned count = 2;
    if (call->no_mtab)
        words[count++] = "-n";
    if (call->lazy)
        words[count++] = "-l";
    if (call->force)
        words[count++] = "-f";
    if (call->verbose)
        words[count++] = "-v";
    if (call->fall_back_to_read_only)
        words[count++] = "-r";
    if (call->namespace) {
        words[count++] = "-N";
        words[count++] = call->namespace;
    }
    words[count++] = call->directory;
    assert(count < WORDS_MAX);
    int error = program_run(words, ret_status);
    return error ? fault_set(fault, error, "umount(8) cannot be run: %s", strerror(-error)) : 0;
}

/* The daemon behind what is mounted there; the name is "" when it is none of ours. is_file: it is
 * mounted from the daemon itself. */
static int find_daemon(const struct mount_call *call, bool is_file, struct owner *ret_owner,
                       struct fault *fault)
{
    char directory[PATH_MAX];
    struct mountinfo info;
    *ret_owner = (struct owner){0};
    int error = mountinfo_read(&info);
    if (error)
        return fault_set(fault, error, "/proc/self/mountinfo: %s", strerror(-error));
    const struct mount_entry *entry =
        mountinfo_at(&info, realpath(call->directory, directory) ? directory : call->directory);
    if (!entry)
        error = fault_set(fault, -EIO, "nothing is mounted there");
    else if (is_file && strncmp(entry->source, FUSE_PREFIX, strlen(FUSE_PREFIX)) == 0)
        snprintf(ret_owner->name, sizeof ret_owner->name, "%s",
                 entry->source + strlen(FUSE_PREFIX));
    else if (!is_file)
        (void)owner_of_mount("/sys", &info, entry, ret_owner);
    mountinfo_done(&info);
    return error;
}

static int unmount(const struct mount_call *call, bool is_file, int *ret_status,
                   struct fault *fault)
{
    struct owner owner;
    int lock_fd = -1;
    int error = find_daemon(call, is_file, &owner, fault);
    if (!error && *owner.name)
        error = records_lock(owner.name, LOCK_MS, &lock_fd, fault);
    if (!error)
        error = run_umount(call, ret_status, fault);
    if (!error && *ret_status == MOUNT_DONE && *owner.name)
        error = keeper_let_go(owner.name, *owner.disk ? owner.disk : NULL, call->verbose, fault);
    if (lock_fd >= 0)
        close(lock_fd);
    return error;
}

static int run(const char *who, bool is_file, int count, char **words)
{
    static struct mount_call call; /* big */
    struct fault fault;
    int status = MOUNT_DONE;
    interrupt_catch();
    int error = umount_call_parse(&call, count, words, &fault);
    if (!error && geteuid() != 0)
        error = fault_set(&fault, -EPERM, "only root can unmount a LUN");
    if (!error)
        error = unmount(&call, is_file, &status, &fault);
    return error ? mount_helper_complain(who, call.directory, error, &fault) : status;
}

int umount_holdfast(int count, char **words)
{
    return run("umount.holdfast", false, count, words);
}

int umount_fuse_holdfast(int count, char **words)
{
    return run("umount.fuse.holdfast", true, count, words);
}
