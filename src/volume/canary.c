/*
 * Noticing that another system wrote to the LUN before ours is replayed over it: a host dies with
 * writes in its journal, the LUN is mounted elsewhere, the host comes back.
 *
 * Good day: while the session is ready, the places that every mount rewrites (places.h) are read,
 * those of them that are CLEAN, and noted with their checksum (journal/canary.c). When a session
 * was lost, or a start has recovered something, they are read again before anything else is sent,
 * and are what they were.
 *
 * What can go wrong: one is not. Then nothing is sent any more, as with the wrong LUN: requests
 * wait, the journal keeps what it has and says so in its superblock, until somebody decides. A
 * place that cannot be read says nothing, and is left out. Data may be hurt on their way to us, and
 * iSCSI has no digest that would tell: what is noted was read twice and was the same, what differs
 * is read again.
 *
 * What is compared is what was valid when the session was lost, or the journal opened: until the
 * comparison is over nothing of ours is sent, so what clients append meanwhile cannot be what
 * differs.
 *
 * Bounds: one command at a time, VOL_PLACES places, a round every NOTE_EVERY_MS as long as some are
 * not noted. Nothing of this is on the way of a write but the look that each append takes at eight
 * ranges.
 */
#include <string.h>

#include "base/checked.h"
#include "base/crc32c.h"
#include "base/mutant.h"
#include "volume/internal.h"

#define NOTE_EVERY_MS 15000

static void read_start(struct volume *volume, enum vol_canary_job job, unsigned index, uint64_t lba,
                       uint32_t blocks)
{
    struct vol_canaries *canaries = &volume->canaries;
    canaries->job = job;
    canaries->index = index;
    canaries->lba = lba;
    canaries->blocks = blocks;
    canaries->done_blocks = 0;
    canaries->is_again = false;
}

static void read_again(struct vol_canaries *canaries)
{
    canaries->done_blocks = 0;
    canaries->is_again = true;
}

static uint32_t crc_of_read(const struct volume *volume, uint32_t blocks)
{
    return crc32c(0, volume->canaries.data, (size_t)blocks * vol_block_bytes(volume));
}

/* --- what must still be there --- */

static void forget_all(struct volume *volume)
{
    memset(volume->canaries.expected, 0, sizeof volume->canaries.expected);
    for (unsigned i = 0; i < JNL_CANARIES; i++)
        jnl_canary_forget(volume->journal, i);
}

static void found_foreign(struct volume *volume, uint64_t lba, uint64_t blocks)
{
    struct vol_canaries *canaries = &volume->canaries;
    bool goes_on = volume->journal_config.replay_over_foreign;
    port_trace(volume->trace, TRACE_JOURNAL_FOREIGN, lba, blocks, goes_on, NULL);
    if (goes_on) {
        forget_all(volume);
    } else {
        canaries->is_foreign = true;
        canaries->foreign_lba = lba;
        canaries->foreign_blocks = blocks;
    }
    if (!MUTANT(FOREIGN_IS_FORGOTTEN))
        jnl_set_foreign(volume->journal, !goes_on);
}

static void expect_what_is_noted(struct volume *volume)
{
    volume->canaries.must_check = true;
    for (unsigned i = 0; i < JNL_CANARIES; i++)
        volume->canaries.expected[i] = *jnl_canary(volume->journal, i);
}

void vol_canaries_recovered(struct volume *volume)
{
    expect_what_is_noted(volume);
}

void vol_canaries_session_lost(struct volume *volume)
{
    struct vol_canaries *canaries = &volume->canaries;
    if (!canaries->is_reading)
        canaries->job = CANARY_IDLE; /* one that waited for its turn */
    if (volume->journal && !canaries->must_check)
        expect_what_is_noted(volume);
}

/* The first one that is left, or JNL_CANARIES. */
static unsigned next_expected(const struct volume *volume)
{
    unsigned i = 0;
    while (i < JNL_CANARIES && volume->canaries.expected[i].blocks == 0)
        i++;
    return i;
}

static void note_all(struct volume *volume)
{
    volume->canaries.must_note = true;
    volume->canaries.next = 0;
}

bool vol_canaries_allow(struct volume *volume)
{
    struct vol_canaries *canaries = &volume->canaries;
    canaries->must_check &= !MUTANT(NO_CANARY_CHECK);
    if (!canaries->must_check) {
        note_all(volume);
        return true;
    }
    if (!canaries->is_foreign && jnl_is_foreign(volume->journal))
        found_foreign(volume, 0, 0); /* by an earlier start */
    return false;
}

