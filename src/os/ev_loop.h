/*
 * The event loop: one libev loop (epoll) on one thread, and the timer port on top of it.
 *
 * All functions are for the loop's thread only, and so are all callbacks. Watches, hooks, calls
 * and signals are embedded by their users and stay theirs; they must be stopped before their
 * memory goes away.
 *
 * Order of one turn: wait for events; callbacks of timers, descriptors and signals; deferred
 * calls; end-of-turn hooks. Then the next wait. An idle loop does not wake up by itself.
 */
#ifndef OS_EV_LOOP_H
#define OS_EV_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "port/timer.h"

struct evl;

#define EVL_READ  0x1u
#define EVL_WRITE 0x2u

/* A descriptor that is watched. Level-triggered; errors and hang-ups show as both events. */
struct evl_watch {
    int fd;
    unsigned events; /* what is watched for now; 0: nothing, the watch is stopped */
    /* May stop, modify, restart and free its watch. Never called after a stop. */
    void (*ready)(struct evl_watch *watch, unsigned events);

    uint64_t library[8]; /* libev's part */
};

/* Something to do once, after all other callbacks of this turn. */
struct evl_hook {
    struct list_node node;
    void (*run)(struct evl_hook *hook);
};

/* A call to be made soon, but not from inside the present callback. */
struct evl_call {
    struct list_node node;
    void (*run)(struct evl_call *call);
};

struct evl_signal {
    /* Called from the loop, not from the signal handler. */
    void (*raised)(struct evl_signal *signal, int number);

    uint64_t library[8]; /* libev's part */
};

/* 0, or -ENOMEM, or -ENOSYS when the kernel gives no epoll. */
int evl_new(struct evl **ret_loop);

/* NULL-safe. Nothing may be started on it any more. */
void evl_free(struct evl *loop);

/* Returns after evl_break(), or when nothing is started any more. */
void evl_run(struct evl *loop);

/* Runs one turn, waiting at most until the first event (wait) or not at all. */
void evl_run_once(struct evl *loop, bool wait);

/* What a loop waits for. Each comes after a time of its own, and has its own poll_window.h. */
enum evl_wait {
    EVL_WAIT_LONG,   /* nothing that comes soon: it sleeps at once */
    EVL_WAIT_CLIENT, /* the next request of somebody who thinks about the answer to the last one */
    EVL_WAIT_ANSWER, /* of a target or a device, to something that is under way */
    EVL_WAITS,
};

struct evl_polling {
    uint32_t max_us[EVL_WAITS]; /* that of EVL_WAIT_LONG is 0 */
    /* Called at the end of each turn; may call nothing here. */
    enum evl_wait (*waits_for)(void *owner);
    /*
     * NULL: never. Called before it sleeps: how many microseconds to rest first, looking at
     * nothing, so that it is woken once for all that comes meanwhile; 0: not at all. No rest is so
     * short that waking up from it would take as long. Less than 1000000; timers and signals wait.
     */
    uint32_t (*rests_us)(void *owner);
    void *owner;
};

/*
 * From now on evl_run() looks for events for a while before it sleeps, as far as poll_window.h
 * finds that this pays for what it waits for then: who looks keeps a CPU from others. Or it rests,
 * when it is told to. No effect where there is but one CPU.
 */
void evl_poll(struct evl *loop, const struct evl_polling *polling);

/* Makes evl_run() return after this turn. */
void evl_break(struct evl *loop);

/* CLOCK_MONOTONIC; lives as long as the loop. Fires late by 1 ms at most when the loop is idle. */
struct timer_port *evl_timer_port(struct evl *loop);

/* Prepares a watch that is stopped; `fd` may also be set later, before the start. */
void evl_watch_init(struct evl_watch *watch, int fd,
                    void (*ready)(struct evl_watch *watch, unsigned events));

/* Watches for `events`, whatever was watched for before; 0 stops. Cheap when nothing changes. */
void evl_watch_set(struct evl *loop, struct evl_watch *watch, unsigned events);

/* No effect when stopped already. Call it before the descriptor is closed or replaced. */
void evl_watch_stop(struct evl *loop, struct evl_watch *watch);

void evl_hook_init(struct evl_hook *hook, void (*run)(struct evl_hook *hook));

/* The hook runs at the end of this turn, once, however often it is requested. Requested from
 * another hook it still runs in this turn. */
void evl_hook_request(struct evl *loop, struct evl_hook *hook);

/* No effect when not requested. */
void evl_hook_cancel(struct evl_hook *hook);

void evl_call_init(struct evl_call *call, void (*run)(struct evl_call *call));

/* The call is made before the loop waits again; once, however often it is requested. One that
 * defers itself again runs in the next turn. */
void evl_call_defer(struct evl *loop, struct evl_call *call);

/* No effect when not deferred. */
void evl_call_cancel(struct evl_call *call);

/* Replaces the disposition of the signal until evl_signal_stop(). */
void evl_signal_start(struct evl *loop, struct evl_signal *signal, int number,
                      void (*raised)(struct evl_signal *signal, int number));

void evl_signal_stop(struct evl *loop, struct evl_signal *signal);

#endif
