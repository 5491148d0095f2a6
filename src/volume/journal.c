/*
 * The volume's journal: taking it into use, its events, FLUSH on it, its end.
 *
 * Good day: the device holds a journal; it is recovered before anything else, its entries are the
 * overlay, and the session is bound to the LUN that it names. Or the device holds none; then one
 * is made when the LUN was seen for the first time.
 *
 * What can go wrong: the device fails. Then nothing is acknowledged by the journal any more
 * (JOURNAL.md 2.10): what it had acknowledged is still in memory, or is read from the ring as
 * far as that works, and is brought to the LUN; new writes follow the rules of `none`. But not
 * before the ring is marked FAILED: until then changes wait in `unmarked` (or are not admitted),
 * because a later start might replay the ring over them.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "base/mutant.h"
#include "volume/internal.h"

#define RECORDS_MAX 131072u
#define RECORDS_MIN 64u

uint64_t vol_journal_blocks_shown(struct volume *volume, uint64_t lun_blocks)
{
    if (!vol_is_journaled(volume) || MUTANT(GROWTH_NOT_NOTED))
        return lun_blocks;
    jnl_set_lun_blocks(volume->journal, lun_blocks);
    volume->journal_lun_blocks = jnl_lun_blocks(volume->journal);
    return min_u64(lun_blocks, volume->journal_lun_blocks);
}

static void on_progress(void *owner)
{
    struct volume *volume = owner;
    vol_enter(volume);
    bool has_grown = jnl_lun_blocks(volume->journal) > volume->journal_lun_blocks;
    if (has_grown && ses_lun(volume->session))
        vol_learn_geometry(volume);
    vol_leave(volume);
}

static void give_up_journal(struct volume *volume)
{
    volume->journal_given_up = true;
    retained_give_up_journal(&volume->retained);
}

static void on_failed(void *owner, int error)
{
    struct volume *volume = owner;
    vol_enter(volume);
    volume->journal_failed = true;
    volume->retained.journal_failed = true;
    port_trace(volume->trace, TRACE_JOURNAL_FAILED, (uint64_t)-error,
               volume->retained.dirty_blocks * vol_block_bytes(volume), 0, NULL);
    if (volume->ready)
        vol_learn_geometry(volume);
    vol_leave(volume);
}

void vol_journal_is_condemned(struct volume *volume)
{
    vol_enter(volume);
    give_up_journal(volume);
    vol_changes_go_on(volume);
    vol_leave(volume);
}

static void condemn(struct volume *volume)
{
    const struct vol_journal_config *config = &volume->journal_config;
    if (volume->journal_condemned)
        return;
    volume->journal_condemned = true;
    if (config->condemn)
        config->condemn(config->owner, jnl_uuid(volume->journal));
    else
        give_up_journal(volume);
}

static void on_marked(void *owner, int error)
{
    struct volume *volume = owner;
    vol_enter(volume);
    port_trace(volume->trace, TRACE_JOURNAL_MARKED, (uint64_t)-error,
               !volume->journal_config.continue_unmarked, 0, NULL);
    if (error == 0)
        give_up_journal(volume);
    else if (volume->journal_config.continue_unmarked)
        condemn(volume);
    vol_changes_go_on(volume);
    vol_leave(volume);
}

void vol_changes_go_on(struct volume *volume)
{
    while (!list_is_empty(&volume->unmarked) && !vol_changes_must_wait(volume)) {
        struct vol_io *io = list_first(&volume->unmarked, struct vol_io, transfer.node);
        list_remove(&io->transfer.node);
        vol_change_through(io);
    }
}

bool vol_waits_for_mark(struct vol_io *io)
{
    struct volume *volume = io->volume;
    if (!vol_changes_must_wait(volume))
        return false;
    list_append(&volume->unmarked, &io->transfer.node);
    return true;
}

static void put_recovered(void *owner, struct journal *journal, struct jnl_entry *entry)
{
    struct volume *volume = owner;
    volume->retained.journal = journal;
    const struct retained_content content = {
        .kind = entry->header.op == JNL_WRITE  ? RETAINED_DATA
                : entry->header.op == JNL_ZERO ? RETAINED_ZERO
                                               : RETAINED_TRIM,
        .entry = entry,
        .since_ds = vol_now_ds(volume),
        .epoch = entry->header.epoch,
    };
    volume->epoch = max_u64(volume->epoch, entry->header.epoch + 1);
    retained_put(&volume->retained, entry->header.lba, entry->header.blocks, &content, true);
}

static struct jnl_config engine_config(const struct volume *volume, uint32_t block_bytes)
{
    const struct vol_journal_config *config = &volume->journal_config;
    struct jnl_config engine = jnl_config_default;
    uint64_t blocks = config->device->size_bytes / JNL_BLOCK;
    size_t records = min_u64(max_u64(blocks, RECORDS_MIN), RECORDS_MAX);
    engine.lun_block_bytes = block_bytes;
    /* A FLUSH waits for the LUN there, to which only DURABLE entries go; and a sync is free. */
    if (config->mode == VOL_JOURNAL_MEMORY)
        engine.idle_sync_ms = 0;
    engine.record_count = config->record_count ? config->record_count : records;
    engine.entry_count = config->entry_count ? config->entry_count : 2 * engine.record_count;
    return engine;
}

