/*
 * What a connection has to send: messages in order, each a short header and perhaps a body that
 * lies elsewhere (a volume buffer: payload is never copied).
 */
#ifndef NBD_SERVER_OUTPUT_H
#define NBD_SERVER_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/list.h"

#define NSRV_MESSAGE_HEADER_BYTES 32

/* Embedded by its owner, who keeps it and the body alive until sent(). */
struct nsrv_message {
    struct list_node node;
    uint8_t header[NSRV_MESSAGE_HEADER_BYTES];
    uint32_t header_bytes;
    uint32_t body_bytes;
    const void *body;
    /* All of it was handed to the socket. The message is out of the queue and may be used again;
     * sent() may queue others. */
    void (*sent)(struct nsrv_message *message);
};

struct nsrv_output {
    struct list_node messages;
    size_t first_sent; /* bytes of the first message that are gone */
};

void nsrv_output_init(struct nsrv_output *output);

/* The message must not be empty. */
void nsrv_output_append(struct nsrv_output *output, struct nsrv_message *message);

bool nsrv_output_is_empty(const struct nsrv_output *output);

/* What to send next; fills up to `room` entries, returns how many (0: nothing to send). */
unsigned nsrv_output_iov(const struct nsrv_output *output, struct iovec *ret_iov, unsigned room);

/* The first `bytes` of what nsrv_output_iov() told were sent. */
void nsrv_output_sent(struct nsrv_output *output, size_t bytes);

/* Forgets all messages, without sent(). */
void nsrv_output_drop(struct nsrv_output *output);

#endif
