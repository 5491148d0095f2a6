#include "tests/sim/link.h"

#include <assert.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"

/* Behind so many unanswered commands no ping leaves. (Targets take more at once; but when one is
 * silent, there are seldom more here.) */
#define COMMAND_WINDOW 2u

static struct sim_link *link_of(struct link_port *port)
{
    return container_of(port, struct sim_link, port);
}

static void forget_commands(struct sim_link *link)
{
    list_for_each_safe(it, &link->commands) list_remove(it);
    link->command_count = 0;
    link->reset_sent = false;
    link->ping_sent = false;
    link->opened = false;
}

static void hang_up(struct sim_link *link)
{
    struct conn *conn = link->conn;
    link->conn = NULL;
    forget_commands(link);
    if (conn)
        conn_hang_up(conn);
}

static void link_open(struct link_port *port, unsigned portal)
{
    struct sim_link *link = link_of(port);
    assert(!link->conn && portal < link->target->options->portals);
    TRACE(link->world, "link: connect to portal %u", portal);
    link->conn = conn_open(link->target, link, portal);
}

static void check_command(struct sim_link *link, const struct link_command *command)
{
    uint64_t bytes = 0;
    for (int i = 0; i < command->iov_count; i++)
        bytes += command->iov[i].iov_len;
    uint32_t most = UINT32_MAX; /* the limits are those of READ and WRITE */
    if (command->direction == LINK_DATA_OUT)
        most = link->limits.max_write_bytes;
    else if (command->cdb[0] == 0x88)
        most = link->limits.max_read_bytes;
    if (!link->opened || link->command_count >= LINK_COMMANDS || command->iov_count > LINK_IOV ||
        bytes != command->data_bytes || bytes > most || command->cdb_bytes > 16)
        world_fail(link->world, "link: a command against the contract: %02x, %u of %u bytes",
                   command->cdb[0], command->data_bytes, most);
}

/* I6: two changes of one block are never in flight together. */
static void check_overlap(struct sim_link *link, const struct link_command *command)
{
    if (command->cdb[0] != 0x8a)
        return;
    list_for_each(it, &link->commands)
    {
        const struct link_command *other = container_of(it, struct link_command, node);
        if (other->cdb[0] == 0x8a &&
            ranges_overlap(get_be64(command->cdb + 2), get_be32(command->cdb + 10),
                           get_be64(other->cdb + 2), get_be32(other->cdb + 10)))
            world_fail(link->world, "I6 two writes of block %llu are in flight",
                       (unsigned long long)get_be64(command->cdb + 2));
    }
}

/* A read buffer holds nothing useful until the data have come. */
static void poison(const struct link_command *command)
{
    if (command->direction != LINK_DATA_IN)
        return;
    for (int i = 0; i < command->iov_count; i++)
        memset(command->iov[i].iov_base, 0xa5, command->iov[i].iov_len);
}

static void link_submit(struct link_port *port, struct link_command *command)
{
    struct sim_link *link = link_of(port);
    check_command(link, command);
    check_overlap(link, command);
    if (world_failed(link->world) || !link->conn)
        return;
    TRACE(link->world, "link: command %02x", command->cdb[0]);
    target_is_sent(link->target, command->cdb[0]);
    if (scsi_changes(command->cdb[0]) && command->cdb[0] != 0x91 && link->target->is_changed) {
        link->target->is_changed(link->target->owner, !link->has_changed);
        link->has_changed = true;
    }
    poison(command);
    command->link_private = link;
    list_append(&link->commands, &command->node);
    link->command_count++;
    conn_send(link->conn, MESSAGE_COMMAND, command);
}

static void link_reset_lun(struct link_port *port)
{
    struct sim_link *link = link_of(port);
    assert(link->opened && !link->reset_sent);
    link->reset_sent = true;
    conn_send(link->conn, MESSAGE_RESET, NULL);
}

static bool link_ping(struct link_port *port)
{
    struct sim_link *link = link_of(port);
    assert(link->opened);
    if (link->command_count >= COMMAND_WINDOW || link->ping_sent)
        return false;
    link->ping_sent = true;
    conn_send(link->conn, MESSAGE_PING, NULL);
    return true;
}

static void link_close(struct link_port *port)
{
    hang_up(link_of(port));
}

static void link_logout(struct link_port *port, void (*done)(void *owner))
{
    struct sim_link *link = link_of(port);
    assert(link->opened && link->command_count == 0);
    link->logged_out = done;
    world_after(link->world, &link->logout_timer, 1000000);
    conn_send(link->conn, MESSAGE_LOGOUT, NULL);
}