/* has_superblock: at least that was whole. */
static const char *reason(enum jnl_open_error error, bool has_superblock)
{
    if (error == JNL_OPEN_CORRUPT && !has_superblock)
        return "all copies of its superblock are damaged; see holdfast journal verify";
    switch (error) {
    case JNL_OPEN_NEWER:
        return "it was written by a newer version of holdfast; use that one to drain it";
    case JNL_OPEN_FAILED_STATE:
        return "its device had failed, so its contents are out of date; discard it "
               "(holdfast journal discard)";
    case JNL_OPEN_CORRUPT:
        return "records that had reached stable storage are damaged; see holdfast journal verify";
    case JNL_OPEN_IO:
        return "the device cannot be read or written";
    case JNL_OPEN_TOO_MANY:
        return "it holds more entries than fit into memory";
    case JNL_OPEN_NO_MEMORY:
        return "memory is short";
    case JNL_OPEN_NO_JOURNAL:
    case JNL_OPEN_OK:
        break;
    }
    return "it holds no journal";
}

static int make_tables(struct volume *volume, const struct jnl_config *engine)
{
    volume->load_buffers = buffer_pool_new(VOL_LOAD_ARENA);
    volume->read_buffers = buffer_pool_new(VOL_READ_ARENA);
    if (!volume->load_buffers || !volume->read_buffers)
        return -ENOMEM;
    /* A later one splits an entry in two; in three where the middle stays, to be sent first. */
    size_t pieces = volume->journal_config.ordered ? 3 : 2;
    size_t extents = pieces * engine->entry_count + VOL_RETAINED_EXTENTS;
    retained_done(&volume->retained);
    int error = retained_init(&volume->retained, extents);
    volume->retained.block_bytes = engine->lun_block_bytes;
    volume->retained.ordered = volume->journal_config.ordered;
    volume->retained_extents = extents;
    return error;
}

static enum jnl_open_error open_now(struct volume *volume, uint32_t block_bytes, bool is_new)
{
    struct jnl_config engine = engine_config(volume, block_bytes);
    volume->journal_events =
        (struct jnl_events){.progress = on_progress, .failed = on_failed, .marked = on_marked};
    if (make_tables(volume, &engine) < 0)
        return JNL_OPEN_NO_MEMORY;
    enum jnl_open_error error =
        jnl_open(&engine, volume->journal_config.device, volume->timer, &volume->journal_events,
                 volume, put_recovered, &volume->journal, NULL);
    if (error)
        return error;
    volume->retained.journal = volume->journal;
    volume->epoch = max_u64(volume->epoch, jnl_first_epoch(volume->journal));
    port_trace(volume->trace, TRACE_JOURNAL_OPENED, volume->retained.map.count,
               volume->retained.dirty_blocks * block_bytes, is_new, NULL);
    return JNL_OPEN_OK;
}

static void bind_session(struct volume *volume, const struct jnl_binding *binding)
{
    struct lun_identity identity = {
        .designator_type = (uint8_t)binding->designator_type,
        .designator_bytes = (uint8_t)binding->designator_bytes,
    };
    memcpy(identity.designator, binding->designator, sizeof identity.designator);
    memcpy(identity.serial, binding->serial, sizeof identity.serial);
    memcpy(identity.vendor, binding->vendor, sizeof identity.vendor);
    memcpy(identity.product, binding->product, sizeof identity.product);
    memcpy(identity.revision, binding->revision, sizeof identity.revision);
    ses_bind(volume->session, &identity);
}

