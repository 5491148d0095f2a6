/*
 * Bringing dirty extents of the overlay to the target: without a journal what the target may have
 * lost after the generation changed, with one everything that it holds (destage).
 *
 * Good day: each DIRTY extent is taken in the order in which it was acknowledged, once it may be
 * sent (I3: DURABLE). A vol_io without a request waits until nothing else is on its way in the
 * range: without a journal in the gate of the clients' requests, behind any write that was on its
 * way there already (that one is newer, so it must win: I10); with one in a gate of its own, so
 * that clients go on meanwhile, and what they rewrite waits its turn (I6). Then whatever of the
 * range is still its own is sent, piece by piece, and becomes DESTAGED. Neighbours make one piece,
 * and one command as far as the target takes it: from where they lie in memory, or read from the
 * ring into one buffer. The target has a few MiB of that at a time; more is read from the ring
 * meanwhile, so that it never waits for the ring.
 *
 * What can go wrong: the session is lost again: the transfer starts again, and what lies in the
 * clients' memory, which they may need for as long as the target is away, is given back to the
 * overlay; the ring has it, too. The target refuses the write for good: the data are kept, one
 * event tells, and it is tried again every REWRITE_RETRY_MS, without its neighbours. FLUSH waits
 * meanwhile, where it needs the target. Data that cannot be read back from the ring are never sent.
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

static bool target_has_room(const struct volume *volume, const struct vol_io *io)
{
    uint64_t blocks = volume->rewrite_blocks_sent + payload_blocks(io);
    uint64_t memory = volume->rewrite_memory_sent + io->piece_memory;
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
        volume->rewrite_memory_sent += io->piece_memory;
        vol_transfer_begin(io, piece_is_sent);
    }
}

static void is_back(struct vol_io *io)
{
    struct volume *volume = io->volume;
    volume->rewrites_sent--;
    volume->rewrite_blocks_sent -= payload_blocks(io);
    volume->rewrite_memory_sent -= io->piece_memory;
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
    retained_refused(&volume->retained, &io->job, io->lba, io->blocks);
    port_timer_after_ms(volume->timer, &volume->retry_timer, REWRITE_RETRY_MS);
    vol_io_finish(io, error);
}

static void drop_payload(struct vol_io *io)
{
    struct vol_transfer *transfer = &io->transfer;
    for (unsigned i = 0; i < transfer->segment_count; i++)
        buffer_unref(transfer->segments[i].buffer);
    transfer->segment_count = 0;
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
    is_back(io);
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

/* --- the target is away --- */

static void give_back(struct vol_io *io)
{
    list_remove(&io->transfer.node);
    drop_payload(io);
    retained_take_back(&io->volume->retained, &io->job);
    vol_io_finish(io, 0);
}

/* Clients may need it for as long as the target is away; and the ring has the data, too. */
static bool must_not_keep_memory(const struct volume *volume)
{
    return volume->journal && !volume->ready;
}

void vol_rewrites_are_parked(struct volume *volume)
{
    if (!must_not_keep_memory(volume))
        return;
    list_for_each_safe(it, &volume->loaded)
    {
        struct vol_io *io = container_of(it, struct vol_io, transfer.node);
        if (io->piece_memory > 0)
            give_back(io);
    }
    list_for_each_safe(it, &volume->sending)
    {
        struct vol_io *io = container_of(it, struct vol_io, transfer.node);
        if (io->request || io->piece_memory == 0 || io->transfer.in_flight > 0)
            continue;
        is_back(io);
        give_back(io);
    }
    send_loaded(volume);
}

/* --- building a piece --- */

/* The reference on the buffer goes over to the piece. NULL: zeros. */
static void add_part(struct vol_io *io, uint64_t blocks, struct buffer *buffer, uint32_t offset)
{
    vol_segment_add(&io->transfer, io->piece_lba + io->piece_blocks, blocks, buffer, offset);
    io->piece_blocks += blocks;
    if (buffer && buffer->pool != io->volume->load_buffers)
        io->piece_memory += buffer->capacity;
}

static void send_data(struct vol_io *io)
{
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
    vol_segment_add(&io->transfer, from, to - from, NULL, 0);
    io->transfer.kind = TRANSFER_UNMAP;
    io->transfer.flags = 0;
    send_piece(io);
}

/* --- neighbours, in one piece --- */

/* The job's payload so many blocks into the piece, when that has room for it. */
static const struct retained_extent *part_at(const struct vol_io *io, uint64_t blocks)
{
    const struct retained_extent *extent = retained_job_at(&io->job, io->piece_lba + blocks);
    uint64_t blocks_max = VOL_PIECE_BYTES / vol_block_bytes(io->volume);
    bool fits = extent && extent->content.kind == RETAINED_DATA &&
                (blocks == 0 || blocks + extent->extent.length <= blocks_max);
    return fits ? extent : NULL;
}

