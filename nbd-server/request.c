/*
 * Carries out one request: lanes to the volume, answers to the output.
 *
 * A READ in structured replies sends each piece as a chunk of its own as soon as the volume has
 * filled it, in any order; the last one carries the flag DONE, because no error is possible any
 * more. After an error no further content is sent and an error chunk ends the reply.
 *
 * A READ in simple replies sends its pieces in order. Up to VOL_TRANSFER_MAX it is one piece, so
 * an error is told exactly. A larger one has sent "no error" and the first piece before it knows
 * of the others: an error in those ends the connection, which is what proto.md demands ("MUST
 * immediately initiate a hard disconnect"). The alternative, to hold 32 MiB back, would not be
 * bounded by a connection's share. Linux's kernel client never asks for so much at once.
 *
 * A WRITE is answered when all of its pieces are done; the first error wins. So is an error of
 * FLUSH and the others, which have one lane and no pieces.
 */
#include <assert.h>
#include <string.h>

#include "base/checked.h"
#include "nbd-server/meta_context.h"
#include "nbd-server/reply.h"
#include "nbd-server/transmission.h"

static void give_buffer(struct nsrv_lane *lane)
{
    nsrv_budget_give(&lane->request->transmission->budget, lane->buffer);
    lane->buffer = NULL;
}

static bool is_simple_read(const struct nsrv_request *request)
{
    return request->command.type == NSRV_CMD_READ && !request->transmission->promise.structured;
}

static bool holds_the_output(const struct nsrv_request *request)
{
    return request && request->queued > 0;
}

static void queue(struct nsrv_request *request, struct nsrv_message *message)
{
    struct nsrv_transmission *transmission = request->transmission;
    request->messages++;
    if (transmission->stream != request && holds_the_output(transmission->stream))
        list_append(&transmission->held_back, &message->node);
    else
        nsrv_output_append(transmission->output, message);
}

/* The last message of the request was queued. */
static void set_answered(struct nsrv_request *request)
{
    struct nsrv_transmission *transmission = request->transmission;
    request->answered = true;
    if (transmission->stream != request)
        return;
    transmission->stream = NULL;
    while (!list_is_empty(&transmission->held_back)) {
        struct nsrv_message *first =
            list_first(&transmission->held_back, struct nsrv_message, node);
        list_remove(&first->node);
        nsrv_output_append(transmission->output, first);
    }
}

static void reply_sent(struct nsrv_message *message)
{
    struct nsrv_request *request = container_of(message, struct nsrv_request, reply);
    request->messages--;
    nsrv_request_settle(request);
}

/* The answer of everything but a successful READ or BLOCK_STATUS. */
static void queue_reply(struct nsrv_request *request)
{
    struct nsrv_message *reply = &request->reply;
    const struct nsrv_command *command = &request->command;
    reply->sent = reply_sent;
    if (request->refusal.error && request->transmission->promise.structured)
        nsrv_reply_error_chunk(reply, command->cookie, request->refusal.error,
                               request->refusal.why);
    else
        nsrv_reply_simple(reply, command->cookie, request->refusal.error);
    queue(request, reply);
    set_answered(request);
}

static void answer(struct nsrv_request *request)
{
    struct nsrv_transmission *transmission = request->transmission;
    if (request->refusal.error)
        transmission->counters.errors++;
    if (is_simple_read(request) && request->queued > 0) {
        transmission->broken = true; /* see above */
        request->answered = true;
        transmission->kick(transmission);
        return;
    }
    queue_reply(request);
}

static bool is_complete(const struct nsrv_request *request)
{
    if (request->in_volume > 0 || request->receiving || request->answered)
        return false;
    /* A READ that goes well is answered by its pieces. */
    return request->command.type != NSRV_CMD_READ || request->refusal.error;
}

