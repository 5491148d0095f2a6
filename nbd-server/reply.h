/* Encodes the headers of replies (proto.md, "Simple reply message", "Structured reply chunk"). */
#ifndef NBD_SERVER_REPLY_H
#define NBD_SERVER_REPLY_H

#include <stdint.h>

#include "nbd-server/output.h"

/* Each fills header and body of the message; a body is referenced, not copied. */

void nsrv_reply_simple(struct nsrv_message *message, uint64_t cookie, uint32_t error);

/* A chunk of type ERROR, final; `why` is static text. */
void nsrv_reply_error_chunk(struct nsrv_message *message, uint64_t cookie, uint32_t error,
                            const char *why);

void nsrv_reply_data_chunk(struct nsrv_message *message, uint64_t cookie, uint16_t flags,
                           uint64_t offset, const void *data, uint32_t bytes);

/* The 20 bytes before the payload of any chunk. */
void nsrv_reply_chunk_header(uint8_t *ret_header, uint64_t cookie, uint16_t flags, uint16_t type,
                             uint32_t payload_bytes);

#endif
