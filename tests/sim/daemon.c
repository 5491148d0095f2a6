#include "tests/sim/daemon.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/rot.h"

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

/* The administrator looks so often whether the LUN is free again. */
#define REPLACE_US 100000

static void gave_up(void *owner)
{
    struct daemon *daemon = owner;
    struct ses_status status;
    ses_status(vol_session(daemon->volume), &status);
    daemon->is_fenced = daemon->target->conflict_told;
    if (daemon->is_fenced)
        world_after(daemon->world, &daemon->replace, REPLACE_US);
    else
        world_fail(daemon->world, "the session gave up: %s", status.reason);
}

static struct vol_journal_config journal_config(struct daemon *daemon)
{
    const struct options *o = daemon->options;
    struct vol_journal_config config = {
        .mode = (enum vol_journal_mode)o->mode,
        .device = &daemon->disk.port,
        .target = "iqn.2026-11.org.example:sim",
        .initiator = "iqn.2026-11.org.example:client",
        .cache_bytes = o->cache_bytes,
        .ordered = o->ordered,
        .record_count = o->record_count,
        .entry_count = o->entry_count,
        .continue_unmarked = o->continue_unmarked,
        .replay_over_foreign = daemon->replays_over_foreign,
        .places = daemon->foreign.places,
        .place_count = daemon->foreign.place_count,
    };
    for (unsigned i = 0; o->mode != VOL_JOURNAL_NONE && i < sizeof config.uuid; i++)
        config.uuid[i] = (uint8_t)rng_next(&daemon->rng);
    return config;
}

static void use_journal(struct daemon *daemon)
{
    char why[200] = "";
    const struct vol_journal_config config = journal_config(daemon);
    if (config.mode == VOL_JOURNAL_NONE)
        return;
    if (vol_use_journal(daemon->volume, &config, why, sizeof why) < 0)
        world_fail(daemon->world, "O16 the daemon does not start: %s", why);
}

/* O16: it has found what the second reader found. */
static void check_recovery(struct daemon *daemon)
{
    struct vol_status status;
    truth_read_journal(&daemon->truth);
    vol_status(daemon->volume, &status);
    uint64_t held = (uint64_t)daemon->truth.held * daemon->options->block_bytes;
    bool with_shadows = daemon->options->ordered;
    if (with_shadows ? status.dirty_bytes < held : status.dirty_bytes != held)
        world_fail(daemon->world, "O16 recovery found %llu bytes, the reader %llu",
                   (unsigned long long)status.dirty_bytes, (unsigned long long)held);
}

/* With nothing to replay the LUN is taken as it is. */
static void forgive_if_nothing_is_left(struct daemon *daemon)
{
    struct vol_status status;
    vol_status(daemon->volume, &status);
    daemon->must_refuse &= status.dirty_bytes > 0 && !daemon->is_forced;
}

static struct volume *new_volume(struct daemon *daemon)
{
    struct vol_config volume_config;
    struct ses_config session_config;
    struct world *world = daemon->world;
    struct volume *volume = NULL;
    configure(daemon->options, &volume_config, &session_config);
    link_init(&daemon->link, world, daemon->target);
    int error = vol_new(&volume_config, &session_config, &daemon->link.port, &world->timer,
                        &world->random, &world->trace, &volume);
    assert(error == 0);
    return volume;
}

/* O16: a damaged journal is refused, and nothing in it is changed. */
static void check_refusal(struct daemon *daemon)
{
    struct journal_disk *disk = &daemon->disk;
    const struct vol_journal_config config = journal_config(daemon);
    char why[200] = "";
    uint8_t *before = malloc(disk->port.size_bytes);
    assert(before);
    memcpy(before, disk->visible, disk->port.size_bytes);
    struct volume *volume = new_volume(daemon);
    TRACE(daemon->world, "daemon: starts on a rotten journal");
    if (vol_use_journal(volume, &config, why, sizeof why) == 0)
        world_fail(daemon->world, "O16 the daemon starts on a rotten journal");
    else if (memcmp(before, disk->visible, disk->port.size_bytes) != 0)
        world_fail(daemon->world, "O16 a refused journal was changed");
    vol_free(volume);
    free(before);
}

