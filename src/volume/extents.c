/*
 * BLOCK_STATUS: GET LBA STATUS (SBC-4 5.6) under what is retained.
 *
 * What cannot be learnt is reported as data: that is always true enough for a client. So nobody
 * waits while the target is away, and what is dirty then can be seen.
 */
#include <errno.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "volume/internal.h"

#define STATUS_HEADER_BYTES     8
#define STATUS_DESCRIPTOR_BYTES 16

enum provisioning { MAPPED = 0, DEALLOCATED = 1, ANCHORED = 2 };

/* Appends to the request's extents, melting equal neighbours; false when there is no room. */
static bool append(struct vol_request *request, uint64_t length, uint32_t flags)
{
    struct vol_extent *last = request->extents + request->extent_count - 1;
    if (request->extent_count > 0 && last->flags == flags) {
        last->length += length;
        return true;
    }
    if (request->extent_count == request->extent_room)
        return false;
    request->extents[request->extent_count++] = (struct vol_extent){length, flags};
    return true;
}

/* Appends [start, end) of the target's view, with what is retained laid over it. */
static bool append_overlaid(struct vol_io *io, uint64_t start, uint64_t end, uint32_t target_flags)
{
    const struct volume *volume = io->volume;
    uint64_t block_bytes = vol_block_bytes(volume);
    while (start < end) {
        const struct extent *extent = extent_map_find(&volume->retained.map, start / block_bytes);
        uint64_t held_from = extent ? extent->start * block_bytes : UINT64_MAX;
        uint64_t until = min_u64(end, held_from);
        uint32_t flags = target_flags;
        if (held_from <= start) {
            const struct retained_extent *held =
                container_of(extent, struct retained_extent, extent);
            until = min_u64(end, extent_end(extent) * block_bytes);
            flags = held->content.kind == RETAINED_DATA || held->content.kind == RETAINED_POISON
                        ? 0
                        : VOL_EXTENT_ZERO | (target_flags & VOL_EXTENT_HOLE);
            if (held->state != RETAINED_DESTAGED)
                flags |= VOL_EXTENT_DIRTY;
        }
        if (!append(io->request, until - start, flags))
            return false;
        start = until;
    }
    return true;
}

static uint32_t flags_of(const struct lun *lun, uint8_t provisioning)
{
    uint32_t zero = lun->unmap_zeroes ? VOL_EXTENT_ZERO : 0;
    switch (provisioning & 0x0f) {
    case DEALLOCATED:
        return VOL_EXTENT_HOLE | zero;
    case ANCHORED:
        return zero;
    default:
        return 0;
    }
}

/* Walks the descriptors as far as they follow each other from the request's offset on. */
static void append_descriptors(struct vol_io *io, const uint8_t *data, uint32_t bytes)
{
    const struct vol_request *request = io->request;
    const struct lun *lun = ses_lun(io->volume->session);
    uint64_t at = request->offset, end = request->offset + request->length;
    for (uint32_t i = STATUS_HEADER_BYTES; i + STATUS_DESCRIPTOR_BYTES <= bytes && at < end;
         i += STATUS_DESCRIPTOR_BYTES) {
        uint64_t lba = get_be64(data + i), blocks = get_be32(data + i + 8);
        if (lba > at / lun->block_bytes || blocks == 0 || lba + blocks > lun->blocks)
            return;
        uint64_t until = min_u64((lba + blocks) * lun->block_bytes, end);
        if (until <= at || !append_overlaid(io, at, until, flags_of(lun, data[i + 12])))
            return;
        at = until;
    }
}

static void all_is_data(struct vol_io *io)
{
    io->request->extent_count = 0;
    append_overlaid(io, io->request->offset, io->request->offset + io->request->length, 0);
}

static void target_has_answered(struct vol_io *io, int error)
{
    uint32_t room = io->edges->capacity;
    uint32_t bytes = io->transfer.data_bytes < room ? io->transfer.data_bytes : room;
    io->request->extent_count = 0;
    if (error == 0)
        append_descriptors(io, io->edges->data, bytes);
    if (io->request->extent_count == 0)
        all_is_data(io);
    vol_io_finish(io, 0);
}

void vol_extents_start(struct vol_io *io)
{
    const struct lun *lun = ses_lun(io->volume->session);
    if (!lun || !lun->lba_status || !io->volume->ready) {
        all_is_data(io);
        vol_io_finish(io, 0);
        return;
    }
    io->transfer.segment_count = 0;
    vol_segment_add(&io->transfer, io->lba, io->blocks, io->edges, 0);
    io->transfer.kind = TRANSFER_LBA_STATUS;
    io->transfer.flags = 0;
    vol_transfer_begin(io, target_has_answered);
}
