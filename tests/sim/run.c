/*
 * One seed: faults; faults stop and everything must drain; last checks with the bare medium.
 */
#include "tests/sim/run.h"

#include "tests/sim/old_ring.h"

#include <stdio.h>
#include <stdlib.h>

#define FAULTY_US_MAX 600000000u /* clients that are not done by then issue no more */
#define WATCH_US      500000u

static void target_moment(void *owner, enum target_moment moment)
{
    struct sim *sim = owner;
    faults_moment(&sim->faults);
}

static void disk_moment(void *owner)
{
    struct sim *sim = owner;
    faults_moment(&sim->faults);
}

static void target_lost_data(void *owner)
{
    struct sim *sim = owner;
    daemon_target_lost_data(&sim->daemon);
}

static bool target_is_known(void *owner)
{
    const struct sim *sim = owner;
    return sim->daemon.volume && vol_is_known(sim->daemon.volume);
}

static void lun_is_changed(void *owner, bool first)
{
    struct sim *sim = owner;
    daemon_changes_lun(&sim->daemon, first);
}

/* --- I16: with the target back, I/O flows --- */

/* Long enough for the session to find out, whatever it last knew. */
static uint64_t patience_us(const struct sim *sim)
{
    const struct options *o = &sim->options;
    uint64_t patience_ms = 3000;
    if (o->w_host_crash) { /* nothing tells that the connection is dead but its silence */
        uint64_t silence_ms = o->nop_interval_ms + o->nop_timeout_ms;
        patience_ms += silence_ms > o->setup_timeout_ms ? silence_ms : o->setup_timeout_ms;
    }
    if (o->w_swap) /* the wrong LUN is looked at again every few seconds only */
        patience_ms += 3000;
    if (o->reset_refused) /* then old commands are given the time to end */
        patience_ms += 5000;
    return patience_ms * 1000;
}

static bool nothing_in_the_way(const struct sim *sim)
{
    const struct options *o = &sim->options;
    bool calm = sim->target.calm || (!o->stuck_pm && !o->login_refused_pm && !o->login_close_pm &&
                                     !o->not_found_pm && !o->busy_pm && !o->sync_fails_pm);
    return calm && target_is_well(&sim->target) && target_is_quiet(&sim->target) &&
           sim->daemon.volume && !sim->daemon.stopping && !sim->daemon.is_fenced &&
           sim->daemon.refuses_since_us == 0;
}

static void watch_event(struct event *event)
{
    struct sim *sim = container_of(event, struct sim, watch);
    uint64_t now_us = sim->world.now_us;
    world_after(&sim->world, event, WATCH_US);
    daemon_look(&sim->daemon);
    if (!nothing_in_the_way(sim) || sim->struck != sim->faults.struck) {
        sim->well_since_us = 0;
        sim->struck = sim->faults.struck;
        return;
    }
    if (sim->well_since_us == 0)
        sim->well_since_us = now_us;
    uint64_t since_us = sim->well_since_us;
    struct vol_status status;
    vol_status(sim->daemon.volume, &status);
    if (status.online)
        sim->online_us = now_us; /* and may be probing again by the next look: a unit attention */
    since_us = since_us > sim->daemon.running_since_us ? since_us : sim->daemon.running_since_us;
    since_us = since_us > sim->online_us ? since_us : sim->online_us;
    if (now_us - since_us > patience_us(sim))
        world_fail(&sim->world, "I16 not online %.1f s after the target's return",
                   (double)(now_us - since_us) / 1e6);
}

/* --- parts of a run --- */

static void draw_options(struct sim *sim, const struct run_request *request)
{
    char why[OPTION_WHY_BYTES];
    if (script_replays(request->script)) {
        sim->options = request->script->options;
        return;
    }
    options_draw(&sim->options, request->seed);
    if (request->is_tiny)
        options_make_tiny(&sim->options);
    for (unsigned i = 0; i < request->setting_count; i++)
        options_set(&sim->options, request->settings[i], why);
    options_fit(&sim->options);
    if (request->script) {
        request->script->seed = request->seed;
        request->script->options = sim->options;
    }
}

