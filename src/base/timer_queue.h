/*
 * Timers ordered by their deadline, as one sorted list.
 *
 * Every implementation of the timer port (the event loop's and the simulator's) keeps its timers
 * here, so that both fire them in the same order: by deadline, then by the order of arming.
 * A daemon has about ten timers (no timer per request), so a list is the right structure.
 */
#ifndef BASE_TIMER_QUEUE_H
#define BASE_TIMER_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"

struct timer {
    struct list_node node;
    uint64_t at_us;
    /* Called once, after the timer was taken out of its queue: it may arm itself again. */
    void (*fired)(struct timer *timer);
};

struct timer_queue {
    struct list_node timers;
};

void timer_init(struct timer *timer, void (*fired)(struct timer *timer));

/* True while the timer is armed. */
bool timer_is_armed(const struct timer *timer);

void timer_queue_init(struct timer_queue *queue);

/* Arms the timer, or moves it if it is armed already. */
void timer_queue_start(struct timer_queue *queue, struct timer *timer, uint64_t at_us);

/* Disarms the timer; no effect when it is not armed. */
void timer_queue_stop(struct timer *timer);

/* The earliest deadline, or UINT64_MAX when nothing is armed. */
uint64_t timer_queue_next_us(const struct timer_queue *queue);

/* Fires all timers whose deadline is not after now_us; those armed meanwhile wait their turn. */
void timer_queue_run(struct timer_queue *queue, uint64_t now_us);

#endif
