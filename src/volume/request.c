/*
 * From vol_submit() to the answer.
 *
 * Good day: a request waits its turn in `waiting`, is checked against the disk, gets a vol_io
 * (and, when it does not fall on whole blocks, room for its edge blocks), enters the gate, is
 * carried out, leaves, is answered.
 *
 * What can go wrong: an operation, an edge buffer or room for retained extents is missing; then
 * admission stops, in order, until something is given back. Nothing that holds a range in the
 * gate ever waits for memory, so what is needed to free memory (writing again, a SYNC) cannot be
 * blocked behind it.
 */
#include <assert.h>
#include <errno.h>

#include "base/checked.h"
#include "base/mutant.h"
#include "volume/internal.h"

/* Retained extents that one request may need: three segments, each split in two. */
#define EXTENTS_PER_IO (VOL_SEGMENTS * RETAINED_EXTENTS_PER_PUT)

static bool modifies(enum vol_op op)
{
    return op == VOL_WRITE || op == VOL_WRITE_ZEROES || op == VOL_TRIM;
}

static void count(struct vol_status *counters, const struct vol_request *request)
{
    if (request->error) {
        counters->errors++;
        return;
    }
    switch (request->op) {
    case VOL_READ:
        counters->reads++;
        counters->read_bytes += request->length;
        break;
    case VOL_WRITE:
        counters->writes++;
        counters->written_bytes += request->length;
        break;
    case VOL_FLUSH:
        counters->flushes++;
        break;
    case VOL_TRIM:
        counters->trims++;
        break;
    case VOL_WRITE_ZEROES:
        counters->zeroes++;
        break;
    case VOL_CACHE:
    case VOL_BLOCK_STATUS:
        break;
    }
}

void vol_answer(struct volume *volume, struct vol_request *request, int error)
{
    request->error = error;
    count(&volume->counters, request);
    request->done(request);
}

void vol_submit(struct volume *volume, struct vol_request *request)
{
    vol_enter(volume);
    vol_note_arrival(volume, request->length);
    request->error = 0;
    request->extent_count = 0;
    request->io = NULL;
    if (volume->stopping) {
        vol_answer(volume, request, -ESHUTDOWN);
    } else if (request->op == VOL_FLUSH) {
        list_append(&volume->flushes, &request->node);
        volume->flush_count++;
        volume->epoch++;
    } else {
        assert(request->buffer || (request->op != VOL_READ && request->op != VOL_WRITE));
        list_append(&volume->waiting, &request->node);
        volume->waiting_count++;
    }
    vol_leave(volume);
}

/* 0: go on; 1: nothing to do; else the error that the client gets. */
static int check(const struct volume *volume, const struct vol_request *request)
{
    const struct vol_geometry *geometry = &volume->geometry;
    if (modifies(request->op) && geometry->read_only)
        return -EPERM;
    if (!range_is_inside(request->offset, request->length, geometry->size_bytes))
        return request->op == VOL_WRITE || request->op == VOL_WRITE_ZEROES ? -ENOSPC : -EINVAL;
    if ((request->op == VOL_READ || request->op == VOL_WRITE) && request->length > VOL_TRANSFER_MAX)
        return -EINVAL;
    if (vol_is_journaled(volume) && request->length > UINT32_MAX)
        return -EINVAL; /* one entry's worth; nobody asks for more at once */
    if ((request->flags & VOL_FAST_ZERO) && !vol_is_journaled(volume) &&
        volume->zero_way == ZERO_BY_WRITE)
        return -ENOTSUP;
    return request->length == 0 || request->op == VOL_CACHE;
}

static bool needs_edge_buffer(const struct volume *volume, const struct vol_request *request)
{
    if (request->op == VOL_BLOCK_STATUS)
        return true;
    if (request->op == VOL_TRIM)
        return false;
    return request->offset % vol_block_bytes(volume) != 0 ||
           request->length % vol_block_bytes(volume) != 0;
}

