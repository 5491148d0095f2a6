#include "base/timer_queue.h"

#include <assert.h>

void timer_init(struct timer *timer, void (*fired)(struct timer *timer))
{
    list_init(&timer->node);
    timer->at_us = 0;
    timer->fired = fired;
}

bool timer_is_armed(const struct timer *timer)
{
    return !list_is_empty(&timer->node);
}

void timer_queue_init(struct timer_queue *queue)
{
    list_init(&queue->timers);
}

void timer_queue_start(struct timer_queue *queue, struct timer *timer, uint64_t at_us)
{
    assert(timer->fired != NULL);
    list_remove(&timer->node);
    timer->at_us = at_us;

    struct list_node *place = queue->timers.prev;
    while (place != &queue->timers && container_of(place, struct timer, node)->at_us > at_us)
        place = place->prev;
    list_insert_before(place->next, &timer->node);
}

void timer_queue_stop(struct timer *timer)
{
    list_remove(&timer->node);
}

uint64_t timer_queue_next_us(const struct timer_queue *queue)
{
    const struct timer *first = list_first(&queue->timers, struct timer, node);
    return first ? first->at_us : UINT64_MAX;
}

void timer_queue_run(struct timer_queue *queue, uint64_t now_us)
{
    struct list_node due;
    list_init(&due);
    while (timer_queue_next_us(queue) <= now_us) {
        struct list_node *first = queue->timers.next;
        list_remove(first);
        list_append(&due, first);
    }
    /* A timer that fires may stop another due one: that just takes it out of `due`. */
    while (!list_is_empty(&due)) {
        struct timer *timer = list_first(&due, struct timer, node);
        list_remove(&timer->node);
        timer->fired(timer);
    }
}