int vol_use_journal(struct volume *volume, const struct vol_journal_config *config, char *ret_why,
                    size_t why_bytes)
{
    struct jnl_superblock superblock;
    volume->journal_config = *config;
    vol_canaries_init(volume);
    enum jnl_open_error error = jnl_peek(config->device, &superblock);
    if (error == JNL_OPEN_NO_JOURNAL) {
        if (jnl_ring_bytes_for(config->device->size_bytes) > 0)
            return 0; /* is made when the LUN was seen */
        snprintf(ret_why, why_bytes, "the journal's device is too small");
        return -EINVAL;
    }
    bool has_superblock = error == JNL_OPEN_OK;
    if (has_superblock)
        error = open_now(volume, superblock.lun_block_bytes, false);
    if (error) {
        snprintf(ret_why, why_bytes, "the journal cannot be used: %s",
                 reason(error, has_superblock));
        return error == JNL_OPEN_NO_MEMORY ? -ENOMEM : error == JNL_OPEN_IO ? -EIO : -EINVAL;
    }
    bind_session(volume, &superblock.binding);
    volume->journal_lun_blocks = superblock.lun_blocks;
    vol_canaries_recovered(volume);
    vol_set_geometry(volume, &(struct vol_geometry){
                                 .size_bytes = superblock.lun_blocks * superblock.lun_block_bytes,
                                 .block_bytes = superblock.lun_block_bytes,
                                 .physical_block_bytes = 4096,
                                 .read_only = volume->config.read_only,
                                 .can_trim = true,
                                 .can_fast_zero = true,
                             });
    return 0;
}

static void describe_lun(const struct volume *volume, struct jnl_superblock *superblock)
{
    const struct vol_journal_config *config = &volume->journal_config;
    const struct lun *lun = ses_lun(volume->session);
    struct jnl_binding *binding = &superblock->binding;
    memcpy(superblock->uuid, config->uuid, sizeof superblock->uuid);
    superblock->lun_block_bytes = lun->block_bytes;
    superblock->lun_blocks = lun->blocks;
    superblock->mode = config->mode;
    superblock->destage = config->ordered;
    binding->designator_type = lun->identity.designator_type;
    binding->designator_bytes = lun->identity.designator_bytes;
    memcpy(binding->designator, lun->identity.designator, sizeof binding->designator);
    memcpy(binding->serial, lun->identity.serial, sizeof binding->serial);
    memcpy(binding->vendor, lun->identity.vendor, sizeof binding->vendor);
    memcpy(binding->product, lun->identity.product, sizeof binding->product);
    memcpy(binding->revision, lun->identity.revision, sizeof binding->revision);
    binding->lun = config->lun;
    if (config->target)
        snprintf(binding->target, sizeof binding->target, "%s", config->target);
    if (config->initiator)
        snprintf(binding->initiator, sizeof binding->initiator, "%s", config->initiator);
}

/* The LUN that came must be able to take what the journal holds. */
static bool lun_fits(struct volume *volume)
{
    const struct lun *lun = ses_lun(volume->session);
    char why[128];
    if (lun->block_bytes == volume->retained.block_bytes &&
        lun->blocks >= volume->journal_lun_blocks)
        return true;
    snprintf(why, sizeof why, "it has %llu blocks of %u, the journal was made for %llu of %u",
             (unsigned long long)lun->blocks, lun->block_bytes,
             (unsigned long long)volume->journal_lun_blocks, volume->retained.block_bytes);
    port_trace(volume->trace, TRACE_JOURNAL_LUN_UNFIT, 0, 0, 0, why);
    return false;
}

bool vol_journal_is_usable(struct volume *volume)
{
    if (volume->journal_config.mode == VOL_JOURNAL_NONE || volume->journal_failed)
        return true;
    if (volume->journal)
        return lun_fits(volume);
    struct jnl_superblock superblock = {0};
    describe_lun(volume, &superblock);
    enum jnl_open_error error = JNL_OPEN_IO;
    if (jnl_create(volume->journal_config.device, &superblock) == 0)
        error = open_now(volume, superblock.lun_block_bytes, true);
    if (error) { /* nothing was ever written to it */
        on_failed(volume, -EIO);
        give_up_journal(volume);
    }
    volume->journal_lun_blocks = superblock.lun_blocks;
    return true;
}

