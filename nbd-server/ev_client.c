/*
 * Good day: the socket is readable, one readv() brings many requests (and the payload of a large
 * WRITE straight into its buffer); the core takes them; at the end of the loop's turn everything
 * that was answered meanwhile leaves with one sendmsg().
 *
 * What goes wrong: the peer reads slowly (the rest is sent when the socket is writable again; the
 * core stops taking requests when too much waits), or is gone (the connection is closed; requests
 * inside the volume are finished first, the client lives on without a socket until then).
 */
#include "nbd-server/ev_client.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define SEND_IOV       64
#define SENDS_PER_TURN 16 /* then the others get their turn */

static void hang_up(struct nsrv_client *client)
{
    if (client->fd < 0)
        return;
    evl_watch_stop(client->loop, &client->watch);
    close(client->fd);
    client->fd = -1;
    nsrv_connection_close(client->connection);
}

static void on_kick(void *owner)
{
    struct nsrv_client *client = owner;
    evl_hook_request(client->loop, &client->hook);
}

static void receive(struct nsrv_client *client)
{
    struct iovec iov[NSRV_INPUT_IOV];
    const unsigned count = nsrv_connection_input(client->connection, iov);
    if (count == 0)
        return;
    const ssize_t bytes = readv(client->fd, iov, (int)count);
    if (bytes > 0)
        nsrv_connection_received(client->connection, (size_t)bytes);
    else if (bytes == 0 || (errno != EAGAIN && errno != EINTR))
        hang_up(client);
}

/* True while more may be sent at once. */
static bool send_some(struct nsrv_client *client)
{
    struct iovec iov[SEND_IOV];
    struct msghdr message = {.msg_iov = iov};
    message.msg_iovlen = nsrv_connection_output(client->connection, iov, SEND_IOV);
    if (message.msg_iovlen == 0)
        return false;
    const ssize_t bytes = sendmsg(client->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (bytes > 0) {
        nsrv_connection_sent(client->connection, (size_t)bytes);
        return true;
    }
    if (bytes < 0 && errno != EAGAIN && errno != EINTR)
        hang_up(client);
    return false;
}

static void watch_again(struct nsrv_client *client)
{
    struct iovec iov[NSRV_INPUT_IOV];
    unsigned events = 0;
    if (nsrv_connection_input(client->connection, iov) > 0)
        events |= EVL_READ;
    if (nsrv_connection_output(client->connection, iov, NSRV_INPUT_IOV) > 0)
        events |= EVL_WRITE;
    evl_watch_set(client->loop, &client->watch, events);
}

static void end_of_turn(struct evl_hook *hook)
{
    struct nsrv_client *client = container_of(hook, struct nsrv_client, hook);
    if (client->fd >= 0)
        nsrv_connection_run(client->connection);
    for (unsigned i = 0; i < SENDS_PER_TURN && client->fd >= 0 && send_some(client); i++)
        ;
    if (client->fd >= 0 && nsrv_connection_is_over(client->connection))
        hang_up(client);
    if (client->fd >= 0)
        watch_again(client);
    else
        client->ended(client); /* may free it */
}

static void ready(struct evl_watch *watch, unsigned events)
{
    struct nsrv_client *client = container_of(watch, struct nsrv_client, watch);
    if (events & EVL_READ)
        receive(client);
    evl_hook_request(client->loop, &client->hook);
}

struct nsrv_client *nsrv_client_new(struct evl *loop, int fd, bool adopted,
                                    const struct nsrv_connection_config *config,
                                    void (*ended)(struct nsrv_client *client), void *owner)
{
    struct nsrv_client *client = calloc(1, sizeof *client);
    if (!client)
        return NULL;
    struct nsrv_connection_config own = *config;
    own.kick = on_kick;
    own.owner = client;
    client->loop = loop;
    client->ended = ended;
    client->owner = owner;
    list_init(&client->node);
    evl_hook_init(&client->hook, end_of_turn);
    client->connection = adopted ? nsrv_connection_adopt(&own) : nsrv_connection_new(&own);
    if (!client->connection) {
        free(client);
        return NULL;
    }
    client->fd = fd;
    evl_watch_init(&client->watch, fd, ready);
    evl_hook_request(loop, &client->hook);
    return client;
}

void nsrv_client_stop(struct nsrv_client *client)
{
    if (client->fd < 0)
        return;
    nsrv_connection_stop(client->connection);
    evl_hook_request(client->loop, &client->hook);
}

void nsrv_client_hang_up(struct nsrv_client *client)
{
    hang_up(client);
    evl_hook_request(client->loop, &client->hook);
}

bool nsrv_client_is_finished(const struct nsrv_client *client)
{
    return client->fd < 0 && nsrv_connection_is_drained(client->connection);
}

void nsrv_client_count(const struct nsrv_client *client, struct nsrv_counters *sum)
{
    struct nsrv_connection_status status;
    nsrv_connection_status(client->connection, &status);
    sum->requests += status.counters.requests;
    sum->errors += status.counters.errors;
    sum->read_bytes += status.counters.read_bytes;
    sum->written_bytes += status.counters.written_bytes;
}

void nsrv_client_free(struct nsrv_client *client)
{
    hang_up(client);
    evl_hook_cancel(&client->hook);
    nsrv_connection_free(client->connection);
    free(client);
}
