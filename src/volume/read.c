/*
 * READ.
 *
 * What is retained is newer than, or the same as, what the target has, so it goes over what the
 * target returned (invariant I2). That is sound although the two are not looked at in the same
 * instant: the read holds its range in the gate, so meanwhile nothing is put there or written
 * again; an extent can only be reverted to DIRTY (and is then still here), or freed by a SYNC
 * (and then the target had it all the time).
 */
#include <string.h>

#include "volume/internal.h"

static void copy_edges_out(struct vol_io *io, const struct vol_edges *edges)
{
    uint8_t *data = io->request->buffer->data;
    if (edges->head_bytes > 0)
        memcpy(data, vol_edge_head(io) + edges->head_skip, edges->head_bytes);
    if (edges->tail_bytes > 0)
        memcpy(data + io->request->length - edges->tail_bytes, vol_edge_tail(io),
               edges->tail_bytes);
}

static void patch_and_finish(struct vol_io *io)
{
    struct volume *volume = io->volume;
    const struct vol_request *request = io->request;
    struct vol_edges edges;
    vol_edges_of(request->offset, request->length, vol_block_bytes(volume), &edges);
    if (edges.middle_blocks > 0)
        retained_patch(&volume->retained, edges.middle_lba, edges.middle_blocks,
                       request->buffer->data + edges.head_bytes);
    if (vol_edges_any(&edges)) {
        vol_edges_patch(io, &edges);
        copy_edges_out(io, &edges);
    }
    vol_io_finish(io, 0);
}

static void target_has_answered(struct vol_io *io, int error)
{
    if (error)
        vol_io_finish(io, error);
    else
        patch_and_finish(io);
}

void vol_read_start(struct vol_io *io)
{
    struct volume *volume = io->volume;
    const struct vol_request *request = io->request;
    if (retained_covers(&volume->retained, io->lba, io->blocks)) {
        patch_and_finish(io);
        return;
    }
    struct vol_edges edges;
    vol_edges_of(request->offset, request->length, vol_block_bytes(volume), &edges);
    vol_edges_segments(io, &edges);
    if (edges.middle_blocks > 0)
        vol_segment_add(&io->transfer, edges.middle_lba, edges.middle_blocks, request->buffer,
                        edges.head_bytes);
    io->transfer.kind = TRANSFER_READ;
    io->transfer.flags = 0;
    vol_transfer_begin(io, target_has_answered);
}
