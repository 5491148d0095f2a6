/* One request of the transmission phase, as the client sent it, and whether it is allowed. */
#ifndef NBD_SERVER_COMMAND_H
#define NBD_SERVER_COMMAND_H

#include <stdbool.h>
#include <stdint.h>

#include "nbd-server/protocol.h"

struct nsrv_command {
    uint16_t flags;
    uint16_t type;
    uint64_t cookie; /* opaque: not in any byte order */
    uint64_t offset;
    uint32_t length;
};

/* What this connection was promised. */
struct nsrv_promise {
    uint64_t size_bytes;
    uint16_t flags; /* transmission flags */
    bool structured;
    unsigned contexts;
};

/* Returns false when the magic number is wrong: what follows cannot be understood. */
bool nsrv_command_parse(const uint8_t header[NSRV_REQUEST_HEADER_BYTES],
                        struct nsrv_command *ret_command);

/* A refusal: an error of the protocol (0: none) and its reason in words. */
struct nsrv_refusal {
    uint32_t error;
    const char *why;
};

/* Checks everything that can be known without the disk. DISC is not for here. */
struct nsrv_refusal nsrv_command_check(const struct nsrv_command *command,
                                       const struct nsrv_promise *promise);

/* The error number on the wire for an error (-errno) of the volume. */
uint32_t nsrv_error_on_wire(int error, const struct nsrv_command *command);

#endif