static void check_next(struct volume *volume)
{
    struct vol_canaries *canaries = &volume->canaries;
    unsigned index = next_expected(volume);
    if (index < JNL_CANARIES) {
        const struct jnl_canary *expected = &canaries->expected[index];
        read_start(volume, CANARY_CHECKS, index, expected->lba, expected->blocks);
        return;
    }
    canaries->must_check = false;
    note_all(volume);
    vol_come_online(volume);
}

/* True: that was it. */
static bool check_read(struct volume *volume)
{
    struct vol_canaries *canaries = &volume->canaries;
    struct jnl_canary *expected = &canaries->expected[canaries->index];
    bool differs = crc_of_read(volume, expected->blocks) != expected->crc;
    if (differs && !canaries->is_again) {
        read_again(canaries);
        return false;
    }
    if (differs)
        found_foreign(volume, expected->lba, expected->blocks);
    expected->blocks = 0;
    return true;
}

/* --- noting what is there --- */

static bool changes_are_under_way(const struct volume *volume, uint64_t lba, uint64_t blocks)
{
    list_for_each(it, &volume->active_ios)
    {
        const struct vol_io *io = container_of(it, struct vol_io, node);
        bool is_change = io->request->op != VOL_READ && io->request->op != VOL_BLOCK_STATUS;
        if (is_change && ranges_overlap(io->lba, io->blocks, lba, blocks))
            return true;
    }
    return false;
}

/* What is not in the overlay any more was synchronised. What clients append from now on is the
 * journal's to see. */
static bool is_clean(const struct volume *volume, const struct vol_place *place)
{
    const struct retained_extent *extent = retained_find(&volume->retained, place->lba);
    bool is_held = extent && extent->extent.start < place->lba + place->blocks;
    return (!is_held && !changes_are_under_way(volume, place->lba, place->blocks)) ||
           MUTANT(CANARY_IS_NOT_CLEAN);
}

static bool is_noted(const struct jnl_canary *canary, const struct vol_place *place)
{
    return canary->lba == place->lba && canary->blocks == place->blocks;
}

/* The disk's start, with its partition table, is read whole: it says where the others are. */
static bool is_head(const struct volume *volume, unsigned index)
{
    return index == 0 && !volume->canaries.places_are_given;
}

static struct vol_place place_at(const struct volume *volume, unsigned index)
{
    const struct vol_canaries *canaries = &volume->canaries;
    uint64_t blocks = VOL_PLACE_BYTES / vol_block_bytes(volume);
    if (index < canaries->place_count)
        return canaries->places[index];
    return (struct vol_place){0, (uint32_t)min_u64(blocks, ses_lun(volume->session)->blocks)};
}

static void note_start(struct volume *volume, unsigned index, const struct vol_place *place)
{
    const struct lun *lun = ses_lun(volume->session);
    uint32_t blocks = place->blocks;
    if (is_head(volume, index))
        blocks = (uint32_t)min_u64(VOL_HEAD_BYTES / lun->block_bytes, lun->blocks);
    jnl_canary_watch(volume->journal, place->lba, place->blocks);
    read_start(volume, CANARY_NOTES, index, place->lba, blocks);
}

static void round_is_over(struct volume *volume)
{
    struct vol_canaries *canaries = &volume->canaries;
    for (unsigned i = canaries->place_count; i < JNL_CANARIES; i++)
        jnl_canary_forget(volume->journal, i);
    canaries->must_note = false;
    jnl_canaries_store(volume->journal);
}

static void note_next(struct volume *volume)
{
    struct vol_canaries *canaries = &volume->canaries;
    while (canaries->next < max_u64(canaries->place_count, !canaries->places_are_given)) {
        unsigned index = canaries->next++;
        struct vol_place place = place_at(volume, index);
        if (canaries->place_count > 0 && is_noted(jnl_canary(volume->journal, index), &place))
            continue;
        jnl_canary_forget(volume->journal, index);
        if (is_clean(volume, &place)) {
            note_start(volume, index, &place);
            return;
        }
    }
    round_is_over(volume);
}

