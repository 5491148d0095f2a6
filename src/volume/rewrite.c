/*
 * Writing again what the target may have lost.
 *
 * Good day: after the generation changed, each DIRTY extent is taken in the order in which it was
 * acknowledged; a vol_io without a request enters the gate with its range, behind any client
 * write that was on its way there already (that one is newer, so it must win: I10); once granted,
 * whatever of the range is still dirty is written, piece by piece, and becomes DESTAGED again.
 *
 * What can go wrong: the session is lost again (the transfer starts again); the target refuses
 * the write for good: the data are kept, one event tells, and it is tried again every
 * REWRITE_RETRY_MS. FLUSH waits meanwhile: it has not reached stable storage.
 */
#include "volume/internal.h"

#define REWRITE_RETRY_MS 5000

static void write_next_piece(struct vol_io *io);

static void piece_is_written(struct vol_io *io, int error)
{
    struct volume *volume = io->volume;
    struct retained *retained = &volume->retained;
    if (error) {
        if (!timer_is_armed(&volume->retry_timer))
            port_trace(volume->trace, TRACE_VOLUME_REWRITE_FAILED, io->extent->extent.start,
                       io->extent->extent.length, (uint64_t)-error, NULL);
        retained_not_rewritten(retained, io->lba, io->blocks);
        port_timer_after_ms(volume->timer, &volume->retry_timer, REWRITE_RETRY_MS);
        vol_io_finish(io, error);
        return;
    }
    volume->counters.rewrites++;
    volume->counters.rewrite_bytes += io->extent->extent.length * vol_block_bytes(volume);
    retained_rewritten(retained, io->extent);
    if (io->transfer.oldest_generation != ses_generation(volume->session))
        retained_revert(retained);
    write_next_piece(io);
}

static void write_next_piece(struct vol_io *io)
{
    struct retained_extent *extent =
        retained_rewriting_in(&io->volume->retained, io->lba, io->blocks);
    if (!extent) {
        vol_io_finish(io, 0);
        return;
    }
    io->extent = extent;
    io->transfer.segment_count = 0;
    vol_segment_add(&io->transfer, extent->extent.start, extent->extent.length, extent->buffer,
                    extent->buffer_offset);
    io->transfer.kind = TRANSFER_WRITE;
    io->transfer.flags = 0;
    vol_transfer_begin(io, piece_is_written);
}

void vol_rewrite_start(struct vol_io *io)
{
    write_next_piece(io);
}

void vol_rewrite_kick(struct volume *volume)
{
    if (!volume->ready || timer_is_armed(&volume->retry_timer))
        return;
    while (!list_is_empty(&volume->free_rewrites)) {
        struct retained_extent *extent = retained_take_dirty(&volume->retained);
        if (!extent)
            return;
        struct vol_io *io = list_first(&volume->free_rewrites, struct vol_io, node);
        list_remove(&io->node);
        list_append(&volume->active_rewrites, &io->node);
        io->lba = extent->extent.start;
        io->blocks = extent->extent.length;
        vol_io_start(io);
    }
}
