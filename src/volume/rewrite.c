/*
 * Bringing dirty extents of the overlay to the target: without a journal what the target may have
 * lost after the generation changed, with one everything that it holds (destage).
 *
 * Good day: each DIRTY extent is taken in the order in which it was acknowledged, once it may be
 * sent (I3: DURABLE). A vol_io without a request waits until nothing else is on its way in the
 * range: without a journal in the gate of the clients' requests, behind any write that was on its
 * way there already (that one is newer, so it must win: I10); with one in a gate of its own, so
 * that clients go on meanwhile, and what they rewrite waits its turn (I6). Then whatever of the
 * range is still its own is sent, piece by piece, and becomes DESTAGED. The target has a few MiB of
 * that at a time; more is read from the ring meanwhile, so that it never waits for the ring.
 *
 * What can go wrong: the session is lost again (the transfer starts again); the target refuses
 * the write for good: the data are kept, one event tells, and it is tried again every
 * REWRITE_RETRY_MS. FLUSH waits meanwhile, where it needs the target. Data that cannot be read back
 * from the ring are never sent.
 */
#include <errno.h>
#include <string.h>

#include "base/checked.h"
#include "base/mutant.h"
#include "volume/internal.h"

#define REWRITE_RETRY_MS 5000

static void send_next_piece(struct vol_io *io);
static void piece_is_sent(struct vol_io *io, int error);

/* --- at the target --- */

static uint64_t payload_blocks(const struct vol_io *io)
{
    return io->transfer.segments[0].buffer ? io->piece_blocks : 0;
}

/* Of the clients' memory: it is kept from them until the target has answered. */
static uint64_t memory_bytes(const struct vol_io *io)
{
    return io->piece_buffer ? io->piece_buffer->capacity : 0;
}

static bool target_has_room(const struct volume *volume, const struct vol_io *io)
{
    uint64_t blocks = volume->rewrite_blocks_sent + payload_blocks(io);
    uint64_t memory = volume->rewrite_memory_sent + memory_bytes(io);
    return volume->rewrites_sent == 0 || (volume->rewrites_sent < VOL_REWRITES_SENT &&
                                          blocks * vol_block_bytes(volume) <= VOL_BYTES_SENT &&
                                          memory <= buffer_pool_bytes(volume->buffers) / 2);
}

static void send_loaded(struct volume *volume)
{
    struct vol_io *io;
    while ((io = list_first(&volume->loaded, struct vol_io, transfer.node)) &&
           target_has_room(volume, io)) {
        list_remove(&io->transfer.node);
        volume->rewrites_sent++;
        volume->rewrite_blocks_sent += payload_blocks(io);
        volume->rewrite_memory_sent += memory_bytes(io);
        vol_transfer_begin(io, piece_is_sent);
    }
}

/* The transfer is filled in. */
static void send_piece(struct vol_io *io)
{
    list_append(&io->volume->loaded, &io->transfer.node);
    send_loaded(io->volume);
}

/* --- what becomes of a piece --- */

static void piece_is_refused(struct vol_io *io, int error)
{
    struct volume *volume = io->volume;
    if (!timer_is_armed(&volume->retry_timer))
        port_trace(volume->trace, TRACE_VOLUME_REWRITE_FAILED, io->piece_lba, io->piece_blocks,
                   (uint64_t)-error, NULL);
    retained_not_rewritten(&volume->retained, &io->job, io->lba, io->blocks);
    port_timer_after_ms(volume->timer, &volume->retry_timer, REWRITE_RETRY_MS);
    vol_io_finish(io, error);
}

static void drop_payload(struct vol_io *io)
{
    buffer_unref(io->piece_buffer);
    io->piece_buffer = NULL;
    buffer_unref(io->merged);
    io->merged = NULL;
    if (io->loaded)
        vol_unload(io);
}

