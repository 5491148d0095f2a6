#include "fuse/ffs_unmount.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define STACK_BYTES (256u * 1024) /* with mlockall() all of it is locked */

static void signal_loop(struct ffs_unmount *unmount)
{
    /* Cannot fail: the counter is at 0 or 1. */
    (void)eventfd_write(unmount->watch.fd, 1);
}

static void *unmount_thread(void *argument)
{
    struct ffs_unmount *unmount = argument;
    unmount->error = ffs_place_unmount(unmount->place, unmount->now);
    signal_loop(unmount);
    return NULL;
}

static void finished(struct evl_watch *watch, unsigned events)
{
    struct ffs_unmount *unmount = container_of(watch, struct ffs_unmount, watch);
    eventfd_t count;
    if (eventfd_read(watch->fd, &count) < 0)
        return;
    if (unmount->is_running)
        pthread_join(unmount->thread, NULL);
    unmount->is_running = false;
    evl_watch_stop(unmount->loop, watch);
    unmount->done(unmount, unmount->error);
}

int ffs_unmount_init(struct ffs_unmount *unmount, struct evl *loop, struct ffs_place *place,
                     void (*done)(struct ffs_unmount *unmount, int error))
{
    *unmount = (struct ffs_unmount){.loop = loop, .place = place, .done = done};
    const int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    evl_watch_init(&unmount->watch, fd, finished);
    return fd < 0 ? -errno : 0;
}

void ffs_unmount_done(struct ffs_unmount *unmount)
{
    if (unmount->is_running)
        pthread_join(unmount->thread, NULL);
    unmount->is_running = false;
    evl_watch_stop(unmount->loop, &unmount->watch);
    if (unmount->watch.fd >= 0)
        close(unmount->watch.fd);
    unmount->watch.fd = -1;
}

/* Signals are for the loop's thread: the new one gets none. */
static int start_thread(struct ffs_unmount *unmount)
{
    pthread_attr_t attributes;
    sigset_t all, old;
    sigfillset(&all);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    const int error = pthread_create(&unmount->thread, &attributes, unmount_thread, unmount);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    pthread_attr_destroy(&attributes);
    return -error;
}

void ffs_unmount_start(struct ffs_unmount *unmount, bool now)
{
    assert(!unmount->is_running);
    unmount->now = now;
    evl_watch_set(unmount->loop, &unmount->watch, EVL_READ);
    const int error = start_thread(unmount);
    if (error == 0) {
        unmount->is_running = true;
    } else {
        unmount->error = error;
        signal_loop(unmount); /* done() from the loop, in this case too */
    }
}
