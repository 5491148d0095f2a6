/*
 * The volume as a whole: making it, the session's events, stopping, status.
 *
 * Good day: vol_start() starts the session; at the first `ready` the geometry becomes known and
 * what was submitted before is admitted.
 *
 * What can go wrong: the session is lost. Then everything unanswered is parked where it is: in
 * `waiting`, in the gate, or in `sending`; what the target acknowledged and no SYNC covered
 * becomes dirty. At the next `ready` it is written again, and the rest goes on. If an
 * outage_limit is set and passes, everything waiting is answered with -EIO, and so is what comes
 * later, until the session is back; what was acknowledged is kept all the same.
 */
#include "volume/volume.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/checked.h"
#include "base/mutant.h"
#include "volume/internal.h"

const struct vol_config vol_config_default = {
    .memory_bytes = 32ull * 1024 * 1024,
    .request_count = 256,
    .retain_bytes = 12ull * 1024 * 1024,
    .retain_ms = 1000,
};

void vol_enter(struct volume *volume)
{
    volume->depth++;
}

static void stop_when_idle(struct volume *volume)
{
    if (!volume->stopping || volume->session_stopping)
        return;
    bool busy = vol_unanswered(volume) > 0 || !list_is_empty(&volume->active_rewrites) ||
                volume->sync_running || volume->canaries.is_reading ||
                !retained_is_empty(&volume->retained);
    if (busy && !volume->stopping_now)
        return;
    if (!vol_journal_close(volume))
        return;
    volume->session_stopping = true;
    ses_stop(volume->session);
}

static void turn(struct volume *volume)
{
    volume->again = false;
    vol_run_unblocked(volume);
    if (volume->refuse)
        vol_abandon_all(volume, volume->refuse);
    if (volume->journal && vol_buffers_are_short(volume))
        retained_evict(&volume->retained, 0);
    vol_admit(volume);
    vol_journal_tell_room(volume);
    vol_rewrite_kick(volume);
    vol_sync_kick(volume);
    vol_transfer_pump(volume);
    vol_canaries_kick(volume);
}

void vol_leave(struct volume *volume)
{
    assert(volume->depth > 0);
    if (volume->depth > 1) {
        volume->again = true;
    } else {
        do
            turn(volume);
        while (volume->again || !list_is_empty(&volume->gate.unblocked) ||
               !list_is_empty(&volume->target_gate.unblocked));
        stop_when_idle(volume);
    }
    volume->depth--;
}

/* The target may have lost what no SYNC covered. */
static void follow_generation(struct volume *volume)
{
    uint64_t generation = ses_generation(volume->session);
    if (generation == volume->generation)
        return;
    volume->generation = generation;
    if (!MUTANT(SYNC_OLD_GENERATION))
        retained_revert(&volume->retained);
}

static enum vol_zero_way best_zero_way(const struct lun *lun)
{
    if (lun->write_same_unmap && lun->unmap_zeroes)
        return ZERO_BY_UNMAP;
    return lun->write_same ? ZERO_BY_WRITE_SAME : ZERO_BY_WRITE;
}

static uint32_t physical_block_bytes(const struct lun *lun)
{
    uint64_t bytes = (uint64_t)lun->block_bytes * lun->physical_blocks;
    return (uint32_t)min_u64(max_u64(bytes, 4096), 65536);
}

static void tell_geometry(struct volume *volume)
{
    list_for_each_safe(it, &volume->watchers)
    {
        struct vol_watcher *watcher = container_of(it, struct vol_watcher, node);
        watcher->geometry(watcher);
    }
}

void vol_set_geometry(struct volume *volume, const struct vol_geometry *geometry)
{
    struct vol_geometry before = volume->geometry;
    bool was_known = volume->known;
    volume->geometry = *geometry;
    volume->known = true;
    bool changed =
        before.size_bytes != geometry->size_bytes || before.read_only != geometry->read_only;
    if (was_known && before.size_bytes != geometry->size_bytes)
        port_trace(volume->trace, TRACE_VOLUME_RESIZED, before.size_bytes, geometry->size_bytes, 0,
                   NULL);
    if (!was_known || changed)
        tell_geometry(volume);
}