/* With the ring as it has rotted. Then its device is replaced by one that has all of it. */
static void start_on_rot(struct daemon *daemon)
{
    struct journal_disk *disk = &daemon->disk;
    uint64_t whole, rotten;
    if (!disk->rot.is_there)
        return;
    rot_read_log(disk, &whole);
    rot_again(disk);
    enum jnl_reading reading = rot_read_log(disk, &rotten);
    if (reading == JNL_READING_CORRUPT)
        check_refusal(daemon);
    else if (rotten < whole)
        world_fail(daemon->world, "O16 rot makes %llu records of %llu, and nobody says so",
                   (unsigned long long)rotten, (unsigned long long)whole);
    rot_is_over(disk);
}

void daemon_start(struct daemon *daemon)
{
    struct world *world = daemon->world;
    start_on_rot(daemon);
    TRACE(world, "daemon: starts");
    daemon->volume = new_volume(daemon);
    vol_on_gave_up(daemon->volume, gave_up, daemon);
    daemon->stopping = daemon->stopping_now = daemon->stopped = false;
    daemon->keeps_journal = false;
    daemon->is_fenced = daemon->target->conflict_told = false;
    daemon->running_since_us = world->now_us;
    daemon->is_forced = daemon->replays_over_foreign;
    daemon->refuses_since_us = 0;
    daemon->starts++;
    use_journal(daemon);
    if (world_failed(world))
        return;
    check_recovery(daemon);
    forgive_if_nothing_is_left(daemon);
    vol_start(daemon->volume);
    clients_daemon_started(daemon->clients, daemon->volume);
}

/* Without a journal a new daemon takes the first LUN that it sees: not while another one stands
 * at the address. */
static void start_event(struct event *event)
{
    struct daemon *daemon = container_of(event, struct daemon, start);
    truth_read_journal(&daemon->truth);
    bool is_blind = daemon->target->wrong && !daemon->truth.has_journal;
    if (is_blind || daemon->disk.is_dead)
        world_after(daemon->world, event, 100000);
    else
        daemon_start(daemon);
}

/* What is there now? When a daemon runs that has not answered anything yet, what it was given does
 * not excuse what is missing of its predecessors' work: that is forgiven, or not. */
static void check_truth(struct daemon *daemon, bool forgive)
{
    uint64_t before = forgive && daemon->volume ? daemon->oracle->era : UINT64_MAX;
    truth_read_journal(&daemon->truth);
    truth_check(&daemon->truth, !daemon->is_without, forgive, before);
}

void daemon_last_truth(struct daemon *daemon, bool bare, bool forgive)
{
    truth_read_journal(&daemon->truth);
    truth_check(&daemon->truth, !bare, forgive, UINT64_MAX);
    bool is_complete = daemon->options->final_stop && !daemon->keeps_journal;
    if (is_complete && !daemon->is_without && daemon->truth.held > 0)
        world_fail(daemon->world, "O9 the journal still holds %u blocks", daemon->truth.held);
}

/* What the death of the daemon that runs now may cost. */
static bool forgives(const struct daemon *daemon, bool power_lost)
{
    switch ((enum vol_journal_mode)daemon->options->mode) {
    case VOL_JOURNAL_NONE:
        return daemon->loss > daemon->clients->flushed ||
               daemon->clients->late > daemon->clients->flushed;
    case VOL_JOURNAL_MEMORY:
        return power_lost || (daemon->is_fresh && !daemon->clients->answered_by_this_daemon);
    case VOL_JOURNAL_PERSISTENT:
        return power_lost;
    }
    return false;
}

static void forget_loss(struct daemon *daemon)
{
    daemon->loss = daemon->clients->lost = daemon->clients->late = 0;
}

bool daemon_journal_failed(const struct daemon *daemon)
{
    struct vol_status status = {0};
    if (daemon->volume)
        vol_status(daemon->volume, &status);
    return status.journal_failed;
}

/* The journal's disk has failed, and then the daemon died: what was only in its memory is lost.
 * That is two failures at once, and the end of what is promised. */
static bool ends_the_promise(struct daemon *daemon)
{
    struct vol_status status = {0};
    if (!daemon->volume)
        return false;
    vol_status(daemon->volume, &status);
    if (!status.journal_failed)
        return false;
    daemon->journal_failures++;
    return !status.journal_unmarked || daemon->truth.is_marked_failed;
}

