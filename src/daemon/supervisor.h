/*
 * A resident parent of the daemon: when the daemon (the worker) crashes, it is forked again, from
 * memory. Nothing is executed and nothing is read from a disk for that: the disk may be the very
 * one that nobody serves at that moment.
 *
 * The supervisor holds none of the worker's descriptors: when the worker dies, its connections to
 * the target and to the kernel are closed, and its locks are gone. Sockets that a service manager
 * passed were there before; they stay open for the next worker.
 */
#ifndef DAEMON_SUPERVISOR_H
#define DAEMON_SUPERVISOR_H

#include <stdbool.h>
#include <stdint.h>

/* In memory that both share. Written by the worker, outlives it. */
struct supervision {
    bool lun_seen; /* the worker, or one before it, was good for something */
    bool stopping; /* somebody asked for the end: it is not a crash */
};

/* Not for a worker without a supervisor, which may have a struct of its own. NULL: no memory. */
struct supervision *supervision_new(void);

/*
 * Runs work(owner) in a forked process, again and again until its end was asked for, or it ended by
 * itself without having seen the LUN (that is a start that failed); returns its exit status.
 * SIGTERM, SIGINT and SIGHUP (as SIGTERM) are passed on. The caller has no other threads. `name`:
 * in front of what is said to stderr.
 */
int supervise(const char *name, struct supervision *shared, int (*work)(void *owner), void *owner);

/* The pause before the start that follows so many crashes in a row. */
uint64_t supervisor_pause_ms(unsigned crashes);

#endif
