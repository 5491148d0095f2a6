/*
 * WRITE, WRITE_ZEROES and TRIM into the journal.
 *
 * Good day: room was reserved at admission; each segment of the request becomes one entry; when
 * all are WRITTEN the overlay holds them and the client is answered, or, with FUA, waits like a
 * FLUSH. The target is told later (rewrite.c).
 *
 * What can go wrong: the journal's device fails under it. Then the request goes straight to the
 * target, like every later one.
 */
#include <assert.h>

#include "base/mutant.h"
#include "volume/internal.h"

/* Payload bytes of the entries that the request will need; returns how many. */
static unsigned entries_of(const struct vol_io *io, uint64_t ret_bytes[VOL_SEGMENTS])
{
    const struct vol_request *request = io->request;
    uint32_t block_bytes = vol_block_bytes(io->volume);
    unsigned count = 0;
    if (request->op == VOL_TRIM) {
        ret_bytes[count++] = 0;
        return count;
    }
    struct vol_edges edges;
    vol_edges_of(request->offset, request->length, block_bytes, &edges);
    if (edges.head_bytes > 0)
        ret_bytes[count++] = block_bytes;
    if (edges.middle_blocks > 0)
        ret_bytes[count++] = request->op == VOL_WRITE ? edges.middle_blocks * block_bytes : 0;
    if (edges.tail_bytes > 0)
        ret_bytes[count++] = block_bytes;
    return count;
}

void vol_append_unreserve(struct vol_io *io)
{
    while (io->reserved_count > 0)
        jnl_unreserve(io->volume->journal, io->reserved[--io->reserved_count]);
}

bool vol_append_reserve(struct vol_io *io)
{
    uint64_t bytes[VOL_SEGMENTS];
    unsigned count = entries_of(io, bytes);
    for (unsigned i = 0; i < count; i++) {
        if (!jnl_reserve(io->volume->journal, bytes[i])) {
            vol_append_unreserve(io);
            return false;
        }
        io->reserved[io->reserved_count++] = bytes[i];
    }
    return true;
}

static enum retained_kind kind_of(const struct vol_io *io, const struct vol_segment *segment)
{
    if (io->request->op == VOL_TRIM)
        return RETAINED_TRIM;
    return segment->buffer ? RETAINED_DATA : RETAINED_ZERO;
}

/* The overlay takes over; the entries' own references end. */
static void put_entries(struct vol_io *io)
{
    struct volume *volume = io->volume;
    volume->last_change_us = port_now_us(volume->timer);
    for (unsigned i = 0; i < io->transfer.segment_count; i++) {
        const struct vol_segment *segment = &io->transfer.segments[i];
        const struct retained_content content = {
            .kind = kind_of(io, segment),
            .buffer = segment->buffer,
            .buffer_offset = segment->offset,
            .entry = io->appends[i].entry,
            .since_ds = vol_now_ds(volume),
            .epoch = io->appends[i].epoch,
        };
        retained_put(&volume->retained, segment->lba, segment->blocks, &content, true);
        jnl_entry_unref(volume->journal, content.entry);
    }
    retained_evict(&volume->retained, volume->journal_config.cache_bytes / vol_block_bytes(volume));
}

static void forget_entries(struct vol_io *io)
{
    for (unsigned i = 0; i < io->transfer.segment_count; i++)
        if (io->appends[i].entry)
            jnl_entry_unref(io->volume->journal, io->appends[i].entry);
}

static void all_are_written(struct vol_io *io)
{
    if (io->append_error && io->abandoned) {
        forget_entries(io);
        vol_io_finish(io, io->abandoned);
    } else if (io->append_error) {
        forget_entries(io);
        vol_change_through(io);
    } else {
        put_entries(io);
        if ((io->request->flags & VOL_FUA) && !MUTANT(FUA_WITHOUT_FLUSH))
            vol_io_finish_after_sync(io);
        else
            vol_io_finish(io, 0);
    }
}

static void append_done(struct jnl_append *append, int error)
{
    struct vol_io *io = append->owner;
    struct volume *volume = io->volume;
    vol_enter(volume);
    if (error)
        io->append_error = error;
    if (--io->appending == 0)
        all_are_written(io);
    vol_leave(volume);
}

static void append_segment(struct vol_io *io, unsigned index)
{
    const struct vol_segment *segment = &io->transfer.segments[index];
    struct jnl_append *append = &io->appends[index];
    enum retained_kind kind = kind_of(io, segment);
    uint64_t bytes = kind == RETAINED_DATA ? segment->blocks * vol_block_bytes(io->volume) : 0;
    *append = (struct jnl_append){
        .op = kind == RETAINED_DATA   ? JNL_WRITE
              : kind == RETAINED_ZERO ? JNL_ZERO
                                      : JNL_TRIM,
        .flags = (io->request->flags & VOL_FUA ? JNL_ENTRY_FUA : 0) |
                 (io->request->flags & VOL_NO_HOLE ? JNL_ENTRY_NO_HOLE : 0),
        .epoch = io->volume->epoch,
        .lba = segment->lba,
        .blocks = (uint32_t)segment->blocks,
        .done = append_done,
        .owner = io,
    };
    if (bytes > 0) {
        append->payload[0] = (struct iovec){segment->buffer->data + segment->offset, bytes};
        append->payload_count = 1;
    }
    assert(io->reserved[index] == bytes);
    jnl_append(io->volume->journal, append);
}

void vol_append_start(struct vol_io *io)
{
    unsigned count = io->transfer.segment_count;
    if (count == 0) { /* a TRIM of less than a block */
        vol_append_unreserve(io);
        vol_io_finish(io, 0);
        return;
    }
    assert(count == io->reserved_count);
    io->reserved_count = 0;
    io->appending = count;
    io->append_error = 0;
    /* An epoch of its own: nothing after a FUA may reach the target before it. */
    bool fua = (io->request->flags & VOL_FUA) && !MUTANT(NO_EPOCH_AROUND_FUA);
    io->volume->epoch += fua;
    for (unsigned i = 0; i < count; i++)
        append_segment(io, i);
    io->volume->epoch += fua;
}
