#include "tests/sim/endurance.h"

#include <malloc.h>
#include <stdio.h>

/* Every kind of fault that an hour may bring, not too fast: outages are what is to last. */
static void choose_faults(struct options *o)
{
    uint32_t *weights = &o->w_cut;
    uint32_t count = (uint32_t)(&o->w_daemon_stop - &o->w_cut) + 1;
    for (uint32_t i = 0; i < count; i++)
        weights[i] = 1;
    o->w_daemon_crash = o->w_daemon_stop = o->w_power = 0; /* one daemon must last */
    o->w_jdev_rot_data = o->w_reserve = o->w_foreign = o->w_elsewhere = o->export_ms = 0;
    o->w_jdev_write = o->w_jdev_sync = o->w_jdev_dead = o->w_jdev_read = o->w_jdev_rot = 0;
    o->faults = 20;
    o->fault_gap_us = 2000000;
    o->outage_ms = 60000;
    o->think_us = 500000;
    o->operations = 200;
    o->scan = 0;
    o->final_flush = 1;
    o->final_stop = 1;
}

#define SETTLE_ROUNDS 5
#define SLACK_BYTES   1024u /* a ping that is under way */
/* What the simulated devices need for their rare faults is taken once and kept. */
#define GROWTHS_MAX 3u

static bool never(const struct sim *sim)
{
    return false;
}

/* What is allocated now, without what the simulation keeps of the past. */
static size_t heap_bytes(struct sim *sim)
{
    /* The target's end of old connections closes, late pings are answered. */
    sim_run(sim, never, sim->world.now_us + 10000000);
    media_trim(&sim->target.media);
    oracle_trim(&sim->oracle);
    world_trim(&sim->world);
    /* A version costs as much again when a ghost has written since the FLUSH. */
    size_t version = sizeof(struct version) + sim->options.block_bytes + 16;
    return mallinfo2().uordblks - sim->target.media.versions * version;
}

static void round_of_faults(struct sim *sim)
{
    faults_begin(&sim->faults);
    sim->target.calm = false;
    clients_begin(&sim->clients, sim->options.operations);
    sim_run(sim, sim_is_drained, sim->world.now_us + 600000000);
    clients_finish(&sim->clients);
    if (!world_failed(&sim->world))
        sim_drain(sim);
    sim_flush(sim);
}

/* After the first rounds have brought everything to its size, the heap stays as it is: a leak, also
 * a slow one, makes it grow again and again. */
static void rounds(struct sim *sim, uint64_t until_us)
{
    size_t settled = 0;
    unsigned round = 0, growths = 0;
    daemon_start(&sim->daemon);
    while (sim->world.now_us < until_us && !world_failed(&sim->world)) {
        round_of_faults(sim);
        size_t bytes = heap_bytes(sim);
        TRACE(&sim->world, "round %u: %zu bytes of heap", round, bytes);
        bool grew = bytes > settled + SLACK_BYTES;
        growths += ++round > SETTLE_ROUNDS && grew;
        if (growths > GROWTHS_MAX)
            world_fail(&sim->world, "O17 the heap grew from %zu to %zu bytes by round %u, again",
                       settled, bytes, round);
        if (grew || (round <= SETTLE_ROUNDS && bytes > settled))
            settled = bytes;
    }
}

bool endurance_run(const struct run_request *request, unsigned minutes, struct run_totals *totals)
{
    static struct sim sim;
    sim_init(&sim, request);
    choose_faults(&sim.options);
    rounds(&sim, (uint64_t)minutes * 60000000);
    return sim_finish(&sim, request->seed, totals);
}