void nsrv_request_settle(struct nsrv_request *request)
{
    struct nsrv_transmission *transmission = request->transmission;
    if (is_complete(request))
        answer(request);
    if (!request->answered || request->in_volume > 0 || request->messages > 0)
        return;
    for (unsigned i = 0; i < NSRV_LANES; i++) {
        give_buffer(&request->lanes[i]);
        request->lanes[i].state = NSRV_LANE_FREE;
    }
    list_remove(&request->node);
    list_append(&transmission->free, &request->node);
    transmission->in_flight--;
}

void nsrv_request_refuse(struct nsrv_request *request, struct nsrv_refusal refusal)
{
    request->refusal = refusal;
    nsrv_request_settle(request);
}

void nsrv_request_abandon(struct nsrv_request *request)
{
    if (request->transmission->closed)
        request->messages = 0; /* the output was dropped */
    request->answered = true;
    nsrv_request_settle(request);
}

/* --- lanes --- */

static void lane_done(struct vol_request *io);

/* FUA may stand on every command (clients do that); it means something where data are written. */
static uint32_t volume_flags(enum vol_op op, uint16_t flags)
{
    const bool writes = op == VOL_WRITE || op == VOL_TRIM || op == VOL_WRITE_ZEROES;
    return (writes && (flags & NSRV_FLAG_FUA) ? VOL_FUA : 0) |
           (flags & NSRV_FLAG_NO_HOLE ? VOL_NO_HOLE : 0) |
           (flags & NSRV_FLAG_FAST_ZERO ? VOL_FAST_ZERO : 0) |
           (flags & NSRV_FLAG_REQ_ONE ? VOL_REQ_ONE : 0);
}

static void submit(struct nsrv_lane *lane, enum vol_op op, uint64_t offset, uint64_t length)
{
    struct nsrv_request *request = lane->request;
    lane->io = (struct vol_request){
        .op = op,
        .flags = volume_flags(op, request->command.flags),
        .offset = offset,
        .length = length,
        .buffer = lane->buffer,
        .done = lane_done,
    };
    if (op == VOL_BLOCK_STATUS) {
        lane->io.buffer = NULL;
        lane->io.extents = (struct vol_extent *)lane->buffer->data;
        lane->io.extent_room = lane->io.flags & VOL_REQ_ONE ? 1 : NSRV_STATUS_EXTENTS;
    }
    lane->state = NSRV_LANE_IN_VOLUME;
    request->in_volume++;
    request->transmission->in_volume++;
    vol_submit(request->transmission->export->volume, &lane->io); /* may call done at once */
}

static uint32_t piece_bytes(uint32_t left)
{
    return left < VOL_TRANSFER_MAX ? left : VOL_TRANSFER_MAX;
}

uint32_t nsrv_request_piece_bytes(const struct nsrv_request *request)
{
    return piece_bytes(request->command.length - request->begun);
}

/* The next piece of a READ or WRITE. */
static void submit_piece(struct nsrv_lane *lane, enum vol_op op)
{
    struct nsrv_request *request = lane->request;
    const uint32_t begun = request->begun;
    const uint32_t bytes = nsrv_request_piece_bytes(request);
    request->begun += bytes;
    submit(lane, op, request->command.offset + begun, bytes);
}

/* --- WRITE --- */

struct nsrv_lane *nsrv_request_lane(struct nsrv_request *request)
{
    for (unsigned i = 0; i < NSRV_LANES; i++) {
        struct nsrv_lane *lane = &request->lanes[i];
        if (lane->state != NSRV_LANE_FREE)
            continue;
        lane->buffer =
            nsrv_budget_take(&request->transmission->budget, nsrv_request_piece_bytes(request));
        return lane->buffer ? lane : NULL;
    }
    return NULL;
}

void nsrv_request_write(struct nsrv_request *request, struct nsrv_lane *lane)
{
    submit_piece(lane, VOL_WRITE);
}

/* --- READ --- */