static void piece_is_on_the_target(struct vol_io *io)
{
    struct volume *volume = io->volume;
    if (!volume->journal) {
        volume->counters.rewrites++;
        volume->counters.rewrite_bytes += io->piece_blocks * vol_block_bytes(volume);
    }
    retained_rewritten(&volume->retained, &io->job, io->piece_lba, io->piece_blocks);
    if (MUTANT(FREE_WITHOUT_SYNC))
        retained_synced(&volume->retained, UINT64_MAX);
    send_next_piece(io);
}

static void piece_is_sent(struct vol_io *io, int error)
{
    struct volume *volume = io->volume;
    volume->rewrites_sent--;
    volume->rewrite_blocks_sent -= payload_blocks(io);
    volume->rewrite_memory_sent -= memory_bytes(io);
    send_loaded(volume);
    drop_payload(io);
    if (error && io->transfer.kind == TRANSFER_UNMAP)
        error = 0; /* a hint */
    if (error) {
        piece_is_refused(io, error);
    } else if (io->transfer.oldest_generation != ses_generation(volume->session)) {
        retained_not_rewritten(&volume->retained, &io->job, io->piece_lba, io->piece_blocks);
        send_next_piece(io);
    } else {
        piece_is_on_the_target(io);
    }
}

static void send_data(struct vol_io *io, struct buffer *buffer, uint32_t offset)
{
    io->transfer.segment_count = 0;
    vol_segment_add(&io->transfer, io->piece_lba, io->piece_blocks, buffer, offset);
    io->transfer.kind = TRANSFER_WRITE;
    io->transfer.flags = 0;
    send_piece(io);
}

/* Only whole units of the target's; what is left of the edges is a hint not taken. */
static void send_trim(struct vol_io *io)
{
    const struct lun *lun = ses_lun(io->volume->session);
    uint64_t unit = lun->unmap_granularity, phase = lun->unmap_alignment;
    uint64_t from = io->piece_lba, to = io->piece_lba + io->piece_blocks;
    from += (unit - (from + unit - phase) % unit) % unit;
    to -= to >= phase ? (to - phase) % unit : to;
    if (!lun->unmap || from >= to) {
        piece_is_on_the_target(io);
        return;
    }
    io->transfer.segment_count = 0;
    vol_segment_add(&io->transfer, from, to - from, NULL, 0);
    io->transfer.kind = TRANSFER_UNMAP;
    io->transfer.flags = 0;
    send_piece(io);
}

static void payload_is_loaded(struct vol_io *io, int error)
{
    if (!error) {
        send_data(io, io->loaded, io->fetch.piece_offset);
        return;
    }
    vol_unload(io);
    retained_poison(&io->volume->retained, &io->job, io->piece_lba, io->piece_blocks);
    send_next_piece(io);
}

static void send_payload(struct vol_io *io, const struct retained_content *content)
{
    if (content->buffer) {
        io->piece_buffer = buffer_ref(content->buffer);
        send_data(io, io->piece_buffer, content->buffer_offset);
    } else {
        io->fetch.piece_offset = content->entry_offset;
        vol_load(io, content->entry, payload_is_loaded);
    }
}

/* --- neighbours, gathered in one buffer --- */

/* What comes next in the job, when it borders on what was gathered and has room beside it. */
static const struct retained_extent *next_to_gather(const struct vol_io *io)
{
    const struct retained_extent *extent =
        retained_job_at(&io->job, io->piece_lba + io->piece_blocks);
    bool fits =
        extent && extent->content.kind == RETAINED_DATA &&
        io->piece_blocks + extent->extent.length <= VOL_MERGE_BYTES / vol_block_bytes(io->volume);
    return fits ? extent : NULL;
}

static uint8_t *room_to_gather(const struct vol_io *io)
{
    return io->merged->data + io->piece_blocks * vol_block_bytes(io->volume);
}

static void gather(struct vol_io *io);