/* The first contents of every cell, stable. */
static void fill_medium(struct sim *sim)
{
    const struct cells *cells = &sim->clients.cells;
    uint8_t block[4096];
    for (uint32_t lba = 0; lba < sim->target.media.blocks; lba++) {
        for (uint32_t i = 0; i < cells->per_block; i++) {
            uint32_t cell = lba * cells->per_block + i;
            cell_fill(cells, cell, cell_id(1, cell), block + cells->start[i]);
        }
        media_write(&sim->target.media, lba, block, true, true);
    }
}

void sim_init(struct sim *sim, const struct run_request *request)
{
    draw_options(sim, request);
    uint64_t seed = request->seed;
    struct world *world = &sim->world;
    const struct options *options = &sim->options;
    world_init(world, seed, request->trace);
    target_init(&sim->target, world, options, seed);
    sim->target.moment = target_moment;
    sim->target.lost_data = target_lost_data;
    sim->target.is_known = target_is_known;
    sim->target.is_changed = lun_is_changed;
    sim->target.owner = sim;
    uint32_t cells = (options->blocks + options->grow_blocks) * options->cells_per_block;
    oracle_init(&sim->oracle, world, cells);
    sim->oracle.reads_overtake = options->mode != VOL_JOURNAL_NONE;
    clients_init(&sim->clients, world, options, &sim->target, &sim->oracle, seed);
    clients_follow(&sim->clients, request->script);
    fill_medium(sim);
    daemon_init(&sim->daemon, world, options, &sim->target, &sim->oracle, &sim->clients, seed);
    if (options->old_ring)
        old_ring_fill(&sim->daemon.disk, &sim->clients.cells);
    sim->daemon.disk.moment = disk_moment;
    sim->daemon.disk.owner = sim;
    faults_init(&sim->faults, world, options, &sim->target, &sim->daemon, seed);
    faults_follow(&sim->faults, request->script);
    export_init(&sim->export, world, options, &sim->daemon, seed);
    drain_init(&sim->drain, world, options, &sim->daemon, seed);
    sim->is_tiny = request->is_tiny;
    sim->crash = request->crash;
    sim->crash_step = request->crash_step;
    sim->workload_steps = 0;
    sim->well_since_us = sim->struck = sim->online_us = 0;
    event_init(&sim->watch, watch_event);
    world_after(world, &sim->watch, WATCH_US);
}

void sim_done(struct sim *sim)
{
    daemon_done(&sim->daemon);
    clients_done(&sim->clients);
    oracle_done(&sim->oracle);
    target_done(&sim->target);
    world_done(&sim->world);
}

#define CRASH_RESTART_US 500u

static void crash_target(struct sim *sim)
{
    target_crash(&sim->target, MEDIA_LOSE_ALL, false);
    world_after(&sim->world, &sim->faults.target_up, CRASH_RESTART_US);
}

static void crash_now(struct sim *sim)
{
    enum sim_crash crash = sim->crash;
    struct daemon *daemon = &sim->daemon;
    bool has_journal = sim->options.mode != VOL_JOURNAL_NONE;
    sim->crash = SIM_CRASH_NONE;
    if (crash == SIM_CRASH_TARGET || crash == SIM_CRASH_ALL)
        crash_target(sim);
    if (crash == SIM_CRASH_DAEMON || (crash == SIM_CRASH_ALL && !has_journal))
        daemon_kill(daemon, CRASH_RESTART_US);
    else if (crash == SIM_CRASH_ALL)
        daemon_power_lost(daemon, MEDIA_LOSE_ALL, CRASH_RESTART_US);
    else if (crash != SIM_CRASH_TARGET && has_journal)
        daemon_power_lost(daemon,
                          crash == SIM_CRASH_HOST_KEEPS_ALL   ? MEDIA_KEEP_ALL
                          : crash == SIM_CRASH_HOST_LOSES_ALL ? MEDIA_LOSE_ALL
                                                              : MEDIA_LOSE_SOME,
                          CRASH_RESTART_US);
}