/* So long a journal's disk takes for a superblock, at the most. */
#define REFUSAL_NOTED_US 300000u

static void check_refusal_to_replay(struct daemon *daemon)
{
    struct vol_status status;
    if (!daemon->volume || daemon->foreign.place_count == 0)
        return;
    vol_status(daemon->volume, &status);
    if (!status.journal_foreign)
        return;
    foreign_check_refusal(&daemon->foreign, &status);
    bool is_old = daemon->refuses_since_us > 0 &&
                  daemon->world->now_us - daemon->refuses_since_us > REFUSAL_NOTED_US;
    daemon->must_refuse |= is_old && !status.journal_failed;
}

/* Drops the object graph, as the end of its process does. */
static void drop(struct daemon *daemon)
{
    clients_daemon_died(daemon->clients);
    jdisk_daemon_died(&daemon->disk);
    rot_mend(&daemon->disk); /* what is lost by that is looked at when the next one starts */
    truth_read_journal(&daemon->truth);
    daemon->is_without = ends_the_promise(daemon);
    check_refusal_to_replay(daemon);
    daemon->world->is_over |= daemon->is_without && daemon->restart_us != UINT64_MAX;
    vol_free(daemon->volume);
    daemon->volume = NULL;
    daemon->stopping = false;
    link_done(&daemon->link);
    world_cancel(daemon->world, &daemon->over);
    world_cancel(daemon->world, &daemon->stop_now);
    world_cancel(daemon->world, &daemon->replace);
    if (timer_queue_next_us(&daemon->world->timers) != UINT64_MAX)
        world_fail(daemon->world, "O17 a timer is armed after vol_free()");
}

/* After its end: is all there that must be? */
static void dead(struct daemon *daemon, bool forgive, uint64_t restart_us)
{
    bool answered = daemon->clients->answered_by_this_daemon;
    oracle_daemon_died(daemon->oracle);
    check_truth(daemon, forgive);
    /* (What rotted was not sent in its turn.) */
    if (daemon->options->ordered && !daemon->is_without && daemon->disk.rot.count == 0 &&
        daemon->options->mode != VOL_JOURNAL_NONE)
        truth_check_prefix(&daemon->truth, &daemon->rng);
    forget_loss(daemon);
    daemon->is_fresh &= !answered;
    /* Not while commands under way may still change what the journal does not cover. */
    bool is_settled = daemon->options->mode == VOL_JOURNAL_PERSISTENT ||
                      (daemon->options->mode == VOL_JOURNAL_MEMORY && !forgive);
    if (is_settled && !daemon->is_without && !world_failed(daemon->world))
        truth_pin(&daemon->truth);
    if (restart_us != UINT64_MAX)
        world_after(daemon->world, &daemon->start, restart_us);
}

void daemon_kill(struct daemon *daemon, uint64_t restart_us)
{
    if (!daemon->volume)
        return;
    TRACE(daemon->world, "daemon: killed");
    daemon->kills++;
    daemon->restart_us = restart_us;
    bool forgive = forgives(daemon, false);
    drop(daemon);
    dead(daemon, forgive, restart_us);
}

void daemon_power_lost(struct daemon *daemon, enum media_crash mode, uint64_t restart_us)
{
    TRACE(daemon->world, "host: power lost, mode %d", (int)mode);
    daemon->powers++;
    daemon->restart_us = restart_us;
    bool ran = daemon->volume != NULL;
    bool forgive = forgives(daemon, true);
    jdisk_host_died(&daemon->disk, mode);
    if (ran)
        drop(daemon);
    clients_host_died(daemon->clients);
    if (daemon->options->mode == VOL_JOURNAL_MEMORY)
        jdisk_erase(&daemon->disk);
    dead(daemon, forgive, restart_us);
    oracle_host_died(daemon->oracle);
    daemon->is_fresh = true;
}

static void replace_event(struct event *event)
{
    struct daemon *daemon = container_of(event, struct daemon, replace);
    if (daemon->target->reserved)
        world_after(daemon->world, event, REPLACE_US);
    else if (!daemon->stopping)
        daemon_kill(daemon, 1);
}

