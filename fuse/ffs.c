/*
 * Good day: prepare the path, mount, serve from the loop; at the stop, unmount on a thread, close.
 *
 * What can go wrong, and what is done then:
 *  - The file is in use at the stop (EBUSY): it is served on, and unmounting is tried again, until
 *    the owner has no more patience (ffs_stop_now).
 *  - Somebody else unmounts it or aborts the connection: all calls are answered (into the void),
 *    the owner is told.
 *  - No room for more calls: the descriptor is not watched until there is.
 */
#include "fuse/ffs.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/list.h"
#include "fuse/ffs_adapter.h"
#include "fuse/ffs_caller.h"
#include "fuse/ffs_file.h"
#include "fuse/ffs_place.h"
#include "fuse/ffs_unmount.h"
#include "os/ev_loop.h"

/* Requests per turn of the loop: the target can begin with these, and its answers want their turn,
 * as the NBD clients do. */
#define TURN_REQUESTS     8
#define UNMOUNT_RETRY_MS  500
#define KILLED_RECHECK_MS 1000

struct ffs {
    struct evl *loop;
    struct ffs_mount mount;
    struct ffs_place place;
    struct ffs_session *session;
    struct evl_watch device;
    struct evl_hook answers; /* sends those of a turn */
    struct timer recheck;    /* interrupted calls: is their caller being killed? */

    void (*unmounted)(void *owner);
    void *owner;

    struct ffs_unmount unmount;
    struct timer unmount_retry;
    struct evl_call tell; /* end() for a mount that is gone already */
    bool is_mounted;
    bool is_stopping;
    bool is_stopping_now;
    bool is_busy;
    bool has_ended; /* stopped() was called */
    void (*stopped)(void *owner);
    void *stopped_owner;
};

const struct ffs_config ffs_config_default = {
    .mode = 0600,
    .max_background = 128,
};

/* --- serving --- */

/* The mount is no more (or not ours any more). */
static void close_mount(struct ffs *ffs)
{
    ffs->is_mounted = false;
    ffs->is_busy = false;
    evl_watch_stop(ffs->loop, &ffs->device);
    port_timer_stop(evl_timer_port(ffs->loop), &ffs->recheck);
    ffs_file_close(ffs->mount.file);
}

static void device_ready(struct evl_watch *watch, unsigned events)
{
    struct ffs *ffs = container_of(watch, struct ffs, device);
    for (int i = 0; i < TURN_REQUESTS; i++) {
        if (!ffs_file_has_room(ffs->mount.file)) {
            evl_watch_stop(ffs->loop, watch);
            return;
        }
        switch (ffs_session_receive(ffs->session)) {
        case FFS_RECEIVED:
            break;
        case FFS_NOTHING_LEFT:
            return;
        case FFS_GONE:
            close_mount(ffs);
            /* At a stop the thread that unmounts has the last word. */
            if (!ffs->is_stopping && ffs->unmounted)
                ffs->unmounted(ffs->owner);
            return;
        }
    }
}

static void file_has_room(void *owner)
{
    struct ffs *ffs = owner;
    evl_watch_set(ffs->loop, &ffs->device, EVL_READ);
}

static void send_answers(struct evl_hook *hook)
{
    ffs_file_send_answers(container_of(hook, struct ffs, answers)->mount.file);
}

static void answers_wait(void *owner)
{
    struct ffs *ffs = owner;
    evl_hook_request(ffs->loop, &ffs->answers);
}

static void file_resized(void *owner)
{
    ffs_session_resized(((struct ffs *)owner)->session);
}

static bool caller_is_killed(const struct ffs_call *call)
{
    return ffs_caller_is_killed(call->caller);
}

static const struct ffs_file_events file_events = {
    .answer = ffs_session_answer,
    .answers_wait = answers_wait,
    .room = file_has_room,
    .resized = file_resized,
    .is_killed = caller_is_killed,
};

static void call_interrupted(struct ffs_mount *mount)
{
    struct ffs *ffs = container_of(mount, struct ffs, mount);
    if (!timer_is_armed(&ffs->recheck))
        port_timer_after_ms(evl_timer_port(ffs->loop), &ffs->recheck, KILLED_RECHECK_MS);
}

static void recheck(struct timer *timer)
{
    struct ffs *ffs = container_of(timer, struct ffs, recheck);
    if (ffs_file_recheck(ffs->mount.file))
        call_interrupted(&ffs->mount);
}

/* --- stopping --- */

static void end(struct ffs *ffs)
{
    if (ffs->has_ended)
        return;
    ffs->has_ended = true;
    close_mount(ffs);
    ffs->stopped(ffs->stopped_owner);
}

static void tell_end(struct evl_call *call)
{
    end(container_of(call, struct ffs, tell));
}

static void try_unmount(struct ffs *ffs)
{
    if (!ffs->unmount.is_running)
        ffs_unmount_start(&ffs->unmount, ffs->is_stopping_now);
}

static void retry_unmount(struct timer *timer)
{
    struct ffs *ffs = container_of(timer, struct ffs, unmount_retry);
    if (ffs->is_mounted)
        try_unmount(ffs);
    else
        end(ffs); /* somebody else did it: what is mounted there now is not ours */
}