bool sim_run(struct sim *sim, bool (*is_over)(const struct sim *sim), uint64_t until_us)
{
    while (!is_over(sim) && sim->world.now_us < until_us) {
        if (!world_step(&sim->world))
            return false;
        if (sim->crash != SIM_CRASH_NONE && sim->world.steps == sim->crash_step)
            crash_now(sim);
    }
    return is_over(sim);
}

static bool clients_done_issuing(const struct sim *sim)
{
    return clients_are_done(&sim->clients);
}

/* Else it may yet find out that it must not write to it. */
static bool has_looked_at_the_lun(const struct sim *sim)
{
    struct vol_status status;
    if (sim->daemon.foreign.writes == 0)
        return true;
    vol_status(sim->daemon.volume, &status);
    return status.online;
}

bool sim_is_drained(const struct sim *sim)
{
    return sim->daemon.volume && !sim->daemon.stopping && !sim->daemon.is_fenced &&
           clients_are_done(&sim->clients) && has_looked_at_the_lun(sim);
}

void sim_drain(struct sim *sim)
{
    const struct options *o = &sim->options;
    faults_end(&sim->faults);
    export_end(&sim->export);
    clients_hurry(&sim->clients);
    /* A stop of the daemon may be under way, and a command may be lost to its deadline. */
    uint64_t bound_us = 100000000 + 9000ull * o->command_timeout_ms;
    if (!sim_run(sim, sim_is_drained, sim->world.now_us + bound_us))
        world_fail(&sim->world, "I16 not drained after %.0f s: %llu to issue, %u submitted",
                   (double)bound_us / 1e6, (unsigned long long)sim->clients.left,
                   sim->clients.submitted);
}

static bool nothing_is_left(const struct sim *sim)
{
    return drain_is_over(&sim->drain);
}

/* I16: who drains does not wait for ever while the target is there and the clients pause. */
static void drain_to_the_end(struct sim *sim)
{
    uint64_t bound_us = 100000000 + 9000ull * sim->options.command_timeout_ms;
    if (sim->options.drain_ms == 0 || world_failed(&sim->world))
        return;
    drain_insist(&sim->drain);
    if (!sim_run(sim, nothing_is_left, sim->world.now_us + bound_us))
        world_fail(&sim->world, "I16 who drains waits for ever");
}

static bool flush_is_done(const struct sim *sim)
{
    return sim->clients.flush_done;
}

static bool memory_is_free(const struct sim *sim)
{
    return buffer_pool_used(vol_buffers(sim->daemon.volume)) == 0;
}

static bool journal_is_empty(const struct sim *sim)
{
    struct vol_status status;
    vol_status(sim->daemon.volume, &status);
    return status.dirty_bytes == 0 && (status.journal_failed || status.journal_entries == 0);
}

static bool is_all_on_the_lun(const struct sim *sim)
{
    return sim_is_drained(sim) && journal_is_empty(sim);
}

/* Before the end everything is to be on the LUN. */
static bool is_to_drain(const struct sim *sim)
{
    return sim->options.mode == VOL_JOURNAL_NONE || sim->options.final_drain ||
           daemon_journal_failed(&sim->daemon);
}

void sim_flush(struct sim *sim)
{
    if (world_failed(&sim->world))
        return;
    uint64_t bound_us = 100000000 + 9000ull * sim->options.command_timeout_ms;
    clients_flush(&sim->clients);
    if (!sim_run(sim, flush_is_done, sim->world.now_us + bound_us))
        world_fail(&sim->world, "I16 the last FLUSH was not answered");
    if (!is_to_drain(sim))
        return;
    if (!world_failed(&sim->world) && !sim_run(sim, journal_is_empty, sim->world.now_us + bound_us))
        world_fail(&sim->world, "I16 the journal is not drained");
    if (!world_failed(&sim->world) && !sim_run(sim, memory_is_free, sim->world.now_us + bound_us))
        world_fail(&sim->world, "O17 %zu bytes of memory are in use after a FLUSH",
                   buffer_pool_used(vol_buffers(sim->daemon.volume)));
}

static bool daemon_is_gone(const struct sim *sim)
{
    return !sim->daemon.volume;
}

