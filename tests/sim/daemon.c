#include "tests/sim/daemon.h"

#include <assert.h>

static void configure(const struct options *o, struct vol_config *ret_volume,
                      struct ses_config *ret_session)
{
    *ret_volume = vol_config_default;
    ret_volume->memory_bytes = (uint64_t)o->memory_mib << 20;
    ret_volume->request_count = o->request_count;
    ret_volume->retain_bytes = o->retain_bytes;
    ret_volume->retain_ms = o->retain_ms;
    *ret_session = ses_config_default;
    ret_session->portal_count = o->portals;
    ret_session->connect_timeout_ms = o->connect_timeout_ms;
    ret_session->setup_timeout_ms = o->setup_timeout_ms;
    ret_session->command_timeout_ms = o->command_timeout_ms;
    ret_session->nop_interval_ms = o->nop_interval_ms;
    ret_session->nop_timeout_ms = o->nop_timeout_ms;
    ret_session->wait_when_full = true;
}

static void gave_up(void *owner)
{
    struct daemon *daemon = owner;
    struct ses_status status;
    ses_status(vol_session(daemon->volume), &status);
    world_fail(daemon->world, "the session gave up: %s", status.reason);
}

void daemon_start(struct daemon *daemon)
{
    struct vol_config volume_config;
    struct ses_config session_config;
    struct world *world = daemon->world;
    configure(daemon->options, &volume_config, &session_config);
    TRACE(world, "daemon: starts");
    link_init(&daemon->link, world, daemon->target);
    int error = vol_new(&volume_config, &session_config, &daemon->link.port, &world->timer,
                        &world->random, &world->trace, &daemon->volume);
    assert(error == 0);
    vol_on_gave_up(daemon->volume, gave_up, daemon);
    daemon->stopping = daemon->stopping_now = daemon->stopped = false;
    daemon->running_since_us = world->now_us;
    daemon->starts++;
    vol_start(daemon->volume);
    clients_daemon_started(daemon->clients, daemon->volume);
}

/* Without a journal a new daemon takes the first LUN that it sees: not while another one stands
 * at the address. */
static void start_event(struct event *event)
{
    struct daemon *daemon = container_of(event, struct daemon, start);
    if (daemon->target->wrong)
        world_after(daemon->world, event, 100000);
    else
        daemon_start(daemon);
}

void daemon_truth(struct daemon *daemon, bool forgive)
{
    const struct cells *cells = &daemon->clients->cells;
    uint64_t before = forgive && daemon->volume ? daemon->oracle->era : UINT64_MAX;
    uint64_t count = daemon->target->media.blocks * cells->per_block;
    for (uint32_t i = 0; i < count && !world_failed(daemon->world); i++) {
        const uint8_t *block = media_read(&daemon->target->media, i / cells->per_block)->data;
        uint64_t id = cell_parse(cells, i, block + cells->start[i % cells->per_block]);
        if (oracle_may_hold(daemon->oracle, i, id, before))
            continue;
        if (forgive)
            oracle_rolled_back(daemon->oracle, i, id);
        else
            oracle_lost(daemon->oracle, i, id);
    }
}

/* Drops the object graph, as the end of its process does. */
static void drop(struct daemon *daemon)
{
    clients_daemon_died(daemon->clients);
    vol_free(daemon->volume);
    daemon->volume = NULL;
    daemon->stopping = false;
    link_done(&daemon->link);
    world_cancel(daemon->world, &daemon->over);
    world_cancel(daemon->world, &daemon->stop_now);
    if (timer_queue_next_us(&daemon->world->timers) != UINT64_MAX)
        world_fail(daemon->world, "O17 a timer is armed after vol_free()");
}

void daemon_kill(struct daemon *daemon, uint64_t restart_us)
{
    if (!daemon->volume)
        return;
    TRACE(daemon->world, "daemon: killed");
    daemon->kills++;
    bool forgive = daemon->loss > daemon->clients->flushed;
    drop(daemon);
    oracle_daemon_died(daemon->oracle);
    daemon_truth(daemon, forgive);
    daemon->loss = 0;
    if (restart_us != UINT64_MAX)
        world_after(daemon->world, &daemon->start, restart_us);
}

void daemon_target_lost_data(struct daemon *daemon)
{
    if (!daemon->volume || !daemon->clients->answered_by_this_daemon)
        daemon_truth(daemon, true);
    if (daemon->volume)
        daemon->loss = oracle_now(daemon->oracle);
}

static void over_event(struct event *event)
{
    struct daemon *daemon = container_of(event, struct daemon, over);
    if (!daemon->stopped) {
        world_fail(daemon->world, "vol_stop_now() does not stop");
        return;
    }
    if (!daemon->stopping_now && vol_is_known(daemon->volume)) {
        /* It finished everything: as if all had been flushed. But one that never reached the
         * target did nothing for what the one before it had answered. */
        oracle_flushed(daemon->oracle, oracle_now(daemon->oracle));
        daemon->loss = 0;
    }
    bool forgive = daemon->loss > daemon->clients->flushed;
    TRACE(daemon->world, "daemon: stopped");
    drop(daemon);
    oracle_daemon_died(daemon->oracle);
    daemon_truth(daemon, forgive);
    daemon->loss = 0;
    if (daemon->restart_us != UINT64_MAX)
        world_after(daemon->world, &daemon->start, daemon->restart_us);
}

static void stopped(void *owner)
{
    struct daemon *daemon = owner;
    daemon->stopped = true;
    world_cancel(daemon->world, &daemon->stop_now);
    world_after(daemon->world, &daemon->over, 0);
}

static void stop_now_event(struct event *event)
{
    struct daemon *daemon = container_of(event, struct daemon, stop_now);
    TRACE(daemon->world, "daemon: no more patience");
    daemon->stopping_now = true;
    world_after(daemon->world, &daemon->over, 5000000);
    vol_stop_now(daemon->volume);
}

void daemon_stop(struct daemon *daemon, uint64_t patience_us, uint64_t restart_us)
{
    if (!daemon->volume || daemon->stopping)
        return;
    TRACE(daemon->world, "daemon: stops");
    daemon->stops++;
    daemon->stopping = true;
    clients_daemon_stops(daemon->clients);
    world_after(daemon->world, &daemon->stop_now, patience_us);
    daemon->restart_us = restart_us;
    vol_stop(daemon->volume, stopped, daemon);
}

void daemon_init(struct daemon *daemon, struct world *world, const struct options *options,
                 struct target *target, struct oracle *oracle, struct clients *clients)
{
    *daemon = (struct daemon){
        .world = world,
        .options = options,
        .target = target,
        .oracle = oracle,
        .clients = clients,
    };
    event_init(&daemon->start, start_event);
    event_init(&daemon->over, over_event);
    event_init(&daemon->stop_now, stop_now_event);
    link_init(&daemon->link, world, target);
}

void daemon_done(struct daemon *daemon)
{
    if (daemon->volume)
        drop(daemon);
    world_cancel(daemon->world, &daemon->start);
}