static struct vol_io *io_new(struct volume *volume, struct vol_request *request)
{
    if (list_is_empty(&volume->free_ios))
        return NULL;
    if (modifies(request->op) &&
        volume->retained.free_count < EXTENTS_PER_IO * (volume->active_count + 1))
        return NULL;
    struct buffer *edges = NULL;
    if (needs_edge_buffer(volume, request)) {
        edges = buffer_get(volume->edge_buffers, VOL_EDGE_BYTES);
        if (!edges)
            return NULL;
    }
    struct vol_io *io = list_first(&volume->free_ios, struct vol_io, node);
    list_remove(&io->node);
    list_append(&volume->active_ios, &io->node);
    volume->active_count++;
    io->edges = edges;
    io->abandoned = 0;
    io->request = request;
    io->reserved_count = 0;
    request->io = io;
    uint32_t block_bytes = vol_block_bytes(volume);
    io->lba = request->offset / block_bytes;
    io->blocks = (request->offset + request->length - 1) / block_bytes + 1 - io->lba;
    return io;
}

/* Leaves the gate and goes back to its slab; returns the request that is left to answer. */
static struct vol_request *io_release(struct vol_io *io)
{
    struct volume *volume = io->volume;
    struct vol_request *request = io->request;
    assert(io->transfer.in_flight == 0);
    gate_leave(&volume->gate, &io->gate);
    gate_leave(&volume->target_gate, &io->target);
    if (io->reserved_count > 0)
        vol_append_unreserve(io);
    list_remove(&io->node);
    list_append(request ? &volume->free_ios : &volume->free_rewrites, &io->node);
    volume->active_count -= request != NULL;
    buffer_unref(io->edges);
    io->edges = NULL;
    io->request = NULL;
    if (request)
        request->io = NULL;
    return request;
}

enum admission { ADMITTED, ANSWERED, NO_ROOM_IN_JOURNAL, NOTHING_FREE };

static enum admission admit(struct volume *volume, struct vol_request *request)
{
    int verdict = check(volume, request);
    if (verdict) {
        list_remove(&request->node);
        volume->waiting_count--;
        vol_answer(volume, request, verdict < 0 ? verdict : 0);
        return ANSWERED;
    }
    bool to_journal = modifies(request->op) && vol_is_journaled(volume);
    if ((to_journal && vol_changes_wait_for_flush(volume)) ||
        (modifies(request->op) && vol_changes_must_wait(volume)))
        return NO_ROOM_IN_JOURNAL;
    struct vol_io *io = io_new(volume, request);
    if (!io)
        return NOTHING_FREE;
    if (to_journal && !vol_append_reserve(io)) {
        io_release(io);
        return NO_ROOM_IN_JOURNAL;
    }
    list_remove(&request->node);
    volume->waiting_count--;
    vol_io_start(io);
    return ADMITTED;
}

static void io_run(struct vol_io *io)
{
    if (!io->request) {
        vol_rewrite_start(io);
        return;
    }
    switch (io->request->op) {
    case VOL_READ:
        vol_read_start(io);
        break;
    case VOL_WRITE:
    case VOL_WRITE_ZEROES:
        vol_write_start(io);
        break;
    case VOL_TRIM:
        vol_trim_start(io);
        break;
    case VOL_BLOCK_STATUS:
        vol_extents_start(io);
        break;
    case VOL_FLUSH:
    case VOL_CACHE:
        assert(!"has no vol_io");
    }
}

void vol_io_start(struct vol_io *io)
{
    bool exclusive = !io->request || modifies(io->request->op);
    /* A status query waits for nobody: it may span the whole disk. */
    bool is_status = io->request && io->request->op == VOL_BLOCK_STATUS;
    if (gate_enter(&io->volume->gate, &io->gate, io->lba, is_status ? 0 : io->blocks, exclusive))
        io_run(io);
}

