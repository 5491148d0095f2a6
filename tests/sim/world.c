#include "tests/sim/world.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static bool is_before(const struct event *a, const struct event *b)
{
    return a->at_us != b->at_us ? a->at_us < b->at_us : a->order < b->order;
}

static void put(struct world *world, unsigned place, struct event *event)
{
    world->heap[place] = event;
    event->place = place;
}

/* Finds the place of `event`, from `place` up or down. */
static void settle(struct world *world, unsigned place, struct event *event)
{
    while (place > 1 && is_before(event, world->heap[place / 2])) {
        put(world, place, world->heap[place / 2]);
        place /= 2;
    }
    for (;;) {
        unsigned child = place * 2;
        if (child > world->events)
            break;
        if (child < world->events && is_before(world->heap[child + 1], world->heap[child]))
            child++;
        if (!is_before(world->heap[child], event))
            break;
        put(world, place, world->heap[child]);
        place = child;
    }
    put(world, place, event);
}

void event_init(struct event *event, void (*run)(struct event *event))
{
    *event = (struct event){.run = run};
}

void world_cancel(struct world *world, struct event *event)
{
    unsigned place = event->place;
    if (place == 0)
        return;
    struct event *last = world->heap[world->events--];
    event->place = 0;
    if (last != event)
        settle(world, place, last);
}

void world_after(struct world *world, struct event *event, uint64_t delay_us)
{
    world_cancel(world, event);
    if (world->events + 1 >= world->room) {
        world->room = world->room ? world->room * 2 : 256;
        world->heap = realloc(world->heap, world->room * sizeof *world->heap);
        assert(world->heap);
    }
    event->at_us = world->now_us + delay_us;
    event->order = world->order++;
    settle(world, ++world->events, event);
}

bool world_step(struct world *world)
{
    uint64_t timer_us = timer_queue_next_us(&world->timers);
    struct event *first = world->events > 0 ? world->heap[1] : NULL;
    if (world_failed(world) || (!first && timer_us == UINT64_MAX))
        return false;
    world->steps++;
    if (!first || timer_us < first->at_us) {
        if (timer_us > world->now_us)
            world->now_us = timer_us;
        timer_queue_run(&world->timers, world->now_us);
        return true;
    }
    world->now_us = first->at_us;
    world_cancel(world, first);
    first->run(first);
    return true;
}

void world_trim(struct world *world)
{
    world->room = world->events + 2;
    world->heap = realloc(world->heap, world->room * sizeof *world->heap);
    assert(world->heap);
}

void world_fail(struct world *world, const char *format, ...)
{
    if (world_failed(world))
        return;
    va_list args;
    va_start(args, format);
    vsnprintf(world->failure, sizeof world->failure, format, args);
    va_end(args);
    TRACE(world, "FAIL %s", world->failure);
}

void world_print(struct world *world, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    printf("%9.6f ", (double)world->now_us / 1e6);
    vprintf(format, args);
    putchar('\n');
    va_end(args);
}

static uint64_t port_now(struct timer_port *port)
{
    return container_of(port, struct world, timer)->now_us;
}

static void port_start(struct timer_port *port, struct timer *timer, uint64_t at_us)
{
    timer_queue_start(&container_of(port, struct world, timer)->timers, timer, at_us);
}

static void port_stop(struct timer_port *port, struct timer *timer)
{
    timer_queue_stop(timer);
}

static const struct timer_port_ops timer_ops = {port_now, port_start, port_stop};

static uint32_t port_random(struct random_port *port)
{
    return (uint32_t)rng_next(&container_of(port, struct world, random)->core_rng);
}

static void port_emit(struct trace_port *port, const struct trace_event *event)
{
    struct world *world = container_of(port, struct world, trace);
    TRACE(world, "core %d %llu %llu %llu %s", (int)event->code, (unsigned long long)event->a,
          (unsigned long long)event->b, (unsigned long long)event->c,
          event->text ? event->text : "");
}

void world_init(struct world *world, uint64_t seed, bool tracing)
{
    *world = (struct world){
        .timer = {&timer_ops},
        .random = {port_random},
        .trace = {port_emit},
        .core_rng = rng_fork(seed, "core"),
        .tracing = tracing,
        .now_us = 1000000, /* "0" stays free for "never" in the code under test */
    };
    timer_queue_init(&world->timers);
}

void world_done(struct world *world)
{
    free(world->heap);
    world->heap = NULL;
}