static void logout_over(struct event *event)
{
    struct sim_link *link = container_of(event, struct sim_link, logout_timer);
    void (*done)(void *owner) = link->logged_out;
    link->logged_out = NULL;
    hang_up(link);
    done(link->port.owner);
}

static const struct link_port_ops link_ops = {
    .open = link_open,
    .submit = link_submit,
    .reset_lun = link_reset_lun,
    .ping = link_ping,
    .close = link_close,
    .logout = link_logout,
};

void link_init(struct sim_link *link, struct world *world, struct target *target)
{
    *link = (struct sim_link){.port = {.ops = &link_ops}, .world = world, .target = target};
    list_init(&link->commands);
    event_init(&link->logout_timer, logout_over);
}

void link_done(struct sim_link *link)
{
    world_cancel(link->world, &link->logout_timer);
    hang_up(link);
}

/* --- what arrives --- */

static void opened(struct sim_link *link)
{
    const struct options *options = link->target->options;
    uint32_t write_bytes = options->max_write_bytes;
    if (rng_chance(&link->target->net_rng, options->limits_change_pm))
        write_bytes = options->block_bytes * (uint32_t)rng_log_range(&link->target->net_rng, 1, 64);
    link->opened = true;
    link->opened_us = link->world->now_us;
    link->has_changed = false;
    link->limits = (struct link_limits){
        .max_write_bytes = write_bytes,
        .max_read_bytes = options->block_bytes + write_bytes * 2,
    };
    link->port.events->opened(link->port.owner, &link->limits);
}

static void scatter(const struct message *message, const struct link_command *command)
{
    uint32_t left = message->data_bytes;
    const uint8_t *from = message->data;
    for (int i = 0; i < command->iov_count && left > 0; i++) {
        uint32_t bytes = (uint32_t)command->iov[i].iov_len;
        if (bytes > left)
            bytes = left;
        memcpy(command->iov[i].iov_base, from, bytes);
        from += bytes;
        left -= bytes;
    }
}

static void deliver_command(struct sim_link *link, struct message *message)
{
    struct link_command *command = message->command;
    if (command->direction == LINK_DATA_IN && message->status == 0 && message->data) {
        /* An underflow does not write what is missing. */
        uint32_t missing = message->residual_bytes;
        if (message->data_bytes + missing > command->data_bytes)
            message->data_bytes = command->data_bytes - missing;
        scatter(message, command);
    }
    command->status = message->status;
    command->response = message->response;
    command->sense_bytes = message->sense_bytes;
    memcpy(command->sense, message->sense, message->sense_bytes);
    command->residual_kind = message->residual_bytes ? LINK_RESIDUAL_UNDERFLOW : LINK_RESIDUAL_NONE;
    command->residual_bytes = message->residual_bytes;
    list_remove(&command->node);
    link->command_count--;
    target_has_told(link->target, command->status);
    TRACE(link->world, "link: answer to %02x: %02x%s", command->cdb[0], command->status,
          command->response ? " with a response code" : "");
    message_free(message);
    command->done(command);
}

void link_deliver(struct sim_link *link, struct message *message)
{
    enum message_kind kind = message->kind;
    uint8_t response = message->response;
    if (kind == MESSAGE_COMMAND) {
        deliver_command(link, message);
        return;
    }
    message_free(message);
    switch (kind) {
    case MESSAGE_LOGIN:
        opened(link);
        break;
    case MESSAGE_RESET:
        link->reset_sent = false;
        link->port.events->reset_done(link->port.owner, response);
        break;
    case MESSAGE_PING:
        link->ping_sent = false;
        link->port.events->pong(link->port.owner);
        break;
    default:
        world_cancel(link->world, &link->logout_timer);
        logout_over(&link->logout_timer);
        break;
    }
}

void link_lost(struct sim_link *link, enum link_loss loss)
{
    TRACE(link->world, "link: lost, reason %d", (int)loss);
    link->conn = NULL;
    forget_commands(link);
    if (link->logged_out) {
        world_cancel(link->world, &link->logout_timer);
        logout_over(&link->logout_timer);
        return;
    }
    link->port.events->lost(link->port.owner, loss, NULL);
}

void link_network_changed(struct sim_link *link)
{
    if (link->port.events)
        link->port.events->network_changed(link->port.owner);
}