/* Keeps the free lanes of a READ busy. */
static void read_on(struct nsrv_request *request)
{
    for (unsigned i = 0; i < NSRV_LANES; i++) {
        struct nsrv_lane *lane = &request->lanes[i];
        if (request->refusal.error || request->answered ||
            request->begun == request->command.length)
            return;
        if (lane->state == NSRV_LANE_FREE && lane->buffer)
            submit_piece(lane, VOL_READ);
    }
}

static void piece_sent(struct nsrv_message *message)
{
    struct nsrv_lane *lane = container_of(message, struct nsrv_lane, message);
    struct nsrv_request *request = lane->request;
    request->messages--;
    lane->state = NSRV_LANE_FREE;
    if (request->command.type == NSRV_CMD_READ)
        read_on(request);
    nsrv_request_settle(request);
}

/* The piece is the next one to be sent. */
static void queue_piece(struct nsrv_lane *lane)
{
    struct nsrv_request *request = lane->request;
    struct nsrv_message *message = &lane->message;
    const struct vol_request *io = &lane->io;
    const bool first = request->queued == 0;
    const bool last = request->queued + io->length == request->command.length;
    message->sent = piece_sent;
    lane->state = NSRV_LANE_SENDING;
    if (request->transmission->promise.structured) {
        nsrv_reply_data_chunk(message, request->command.cookie, last ? NSRV_CHUNK_DONE : 0,
                              io->offset, lane->buffer->data, (uint32_t)io->length);
    } else {
        nsrv_reply_simple(message, request->command.cookie, 0);
        message->header_bytes = first ? NSRV_SIMPLE_HEADER_BYTES : 0;
        message->body = lane->buffer->data;
        message->body_bytes = (uint32_t)io->length;
    }
    queue(request, message);
    request->queued += (uint32_t)io->length;
    request->transmission->counters.read_bytes += io->length;
    if (last)
        set_answered(request);
}

static struct nsrv_lane *lane_ready_at(struct nsrv_request *request, uint64_t offset)
{
    for (unsigned i = 0; i < NSRV_LANES; i++)
        if (request->lanes[i].state == NSRV_LANE_READY && request->lanes[i].io.offset == offset)
            return &request->lanes[i];
    return NULL;
}

static void read_done(struct nsrv_lane *lane)
{
    struct nsrv_request *request = lane->request;
    if (request->refusal.error || request->answered) {
        lane->state = NSRV_LANE_FREE;
        return;
    }
    if (request->transmission->promise.structured) {
        queue_piece(lane);
        return;
    }
    lane->state = NSRV_LANE_READY;
    while (lane && !request->answered) {
        lane = lane_ready_at(request, request->command.offset + request->queued);
        if (lane)
            queue_piece(lane);
    }
}

static bool begin_read(struct nsrv_request *request)
{
    struct nsrv_transmission *transmission = request->transmission;
    struct nsrv_budget *budget = &transmission->budget;
    const uint32_t length = request->command.length;
    request->lanes[0].buffer = nsrv_budget_take(budget, piece_bytes(length));
    if (!request->lanes[0].buffer)
        return false;
    for (unsigned i = 1; i < NSRV_LANES && i * VOL_TRANSFER_MAX < length; i++)
        request->lanes[i].buffer =
            nsrv_budget_try(budget, piece_bytes(length - i * VOL_TRANSFER_MAX));
    if (is_simple_read(request) && length > VOL_TRANSFER_MAX)
        transmission->stream = request;
    read_on(request);
    return true;
}

/* --- BLOCK_STATUS --- */