static void barrier_done(struct jnl_barrier *barrier, int error)
{
    struct volume *volume = container_of(barrier, struct volume, barrier);
    vol_enter(volume);
    volume->barrier_running = false;
    if (error)
        vol_flushes_wait_on(volume);
    else
        vol_flushes_are_done(volume);
    vol_leave(volume);
}

void vol_barrier_kick(struct volume *volume)
{
    if (volume->barrier_running || list_is_empty(&volume->flushes))
        return;
    volume->barrier_running = true;
    list_splice(&volume->syncing, &volume->flushes);
    volume->barrier.done = barrier_done;
    jnl_barrier(volume->journal, &volume->barrier);
}

static void journal_closed(void *owner, int error)
{
    struct volume *volume = owner;
    vol_enter(volume);
    volume->journal_closed = true;
    vol_leave(volume);
}

bool vol_journal_close(struct volume *volume)
{
    if (!volume->journal || volume->journal_failed)
        return true;
    if (!volume->journal_closing) {
        volume->journal_closing = true;
        jnl_close(volume->journal, journal_closed);
    }
    return volume->journal_closed;
}

int vol_hold_journal(struct volume *volume, struct vol_held *ret_held)
{
    struct jnl_part part;
    if (volume->journal_failed)
        return -EIO;
    if (!volume->journal)
        return -ENODEV;
    if (volume->journal_held)
        return -EBUSY;
    volume->journal_held = true;
    jnl_hold(volume->journal, &part);
    *ret_held = (struct vol_held){
        .tail_offset = part.tail_offset,
        .tail_seq = part.tail_seq,
        .tail_prev_crc = part.tail_prev_crc,
        .end_seq = part.end_seq,
    };
    return 0;
}

void vol_release_journal(struct volume *volume)
{
    if (!volume->journal_held)
        return;
    vol_enter(volume);
    volume->journal_held = false;
    jnl_release(volume->journal);
    vol_leave(volume);
}

/* Changes wait for room in the ring. */
static bool is_full(const struct volume *volume)
{
    return !list_is_empty(&volume->parked) && vol_is_journaled(volume) &&
           !vol_changes_wait_for_flush(volume);
}

void vol_journal_status(const struct volume *volume, struct vol_status *status)
{
    status->journal_mode = volume->journal_config.mode;
    status->journal_failed = volume->journal_failed;
    status->journal_unmarked = vol_journal_is_unmarked(volume);
    status->journal_full = is_full(volume);
    status->journal_foreign = volume->canaries.is_foreign;
    status->foreign_lba = volume->canaries.foreign_lba;
    status->foreign_blocks = volume->canaries.foreign_blocks;
    if (!volume->journal)
        return;
    struct jnl_status engine;
    jnl_status(volume->journal, &engine);
    status->journal_open = !engine.failed;
    status->journal_canaries = jnl_canary_count(volume->journal);
    status->ring_bytes = engine.ring_bytes;
    status->ring_used_bytes = engine.used_bytes;
    status->journal_entries = engine.live_entries;
    status->appended_bytes = engine.appended_bytes;
    const struct retained_extent *oldest =
        list_first(&volume->retained.state[RETAINED_DIRTY], struct retained_extent, node);
    if (oldest)
        status->oldest_unsent_us =
            max_u64(vol_now_ds(volume) - oldest->content.since_ds, 1) * DECISECOND_US;
}

/* Says once that the ring is full, and once that it is not any more. */
void vol_journal_tell_room(struct volume *volume)
{
    bool now_full = is_full(volume);
    if (now_full == volume->journal_full)
        return;
    struct jnl_status engine = {0};
    if (volume->journal)
        jnl_status(volume->journal, &engine);
    volume->journal_full = now_full;
    port_trace(volume->trace, now_full ? TRACE_JOURNAL_FULL : TRACE_JOURNAL_ROOM, engine.used_bytes,
               engine.ring_bytes, 0, NULL);
}