void daemon_release_lun(struct daemon *daemon)
{
    if (!daemon->target->was_reserved)
        return;
    target_reserve(daemon->target, false);
    if (!daemon->stopping)
        daemon_kill(daemon, 1);
}

void daemon_changes_lun(struct daemon *daemon, bool first)
{
    struct vol_status status;
    if (daemon->foreign.writes == 0 || daemon->is_forced)
        return;
    vol_status(daemon->volume, &status);
    if (status.journal_foreign)
        world_fail(daemon->world, "O14 the LUN is changed by a daemon that refuses to");
    if (daemon->must_refuse)
        world_fail(daemon->world, "O14 the LUN is changed, though an earlier daemon refused to");
    if (first && !status.journal_failed)
        foreign_check_replay(&daemon->foreign, daemon->link.opened_us);
}

/* The administrator thinks for so long about what another system wrote. */
#define DECIDE_US 1500000u

void daemon_look(struct daemon *daemon)
{
    struct vol_status status;
    if (!daemon->volume || daemon->stopping)
        return;
    vol_status(daemon->volume, &status);
    if (daemon->is_forced && status.online)
        daemon->replays_over_foreign = false;
    if (!status.journal_foreign) {
        daemon->refuses_since_us = 0;
    } else if (daemon->refuses_since_us == 0) {
        daemon->refuses_since_us = daemon->world->now_us;
    } else if (daemon->world->now_us - daemon->refuses_since_us >= DECIDE_US) {
        daemon->replays_over_foreign = true;
        daemon_kill(daemon, 1);
    }
}

void daemon_mend_rot(struct daemon *daemon)
{
    if (!daemon->disk.rot.is_there)
        return;
    rot_is_over(&daemon->disk);
    if (!daemon->stopping)
        daemon_kill(daemon, 1);
}

void daemon_target_lost_data(struct daemon *daemon)
{
    bool answered = daemon->volume && daemon->clients->answered_by_this_daemon;
    bool matters = daemon->options->mode == VOL_JOURNAL_NONE ||
                   (daemon->options->mode == VOL_JOURNAL_MEMORY && daemon->is_fresh);
    if (!matters)
        return;
    if (!answered)
        check_truth(daemon, true);
    if (daemon->volume)
        daemon->loss = daemon->clients->lost = oracle_now(daemon->oracle);
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
        forget_loss(daemon);
    }
    bool forgive = forgives(daemon, false);
    TRACE(daemon->world, "daemon: stopped");
    drop(daemon);
    dead(daemon, forgive, daemon->restart_us);
}

static void stopped(void *owner)
{
    struct daemon *daemon = owner;
    daemon->stopped = true;
    world_cancel(daemon->world, &daemon->stop_now);
    world_after(daemon->world, &daemon->over, 0);
}

static bool refuses_foreign(const struct daemon *daemon)
{
    struct vol_status status;
    vol_status(daemon->volume, &status);
    return status.journal_foreign;
}

static void stop_now_event(struct event *event)
{
    struct daemon *daemon = container_of(event, struct daemon, stop_now);
    TRACE(daemon->world, "daemon: no more patience");
    daemon->stopping_now = true;
    daemon->keeps_journal = refuses_foreign(daemon);
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
                 struct target *target, struct oracle *oracle, struct clients *clients,
                 uint64_t seed)
{
    *daemon = (struct daemon){
        .world = world,
        .options = options,
        .target = target,
        .oracle = oracle,
        .clients = clients,
        .rng = rng_fork(seed, "daemon"),
    };
    jdisk_init(&daemon->disk, world, options, seed);
    truth_init(&daemon->truth, world, target, &daemon->disk, oracle, &clients->cells);
    foreign_init(&daemon->foreign, world, options, target, &daemon->disk, clients, seed);
    event_init(&daemon->start, start_event);
    event_init(&daemon->over, over_event);
    event_init(&daemon->stop_now, stop_now_event);
    event_init(&daemon->replace, replace_event);
    link_init(&daemon->link, world, target);
}

void daemon_done(struct daemon *daemon)
{
    if (daemon->volume)
        drop(daemon);
    world_cancel(daemon->world, &daemon->start);
    jdisk_done(&daemon->disk);
}
