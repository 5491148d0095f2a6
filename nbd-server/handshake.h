/*
 * The handshake: from the greeting to the transmission phase (proto.md, "Handshake"; fixed
 * newstyle). Bytes in, bytes out.
 *
 * The client's options are taken one at a time, each when all of it is there; the answer lies in
 * `reply` and must be sent before the next step. An option that needs the size of a disk that is
 * not known yet (the target was down since the start) is not refused: the step says NSRV_PARKED
 * and is to be repeated, with the same bytes, when the volume is known.
 */
#ifndef NBD_SERVER_HANDSHAKE_H
#define NBD_SERVER_HANDSHAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nbd-server/export.h"
#include "nbd-server/protocol.h"

/* The longest answer: INFO with a name and a description of full length. */
#define NSRV_HANDSHAKE_REPLY_BYTES (2 * NSRV_STRING_BYTES_MAX + 512)

enum nsrv_step {
    NSRV_MORE,     /* not all of it is there yet */
    NSRV_NEXT,     /* something was taken; there may be an answer to send */
    NSRV_PARKED,   /* the disk is not known yet: nothing was taken */
    NSRV_TRANSMIT, /* the handshake is done: send the answer, then requests come */
    NSRV_GOODBYE,  /* send the answer, then close */
    NSRV_CLOSE,    /* close at once: the protocol leaves no other answer */
};

struct nsrv_handshake {
    const struct nsrv_export *export;
    bool has_flags;    /* the client's flags came */
    bool no_zeroes;    /* of them */
    bool structured;   /* structured replies were negotiated */
    unsigned contexts; /* selected metadata contexts */
    bool stopping;     /* set by the owner: every option but ABORT is refused */
    unsigned options;  /* taken so far */
    uint64_t skip;     /* bytes of a refused option still to come */
    uint32_t refusal;  /* its answer, when they came */
    uint32_t option;   /* the one that is being answered */

    /* Valid after NSRV_TRANSMIT: what was promised to this client. */
    struct vol_geometry geometry;
    uint16_t flags;

    size_t reply_bytes;
    uint8_t reply[NSRV_HANDSHAKE_REPLY_BYTES];
};

/* The greeting is the first reply. */
void nsrv_handshake_init(struct nsrv_handshake *handshake, const struct nsrv_export *export);

/* Looks at bytes[0 .. count), takes *ret_taken of them. Replaces `reply`. */
enum nsrv_step nsrv_handshake_step(struct nsrv_handshake *handshake, const uint8_t *bytes,
                                   size_t count, size_t *ret_taken);

/* For handshake_options.c. Answers are appended to `reply`. */
void nsrv_handshake_reply(struct nsrv_handshake *handshake, uint32_t type, const void *data,
                          size_t bytes);
enum nsrv_step nsrv_handshake_error(struct nsrv_handshake *handshake, uint32_t type,
                                    const char *message);

/* Carries out handshake->option with its data. Defined in handshake_options.c. */
enum nsrv_step nsrv_handshake_option(struct nsrv_handshake *handshake, const uint8_t *data,
                                     size_t bytes);
bool nsrv_handshake_knows(uint32_t option);

#endif
