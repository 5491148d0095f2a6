/*
 * WRITE and WRITE_ZEROES (a WRITE whose payload is zeros, done in steps).
 *
 * Good day: the target says GOOD; the data are retained until a SYNC covers them; the client is
 * answered. A range that does not fall on whole blocks begins with reading its one or two edge
 * blocks, in which the new bytes are set; the exclusive range in the gate makes that atomic.
 *
 * FUA: the FUA bit where the LUN honours it, then nothing has to be retained; otherwise the
 * answer waits for a SYNC like a FLUSH.
 *
 * Zeros: WRITE SAME with UNMAP only where unmapped blocks read as zeros (LBPRZ) and the client
 * allows holes. Never a bare UNMAP: the target may leave blocks as they were (SBC-4 4.7.3.4).
 */
#include <errno.h>
#include <string.h>

#include "base/checked.h"
#include "base/mutant.h"
#include "volume/internal.h"

static void write_step(struct vol_io *io);

static bool wants_fua(const struct vol_io *io)
{
    return (io->request->flags & VOL_FUA) != 0;
}

static bool has_fua_bit(const struct vol_io *io)
{
    /* WRITE SAME has no FUA bit, so zeros always wait for a SYNC. */
    return wants_fua(io) && io->request->op == VOL_WRITE && ses_lun(io->volume->session)->fua;
}

static uint64_t step_end(const struct vol_io *io)
{
    uint64_t end = io->lba + io->blocks;
    if (io->request->op == VOL_WRITE || io->reserved_count > 0)
        return end;
    return min_u64(end, io->cursor + VOL_STEP_BYTES / vol_block_bytes(io->volume));
}

static void put(struct volume *volume, const struct vol_segment *segment, bool dirty)
{
    const struct retained_content content = {
        .kind = segment->buffer ? RETAINED_DATA : RETAINED_ZERO,
        .buffer = segment->buffer,
        .buffer_offset = segment->offset,
    };
    retained_put(&volume->retained, segment->lba, segment->blocks, &content, dirty);
}

/* The target may lose what it acknowledged: keep it. */
static void retain(struct vol_io *io)
{
    struct volume *volume = io->volume;
    bool dirty = io->transfer.oldest_generation != ses_generation(volume->session);
    for (unsigned i = 0; i < io->transfer.segment_count; i++) {
        const struct vol_segment *segment = &io->transfer.segments[i];
        if (MUTANT(FREE_WITHOUT_SYNC))
            retained_drop(&volume->retained, segment->lba, segment->blocks);
        else
            put(volume, segment, dirty);
    }
}

static void step_is_stable(struct vol_io *io)
{
    for (unsigned i = 0; i < io->transfer.segment_count; i++)
        retained_drop(&io->volume->retained, io->transfer.segments[i].lba,
                      io->transfer.segments[i].blocks);
}

static void step_is_written(struct vol_io *io, int error)
{
    if (error) {
        vol_io_finish(io, error);
        return;
    }
    struct volume *volume = io->volume;
    bool stable = (io->transfer.flags & SES_FUA) &&
                  io->transfer.oldest_generation == ses_generation(volume->session);
    if (stable)
        step_is_stable(io);
    else
        retain(io);
    io->cursor = step_end(io);
    if (io->cursor < io->lba + io->blocks)
        write_step(io);
    else if (wants_fua(io) && !stable)
        vol_io_finish_after_sync(io);
    else
        vol_io_finish(io, 0);
}

/* Sets the transfer's segments to the present step: edge blocks, middle. */
static void build_step(struct vol_io *io)
{
    struct vol_request *request = io->request;
    struct vol_edges edges;
    vol_edges_of(request->offset, request->length, vol_block_bytes(io->volume), &edges);

    uint64_t from = io->cursor, to = step_end(io);
    io->transfer.segment_count = 0;
    if (edges.head_bytes > 0 && edges.head_lba == from) {
        vol_segment_add(&io->transfer, from, 1, io->edges, 0);
        from++;
    }
    bool with_tail = edges.tail_bytes > 0 && edges.tail_lba + 1 == to;
    to -= with_tail;
    if (to > from)
        vol_segment_add(&io->transfer, from, to - from,
                        request->op == VOL_WRITE ? request->buffer : NULL, edges.head_bytes);
    if (with_tail)
        vol_segment_add(&io->transfer, to, 1, io->edges, VOL_BLOCK_BYTES_MAX);
}

static void write_step(struct vol_io *io)
{
    build_step(io);
    io->transfer.kind = TRANSFER_WRITE;
    io->transfer.flags = has_fua_bit(io) ? SES_FUA : 0;
    io->transfer.flags |= io->request->flags & VOL_NO_HOLE;
    vol_transfer_begin(io, step_is_written);
}

void vol_write_through(struct vol_io *io)
{
    io->cursor = io->lba;
    if (!vol_waits_for_mark(io))
        vol_target_enter(io, write_step);
}

static void write_or_append(struct vol_io *io)
{
    if (io->reserved_count > 0) {
        build_step(io);
        vol_append_start(io);
    } else {
        vol_write_through(io);
    }
}

static void edges_are_read(struct vol_io *io, int error)
{
    if (error) {
        vol_io_finish(io, error);
        return;
    }
    struct vol_edges edges;
    vol_edges_of(io->request->offset, io->request->length, vol_block_bytes(io->volume), &edges);
    vol_edges_set(io, &edges);
    write_or_append(io);
}

void vol_write_start(struct vol_io *io)
{
    struct vol_edges edges;
    vol_edges_of(io->request->offset, io->request->length, vol_block_bytes(io->volume), &edges);
    io->cursor = io->lba;
    if (!vol_edges_any(&edges)) {
        write_or_append(io);
        return;
    }
    vol_edges_segments(io, &edges, NULL);
    vol_fetch_begin(io, edges_are_read);
}