void vol_learn_geometry(struct volume *volume)
{
    const struct lun *lun = ses_lun(volume->session);
    assert(lun->block_bytes <= VOL_BLOCK_BYTES_MAX);
    enum vol_zero_way way = best_zero_way(lun);
    if (way > volume->zero_way)
        volume->zero_way = way;
    volume->retained.block_bytes = lun->block_bytes;
    vol_set_geometry(
        volume, &(struct vol_geometry){
                    .size_bytes = vol_journal_blocks_shown(volume, lun->blocks) * lun->block_bytes,
                    .block_bytes = lun->block_bytes,
                    .physical_block_bytes = physical_block_bytes(lun),
                    .read_only = volume->config.read_only || lun->read_only,
                    .can_trim = lun->unmap,
                    .can_fast_zero = volume->zero_way != ZERO_BY_WRITE,
                });
}

unsigned vol_unanswered(const struct volume *volume)
{
    return volume->waiting_count + volume->flush_count + volume->active_count;
}

void vol_come_online(struct volume *volume)
{
    volume->ready = true;
    volume->was_ready = true;
    if (volume->refuse == -EIO)
        volume->refuse = 0;
    port_timer_stop(volume->timer, &volume->outage_timer);
    vol_learn_geometry(volume);
    vol_changes_go_on(volume);
    if (volume->announced) {
        const struct retained *retained = &volume->retained;
        size_t dirty = 0;
        list_for_each(it, &retained->state[RETAINED_DIRTY]) dirty++;
        port_trace(volume->trace, TRACE_VOLUME_RESUMED, vol_unanswered(volume), dirty,
                   retained->dirty_blocks * vol_block_bytes(volume), NULL);
    }
    volume->announced = false;
    volume->again = true;
}

static void session_ready(void *owner)
{
    struct volume *volume = owner;
    vol_enter(volume);
    if (ses_generation(volume->session) != volume->generation)
        vol_canaries_session_lost(volume); /* while it was not ready: nobody told */
    follow_generation(volume);
    volume->has_lun = vol_journal_is_usable(volume);
    if (volume->has_lun && vol_canaries_allow(volume))
        vol_come_online(volume);
    vol_leave(volume);
}

static void session_not_ready(void *owner)
{
    struct volume *volume = owner;
    vol_enter(volume);
    volume->ready = volume->has_lun = false;
    /* With the generation unchanged the session stays, and only looks at the LUN again. */
    bool lost = ses_generation(volume->session) != volume->generation;
    follow_generation(volume);
    if (lost)
        vol_canaries_session_lost(volume);
    vol_rewrites_are_parked(volume);
    if (lost && !volume->announced && !volume->stopping_now) {
        volume->announced = true;
        port_trace(volume->trace, TRACE_VOLUME_PARKED, vol_unanswered(volume),
                   volume->retained.data_blocks * vol_block_bytes(volume), 0, NULL);
    }
    if (volume->config.outage_limit_ms > 0 && !timer_is_armed(&volume->outage_timer))
        port_timer_after_ms(volume->timer, &volume->outage_timer, volume->config.outage_limit_ms);
    vol_leave(volume);
}

static void session_generation_changed(void *owner)
{
    struct volume *volume = owner;
    vol_enter(volume);
    follow_generation(volume);
    vol_leave(volume);
}

static void session_lun_changed(void *owner)
{
    struct volume *volume = owner;
    vol_enter(volume);
    vol_learn_geometry(volume);
    vol_leave(volume);
}

static void session_gave_up(void *owner)
{
    struct volume *volume = owner;
    struct ses_status status;
    ses_status(volume->session, &status);
    vol_enter(volume);
    if (status.state == SES_FENCED)
        volume->refuse = -EPERM;
    vol_leave(volume);
    if (volume->gave_up)
        volume->gave_up(volume->gave_up_owner);
}

static void session_stopped(void *owner)
{
    struct volume *volume = owner;
    vol_enter(volume);
    volume->ready = volume->has_lun = false;
    vol_leave(volume);
    if (volume->stopped)
        volume->stopped(volume->stopped_owner);
}

static const struct ses_events session_events = {
    .ready = session_ready,
    .not_ready = session_not_ready,
    .generation_changed = session_generation_changed,
    .lun_changed = session_lun_changed,
    .gave_up = session_gave_up,
    .stopped = session_stopped,
};

