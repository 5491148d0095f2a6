#include "tests/unit/fake_timer.h"

static uint64_t now_us(struct timer_port *port)
{
    return container_of(port, struct fake_timer, port)->now_us;
}

static void start(struct timer_port *port, struct timer *timer, uint64_t at_us)
{
    timer_queue_start(&container_of(port, struct fake_timer, port)->queue, timer, at_us);
}

static void stop(struct timer_port *port, struct timer *timer)
{
    timer_queue_stop(timer);
}

void fake_timer_init(struct fake_timer *fake)
{
    static const struct timer_port_ops ops = {now_us, start, stop};
    *fake = (struct fake_timer){.port = {&ops}, .now_us = 1000000};
    timer_queue_init(&fake->queue);
}

void fake_timer_advance_ms(struct fake_timer *fake, uint64_t ms)
{
    uint64_t end_us = fake->now_us + ms * 1000;
    while (timer_queue_next_us(&fake->queue) <= end_us) {
        uint64_t next_us = timer_queue_next_us(&fake->queue);
        if (next_us > fake->now_us)
            fake->now_us = next_us;
        fake->wakes++;
        timer_queue_run(&fake->queue, fake->now_us);
    }
    fake->now_us = end_us;
}
