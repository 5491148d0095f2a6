/*
 * Takes requests from the input.
 *
 * Good day: parse a header, check it, begin the request; the payload of a WRITE goes from the
 * input (the part that came with the headers) and then from the socket straight into a volume
 * buffer.
 *
 * What goes wrong: a request that is refused loses its payload first (drain), then is answered,
 * and the stream stays in step. A wrong magic number, or a payload so large that draining it
 * would be absurd, ends the connection. When something is missing (request, lane, memory), the
 * loop stops and is run again when something was given back.
 */
#include "nbd-server/transmission.h"

#include <assert.h>

#include "base/checked.h"

static void woken(struct nsrv_budget *budget)
{
    struct nsrv_transmission *transmission = container_of(budget, struct nsrv_transmission, budget);
    transmission->kick(transmission);
}

void nsrv_transmission_init(struct nsrv_transmission *transmission, struct nsrv_export *export,
                            const struct nsrv_promise *promise, struct nsrv_input *input,
                            struct nsrv_output *output,
                            void (*kick)(struct nsrv_transmission *transmission))
{
    transmission->export = export;
    transmission->promise = *promise;
    transmission->input = input;
    transmission->output = output;
    transmission->kick = kick;
    export->transmitting++;
    nsrv_budget_init(&transmission->budget, export, woken);
    list_init(&transmission->held_back);
    list_init(&transmission->free);
    list_init(&transmission->busy);
    for (unsigned i = 0; i < NSRV_REQUESTS; i++) {
        struct nsrv_request *request = &transmission->requests[i];
        request->transmission = transmission;
        for (unsigned k = 0; k < NSRV_LANES; k++)
            request->lanes[k].request = request;
        list_append(&transmission->free, &request->node);
    }
}

static void begin_drain(struct nsrv_transmission *transmission, uint64_t bytes)
{
    transmission->receive = NSRV_RECEIVE_DRAIN;
    transmission->drain = bytes;
}

static struct nsrv_request *take_request(struct nsrv_transmission *transmission,
                                         const struct nsrv_command *command)
{
    struct nsrv_request *request = list_first(&transmission->free, struct nsrv_request, node);
    assert(request && request->in_volume == 0 && request->messages == 0);
    list_remove(&request->node);
    list_append(&transmission->busy, &request->node);
    transmission->in_flight++;
    transmission->counters.requests++;
    request->command = *command;
    request->begun = 0;
    request->queued = 0;
    request->receiving = command->type == NSRV_CMD_WRITE;
    request->answered = false;
    request->refusal = (struct nsrv_refusal){0, NULL};
    return request;
}

/* A request that was taken: what comes next of it. */
static void dispatch(struct nsrv_transmission *transmission, struct nsrv_request *request)
{
    const struct nsrv_command *command = &request->command;
    const struct nsrv_refusal refusal = nsrv_command_check(command, &transmission->promise);
    transmission->current = request;
    if (command->type == NSRV_CMD_WRITE) {
        request->refusal = refusal;
        transmission->receive = NSRV_RECEIVE_PAYLOAD;
        if (refusal.error)
            begin_drain(transmission, command->length);
    } else if (refusal.error) {
        transmission->current = NULL;
        nsrv_request_refuse(request, refusal);
    }
}

/* Each of these returns false when it cannot go on now. */
static bool receive_header(struct nsrv_transmission *transmission)
{
    struct nsrv_command command;
    if (nsrv_input_count(transmission->input) < NSRV_REQUEST_HEADER_BYTES ||
        list_is_empty(&transmission->free))
        return false;
    if (!nsrv_command_parse(nsrv_input_bytes(transmission->input), &command) ||
        (command.type == NSRV_CMD_WRITE && command.length > NSRV_PAYLOAD_DRAIN_MAX)) {
        transmission->broken = true;
        return false;
    }
    nsrv_input_take(transmission->input, NSRV_REQUEST_HEADER_BYTES);
    if (command.type == NSRV_CMD_DISC) {
        nsrv_transmission_leave(transmission);
        return false;
    }
    dispatch(transmission, take_request(transmission, &command));
    return true;
}

/* All of the payload came, or was drained. */
static void end_payload(struct nsrv_transmission *transmission)
{
    struct nsrv_request *request = transmission->current;
    transmission->receive = NSRV_RECEIVE_HEADER;
    transmission->current = NULL;
    request->receiving = false;
    nsrv_request_settle(request);
}

static bool receive_drain(struct nsrv_transmission *transmission)
{
    transmission->drain -= nsrv_input_move(transmission->input, NULL, transmission->drain);
    if (transmission->drain > 0)
        return false;
    end_payload(transmission);
    return true;
}

