/* A timer port whose clock stands still until the test moves it. */
#ifndef FAKE_TIMER_H
#define FAKE_TIMER_H

#include "port/timer.h"

struct fake_timer {
    struct timer_port port;
    struct timer_queue queue;
    uint64_t now_us;
    unsigned wakes; /* moments at which something fired */
};

void fake_timer_init(struct fake_timer *fake);

/* Moves the clock on, firing what comes due on the way, each at its own time. */
void fake_timer_advance_ms(struct fake_timer *fake, uint64_t ms);

#endif