static void outage_limit_passed(struct timer *timer)
{
    struct volume *volume = container_of(timer, struct volume, outage_timer);
    vol_enter(volume);
    volume->refuse = -EIO;
    port_trace(volume->trace, TRACE_VOLUME_OUTAGE_LIMIT, vol_abandon_all(volume, -EIO), 0, 0, NULL);
    vol_leave(volume);
}

static void ios_init(struct volume *volume, struct vol_io *slab, unsigned count,
                     struct list_node *free_list, struct vol_segment *segments,
                     unsigned segment_room)
{
    for (unsigned i = 0; i < count; i++) {
        slab[i].volume = volume;
        slab[i].transfer.segments = segments + (size_t)i * segment_room;
        slab[i].transfer.segment_room = segment_room;
        gate_entry_init(&slab[i].gate);
        gate_entry_init(&slab[i].target);
        list_init(&slab[i].load_waiter.node);
        list_init(&slab[i].transfer.node);
        list_init(&slab[i].job.extents);
        list_append(free_list, &slab[i].node);
    }
}

static void lists_init(struct volume *volume)
{
    struct list_node *lists[] = {
        &volume->waiting,       &volume->flushes,         &volume->syncing,
        &volume->free_ios,      &volume->active_ios,      &volume->free_rewrites,
        &volume->free_commands, &volume->active_rewrites, &volume->sending,
        &volume->watchers,      &volume->parked,          &volume->unmarked,
        &volume->loaded,        &volume->free_loads,
    };
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        list_init(lists[i]);
}

static int slabs_init(struct volume *volume)
{
    unsigned count = volume->config.request_count;
    size_t own_segments = (size_t)count * VOL_SEGMENTS;
    volume->segment_slab =
        calloc(own_segments + VOL_REWRITES * VOL_PIECE_PARTS, sizeof volume->segment_slab[0]);
    volume->io_slab = calloc(count, sizeof volume->io_slab[0]);
    volume->rewrite_slab = calloc(VOL_REWRITES, sizeof volume->rewrite_slab[0]);
    volume->load_slab = calloc(VOL_LOADS, sizeof volume->load_slab[0]);
    volume->command_slab = calloc(LINK_COMMANDS, sizeof volume->command_slab[0]);
    volume->buffers =
        buffer_pool_new(round_up(max_u64(volume->config.memory_bytes, 1), BUFFER_BYTES_MAX));
    volume->edge_buffers = buffer_pool_new(VOL_EDGE_ARENA);
    if (!volume->segment_slab || !volume->load_slab || !volume->io_slab || !volume->rewrite_slab ||
        !volume->command_slab || !volume->buffers || !volume->edge_buffers ||
        retained_init(&volume->retained, VOL_RETAINED_EXTENTS) < 0)
        return -ENOMEM;
    ios_init(volume, volume->io_slab, count, &volume->free_ios, volume->segment_slab, VOL_SEGMENTS);
    ios_init(volume, volume->rewrite_slab, VOL_REWRITES, &volume->free_rewrites,
             volume->segment_slab + own_segments, VOL_PIECE_PARTS);
    for (unsigned i = 0; i < VOL_LOADS; i++)
        list_append(&volume->free_loads, &volume->load_slab[i].node);
    for (unsigned i = 0; i < LINK_COMMANDS; i++)
        list_append(&volume->free_commands, &volume->command_slab[i].node);
    return 0;
}

int vol_new(const struct vol_config *config, const struct ses_config *session_config,
            struct link_port *link, struct timer_port *timer, struct random_port *random,
            struct trace_port *trace, struct volume **ret_volume)
{
    struct volume *volume = calloc(1, sizeof *volume);
    if (!volume)
        return -ENOMEM;
    volume->config = *config;
    volume->timer = timer;
    volume->trace = trace;
    lists_init(volume);
    gate_init(&volume->gate);
    gate_init(&volume->target_gate);
    volume->retained_extents = VOL_RETAINED_EXTENTS;
    timer_init(&volume->outage_timer, outage_limit_passed);
    vol_sync_init(volume);
    vol_pace_init(volume);
    vol_canaries_init(volume);
    vol_load_init(volume);
    if (slabs_init(volume) == 0)
        volume->session =
            ses_new(session_config, link, timer, random, trace, &session_events, volume);
    if (!volume->session) {
        vol_free(volume);
        return -ENOMEM;
    }
    buffer_pool_on_pressure(volume->buffers, vol_pressure, volume);
    volume->generation = ses_generation(volume->session);
    *ret_volume = volume;
    return 0;
}

