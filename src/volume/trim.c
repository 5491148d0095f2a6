/*
 * TRIM: a hint. The range is aligned inwards to what the target can unmap; contents of what is
 * unmapped are undefined afterwards, so nothing of it has to be retained any more. Whatever the
 * target refuses, a hint never fails.
 */
#include "base/checked.h"
#include "volume/internal.h"

static void unmap_step(struct vol_io *io);

static void finish(struct vol_io *io)
{
    if ((io->request->flags & VOL_FUA) && !retained_is_empty(&io->volume->retained))
        vol_io_finish_after_sync(io);
    else
        vol_io_finish(io, 0);
}

static void step_is_unmapped(struct vol_io *io, int error)
{
    const struct vol_segment *segment = &io->transfer.segments[0];
    if (error) {
        finish(io);
        return;
    }
    retained_drop(&io->volume->retained, segment->lba, segment->blocks);
    io->cursor = segment->lba + segment->blocks;
    unmap_step(io);
}

static void unmap_step(struct vol_io *io)
{
    const struct lun *lun = ses_lun(io->volume->session);
    uint64_t unit = lun->unmap_granularity, phase = lun->unmap_alignment;
    uint64_t start = io->cursor + (unit - (io->cursor + unit - phase) % unit) % unit;
    uint64_t end = (io->request->offset + io->request->length) / lun->block_bytes;
    end -= end >= phase ? (end - phase) % unit : end;
    if (start >= end) {
        finish(io);
        return;
    }
    uint64_t step = max_u64(round_down(VOL_STEP_BYTES / lun->block_bytes, unit), unit);
    io->transfer.segment_count = 0;
    vol_segment_add(&io->transfer, start, min_u64(end - start, step), NULL, 0);
    io->transfer.kind = TRANSFER_UNMAP;
    io->transfer.flags = 0;
    vol_transfer_begin(io, step_is_unmapped);
}

void vol_trim_through(struct vol_io *io)
{
    const struct lun *lun = ses_lun(io->volume->session);
    if (vol_waits_for_mark(io))
        return;
    if (!lun->unmap) {
        finish(io);
        return;
    }
    /* The first whole block of the range. */
    io->cursor = (io->request->offset + lun->block_bytes - 1) / lun->block_bytes;
    vol_target_enter(io, unmap_step);
}

/* Whole blocks only: what is left of the edges is a hint not taken. */
static void trim_append(struct vol_io *io)
{
    uint32_t block_bytes = vol_block_bytes(io->volume);
    uint64_t start = round_up(io->request->offset, block_bytes) / block_bytes;
    uint64_t end = (io->request->offset + io->request->length) / block_bytes;
    io->transfer.segment_count = 0;
    if (start < end)
        vol_segment_add(&io->transfer, start, end - start, NULL, 0);
    vol_append_start(io);
}

void vol_trim_start(struct vol_io *io)
{
    if (io->reserved_count > 0)
        trim_append(io);
    else
        vol_trim_through(io);
}
