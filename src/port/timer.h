/*
 * Port: time.
 *
 * The core reads no clock and arms no kernel timer: it asks this port. The event loop implements
 * it with CLOCK_MONOTONIC (src/os/ev_loop.c), the simulator with simulated time.
 */
#ifndef PORT_TIMER_H
#define PORT_TIMER_H

#include <stdint.h>

#include "base/timer_queue.h"

struct timer_port;

struct timer_port_ops {
    /* Microseconds on a clock that never goes back and counts from an arbitrary start. */
    uint64_t (*now_us)(struct timer_port *port);
    /* Arms the timer for at_us, or moves it. It fires from the event loop, never from here. */
    void (*start)(struct timer_port *port, struct timer *timer, uint64_t at_us);
    /* Disarms the timer; no effect when it is not armed. */
    void (*stop)(struct timer_port *port, struct timer *timer);
};

struct timer_port {
    const struct timer_port_ops *ops;
};

static inline uint64_t port_now_us(struct timer_port *port)
{
    return port->ops->now_us(port);
}

static inline void port_timer_start(struct timer_port *port, struct timer *timer, uint64_t at_us)
{
    port->ops->start(port, timer, at_us);
}

static inline void port_timer_after_ms(struct timer_port *port, struct timer *timer, uint64_t ms)
{
    port->ops->start(port, timer, port->ops->now_us(port) + ms * 1000);
}

static inline void port_timer_stop(struct timer_port *port, struct timer *timer)
{
    port->ops->stop(port, timer);
}

#endif
