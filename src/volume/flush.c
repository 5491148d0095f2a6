/*
 * FLUSH, and the SYNCHRONIZE CACHE that frees what is retained (JOURNAL.md 2.5, invariant I4).
 *
 * Good day: a FLUSH waits in `flushes`; once nothing is dirty, one SYNC is sent, which covers
 * everything that is retained at that instant, so it answers every FLUSH that waits then. FLUSHes
 * that come while a SYNC is under way wait for the next one. With nothing retained a FLUSH is
 * answered at once, also while the target is away: there is nothing that could be lost. But not
 * before the session was ready once, that is, has synchronised: a daemon before us may have
 * answered writes that are still in the target's cache.
 *
 * A SYNC is also sent early, to bound the memory: when more than retain_bytes are retained, when
 * the oldest is retain_ms old, or when somebody waits for a buffer or an extent.
 *
 * With a persistent journal a FLUSH is the journal's (vol_barrier_kick); SYNCs then only free the
 * overlay and with it the ring. With a journal in memory a FLUSH waits as above, and changes wait
 * behind it (invariant I9: nothing may supersede what a FLUSH still has to bring to the target).
 *
 * What can go wrong: the session is lost or the generation changes under the SYNC: it is void,
 * the FLUSHes wait on, everything retained is written again first. A SYNC that fails: the
 * session starts a new generation (I15), so the same happens, after a pause. Data that rotted in
 * the ring and never reach the LUN: FLUSHes that are to bring them there fail, until those blocks
 * are written again.
 */
#include <errno.h>

#include "base/mutant.h"
#include "volume/internal.h"

#define SYNC_RETRY_MS 1000

/* What rotted in the ring never gets to the LUN, so nobody may be told that it is there: neither by
 * a FLUSH, nor by a FUA of those blocks. (As long as the ring itself answers, it still holds them:
 * a start finds them, or the damage.) */
static int verdict_on(const struct volume *volume, const struct vol_request *request)
{
    uint32_t block_bytes = vol_block_bytes(volume);
    uint64_t lba = 0, blocks = UINT64_MAX;
    if (vol_flushes_to_journal(volume) || MUTANT(FLUSH_HIDES_ROT) ||
        list_is_empty(&volume->retained.state[RETAINED_POISONED]))
        return 0;
    if (request->op != VOL_FLUSH) {
        lba = request->offset / block_bytes;
        blocks = (request->offset + request->length - 1) / block_bytes + 1 - lba;
    }
    return retained_has_lost(&volume->retained, lba, blocks) ? -EIO : 0;
}

static void answer_all(struct volume *volume, struct list_node *flushes)
{
    while (!list_is_empty(flushes)) {
        struct vol_request *request = list_first(flushes, struct vol_request, node);
        list_remove(&request->node);
        volume->flush_count--;
        vol_answer(volume, request, verdict_on(volume, request));
    }
    /* Changes may have waited for this: see vol_admit(). */
    volume->again |= !list_is_empty(&volume->parked);
}

void vol_flushes_are_done(struct volume *volume)
{
    answer_all(volume, &volume->syncing);
}

static void sync_succeeded(struct volume *volume)
{
    uint64_t time = MUTANT(SYNC_COVERS_LATER) ? UINT64_MAX : volume->sync_time;
    volume->counters.syncs++;
    retained_synced(&volume->retained, time);
    if (!vol_flushes_to_journal(volume))
        vol_flushes_are_done(volume);
}

void vol_flushes_wait_on(struct volume *volume)
{
    list_splice(&volume->syncing, &volume->flushes);
    list_splice(&volume->flushes, &volume->syncing);
}

/* A target that refuses the command has no cache to synchronise. */
static bool has_no_cache(const struct ses_command *sync)
{
    return sync->result == SES_FAILED && (sync->error == -EOPNOTSUPP || sync->error == -EINVAL);
}

