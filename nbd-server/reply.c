#include "nbd-server/reply.h"

#include <assert.h>
#include <string.h>

#include "base/bytes.h"
#include "nbd-server/protocol.h"

static void set_body(struct nsrv_message *message, const void *body, uint32_t bytes)
{
    message->body = body;
    message->body_bytes = bytes;
}

void nsrv_reply_simple(struct nsrv_message *message, uint64_t cookie, uint32_t error)
{
    put_be32(message->header, NSRV_MAGIC_SIMPLE);
    put_be32(message->header + 4, error);
    memcpy(message->header + 8, &cookie, 8);
    message->header_bytes = NSRV_SIMPLE_HEADER_BYTES;
    set_body(message, NULL, 0);
}

void nsrv_reply_chunk_header(uint8_t *ret_header, uint64_t cookie, uint16_t flags, uint16_t type,
                             uint32_t payload_bytes)
{
    put_be32(ret_header, NSRV_MAGIC_CHUNK);
    put_be16(ret_header + 4, flags);
    put_be16(ret_header + 6, type);
    memcpy(ret_header + 8, &cookie, 8);
    put_be32(ret_header + 16, payload_bytes);
}

void nsrv_reply_error_chunk(struct nsrv_message *message, uint64_t cookie, uint32_t error,
                            const char *why)
{
    const uint16_t why_bytes = (uint16_t)strlen(why);
    assert(error != 0 && why_bytes <= NSRV_STRING_BYTES_MAX);
    nsrv_reply_chunk_header(message->header, cookie, NSRV_CHUNK_DONE, NSRV_CHUNK_ERROR,
                            6u + why_bytes);
    put_be32(message->header + 20, error);
    put_be16(message->header + 24, why_bytes);
    message->header_bytes = 26;
    set_body(message, why, why_bytes);
}

void nsrv_reply_data_chunk(struct nsrv_message *message, uint64_t cookie, uint16_t flags,
                           uint64_t offset, const void *data, uint32_t bytes)
{
    assert(bytes > 0);
    nsrv_reply_chunk_header(message->header, cookie, flags, NSRV_CHUNK_OFFSET_DATA, 8 + bytes);
    put_be64(message->header + 20, offset);
    message->header_bytes = 28;
    set_body(message, data, bytes);
}
