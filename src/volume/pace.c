/*
 * When the overlay goes to the target.
 *
 * Good day: while clients write, it rests: the target, the network and the CPUs are theirs, a
 * burst runs at the journal's own speed, and what is written again meanwhile is sent once, and
 * in larger pieces. It goes on when the clients pause for PAUSE_MS, and whatever they do when the
 * oldest piece is REST_DS old; under a load that never ends the LUN is so far behind, not more.
 *
 * What ends the rest at once: half of the ring, or of the tables, is in use; memory is short; a
 * FLUSH or the end of the daemon waits for the target; somebody drains. Without a journal there
 * is no rest: then the overlay holds what the target may have lost.
 */
#include "base/checked.h"
#include "base/mutant.h"
#include "volume/internal.h"

#define PAUSE_MS 20
#define REST_DS  10
#define HURRY_MS 2000 /* who drains asks again before that */

static bool is_pressed(const struct volume *volume)
{
    bool flush_waits = volume->flush_count > 0 && !vol_flushes_to_journal(volume);
    return volume->stopping || flush_waits || jnl_is_half_full(volume->journal) ||
           vol_memory_is_short(volume);
}

static uint64_t rests_until_us(const struct volume *volume, uint64_t now_us)
{
    const struct retained_extent *oldest =
        list_first(&volume->retained.state[RETAINED_DIRTY], struct retained_extent, node);
    if (!oldest || is_pressed(volume))
        return 0;
    uint32_t age_ds = vol_now_ds(volume) - oldest->content.since_ds;
    if (age_ds >= REST_DS)
        return 0;
    return min_u64(volume->last_change_us + PAUSE_MS * 1000ull,
                   now_us + (REST_DS - age_ds) * (uint64_t)DECISECOND_US);
}

bool vol_destage_rests(struct volume *volume)
{
    if (!vol_is_journaled(volume))
        return false;
    uint64_t now_us = port_now_us(volume->timer);
    uint64_t until_us = rests_until_us(volume, now_us);
    if (until_us <= now_us || vol_destage_is_hurried(volume))
        return false;
    if (!timer_is_armed(&volume->pace_timer))
        port_timer_start(volume->timer, &volume->pace_timer, until_us);
    return true;
}

void vol_destage_hurries(struct volume *volume)
{
    bool is_drained = retained_is_empty(&volume->retained);
    volume->hurry_until_us = is_drained ? 0 : port_now_us(volume->timer) + HURRY_MS * 1000ull;
}

bool vol_destage_is_hurried(const struct volume *volume)
{
    return !MUTANT(HURRY_IS_FORGOTTEN) && volume->hurry_until_us > 0 &&
           volume->hurry_until_us > port_now_us(volume->timer);
}

static void rest_is_over(struct timer *timer)
{
    struct volume *volume = container_of(timer, struct volume, pace_timer);
    vol_enter(volume);
    vol_leave(volume);
}

void vol_pace_init(struct volume *volume)
{
    timer_init(&volume->pace_timer, rest_is_over);
}