static void unmount_tried(struct ffs_unmount *unmount, int error)
{
    struct ffs *ffs = container_of(unmount, struct ffs, unmount);
    if (error == 0 || !ffs->is_mounted) {
        end(ffs);
        return;
    }
    ffs->is_busy = error == -EBUSY;
    if (ffs->is_stopping_now && unmount->now) {
        end(ffs); /* not even that: closing the descriptor makes the mount a dead one */
        return;
    }
    port_timer_after_ms(evl_timer_port(ffs->loop), &ffs->unmount_retry,
                        ffs->is_stopping_now ? 0 : UNMOUNT_RETRY_MS);
}

void ffs_stop(struct ffs *ffs, void (*stopped)(void *owner), void *owner)
{
    assert(!ffs->is_stopping);
    ffs->is_stopping = true;
    ffs->stopped = stopped;
    ffs->stopped_owner = owner;
    if (ffs->is_mounted)
        try_unmount(ffs);
    else
        evl_call_defer(ffs->loop, &ffs->tell);
}

void ffs_stop_now(struct ffs *ffs)
{
    assert(ffs->is_stopping);
    if (ffs->is_stopping_now || ffs->has_ended || !ffs->is_mounted)
        return;
    ffs->is_stopping_now = true;
    if (!ffs->unmount.is_running) {
        port_timer_stop(evl_timer_port(ffs->loop), &ffs->unmount_retry);
        try_unmount(ffs);
    }
}

/* --- life --- */

static struct ffs *allocate(const struct ffs_config *config, struct evl *loop,
                            struct volume *volume)
{
    struct ffs *ffs = calloc(1, sizeof *ffs);
    if (!ffs)
        return NULL;
    ffs->loop = loop;
    ffs->unmounted = config->unmounted;
    ffs->owner = config->owner;
    ffs->mount = (struct ffs_mount){
        .volume = volume,
        .max_background = config->max_background,
        .attributes = {.mode = config->mode & 0777, .uid = config->uid, .gid = config->gid},
        .interrupted = call_interrupted,
    };
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    ffs->mount.attributes.atime = ffs->mount.attributes.mtime = ffs->mount.attributes.ctime = now;
    timer_init(&ffs->recheck, recheck);
    timer_init(&ffs->unmount_retry, retry_unmount);
    evl_call_init(&ffs->tell, tell_end);
    evl_hook_init(&ffs->answers, send_answers);
    evl_watch_init(&ffs->device, -1, device_ready);
    evl_watch_init(&ffs->unmount.watch, -1, NULL);
    ffs->unmount.loop = loop;
    ffs->mount.file = ffs_file_new(volume, 2 * config->max_background, &file_events, ffs);
    if (ffs->mount.file)
        return ffs;
    free(ffs);
    return NULL;
}

static int open_mount(struct ffs *ffs, const struct ffs_config *config, char *ret_why,
                      size_t why_bytes)
{
    int error = ffs_place_init(&ffs->place, config->path, ret_why, why_bytes);
    if (error)
        return error;
    ffs->mount.is_directory = ffs->place.is_directory;
    int fd;
    error = ffs_place_mount(&ffs->place, config->name, ret_why, why_bytes, &fd);
    if (error)
        return error;
    ffs->is_mounted = true;
    error = ffs_unmount_init(&ffs->unmount, ffs->loop, &ffs->place, unmount_tried);
    if (!error)
        error = ffs_session_new(&ffs->mount, fd, &ffs->session);
    if (error) {
        snprintf(ret_why, why_bytes, "%s: cannot start a FUSE session: %s", ffs->place.path,
                 strerror(-error));
        close(fd);
        return error;
    }
    evl_watch_init(&ffs->device, fd, device_ready);
    evl_watch_set(ffs->loop, &ffs->device, EVL_READ);
    return 0;
}

int ffs_new(const struct ffs_config *config, struct evl *loop, struct volume *volume, char *ret_why,
            size_t why_bytes, struct ffs **ret_ffs)
{
    assert(config->max_background >= 4 && config->max_background <= 4096);
    struct ffs *ffs = allocate(config, loop, volume);
    if (!ffs) {
        snprintf(ret_why, why_bytes, "%s: no memory for the FUSE file", config->path);
        return -ENOMEM;
    }
    const int error = open_mount(ffs, config, ret_why, why_bytes);
    if (error)
        ffs_free(ffs);
    else
        *ret_ffs = ffs;
    return error;
}

void ffs_free(struct ffs *ffs)
{
    if (!ffs)
        return;
    const bool was_mounted = ffs->is_mounted;
    close_mount(ffs);
    port_timer_stop(evl_timer_port(ffs->loop), &ffs->unmount_retry);
    evl_call_cancel(&ffs->tell);
    evl_hook_cancel(&ffs->answers);
    ffs_session_free(ffs->session); /* closes the device: unmounting cannot block on us now */
    ffs_unmount_done(&ffs->unmount);
    if (was_mounted)
        ffs_place_unmount(&ffs->place, true);
    ffs_place_done(&ffs->place);
    ffs_file_free(ffs->mount.file);
    free(ffs);
}

void ffs_status(const struct ffs *ffs, struct ffs_status *ret_status)
{
    struct ffs_file_status file;
    ffs_file_status(ffs->mount.file, &file);
    *ret_status = (struct ffs_status){
        .mounted = ffs->is_mounted,
        .busy = ffs->is_busy,
        .parked = file.parked,
        .hungry = file.hungry,
        .in_volume = file.in_volume,
    };
}