static void sync_done(struct ses_command *sync)
{
    struct volume *volume = container_of(sync, struct volume, sync);
    vol_enter(volume);
    volume->sync_running = false;
    bool same_generation = volume->sync_generation == ses_generation(volume->session) &&
                           (sync->generation == volume->sync_generation || sync->result != SES_OK);
    if (MUTANT(SYNC_OLD_GENERATION))
        same_generation = true;
    if ((sync->result == SES_OK || has_no_cache(sync)) && same_generation) {
        sync_succeeded(volume);
    } else {
        if (!vol_flushes_to_journal(volume))
            vol_flushes_wait_on(volume);
        if (sync->result == SES_FAILED) {
            port_trace(volume->trace, TRACE_VOLUME_SYNC_FAILED, (uint64_t)-sync->error, 0, 0, NULL);
            port_timer_after_ms(volume->timer, &volume->retry_timer, SYNC_RETRY_MS);
        }
    }
    vol_leave(volume);
}

static void sync_start(struct volume *volume)
{
    volume->sync_running = true;
    volume->sync_due = false;
    volume->sync_time = retained_now(&volume->retained);
    volume->sync_generation = ses_generation(volume->session);
    port_timer_stop(volume->timer, &volume->retain_timer);
    if (!retained_has_dirty(&volume->retained) && !vol_flushes_to_journal(volume))
        list_splice(&volume->syncing, &volume->flushes);
    volume->sync.op = SES_SYNC;
    volume->sync.done = sync_done;
    ses_submit(volume->session, &volume->sync);
}

bool vol_buffers_are_short(const struct volume *volume)
{
    return buffer_pool_has_waiters(volume->buffers) ||
           buffer_pool_used(volume->edge_buffers) > VOL_EDGE_ARENA / 2;
}

/* Admission, front ends or the retained extents need something that only a SYNC gives back. */
bool vol_memory_is_short(const struct volume *volume)
{
    const struct retained *retained = &volume->retained;
    uint64_t held = volume->journal ? retained->destaged_blocks : retained->data_blocks;
    return held * vol_block_bytes(volume) >= volume->config.retain_bytes ||
           retained->free_count < volume->retained_extents / 2 || !list_is_empty(&volume->parked) ||
           vol_buffers_are_short(volume);
}

static bool sync_is_wanted(const struct volume *volume)
{
    const struct retained *retained = &volume->retained;
    bool for_flush = !list_is_empty(&volume->flushes) && !vol_flushes_to_journal(volume);
    if ((for_flush || volume->stopping) && !retained_has_dirty(retained))
        return true;
    if (list_is_empty(&retained->state[RETAINED_DESTAGED]))
        return false;
    if (!retained_has_dirty(retained) && vol_destage_is_hurried(volume))
        return true;
    return volume->sync_due || vol_memory_is_short(volume) || retained_epoch_is_sent(retained);
}

bool vol_nothing_to_flush(const struct volume *volume)
{
    return volume->was_ready && retained_is_empty(&volume->retained);
}

void vol_sync_kick(struct volume *volume)
{
    if (vol_flushes_to_journal(volume))
        vol_barrier_kick(volume);
    if (volume->sync_running)
        return;
    if (vol_nothing_to_flush(volume)) {
        if (!vol_flushes_to_journal(volume) && !list_is_empty(&volume->flushes))
            answer_all(volume, &volume->flushes);
        return;
    }
    if (!volume->ready || timer_is_armed(&volume->retry_timer) || ses_room(volume->session) == 0)
        return;
    if (sync_is_wanted(volume))
        sync_start(volume);
    else if (!timer_is_armed(&volume->retain_timer))
        port_timer_after_ms(volume->timer, &volume->retain_timer, volume->config.retain_ms);
}

void vol_pressure(void *owner)
{
    struct volume *volume = owner;
    vol_enter(volume);
    vol_leave(volume);
}

static void retain_timer_fired(struct timer *timer)
{
    struct volume *volume = container_of(timer, struct volume, retain_timer);
    vol_enter(volume);
    volume->sync_due = true;
    vol_leave(volume);
}

void vol_hurry(struct volume *volume)
{
    vol_enter(volume);
    vol_destage_hurries(volume);
    vol_leave(volume);
}

static void retry_timer_fired(struct timer *timer)
{
    struct volume *volume = container_of(timer, struct volume, retry_timer);
    vol_enter(volume);
    vol_leave(volume);
}

void vol_sync_init(struct volume *volume)
{
    timer_init(&volume->retain_timer, retain_timer_fired);
    timer_init(&volume->retry_timer, retry_timer_fired);
}
