#include "tests/sim/clients_check.h"

#include <errno.h>

static bool changes(const struct vol_request *request)
{
    return request->op == VOL_WRITE || request->op == VOL_WRITE_ZEROES || request->op == VOL_TRIM;
}

static bool touches_bad_block(const struct clients *clients, const struct slot *slot)
{
    uint64_t block = slot->op.first / clients->cells.per_block;
    uint64_t end = (slot->op.first + slot->op.count - 1) / clients->cells.per_block;
    for (; block <= end; block++)
        if (clients->target->bad_ever & UINT64_C(1) << block)
            return true;
    return false;
}

/* A FLUSH that has to reach the LUN cannot bring there what rotted in the ring. */
static bool may_fail_for_rot(const struct clients *clients, const struct vol_request *request)
{
    return request->op == VOL_FLUSH && clients->options->mode == VOL_JOURNAL_MEMORY &&
           clients->options->w_jdev_rot_data && clients->target->bad_ever;
}

/* Another initiator holds the LUN: nothing is done any more, and whether a request was is open. */
static bool is_fenced(const struct clients *clients, const struct vol_request *request)
{
    return clients->target->conflict_told && (request->error == -EPERM || request->error == -EIO);
}

/* O10: the clients never see an error that waiting would have mended. */
static bool error_is_right(const struct clients *clients, const struct slot *slot)
{
    const struct vol_request *request = &slot->request;
    if (is_fenced(clients, request))
        return true;
    switch (-request->error) {
    case EIO:
        return may_fail_for_rot(clients, request) ||
               ((request->op == VOL_READ || changes(request)) && touches_bad_block(clients, slot));
    case ENOTSUP:
        return request->flags & VOL_FAST_ZERO;
    default:
        return false;
    }
}

static void check_read(struct clients *clients, const struct slot *slot)
{
    const struct cells *cells = &clients->cells;
    const uint8_t *data = slot->request.buffer->data;
    for (uint32_t i = slot->op.first; i < slot->op.first + slot->op.count; i++) {
        const uint8_t *at = data + (cell_offset(cells, i) - slot->request.offset);
        oracle_read(clients->oracle, i, slot->submit, cell_parse(cells, i, at));
    }
}

/* Extents follow each other from the start, none is empty; what is called zero is zero. */
static void check_status(struct clients *clients, const struct slot *slot)
{
    const struct vol_request *request = &slot->request;
    const struct cells *cells = &clients->cells;
    uint64_t offset = request->offset;
    if (request->extent_count == 0 || request->extent_count > SLOT_EXTENTS)
        world_fail(clients->world, "BLOCK_STATUS has %u extents", request->extent_count);
    uint32_t cell = slot->op.first;
    for (unsigned i = 0; i < request->extent_count && i < SLOT_EXTENTS; i++) {
        if (slot->extents[i].length == 0)
            world_fail(clients->world, "BLOCK_STATUS has an empty extent");
        offset += slot->extents[i].length;
        for (; cell < slot->op.first + slot->op.count; cell++) {
            if (cell_offset(cells, cell) + cell_bytes(cells, cell) > offset)
                break;
            if (slot->extents[i].flags & VOL_EXTENT_ZERO)
                oracle_said_zero(clients->oracle, cell, slot->submit);
        }
        while (cell < slot->op.first + slot->op.count && cell_offset(cells, cell) < offset)
            cell++; /* lies in two extents */
    }
    if (offset > request->offset + request->length)
        world_fail(clients->world, "BLOCK_STATUS says more than was asked for");
}

/* With a journal in memory a FLUSH waits for the target, and all that comes after it for the FLUSH:
 * else clients that never pause would keep it waiting for ever (I9, I16). */
static void check_overtaking(struct clients *clients, const struct slot *slot)
{
    const struct options *o = clients->options;
    bool is_direct = o->w_jdev_write || o->w_jdev_sync || o->w_jdev_dead; /* may be: it failed */
    if (o->mode != VOL_JOURNAL_MEMORY || is_direct)
        return;
    for (unsigned i = 0; i < clients->slot_count; i++) {
        const struct slot *other = &clients->slots[i];
        if (other->state == SLOT_SUBMITTED && other->request.op == VOL_FLUSH &&
            other->submit < slot->submit)
            world_fail(clients->world, "I9 a change overtakes a FLUSH: op %d of cells %u+%u",
                       (int)slot->request.op, slot->op.first, slot->op.count);
    }
}

static void check_success(struct clients *clients, struct slot *slot)
{
    const struct vol_request *request = &slot->request;
    if (changes(request))
        check_overtaking(clients, slot);
    /* (Those two need nothing of the target, and promise nothing.) */
    clients->answered_by_this_daemon |= request->op != VOL_CACHE && request->op != VOL_BLOCK_STATUS;
    if (changes(request) && slot->submit < clients->lost)
        clients->late = oracle_now(clients->oracle);
    if (changes(request))
        oracle_answered(clients->oracle, &slot->op, request->flags & VOL_FUA);
    else if (request->op == VOL_READ)
        check_read(clients, slot);
    else if (request->op == VOL_BLOCK_STATUS)
        check_status(clients, slot);
    if (request->op != VOL_FLUSH)
        return;
    oracle_flushed(clients->oracle, slot->submit);
    if (slot->submit > clients->flushed)
        clients->flushed = slot->submit;
}

bool clients_check(struct clients *clients, struct slot *slot)
{
    const struct vol_request *request = &slot->request;
    if (request->error == 0) {
        check_success(clients, slot);
        return true;
    }
    if (request->error == -ESHUTDOWN && !clients->open)
        return false;
    if (!error_is_right(clients, slot)) {
        world_fail(clients->world, "O10 a client saw error %d: op %d of cells %u+%u",
                   -request->error, (int)request->op, slot->op.first, slot->op.count);
        return true;
    }
    if (changes(request) && is_fenced(clients, request))
        oracle_in_doubt(clients->oracle, &slot->op);
    else if (changes(request) && request->error == -ENOTSUP)
        oracle_refused(clients->oracle, &slot->op);
    else if (changes(request))
        oracle_failed(clients->oracle, &slot->op);
    return true;
}