static void status_done(struct nsrv_lane *lane)
{
    struct nsrv_request *request = lane->request;
    const unsigned contexts = request->transmission->promise.contexts;
    uint8_t *body = lane->buffer->data + NSRV_STATUS_EXTENTS * sizeof(struct vol_extent);
    uint8_t *at = body;
    assert(lane->io.extent_count > 0 && lane->io.extent_count <= lane->io.extent_room);
    for (unsigned i = 0; i < NSRV_CONTEXTS; i++) {
        if (!(contexts & 1u << i))
            continue;
        const bool last = contexts >> i == 1;
        const size_t bytes =
            nsrv_context_encode(i, lane->io.extents, lane->io.extent_count, request->command.length,
                                at + NSRV_CHUNK_HEADER_BYTES);
        nsrv_reply_chunk_header(at, request->command.cookie, last ? NSRV_CHUNK_DONE : 0,
                                NSRV_CHUNK_BLOCK_STATUS, (uint32_t)bytes);
        at += NSRV_CHUNK_HEADER_BYTES + bytes;
    }
    lane->state = NSRV_LANE_SENDING;
    lane->message.sent = piece_sent;
    lane->message.header_bytes = 0;
    lane->message.body = body;
    lane->message.body_bytes = (uint32_t)(at - body);
    queue(request, &lane->message);
    set_answered(request);
}

_Static_assert(NSRV_STATUS_EXTENTS * sizeof(struct vol_extent) +
                       NSRV_CONTEXTS * (NSRV_CHUNK_HEADER_BYTES + 4 + 8 * NSRV_STATUS_EXTENTS) <=
                   NSRV_STATUS_BYTES,
               "extents and the chunks made of them fit into one buffer");

static bool begin_status(struct nsrv_request *request)
{
    struct nsrv_lane *lane = &request->lanes[0];
    lane->buffer = nsrv_budget_take(&request->transmission->budget, NSRV_STATUS_BYTES);
    if (!lane->buffer)
        return false;
    submit(lane, VOL_BLOCK_STATUS, request->command.offset, request->command.length);
    return true;
}

/* --- all --- */

static const char *error_in_words(uint32_t error)
{
    switch (error) {
    case NSRV_EPERM:
        return "the disk is write-protected";
    case NSRV_ENOSPC:
        return "the disk is full";
    case NSRV_ENOTSUP:
        return "not faster than writing zeros";
    case NSRV_ESHUTDOWN:
        return "the server is stopping";
    case NSRV_EINVAL:
        return "the disk refuses the request";
    default:
        return "the disk cannot carry out the request";
    }
}

static void lane_done(struct vol_request *io)
{
    struct nsrv_lane *lane = container_of(io, struct nsrv_lane, io);
    struct nsrv_request *request = lane->request;
    struct nsrv_transmission *transmission = request->transmission;
    request->in_volume--;
    transmission->in_volume--;
    if (io->error && !request->refusal.error) {
        const uint32_t error = nsrv_error_on_wire(io->error, &request->command);
        request->refusal = (struct nsrv_refusal){error, error_in_words(error)};
    }
    if (io->op == VOL_WRITE && !io->error)
        transmission->counters.written_bytes += io->length;
    if (io->op == VOL_READ && !io->error) {
        read_done(lane);
    } else if (io->op == VOL_BLOCK_STATUS && !io->error && !request->answered) {
        status_done(lane);
    } else {
        lane->state = NSRV_LANE_FREE;
        give_buffer(lane);
    }
    nsrv_request_settle(request);
    transmission->kick(transmission);
}

bool nsrv_request_begin(struct nsrv_request *request)
{
    static const enum vol_op plain[] = {
        [NSRV_CMD_FLUSH] = VOL_FLUSH,
        [NSRV_CMD_TRIM] = VOL_TRIM,
        [NSRV_CMD_CACHE] = VOL_CACHE,
        [NSRV_CMD_WRITE_ZEROES] = VOL_WRITE_ZEROES,
    };
    const struct nsrv_command *command = &request->command;
    if (command->type == NSRV_CMD_READ)
        return begin_read(request);
    if (command->type == NSRV_CMD_BLOCK_STATUS)
        return begin_status(request);
    submit(&request->lanes[0], plain[command->type], command->offset, command->length);
    return true;
}
