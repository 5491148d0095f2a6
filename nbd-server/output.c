#include "nbd-server/output.h"

#include <assert.h>

void nsrv_output_init(struct nsrv_output *output)
{
    list_init(&output->messages);
    output->first_sent = 0;
}

static size_t message_bytes(const struct nsrv_message *message)
{
    return (size_t)message->header_bytes + message->body_bytes;
}

void nsrv_output_append(struct nsrv_output *output, struct nsrv_message *message)
{
    assert(message_bytes(message) > 0);
    assert(message->header_bytes <= sizeof message->header);
    list_append(&output->messages, &message->node);
}

bool nsrv_output_is_empty(const struct nsrv_output *output)
{
    return list_is_empty(&output->messages);
}

/* Adds one entry without its first *skip bytes; takes from *skip what was left out. */
static unsigned add_part(struct iovec *iov, const void *bytes, size_t count, size_t *skip)
{
    if (*skip >= count) {
        *skip -= count;
        return 0;
    }
    iov->iov_base = (uint8_t *)bytes + *skip;
    iov->iov_len = count - *skip;
    *skip = 0;
    return 1;
}

unsigned nsrv_output_iov(const struct nsrv_output *output, struct iovec *ret_iov, unsigned room)
{
    size_t skip = output->first_sent;
    unsigned count = 0;
    list_for_each(it, &output->messages)
    {
        const struct nsrv_message *message = container_of(it, struct nsrv_message, node);
        if (count + 2 > room)
            break;
        count += add_part(&ret_iov[count], message->header, message->header_bytes, &skip);
        count += add_part(&ret_iov[count], message->body, message->body_bytes, &skip);
    }
    return count;
}

void nsrv_output_sent(struct nsrv_output *output, size_t bytes)
{
    output->first_sent += bytes;
    while (!list_is_empty(&output->messages)) {
        struct nsrv_message *first = list_first(&output->messages, struct nsrv_message, node);
        if (output->first_sent < message_bytes(first))
            return;
        output->first_sent -= message_bytes(first);
        list_remove(&first->node);
        first->sent(first);
    }
    assert(output->first_sent == 0);
}

void nsrv_output_drop(struct nsrv_output *output)
{
    while (!list_is_empty(&output->messages))
        list_remove(output->messages.next);
    output->first_sent = 0;
}
