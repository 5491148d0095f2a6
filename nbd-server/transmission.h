/*
 * The transmission phase: requests in, replies out (proto.md, "Transmission"). No sockets.
 *
 * Requests of one connection are carried out side by side, NSRV_REQUESTS at most; the volume
 * orders those that overlap. READ and WRITE move their payload in pieces of VOL_TRANSFER_MAX;
 * each piece occupies a lane of its request, so that even the largest request is under way with
 * NSRV_LANES buffers at most.
 *
 * Memory: see budget.h. While a buffer, a lane or a request is missing, no further request is
 * taken from the input, and soon the socket is not read any more: that is the back-pressure. It
 * cannot lock up: what was taken before needs nothing more to complete. A READ takes its buffers
 * before it starts and uses them for all of its pieces; a WRITE takes one per piece, and the pieces
 * before complete without it.
 */
#ifndef NBD_SERVER_TRANSMISSION_H
#define NBD_SERVER_TRANSMISSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/list.h"
#include "nbd-server/budget.h"
#include "nbd-server/command.h"
#include "nbd-server/export.h"
#include "nbd-server/input.h"
#include "nbd-server/output.h"
#include "volume/volume.h"

#define NSRV_REQUESTS 128
#define NSRV_LANES    4

/* A BLOCK_STATUS works in one buffer: extents in front, chunks behind. */
#define NSRV_STATUS_BYTES   16384u
#define NSRV_STATUS_EXTENTS 500u

struct nsrv_request;

enum nsrv_lane_state {
    NSRV_LANE_FREE,
    NSRV_LANE_IN_VOLUME,
    NSRV_LANE_READY,  /* a piece of a READ that must wait for the piece before it */
    NSRV_LANE_SENDING /* its message is in the output */
};

/* One piece under way. */
struct nsrv_lane {
    enum nsrv_lane_state state;
    struct nsrv_request *request;
    struct buffer *buffer;
    struct vol_request io;
    struct nsrv_message message;
};

struct nsrv_request {
    struct list_node node; /* in free or busy */
    struct nsrv_transmission *transmission;
    struct nsrv_command command;
    uint32_t begun;              /* bytes of the payload that were given to the volume */
    uint32_t queued;             /* READ: bytes whose messages were queued */
    unsigned in_volume;          /* lanes */
    unsigned messages;           /* in the output */
    bool receiving;              /* WRITE: payload is still to come */
    bool answered;               /* the last message was queued, or nobody listens any more */
    struct nsrv_refusal refusal; /* the first error */
    struct nsrv_message reply;
    struct nsrv_lane lanes[NSRV_LANES];
};

struct nsrv_counters {
    uint64_t requests;
    uint64_t errors; /* of them: answered with one */
    uint64_t read_bytes;
    uint64_t written_bytes;
};

enum nsrv_receive { NSRV_RECEIVE_HEADER, NSRV_RECEIVE_PAYLOAD, NSRV_RECEIVE_DRAIN };

struct nsrv_transmission {
    struct nsrv_export *export;
    struct nsrv_promise promise;
    struct nsrv_input *input;
    struct nsrv_output *output;
    struct nsrv_budget budget;
    /* Something happened outside of a call: call nsrv_transmission_run() soon, not from here. */
    void (*kick)(struct nsrv_transmission *transmission);

    enum nsrv_receive receive;
    struct nsrv_request *current; /* the one whose payload is received, or that lacks memory */
    struct nsrv_lane *filling;    /* the lane that payload goes to; NULL: has to be found */
    uint32_t filled;              /* bytes of its piece that came */
    uint64_t drain;               /* bytes to throw away */

    /* A large READ in simple replies has the output for itself from its first byte to its last:
     * messages of others wait in `held_back`, and no other request is begun. */
    struct nsrv_request *stream;
    struct list_node held_back;

    /* Set by the owner: the client sends again, on another connection, what was not answered. To
     * it, an error is worse than no answer. */
    bool sends_again;

    bool leaving; /* DISC came, or the server stops: finish, take nothing more */
    bool broken;  /* the connection must be closed at once */
    bool closed;  /* nobody listens any more: answers are forgotten */

    unsigned in_flight; /* requests not free */
    unsigned in_volume; /* lanes */
    struct nsrv_counters counters;
    struct list_node free;
    struct list_node busy;
    struct nsrv_request requests[NSRV_REQUESTS];
};

/* The memory of *transmission is zeroed. input and output must outlive it. */
void nsrv_transmission_init(struct nsrv_transmission *transmission, struct nsrv_export *export,
                            const struct nsrv_promise *promise, struct nsrv_input *input,
                            struct nsrv_output *output,
                            void (*kick)(struct nsrv_transmission *transmission));

/* Carries on as far as input, memory and the volume allow. */
void nsrv_transmission_run(struct nsrv_transmission *transmission);

/* Where payload can be received without a copy, when there is such a place: then the input must
 * be empty. After bytes were put there, _filled() tells. */
bool nsrv_transmission_payload(struct nsrv_transmission *transmission, struct iovec *ret_iov);
void nsrv_transmission_filled(struct nsrv_transmission *transmission, size_t bytes);

/* Takes no further request; those under way are finished and answered, one that waits for memory
 * is refused, or left without an answer when the client sends it again. */
void nsrv_transmission_leave(struct nsrv_transmission *transmission);

/* Leaving, and all is answered and sent. */
bool nsrv_transmission_is_over(const struct nsrv_transmission *transmission);

/* Nobody listens any more. The memory may go when in_volume is 0; kick() says when to look. */
void nsrv_transmission_close(struct nsrv_transmission *transmission);

/* For transmission.c and request.c. */

/* Begins a request that needs no payload from the client; false: memory is missing, repeat. */
bool nsrv_request_begin(struct nsrv_request *request);

/* WRITE: a lane with a buffer for the next piece; NULL: repeat later. */
struct nsrv_lane *nsrv_request_lane(struct nsrv_request *request);
uint32_t nsrv_request_piece_bytes(const struct nsrv_request *request);
/* WRITE: the piece in this lane is complete. */
void nsrv_request_write(struct nsrv_request *request, struct nsrv_lane *lane);

/* Refuses a request (its payload was taken away already). */
void nsrv_request_refuse(struct nsrv_request *request, struct nsrv_refusal refusal);

/* Answers the request if all of it is done, frees it if it is answered. */
void nsrv_request_settle(struct nsrv_request *request);

/* Forgets the answers of a request whose connection is gone. */
void nsrv_request_abandon(struct nsrv_request *request);

#endif