/* Power off: the daemon ends, the target loses its cache, the bare medium is compared. */
static void power_off(struct sim *sim)
{
    if (world_failed(&sim->world))
        return;
    bool failed = daemon_journal_failed(&sim->daemon);
    if (failed && !sim->options.final_flush && !sim->options.final_stop)
        return;
    if (sim->options.final_stop) {
        daemon_stop(&sim->daemon, 60000000, UINT64_MAX);
        if (!sim_run(sim, daemon_is_gone, sim->world.now_us + 70000000))
            world_fail(&sim->world, "the last stop did not end");
    } else {
        daemon_kill(&sim->daemon, UINT64_MAX);
    }
    if (world_failed(&sim->world))
        return;
    target_crash(&sim->target, MEDIA_LOSE_SOME, true);
    target_crash(&sim->target, MEDIA_LOSE_ALL, true);
    const struct options *o = &sim->options;
    bool is_complete = o->final_stop && !sim->daemon.keeps_journal;
    bool bare =
        o->mode == VOL_JOURNAL_NONE || failed || is_complete || (o->final_flush && o->final_drain);
    daemon_last_truth(&sim->daemon, bare,
                      o->mode == VOL_JOURNAL_NONE && !o->final_flush && !o->final_stop);
    if (o->mode != VOL_JOURNAL_PERSISTENT || world_failed(&sim->world))
        return;
    jdisk_host_died(&sim->daemon.disk, MEDIA_LOSE_ALL);
    daemon_last_truth(&sim->daemon, bare, true);
}

static void swarm(struct sim *sim)
{
    daemon_start(&sim->daemon);
    if (!sim_run(sim, clients_done_issuing, FAULTY_US_MAX) && !world_failed(&sim->world))
        clients_finish(&sim->clients);
    if (!world_failed(&sim->world))
        sim_drain(sim);
    if (!world_failed(&sim->world) && sim->options.scan) {
        clients_scan(&sim->clients);
        sim_drain(sim);
    }
    drain_to_the_end(sim);
    if (sim->is_tiny) /* crashes may come until everything is on the LUN */
        sim_run(sim, is_all_on_the_lun, sim->world.now_us + 60000000);
    sim->crash = SIM_CRASH_NONE;
    sim->workload_steps = sim->world.steps;
    if (sim->options.final_flush)
        sim_flush(sim);
    power_off(sim);
}

static void add(struct run_totals *totals, const struct sim *sim)
{
    uint64_t *to = (uint64_t *)&totals->target;
    const uint64_t *from = (const uint64_t *)&sim->target.stats;
    for (size_t i = 0; i < sizeof totals->target / sizeof *to; i++)
        to[i] += from[i];
    totals->seeds++;
    totals->steps += sim->world.steps;
    totals->workload_steps += sim->workload_steps;
    totals->answered += sim->clients.answered;
    totals->simulated_us += sim->world.now_us;
    totals->kills += sim->daemon.kills;
    totals->stops += sim->daemon.stops;
    totals->powers += sim->daemon.powers;
    totals->journal_failures += sim->daemon.journal_failures;
    totals->faults += sim->faults.struck;
    totals->refusals += sim->daemon.foreign.refusals;
}

static void report(const struct sim *sim, uint64_t seed)
{
    printf("seed %llu failed at %.6f s: %s\n  options:", (unsigned long long)seed,
           (double)sim->world.now_us / 1e6, sim->world.failure);
    options_print(&sim->options, stdout);
    printf("\n");
    oracle_print_history(&sim->oracle, stdout);
    printf("  to see everything: sim --seed %llu --trace\n", (unsigned long long)seed);
    fflush(stdout);
}

bool sim_finish(struct sim *sim, uint64_t seed, struct run_totals *totals)
{
    bool good = sim->world.failure[0] == '\0';
    if (!good)
        report(sim, seed);
    add(totals, sim);
    sim_done(sim);
    return good;
}

bool run_seed(const struct run_request *request, struct run_totals *totals)
{
    static struct sim sim;
    sim_init(&sim, request);
    swarm(&sim);
    if (request->script)
        sscanf(sim.world.failure, "%11s", request->script->kind);
    return sim_finish(&sim, request->seed, totals);
}
