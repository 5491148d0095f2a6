/*
 * Bytes that a client sent and nobody has taken yet.
 *
 * One plain buffer per connection: many small requests come with one system call, and while a
 * connection is stalled (no memory, too many requests in flight) it still reads ahead this far,
 * so that a client that hangs up is noticed.
 */
#ifndef NBD_SERVER_INPUT_H
#define NBD_SERVER_INPUT_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "nbd-server/protocol.h"

/* The largest option fits, so that it can be looked at in one piece. */
#define NSRV_INPUT_BYTES (NSRV_OPTION_HEADER_BYTES + NSRV_OPTION_BYTES_MAX)

struct nsrv_input {
    size_t start; /* first byte that nobody has taken */
    size_t end;
    uint8_t bytes[NSRV_INPUT_BYTES];
};

static inline size_t nsrv_input_count(const struct nsrv_input *input)
{
    return input->end - input->start;
}

static inline const uint8_t *nsrv_input_bytes(const struct nsrv_input *input)
{
    return input->bytes + input->start;
}

static inline void nsrv_input_take(struct nsrv_input *input, size_t bytes)
{
    assert(bytes <= nsrv_input_count(input));
    input->start += bytes;
    if (input->start == input->end)
        input->start = input->end = 0;
}

/* Takes up to `bytes`, into `to` (or nowhere, when NULL); returns how many. */
static inline size_t nsrv_input_move(struct nsrv_input *input, uint8_t *to, size_t bytes)
{
    const size_t count = bytes < nsrv_input_count(input) ? bytes : nsrv_input_count(input);
    if (to && count > 0)
        memcpy(to, nsrv_input_bytes(input), count);
    nsrv_input_take(input, count);
    return count;
}

/* Moves what is there to the front; returns the room behind it. */
static inline size_t nsrv_input_make_room(struct nsrv_input *input)
{
    if (input->start > 0) {
        memmove(input->bytes, nsrv_input_bytes(input), nsrv_input_count(input));
        input->end -= input->start;
        input->start = 0;
    }
    return sizeof input->bytes - input->end;
}

#endif
