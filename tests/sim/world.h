/*
 * The simulated world: its clock, its events, its verdict.
 *
 * Everything happens in events, one at a time, each at its microsecond; between two events the
 * clock jumps. Events of the same time run in the order of their scheduling. The core's timers
 * live in the same time (port/timer.h).
 */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "port/random.h"
#include "port/timer.h"
#include "port/trace.h"
#include "tests/sim/rng.h"

/* Embedded in whatever it happens to; the owner cancels it before it frees itself. */
struct event {
    uint64_t at_us;
    uint64_t order;
    unsigned place; /* in the heap, from 1; 0: not scheduled */
    void (*run)(struct event *event);
};

struct world {
    uint64_t now_us;
    uint64_t order;
    struct event **heap; /* binary, the earliest at index 1 */
    unsigned events;
    unsigned room;
    struct timer_queue timers;
    uint64_t steps;

    struct timer_port timer;
    struct random_port random;
    struct trace_port trace;
    struct rng core_rng; /* what the core draws for its jitter */

    bool tracing;
    bool is_over;      /* nothing more is to be seen: the run ends well */
    char failure[400]; /* the first thing that went wrong; "" as long as nothing did */
};

void world_init(struct world *world, uint64_t seed, bool tracing);
void world_done(struct world *world);

/* Gives spare memory back: the endurance run looks at the heap. */
void world_trim(struct world *world);

void event_init(struct event *event, void (*run)(struct event *event));

/* Schedules the event `delay_us` from now, or moves it there. */
void world_after(struct world *world, struct event *event, uint64_t delay_us);

/* No effect when it is not scheduled. */
void world_cancel(struct world *world, struct event *event);

static inline bool event_is_scheduled(const struct event *event)
{
    return event->place != 0;
}

/* Runs the next event or timer; false when there is none or the world has failed. */
bool world_step(struct world *world);

/* The first failure stays, the world stops. */
void world_fail(struct world *world, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* True when it is no use to go on. */
static inline bool world_failed(const struct world *world)
{
    return world->is_over || world->failure[0] != '\0';
}

void world_print(struct world *world, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* One short line of --trace; costs nothing without it. */
#define TRACE(world, ...)                                                                          \
    do {                                                                                           \
        if ((world)->tracing)                                                                      \
            world_print((world), __VA_ARGS__);                                                     \
    } while (0)

#endif
