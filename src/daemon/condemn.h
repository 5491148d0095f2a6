/*
 * Notes that the daemon's journal must not be used again (condemned.h), before the LUN is changed
 * without it. The lasting note is a thread's work: its file system may wait for our own disk, or
 * for the disk that has just failed. After CONDEMN_PATIENCE_MS the volume goes on all the same, as
 * on_journal_failure=continue demands, and the log says what is left to do.
 */
#ifndef DAEMON_CONDEMN_H
#define DAEMON_CONDEMN_H

#include <stdbool.h>
#include <stdint.h>

#include "os/ev_loop.h"

#define CONDEMN_PATIENCE_MS 5000u

struct daemon;

struct condemn {
    struct daemon *daemon;
    struct evl_watch watch; /* the thread's eventfd */
    struct timer patience;
    bool waiting; /* for the thread */
};

/* The volume asks for it, at most once; answered by vol_journal_is_condemned(). */
void condemn_start(void *daemon, const uint8_t uuid[16]);

/* Before the loop goes. */
void condemn_done(struct daemon *daemon);

#endif