void vol_free(struct volume *volume)
{
    if (!volume)
        return;
    ses_free(volume->session);
    port_timer_stop(volume->timer, &volume->outage_timer);
    port_timer_stop(volume->timer, &volume->retain_timer);
    port_timer_stop(volume->timer, &volume->retry_timer);
    port_timer_stop(volume->timer, &volume->load_timer);
    port_timer_stop(volume->timer, &volume->pace_timer);
    port_timer_stop(volume->timer, &volume->canaries.timer);
    jnl_free(volume->journal);
    retained_done(&volume->retained);
    buffer_pool_free(volume->load_buffers);
    buffer_pool_free(volume->read_buffers);
    buffer_pool_free(volume->buffers);
    buffer_pool_free(volume->edge_buffers);
    free(volume->load_slab);
    free(volume->segment_slab);
    free(volume->io_slab);
    free(volume->rewrite_slab);
    free(volume->command_slab);
    free(volume);
}

void vol_start(struct volume *volume)
{
    if (volume->config.outage_limit_ms > 0)
        port_timer_after_ms(volume->timer, &volume->outage_timer, volume->config.outage_limit_ms);
    ses_start(volume->session);
}

void vol_stop(struct volume *volume, void (*stopped)(void *owner), void *owner)
{
    vol_enter(volume);
    volume->stopping = true;
    volume->stopped = stopped;
    volume->stopped_owner = owner;
    vol_leave(volume);
}

void vol_stop_now(struct volume *volume)
{
    assert(volume->stopping);
    vol_enter(volume);
    volume->stopping_now = true;
    volume->refuse = -ESHUTDOWN;
    vol_leave(volume);
}

struct buffer_pool *vol_buffers(struct volume *volume)
{
    return volume->buffers;
}

struct session *vol_session(struct volume *volume)
{
    return volume->session;
}

bool vol_is_known(const struct volume *volume)
{
    return volume->known;
}

void vol_geometry(const struct volume *volume, struct vol_geometry *ret_geometry)
{
    assert(volume->known);
    *ret_geometry = volume->geometry;
}

void vol_watch(struct volume *volume, struct vol_watcher *watcher)
{
    list_append(&volume->watchers, &watcher->node);
}

void vol_unwatch(struct vol_watcher *watcher)
{
    list_remove(&watcher->node);
}

void vol_on_gave_up(struct volume *volume, void (*gave_up)(void *owner), void *owner)
{
    volume->gave_up = gave_up;
    volume->gave_up_owner = owner;
}

static uint64_t parked_write_bytes(const struct volume *volume)
{
    uint64_t bytes = 0;
    list_for_each(it, &volume->waiting)
    {
        const struct vol_request *request = container_of(it, struct vol_request, node);
        bytes += request->op == VOL_WRITE ? request->length : 0;
    }
    list_for_each(it, &volume->active_ios)
    {
        const struct vol_io *io = container_of(it, struct vol_io, node);
        bytes += io->request->op == VOL_WRITE ? io->request->length : 0;
    }
    return bytes;
}

void vol_status(const struct volume *volume, struct vol_status *ret_status)
{
    struct vol_status status = volume->counters;
    uint32_t block_bytes = vol_block_bytes(volume);
    status.online = volume->ready;
    status.requests = vol_unanswered(volume);
    status.changes = vol_unanswered_changes(volume);
    status.parked = volume->ready ? 0 : status.requests;
    status.parked_write_bytes = volume->ready ? 0 : parked_write_bytes(volume);
    status.retained_bytes = volume->retained.data_blocks * block_bytes;
    status.dirty_bytes = volume->retained.dirty_blocks * block_bytes;
    status.unsynced_bytes =
        (volume->retained.dirty_blocks + volume->retained.destaged_blocks) * block_bytes;
    vol_journal_status(volume, &status);
    status.memory_bytes = buffer_pool_bytes(volume->buffers);
    status.memory_used = buffer_pool_used(volume->buffers);
    *ret_status = status;
}