void vol_target_enter(struct vol_io *io, void (*next)(struct vol_io *io))
{
    struct volume *volume = io->volume;
    io->target_entered = next;
    if (!volume->journal || MUTANT(NO_DESTAGE_ORDER) ||
        gate_enter(&volume->target_gate, &io->target, io->lba, io->blocks, true))
        next(io);
}

/* The changes that waited for room in the journal, in order. */
static bool admit_parked(struct volume *volume)
{
    while (!list_is_empty(&volume->parked)) {
        enum admission admission =
            admit(volume, list_first(&volume->parked, struct vol_request, node));
        if (admission == NOTHING_FREE)
            return false;
        if (admission == NO_ROOM_IN_JOURNAL)
            break;
    }
    return true;
}

void vol_admit(struct volume *volume)
{
    if (!volume->known || !admit_parked(volume))
        return;
    while (!list_is_empty(&volume->waiting)) {
        struct vol_request *request = list_first(&volume->waiting, struct vol_request, node);
        enum admission admission = NO_ROOM_IN_JOURNAL;
        if (!modifies(request->op) || list_is_empty(&volume->parked))
            admission = admit(volume, request);
        if (admission == NOTHING_FREE)
            return;
        if (admission == NO_ROOM_IN_JOURNAL) {
            list_remove(&request->node);
            list_append(&volume->parked, &request->node);
        }
    }
}

void vol_run_unblocked(struct volume *volume)
{
    struct gate_entry *entry;
    while ((entry = gate_next_unblocked(&volume->gate)))
        io_run(container_of(entry, struct vol_io, gate));
    while ((entry = gate_next_unblocked(&volume->target_gate))) {
        struct vol_io *io = container_of(entry, struct vol_io, target);
        io->target_entered(io);
    }
}

void vol_io_finish(struct vol_io *io, int error)
{
    struct volume *volume = io->volume;
    struct vol_request *request = io_release(io);
    if (request)
        vol_answer(volume, request, error);
}

void vol_io_finish_after_sync(struct vol_io *io)
{
    struct volume *volume = io->volume;
    struct vol_request *request = io_release(io);
    list_append(&volume->flushes, &request->node);
    volume->flush_count++;
}

static unsigned changes_in(const struct list_node *requests)
{
    unsigned count = 0;
    list_for_each(it, requests) count += modifies(container_of(it, struct vol_request, node)->op);
    return count;
}

unsigned vol_unanswered_changes(const struct volume *volume)
{
    unsigned count =
        volume->flush_count + changes_in(&volume->waiting) + changes_in(&volume->parked);
    list_for_each(it, &volume->active_ios) count +=
        modifies(container_of(it, struct vol_io, node)->request->op);
    return count;
}

static void abandon_list(struct volume *volume, struct list_node *requests, unsigned *counter,
                         int error)
{
    while (!list_is_empty(requests)) {
        struct vol_request *request = list_first(requests, struct vol_request, node);
        list_remove(&request->node);
        (*counter)--;
        vol_answer(volume, request, error);
    }
}

unsigned vol_abandon_all(struct volume *volume, int error)
{
    unsigned before = vol_unanswered(volume);
    abandon_list(volume, &volume->waiting, &volume->waiting_count, error);
    abandon_list(volume, &volume->parked, &volume->waiting_count, error);
    /* With nothing retained there is nothing that a FLUSH could fail to do; and a journal that
     * lasts answers it without the target. */
    if (!vol_flushes_to_journal(volume))
        abandon_list(volume, &volume->flushes, &volume->flush_count,
                     vol_nothing_to_flush(volume) ? 0 : error);
    list_for_each_safe(it, &volume->active_ios)
    {
        struct vol_io *io = container_of(it, struct vol_io, node);
        list_remove(&io->transfer.node);
        io->abandoned = error;
        if (io->transfer.in_flight == 0 && io->appending == 0 && !io->loading)
            vol_io_finish(io, error);
    }
    return before - vol_unanswered(volume);
}