/* A piece is complete: to the volume with it. */
static void end_piece(struct nsrv_transmission *transmission)
{
    struct nsrv_request *request = transmission->current;
    struct nsrv_lane *lane = transmission->filling;
    transmission->filling = NULL;
    transmission->filled = 0;
    nsrv_request_write(request, lane);
    if (request->begun == request->command.length)
        end_payload(transmission);
}

static bool receive_payload(struct nsrv_transmission *transmission)
{
    struct nsrv_request *request = transmission->current;
    if (!transmission->filling && request->refusal.error) { /* a piece before failed */
        nsrv_budget_done(&transmission->budget);
        begin_drain(transmission, request->command.length - request->begun);
        return true;
    }
    if (!transmission->filling)
        transmission->filling = nsrv_request_lane(request);
    if (!transmission->filling)
        return false;
    const uint32_t piece = nsrv_request_piece_bytes(request);
    transmission->filled += (uint32_t)nsrv_input_move(
        transmission->input, transmission->filling->buffer->data + transmission->filled,
        piece - transmission->filled);
    if (transmission->filled < piece)
        return false;
    end_piece(transmission);
    return true;
}

/* Begins the request that waits for memory; false: it still does. */
static bool begin_current(struct nsrv_transmission *transmission)
{
    struct nsrv_request *request = transmission->current;
    if (!nsrv_request_begin(request))
        return false;
    transmission->current = NULL;
    return true;
}

static bool step(struct nsrv_transmission *transmission)
{
    switch (transmission->receive) {
    case NSRV_RECEIVE_PAYLOAD:
        return receive_payload(transmission);
    case NSRV_RECEIVE_DRAIN:
        return receive_drain(transmission);
    case NSRV_RECEIVE_HEADER:
        break;
    }
    if (transmission->current)
        return begin_current(transmission);
    return !transmission->stream && receive_header(transmission);
}

void nsrv_transmission_run(struct nsrv_transmission *transmission)
{
    assert(!transmission->closed);
    while (!transmission->broken && !transmission->leaving && step(transmission))
        ;
    /* Bytes after DISC are a breach of the protocol; the server that stops reads no more. */
    if (transmission->leaving)
        nsrv_input_take(transmission->input, nsrv_input_count(transmission->input));
}

bool nsrv_transmission_payload(struct nsrv_transmission *transmission, struct iovec *ret_iov)
{
    if (!transmission->filling)
        return false;
    assert(nsrv_input_count(transmission->input) == 0);
    ret_iov->iov_base = transmission->filling->buffer->data + transmission->filled;
    ret_iov->iov_len = nsrv_request_piece_bytes(transmission->current) - transmission->filled;
    return true;
}

void nsrv_transmission_filled(struct nsrv_transmission *transmission, size_t bytes)
{
    const uint32_t piece = nsrv_request_piece_bytes(transmission->current);
    assert(bytes <= piece - transmission->filled);
    transmission->filled += (uint32_t)bytes;
    if (transmission->filled == piece)
        end_piece(transmission);
}

/* Ends the request that stands between input and volume: half-received, or without memory. */
static void drop_current(struct nsrv_transmission *transmission)
{
    struct nsrv_request *request = transmission->current;
    transmission->current = NULL;
    transmission->filling = NULL;
    transmission->filled = 0;
    transmission->receive = NSRV_RECEIVE_HEADER;
    nsrv_budget_done(&transmission->budget);
    if (!request)
        return;
    if (!request->receiving && !transmission->closed && !transmission->sends_again)
        nsrv_request_refuse(request,
                            (struct nsrv_refusal){NSRV_ESHUTDOWN, "the server is stopping"});
    request->receiving = false;
    nsrv_request_abandon(request);
}

void nsrv_transmission_leave(struct nsrv_transmission *transmission)
{
    if (transmission->leaving || transmission->closed)
        return;
    transmission->leaving = true;
    drop_current(transmission);
}

bool nsrv_transmission_is_over(const struct nsrv_transmission *transmission)
{
    return transmission->leaving && transmission->in_flight == 0;
}

void nsrv_transmission_close(struct nsrv_transmission *transmission)
{
    assert(!transmission->closed);
    transmission->closed = true;
    transmission->export->transmitting--;
    nsrv_output_drop(transmission->output);
    while (!list_is_empty(&transmission->held_back))
        list_remove(transmission->held_back.next);
    drop_current(transmission);
    list_for_each_safe(it, &transmission->busy)
        nsrv_request_abandon(container_of(it, struct nsrv_request, node));
}