/* True: that was it. */
static bool note_read(struct volume *volume)
{
    struct vol_canaries *canaries = &volume->canaries;
    if (is_head(volume, canaries->index))
        canaries->place_count = vol_places_find(
            canaries->data, (size_t)canaries->blocks * vol_block_bytes(volume),
            vol_block_bytes(volume), ses_lun(volume->session)->blocks, canaries->places);
    uint32_t crc = crc_of_read(volume, canaries->places[canaries->index].blocks);
    if (!canaries->is_again) {
        canaries->first_crc = crc;
        read_again(canaries);
        return false;
    }
    if (crc == canaries->first_crc)
        jnl_canary_note(volume->journal, canaries->index, crc);
    return true;
}

static void note_again(struct timer *timer)
{
    struct volume *volume = container_of(timer, struct volume, canaries.timer);
    vol_enter(volume);
    note_all(volume);
    vol_leave(volume);
}

/* Some place was written to, or could not be noted. */
static void note_later(struct volume *volume)
{
    struct vol_canaries *canaries = &volume->canaries;
    bool all = canaries->place_count > 0 || canaries->places_are_given;
    all &= jnl_canary_count(volume->journal) >= canaries->place_count;
    if (!all && !timer_is_armed(&canaries->timer))
        port_timer_after_ms(volume->timer, &canaries->timer, NOTE_EVERY_MS);
}

/* --- reading --- */

static void read_failed(struct volume *volume, int error)
{
    struct vol_canaries *canaries = &volume->canaries;
    if (canaries->job != CANARY_CHECKS)
        return;
    port_trace(volume->trace, TRACE_JOURNAL_UNREADABLE_CANARY, canaries->lba, canaries->blocks,
               (uint64_t)-error, NULL);
    canaries->expected[canaries->index].blocks = 0;
}

static void read_done(struct ses_command *command)
{
    struct volume *volume = container_of(command, struct volume, canaries.command);
    struct vol_canaries *canaries = &volume->canaries;
    vol_enter(volume);
    canaries->is_reading = false;
    if (command->result == SES_FAILED)
        read_failed(volume, command->error);
    canaries->done_blocks += (uint32_t)command->blocks;
    bool is_over = command->result != SES_OK; /* lost: what is to be checked still is */
    if (!is_over && canaries->done_blocks == canaries->blocks)
        is_over = canaries->job == CANARY_CHECKS ? check_read(volume) : note_read(volume);
    if (is_over)
        canaries->job = CANARY_IDLE;
    vol_leave(volume);
}

static void read_more(struct volume *volume)
{
    struct vol_canaries *canaries = &volume->canaries;
    struct ses_command *command = &canaries->command;
    uint32_t block_bytes = vol_block_bytes(volume);
    uint64_t blocks_max = vol_read_blocks_max(volume);
    command->op = SES_READ;
    command->flags = 0;
    command->lba = canaries->lba + canaries->done_blocks;
    command->blocks = min_u64(canaries->blocks - canaries->done_blocks, blocks_max);
    canaries->iov.iov_base = canaries->data + (size_t)canaries->done_blocks * block_bytes;
    canaries->iov.iov_len = command->blocks * block_bytes;
    command->iov = &canaries->iov;
    command->iov_count = 1;
    command->done = read_done;
    canaries->is_reading = true;
    ses_submit(volume->session, command);
}

static void begin(struct volume *volume)
{
    struct vol_canaries *canaries = &volume->canaries;
    if (canaries->must_check && !canaries->is_foreign)
        check_next(volume);
    else if (!volume->ready || !vol_is_journaled(volume) || volume->stopping)
        return;
    else if (canaries->must_note)
        note_next(volume);
    else
        note_later(volume);
}

void vol_canaries_kick(struct volume *volume)
{
    struct vol_canaries *canaries = &volume->canaries;
    if (!volume->journal || !volume->has_lun || canaries->is_reading)
        return;
    if (canaries->job == CANARY_IDLE)
        begin(volume);
    if (canaries->job != CANARY_IDLE && ses_room(volume->session) > 0)
        read_more(volume);
}

void vol_canaries_init(struct volume *volume)
{
    const struct vol_journal_config *config = &volume->journal_config;
    struct vol_canaries *canaries = &volume->canaries;
    timer_init(&canaries->timer, note_again);
    canaries->places_are_given = config->places != NULL;
    for (unsigned i = 0; i < config->place_count; i++)
        canaries->places[i] = config->places[i];
    canaries->place_count = config->place_count;
}
