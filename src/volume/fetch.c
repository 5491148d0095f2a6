/*
 * Filling memory with the newest contents of a range: from the overlay, from the journal's ring,
 * from the target (invariant I2).
 *
 * The caller holds the range in the gate, so nothing is put there meanwhile. What can happen is
 * that an extent becomes CLEAN and leaves the overlay; then the target has had it before.
 *
 * When all of what is held is in memory and nothing sends it meanwhile (no journal: sending
 * needs the gate), the target is asked once for the whole range and what is held goes over its
 * answer. With a journal the range is walked: each piece is copied, loaded from the ring, or, where
 * nothing is held at that moment, read from the target.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/checked.h"
#include "base/mutant.h"
#include "volume/internal.h"

static void walk(struct vol_io *io);

static uint8_t *segment_data(const struct vol_io *io, const struct vol_segment *segment,
                             uint64_t position)
{
    return segment->buffer->data + segment->offset + position * vol_block_bytes(io->volume);
}

static void finish(struct vol_io *io, int error)
{
    io->fetch.finished(io, error);
}

static void patch_all(struct vol_io *io)
{
    for (unsigned i = 0; i < io->fetch.segment_count; i++) {
        const struct vol_segment *segment = &io->fetch.segments[i];
        retained_patch(&io->volume->retained, segment->lba, segment->blocks,
                       segment_data(io, segment, 0));
    }
    finish(io, 0);
}

static void target_has_answered(struct vol_io *io, int error)
{
    if (error)
        finish(io, error);
    else if (io->volume->journal)
        finish(io, 0);
    else
        patch_all(io);
}

static void ask_the_target_for_all(struct vol_io *io)
{
    io->transfer.segment_count = io->fetch.segment_count;
    memcpy(io->transfer.segments, io->fetch.segments,
           io->fetch.segment_count * sizeof io->fetch.segments[0]);
    io->transfer.kind = TRANSFER_READ;
    io->transfer.flags = 0;
    vol_transfer_begin(io, target_has_answered);
}

static void advance(struct vol_io *io, uint64_t blocks)
{
    struct vol_fetch *fetch = &io->fetch;
    fetch->position += blocks;
    if (fetch->position == fetch->segments[fetch->segment].blocks) {
        fetch->segment++;
        fetch->position = 0;
    }
}

static void gap_is_read(struct vol_io *io, int error)
{
    if (error) {
        finish(io, error);
        return;
    }
    advance(io, io->transfer.segments[0].blocks);
    walk(io);
}

static void read_gap(struct vol_io *io, uint64_t blocks)
{
    const struct vol_segment *segment = &io->fetch.segments[io->fetch.segment];
    uint64_t position = io->fetch.position;
    io->transfer.segment_count = 0;
    vol_segment_add(&io->transfer, segment->lba + position, blocks, segment->buffer,
                    segment->offset + (uint32_t)(position * vol_block_bytes(io->volume)));
    io->transfer.kind = TRANSFER_READ;
    io->transfer.flags = 0;
    vol_transfer_begin(io, gap_is_read);
}

/* The piece is only in the ring: copy it from there. */
static void piece_is_loaded(struct vol_io *io, int error)
{
    struct vol_fetch *fetch = &io->fetch;
    if (!error)
        memcpy(segment_data(io, &fetch->segments[fetch->segment], fetch->position),
               io->loaded->data + fetch->piece_offset,
               fetch->piece_blocks * vol_block_bytes(io->volume));
    vol_unload(io);
    if (error) {
        finish(io, -EIO);
        return;
    }
    advance(io, fetch->piece_blocks);
    walk(io);
}

/* It may be CLEAN, and gone from the ring, when there is memory for it. */
static void load_piece(struct vol_io *io)
{
    struct jnl_entry *entry = io->fetch.piece_entry;
    vol_load(io, entry, entry->header.lba, entry->header.blocks, 0);
    jnl_entry_unref(io->volume->journal, entry);
}

static void begin_piece(struct vol_io *io, const struct retained_extent *extent, uint64_t lba,
                        uint64_t blocks)
{
    struct jnl_entry *entry = extent->content.entry;
    io->fetch.piece_blocks = blocks;
    io->fetch.piece_offset = extent->content.entry_offset +
                             (uint32_t)((lba - extent->extent.start) * vol_block_bytes(io->volume));
    io->fetch.piece_entry = jnl_entry_ref(entry);
    vol_load_begin(io, vol_payload_bytes(io->volume, entry), load_piece, piece_is_loaded);
}

static void walk(struct vol_io *io)
{
    struct vol_fetch *fetch = &io->fetch;
    const struct retained *retained = &io->volume->retained;
    while (fetch->segment < fetch->segment_count) {
        const struct vol_segment *segment = &fetch->segments[fetch->segment];
        uint64_t lba = segment->lba + fetch->position;
        uint64_t left = segment->blocks - fetch->position;
        const struct retained_extent *extent = retained_find(retained, lba);
        if (!extent || extent->extent.start > lba) {
            read_gap(io, extent ? min_u64(left, extent->extent.start - lba) : left);
            return;
        }
        uint64_t blocks = min_u64(left, extent_end(&extent->extent) - lba);
        if (extent->content.kind == RETAINED_POISON) {
            finish(io, -EIO);
            return;
        }
        if (!retained_is_in_memory(extent)) {
            begin_piece(io, extent, lba, blocks);
            return;
        }
        retained_copy(retained, extent, lba, blocks, segment_data(io, segment, fetch->position));
        advance(io, blocks);
    }
    finish(io, 0);
}

static bool nothing_is_held(const struct vol_io *io)
{
    return MUTANT(READ_PAST_OVERLAY) ||
           !extent_map_overlap(&io->volume->retained.map, io->lba, io->blocks);
}

void vol_fetch_begin(struct vol_io *io, void (*finished)(struct vol_io *io, int error))
{
    io->fetch.finished = finished;
    io->fetch.segment = 0;
    io->fetch.position = 0;
    if (nothing_is_held(io))
        ask_the_target_for_all(io);
    else if (io->volume->journal)
        walk(io);
    else if (retained_covers(&io->volume->retained, io->lba, io->blocks))
        patch_all(io);
    else
        ask_the_target_for_all(io);
}