static void gathered_is_loaded(struct vol_io *io, int error)
{
    uint64_t blocks = io->fetch.piece_blocks;
    if (error) {
        retained_poison(&io->volume->retained, &io->job, io->piece_lba + io->piece_blocks, blocks);
    } else {
        memcpy(room_to_gather(io), io->loaded->data + io->fetch.piece_offset,
               blocks * vol_block_bytes(io->volume));
        io->piece_blocks += blocks;
    }
    vol_unload(io);
    gather(io);
}

/* Newer versions may come in while it waits for loads; then the rest is a piece of its own. */
static void gather(struct vol_io *io)
{
    const struct retained_extent *extent;
    while ((extent = next_to_gather(io))) {
        if (!extent->content.buffer) {
            io->fetch.piece_offset = extent->content.entry_offset;
            io->fetch.piece_blocks = extent->extent.length;
            vol_load(io, extent->content.entry, gathered_is_loaded);
            return;
        }
        retained_copy(&io->volume->retained, extent, extent->extent.start, extent->extent.length,
                      room_to_gather(io));
        io->piece_blocks += extent->extent.length;
    }
    if (io->piece_blocks > 0) {
        send_data(io, io->merged, 0);
    } else {
        drop_payload(io);
        send_next_piece(io);
    }
}

/* True when gathering pays, and there is memory for it. */
static bool may_gather(struct vol_io *io, const struct retained_extent *extent)
{
    struct volume *volume = io->volume;
    const struct retained_extent *next = retained_job_at(&io->job, extent_end(&extent->extent));
    if (!volume->merge_buffers || !next ||
        extent->extent.length + next->extent.length > VOL_MERGE_BYTES / vol_block_bytes(volume))
        return false;
    io->merged = buffer_get(volume->merge_buffers, VOL_MERGE_BYTES);
    return io->merged != NULL;
}

static void send_next_piece(struct vol_io *io)
{
    const struct retained_extent *extent = retained_job_first(&io->job);
    if (!extent) {
        vol_io_finish(io, 0);
        return;
    }
    io->piece_lba = extent->extent.start;
    io->piece_blocks = extent->extent.length;
    if (extent->content.kind == RETAINED_TRIM) {
        send_trim(io);
    } else if (extent->content.kind == RETAINED_ZERO) {
        send_data(io, NULL, 0);
    } else if (may_gather(io, extent)) {
        io->piece_blocks = 0;
        gather(io);
    } else {
        send_payload(io, &extent->content);
    }
}

void vol_rewrite_start(struct vol_io *io)
{
    send_next_piece(io);
}

static void take(struct volume *volume, struct vol_io *io)
{
    const struct retained_extent *first = retained_job_first(&io->job);
    const struct list_node *last = io->job.extents.prev;
    list_remove(&io->node);
    list_append(&volume->active_rewrites, &io->node);
    io->lba = first->extent.start;
    io->blocks =
        extent_end(&container_of(last, struct retained_extent, node)->extent) - first->extent.start;
    if (volume->journal)
        vol_target_enter(io, vol_rewrite_start);
    else
        vol_io_start(io);
}

/* What is in the clients' memory is not taken before the target has room for it: it would only be
 * kept from them, for hours when the target goes away now. What is in the ring is read meanwhile.
 */
static bool waits_for_room(const struct volume *volume)
{
    const struct retained_extent *oldest =
        list_first(&volume->retained.state[RETAINED_DIRTY], struct retained_extent, node);
    return oldest && retained_is_in_memory(oldest) && !list_is_empty(&volume->loaded);
}

void vol_rewrite_kick(struct volume *volume)
{
    if (!volume->ready || timer_is_armed(&volume->retry_timer) ||
        !retained_has_dirty(&volume->retained) || vol_destage_rests(volume))
        return;
    uint64_t blocks_max = volume->merge_buffers ? VOL_MERGE_BYTES / vol_block_bytes(volume) : 0;
    while (!list_is_empty(&volume->free_rewrites) && !waits_for_room(volume)) {
        struct vol_io *io = list_first(&volume->free_rewrites, struct vol_io, node);
        if (!retained_take_dirty(&volume->retained, &io->job, blocks_max))
            return;
        take(volume, io);
    }
}
