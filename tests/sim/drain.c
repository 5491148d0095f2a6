#include "tests/sim/drain.h"

#define LOOK_US 50000u /* as src/cli/drain_verb.c */

static void begin_later(struct drain *drain)
{
    uint64_t most_us = (uint64_t)drain->options->drain_ms * 1000;
    world_after(drain->world, &drain->begin, rng_log_range(&drain->rng, 1000, most_us));
}

/* Not with what another initiator wrote, or what rotted in the ring: that is nobody's promise. Nor
 * before the LUN was seen: what an earlier daemon without a journal left in the target's cache is
 * made stable by the attach. */
static void check_drained(const struct drain *drain)
{
    struct daemon *daemon = drain->daemon;
    TRACE(drain->world, "drain: nothing is left");
    if (vol_is_known(daemon->volume) && daemon->foreign.writes == 0 && daemon->disk.rot.count == 0)
        truth_check_stable(&daemon->truth);
}

/* True when it is known how this ended. */
static bool ask(const struct drain *drain)
{
    const struct daemon *daemon = drain->daemon;
    struct vol_status status;
    if (!daemon->volume || daemon->stopped || (!drain->insists && daemon->starts != drain->asked))
        return !drain->insists;
    vol_hurry(daemon->volume);
    vol_status(daemon->volume, &status);
    if (status.unsynced_bytes == 0)
        check_drained(drain);
    return status.unsynced_bytes == 0 || drain->world->now_us >= drain->until_us;
}

static void look_event(struct event *event)
{
    struct drain *drain = container_of(event, struct drain, look);
    if (!ask(drain))
        world_after(drain->world, event, LOOK_US);
    else if (!drain->insists)
        begin_later(drain);
}

static void begin_event(struct event *event)
{
    struct drain *drain = container_of(event, struct drain, begin);
    TRACE(drain->world, "drain: begins");
    drain->asked = drain->daemon->starts;
    drain->until_us = UINT64_MAX;
    if (rng_chance(&drain->rng, 500))
        drain->until_us = drain->world->now_us + rng_log_range(&drain->rng, 1000, 30000000);
    look_event(&drain->look);
}

void drain_init(struct drain *drain, struct world *world, const struct options *options,
                struct daemon *daemon, uint64_t seed)
{
    *drain = (struct drain){
        .world = world,
        .options = options,
        .daemon = daemon,
        .rng = rng_fork(seed, "drain"),
    };
    event_init(&drain->begin, begin_event);
    event_init(&drain->look, look_event);
    if (options->drain_ms > 0)
        begin_later(drain);
}

void drain_insist(struct drain *drain)
{
    world_cancel(drain->world, &drain->begin);
    drain->insists = true;
    drain->until_us = UINT64_MAX;
    world_after(drain->world, &drain->look, 0);
}
