#include "daemon/condemn.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "daemon/condemned.h"
#include "daemon/daemon.h"
#include "journal/journal.h"

/* What the thread works on; it may outlive the daemon's other parts, so it is never freed. */
static struct note {
    char directory[CONDEMNED_PATH_BYTES];
    uint8_t uuid[JNL_UUID_BYTES];
    int fd;
    int error; /* read when the eventfd says so */
} note;

static void *write_lasting(void *argument)
{
    const uint64_t one = 1;
    note.error = condemned_note(note.directory, true, note.uuid);
    if (write(note.fd, &one, sizeof one) != (ssize_t)sizeof one)
        abort(); /* an eventfd takes the first write always */
    return NULL;
}

/* Signals are for the loop's thread: the new one blocks all of them. */
static int start_thread(void)
{
    sigset_t all, before;
    pthread_attr_t attributes;
    pthread_t thread;
    sigfillset(&all);
    pthread_getattr_default_np(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&thread, &attributes, write_lasting, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return -error;
}

static void stop_waiting(struct condemn *condemn)
{
    evl_watch_stop(condemn->daemon->loop, &condemn->watch);
    port_timer_stop(evl_timer_port(condemn->daemon->loop), &condemn->patience);
    condemn->waiting = false;
}

static void go_on(struct daemon *daemon, int error)
{
    if (error)
        log_format(daemon->log, STORY_ERROR,
                   "the failed journal cannot be noted in %.200s either (%s); after the next boot "
                   "nothing keeps a start from taking it for good: discard it before that, or take "
                   "its disk away",
                   note.directory,
                   error == -EROFS ? "a note there is not found by the next start"
                                   : strerror(-error));
    else
        log_format(daemon->log, STORY_NOTICE,
                   "the failed journal is noted in %.200s: no start takes it until it is discarded",
                   note.directory);
    vol_journal_is_condemned(daemon->volume);
}

static void noted(struct evl_watch *watch, unsigned events)
{
    struct condemn *condemn = container_of(watch, struct condemn, watch);
    stop_waiting(condemn);
    go_on(condemn->daemon, note.error);
}

static void out_of_patience(struct timer *timer)
{
    struct condemn *condemn = container_of(timer, struct condemn, patience);
    stop_waiting(condemn);
    go_on(condemn->daemon, -ETIMEDOUT);
}

void condemn_start(void *owner, const uint8_t uuid[16])
{
    struct daemon *daemon = owner;
    struct condemn *condemn = &daemon->condemn;
    struct condemned_places places;
    condemned_places(daemon->options->run_dir, &places);
    memcpy(note.directory, places.lasting, sizeof note.directory);
    memcpy(note.uuid, uuid, sizeof note.uuid);
    condemn->daemon = daemon;
    timer_init(&condemn->patience, out_of_patience);
    condemned_note(places.run, false, note.uuid);
    /* What runs from this disk finds its notes behind it only. */
    int error = daemon->options->root ? -EROFS : 0;
    note.fd = error ? -1 : eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (!error && note.fd < 0)
        error = -errno;
    if (!error)
        error = start_thread();
    if (error) {
        go_on(daemon, error);
        return;
    }
    condemn->waiting = true;
    evl_watch_init(&condemn->watch, note.fd, noted);
    evl_watch_set(daemon->loop, &condemn->watch, EVL_READ);
    port_timer_after_ms(evl_timer_port(daemon->loop), &condemn->patience, CONDEMN_PATIENCE_MS);
}

void condemn_done(struct daemon *daemon)
{
    if (daemon->condemn.waiting)
        stop_waiting(&daemon->condemn);
}
