/*
 * How long it pays to look for the next event again and again before sleeping: a wake-up costs
 * tens of microseconds, and much that a client waits for takes no longer.
 *
 * The window doubles when an event came a little after it, up to the greatest length; it is halved,
 * down to nothing, each time when none came within that length: then the looking was for nothing.
 * (As the Linux KVM halt_poll_ns.)
 */
#ifndef BASE_POLL_WINDOW_H
#define BASE_POLL_WINDOW_H

#include <stdint.h>

struct poll_window {
    uint32_t max_us; /* 0: never look, sleep at once */
    uint32_t us;     /* how long to look the next time */
};

/* An event came so long after the one before it was dealt with. */
void poll_window_event(struct poll_window *window, uint64_t waited_us);

#endif
