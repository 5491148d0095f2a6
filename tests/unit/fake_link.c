#include "tests/unit/fake_link.h"

#include <assert.h>
#include <string.h>

static struct fake_link *fake_of(struct link_port *port)
{
    return container_of(port, struct fake_link, port);
}

static void link_open(struct link_port *port, unsigned portal)
{
    struct fake_link *fake = fake_of(port);
    assert(!fake->open);
    fake->open = true;
    fake->portal = portal;
    fake->opens++;
    fake->count = 0;
}

static void link_submit(struct link_port *port, struct link_command *command)
{
    struct fake_link *fake = fake_of(port);
    assert(fake->open && fake->count < LINK_COMMANDS);
    fake->commands[fake->count++] = command;
    fake->submits++;
}

static void link_reset_lun(struct link_port *port)
{
    assert(fake_of(port)->open);
    fake_of(port)->resets++;
}

static bool link_ping(struct link_port *port)
{
    struct fake_link *fake = fake_of(port);
    assert(fake->open);
    fake->pings += !fake->window_is_shut;
    return !fake->window_is_shut;
}

static void link_close(struct link_port *port)
{
    struct fake_link *fake = fake_of(port);
    fake->open = false;
    fake->closes++;
    fake->count = 0;
}

static void link_logout(struct link_port *port, void (*done)(void *owner))
{
    struct fake_link *fake = fake_of(port);
    assert(fake->open && fake->count == 0);
    fake->logouts++;
    fake->logged_out = done;
}

void fake_link_init(struct fake_link *fake)
{
    static const struct link_port_ops ops = {link_open, link_submit, link_reset_lun,
                                             link_ping, link_close,  link_logout};
    *fake = (struct fake_link){.port = {.ops = &ops}};
}

struct link_command *fake_link_first(const struct fake_link *fake)
{
    return fake->count > 0 ? fake->commands[0] : NULL;
}

void fake_link_done(struct fake_link *fake, unsigned index)
{
    assert(index < fake->count);
    struct link_command *command = fake->commands[index];
    fake->count--;
    memmove(&fake->commands[index], &fake->commands[index + 1],
            (fake->count - index) * sizeof fake->commands[0]);
    command->done(command);
}

void fake_link_sense(struct link_command *command, uint8_t key, uint8_t asc, uint8_t ascq)
{
    memset(command->sense, 0, sizeof command->sense);
    command->sense[0] = 0x70;
    command->sense[2] = key;
    command->sense[7] = 10;
    command->sense[12] = asc;
    command->sense[13] = ascq;
    command->sense_bytes = 18;
}

void fake_link_answer(struct fake_link *fake, unsigned index, uint8_t status, uint8_t key,
                      uint8_t asc, uint8_t ascq)
{
    struct link_command *command = fake->commands[index];
    command->status = status;
    if (status == 0x02)
        fake_link_sense(command, key, asc, ascq);
    fake_link_done(fake, index);
}

void fake_link_good(struct fake_link *fake, unsigned index, const void *data, uint32_t bytes)
{
    struct link_command *command = fake->commands[index];
    assert(bytes == 0 || command->iov_count == 1);
    if (bytes > command->data_bytes)
        bytes = command->data_bytes;
    if (bytes > 0)
        memcpy(command->iov[0].iov_base, data, bytes);
    if (command->direction == LINK_DATA_IN && bytes < command->data_bytes) {
        command->residual_kind = LINK_RESIDUAL_UNDERFLOW;
        command->residual_bytes = command->data_bytes - bytes;
    }
    fake_link_done(fake, index);
}

void fake_link_opened(struct fake_link *fake)
{
    const struct link_limits limits = {.max_write_bytes = 65536, .max_read_bytes = 262144};
    assert(fake->open);
    fake->port.events->opened(fake->port.owner, &limits);
}

void fake_link_lost(struct fake_link *fake, enum link_loss reason, const char *detail)
{
    assert(fake->open);
    fake->open = false;
    fake->count = 0;
    fake->port.events->lost(fake->port.owner, reason, detail);
}