/* From where it lies. */
static void send_from_memory(struct vol_io *io)
{
    const struct retained_extent *extent;
    while (io->transfer.segment_count < VOL_PIECE_PARTS &&
           (extent = part_at(io, io->piece_blocks)) && extent->content.buffer)
        add_part(io, extent->extent.length, buffer_ref(extent->content.buffer),
                 extent->content.buffer_offset);
    send_data(io);
}

/* --- a run: neighbours that are read from the ring, into one buffer --- */

/* What is left of an entry that was superseded in part is read with all of it, so it goes alone. */
static bool fits_a_run(const struct retained_extent *extent)
{
    return extent->content.buffer || extent->extent.length == extent->content.entry->header.blocks;
}

static uint32_t bytes_of_run(const struct vol_io *io, const struct retained_extent *first)
{
    const struct retained_extent *extent = first;
    uint64_t blocks = first->extent.length;
    if (!fits_a_run(first))
        return vol_payload_bytes(io->volume, first->content.entry);
    while ((extent = part_at(io, blocks)) && fits_a_run(extent))
        blocks += extent->extent.length;
    return (uint32_t)blocks * vol_block_bytes(io->volume);
}

static void run_is_loaded(struct vol_io *io, int error)
{
    uint64_t good_blocks = io->load_good_bytes / vol_block_bytes(io->volume);
    uint64_t blocks = min_u64(io->piece_blocks, good_blocks);
    if (blocks == 0) {
        vol_unload(io);
        send_next_piece(io);
        return;
    }
    io->piece_blocks = 0;
    add_part(io, blocks, io->loaded, io->fetch.piece_offset);
    io->loaded = NULL;
    send_data(io);
}

static bool get_part(struct vol_io *io, const struct retained_extent *extent)
{
    uint64_t lba = extent->extent.start, blocks = extent->extent.length;
    uint32_t offset = (uint32_t)io->piece_blocks * vol_block_bytes(io->volume);
    if (!extent->content.buffer)
        return vol_load(io, extent->content.entry, lba, blocks, offset);
    retained_copy(&io->volume->retained, extent, lba, blocks, io->loaded->data + offset);
    return true;
}

static const struct retained_extent *next_of_run(const struct vol_io *io)
{
    const struct retained_extent *extent = part_at(io, io->piece_blocks);
    uint64_t room_blocks = io->loaded->capacity / vol_block_bytes(io->volume);
    bool fits =
        extent && fits_a_run(extent) && io->piece_blocks + extent->extent.length <= room_blocks;
    return fits ? extent : NULL;
}

/* Newer versions may have come in while it waited for memory; then the rest is another piece. */
static void load_run(struct vol_io *io)
{
    const struct retained_extent *extent = part_at(io, 0);
    bool goes_alone = extent && !fits_a_run(extent);
    io->fetch.piece_offset = extent ? extent->content.entry_offset : 0;
    while (extent && get_part(io, extent)) {
        io->piece_blocks += extent->extent.length;
        extent = goes_alone ? NULL : next_of_run(io);
    }
    if (io->loads_running == 0) { /* nothing is left of it */
        io->loading = false;
        run_is_loaded(io, 0);
    }
}

static void send_next_piece(struct vol_io *io)
{
    const struct retained_extent *extent = retained_job_first(&io->job);
    if (!extent) {
        vol_io_finish(io, 0);
        return;
    }
    io->piece_lba = extent->extent.start;
    io->piece_blocks = io->piece_memory = 0;
    if (extent->content.kind == RETAINED_TRIM) {
        io->piece_blocks = extent->extent.length;
        send_trim(io);
    } else if (extent->content.kind == RETAINED_ZERO) {
        add_part(io, extent->extent.length, NULL, 0);
        send_data(io);
    } else if (extent->content.buffer && must_not_keep_memory(io->volume)) {
        give_back(io);
    } else if (extent->content.buffer) {
        send_from_memory(io);
    } else {
        vol_load_begin(io, bytes_of_run(io, extent), load_run, run_is_loaded);
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
    uint64_t blocks_max = volume->journal ? VOL_PIECE_BYTES / vol_block_bytes(volume) : 0;
    while (!list_is_empty(&volume->free_rewrites) && !waits_for_room(volume)) {
        struct vol_io *io = list_first(&volume->free_rewrites, struct vol_io, node);
        if (!retained_take_dirty(&volume->retained, &io->job, blocks_max))
            return;
        take(volume, io);
    }
}
