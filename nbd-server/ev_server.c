/*
 * Accepts clients and counts them.
 *
 * What goes wrong: too many clients (the listening sockets are not watched meanwhile, newcomers
 * wait in the backlog and are served when another one leaves), or no descriptor or memory for
 * one more (the same, for RETRY_MS). A client that is gone while its requests are still inside
 * the volume (an outage) gives its place back at once, but only so many of those may linger.
 */
#include "nbd-server/server.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "nbd-server/ev_client.h"
#include "nbd-server/ev_listen.h"
#include "os/ev_loop.h"

#define RETRY_MS 1000

/* A host that is gone without a word keeps its place for about this long: 5 + 10 minutes. */
#define KEEPALIVE_IDLE_S     300
#define KEEPALIVE_INTERVAL_S 60
#define KEEPALIVE_PROBES     10

struct listener {
    struct evl_watch watch;
    struct nsrv *server;
};

struct nsrv {
    struct nsrv_export export;
    char *name;
    char *description;
    struct evl *loop;
    struct timer_port *timer;
    unsigned connections_max;
    uint32_t handshake_timeout_ms;
    struct nsrv_listeners listeners;
    struct listener watches[NSRV_LISTENERS];
    struct timer retry; /* accepting failed: try again then */
    struct list_node clients;
    unsigned connections; /* clients with a socket */
    unsigned finishing;   /* clients without */
    bool stopping;
    void (*stopped)(void *owner);
    void *stopped_owner;
    uint64_t accepted;
    struct nsrv_counters past; /* of clients that are gone */
};

static void update_listening(struct nsrv *server)
{
    const bool room = server->connections < server->connections_max &&
                      server->finishing < server->connections_max;
    const bool listen = room && !server->stopping && !timer_is_armed(&server->retry);
    for (unsigned i = 0; i < server->listeners.count; i++)
        evl_watch_set(server->loop, &server->watches[i].watch, listen ? EVL_READ : 0);
}

static void retry(struct timer *timer)
{
    update_listening(container_of(timer, struct nsrv, retry));
}

static void recount(struct nsrv *server)
{
    server->connections = server->finishing = 0;
    list_for_each(it, &server->clients)
    {
        if (container_of(it, struct nsrv_client, node)->fd >= 0)
            server->connections++;
        else
            server->finishing++;
    }
}

static void tell_if_stopped(struct nsrv *server)
{
    void (*stopped)(void *owner) = server->stopped;
    if (!server->stopping || !stopped || !list_is_empty(&server->clients))
        return;
    server->stopped = NULL;
    stopped(server->stopped_owner); /* may free the server */
}

static void client_ended(struct nsrv_client *client)
{
    struct nsrv *server = client->owner;
    if (nsrv_client_is_finished(client)) {
        nsrv_client_count(client, &server->past);
        list_remove(&client->node);
        nsrv_client_free(client);
    }
    recount(server);
    update_listening(server);
    tell_if_stopped(server);
}

static int add_client(struct nsrv *server, int fd, bool adopted)
{
    const struct nsrv_connection_config config = {
        .export = &server->export,
        .timer = server->timer,
        .handshake_timeout_ms = server->handshake_timeout_ms,
    };
    struct nsrv_client *client =
        nsrv_client_new(server->loop, fd, adopted, &config, client_ended, server);
    if (!client)
        return -ENOMEM;
    list_append(&server->clients, &client->node);
    server->accepted++;
    recount(server);
    return 0;
}

/* These fail on a UNIX socket, which needs none of them. */
static void set_tcp_options(int fd)
{
    const int on = 1, idle = KEEPALIVE_IDLE_S, interval = KEEPALIVE_INTERVAL_S,
              probes = KEEPALIVE_PROBES;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
}

static int accept_one(struct nsrv *server, int listen_fd)
{
    const int fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return -errno;
    set_tcp_options(fd);
    const int error = add_client(server, fd, false);
    if (error)
        close(fd);
    return error;
}

static void acceptable(struct evl_watch *watch, unsigned events)
{
    struct listener *listener = container_of(watch, struct listener, watch);
    struct nsrv *server = listener->server;
    int error = 0;
    while (!error && server->connections < server->connections_max)
        error = accept_one(server, watch->fd);
    if (error == -EMFILE || error == -ENFILE || error == -ENOMEM || error == -ENOBUFS)
        port_timer_after_ms(server->timer, &server->retry, RETRY_MS);
    update_listening(server);
}

static int set_strings(struct nsrv *server, const struct nsrv_config *config, char *ret_why,
                       size_t why_bytes)
{
    const char *description = config->description ? config->description : "";
    if (!nsrv_string_is_valid(config->export_name) || !nsrv_string_is_valid(description)) {
        snprintf(ret_why, why_bytes,
                 "export name and description must be UTF-8 of at most %u bytes",
                 NSRV_STRING_BYTES_MAX);
        return -EINVAL;
    }
    server->name = strdup(config->export_name);
    server->description = strdup(description);
    if (!server->name || !server->description) {
        snprintf(ret_why, why_bytes, "out of memory");
        return -ENOMEM;
    }
    server->export.name = server->name;
    server->export.description = server->description;
    return 0;
}

static struct nsrv *make(const struct nsrv_config *config, struct evl *loop, struct volume *volume)
{
    struct nsrv *server = calloc(1, sizeof *server);
    if (!server)
        return NULL;
    server->export.volume = volume;
    server->export.first_use = config->first_use;
    server->export.owner = config->owner;
    server->loop = loop;
    server->timer = evl_timer_port(loop);
    server->connections_max =
        config->connections_max > 0 ? config->connections_max : NSRV_CONNECTIONS_DEFAULT;
    server->handshake_timeout_ms = config->handshake_timeout_ms > 0
                                       ? config->handshake_timeout_ms
                                       : NSRV_HANDSHAKE_TIMEOUT_DEFAULT;
    timer_init(&server->retry, retry);
    list_init(&server->clients);
    return server;
}

int nsrv_new(const struct nsrv_config *config, struct evl *loop, struct volume *volume,
             char *ret_why, size_t why_bytes, struct nsrv **ret_server)
{
    struct nsrv *server = make(config, loop, volume);
    if (!server) {
        snprintf(ret_why, why_bytes, "out of memory");
        return -ENOMEM;
    }
    int error = set_strings(server, config, ret_why, why_bytes);
    if (!error && config->listen_fd >= 0)
        error = nsrv_listen_inherited(config->listen_fd, ret_why, why_bytes, &server->listeners);
    else if (!error)
        error = nsrv_listen(config->listen, ret_why, why_bytes, &server->listeners);
    if (error) {
        nsrv_free(server);
        return error;
    }
    for (unsigned i = 0; i < server->listeners.count; i++) {
        server->watches[i].server = server;
        evl_watch_init(&server->watches[i].watch, server->listeners.fds[i], acceptable);
    }
    update_listening(server);
    *ret_server = server;
    return 0;
}

static void stop_listening(struct nsrv *server)
{
    server->stopping = true;
    port_timer_stop(server->timer, &server->retry);
    update_listening(server);
    nsrv_listeners_close(&server->listeners);
}

void nsrv_stop(struct nsrv *server, void (*stopped)(void *owner), void *owner)
{
    server->stopped = stopped;
    server->stopped_owner = owner;
    stop_listening(server);
    list_for_each_safe(it, &server->clients)
        nsrv_client_stop(container_of(it, struct nsrv_client, node));
    tell_if_stopped(server);
}

void nsrv_free(struct nsrv *server)
{
    if (!server)
        return;
    stop_listening(server);
    list_for_each_safe(it, &server->clients)
    {
        list_remove(it);
        nsrv_client_free(container_of(it, struct nsrv_client, node));
    }
    free(server->name);
    free(server->description);
    free(server);
}

int nsrv_adopt(struct nsrv *server, int fd)
{
    assert(vol_is_known(server->export.volume));
    return add_client(server, fd, true);
}

void nsrv_status(const struct nsrv *server, struct nsrv_status *ret_status)
{
    *ret_status = (struct nsrv_status){
        .connections = server->connections,
        .connections_max = server->connections_max,
        .finishing = server->finishing,
        .accepted = server->accepted,
        .counters = server->past,
    };
    snprintf(ret_status->address, sizeof ret_status->address, "%s", server->listeners.address);
    list_for_each(it, &server->clients)
    {
        const struct nsrv_client *client = container_of(it, struct nsrv_client, node);
        struct nsrv_connection_status status;
        nsrv_connection_status(client->connection, &status);
        ret_status->in_flight += status.in_flight;
        nsrv_client_count(client, &ret_status->counters);
    }
}

void nsrv_each_connection(const struct nsrv *server,
                          void (*visit)(void *owner, const char *peer,
                                        const struct nsrv_connection_status *status),
                          void *owner)
{
    list_for_each(it, &server->clients)
    {
        const struct nsrv_client *client = container_of(it, struct nsrv_client, node);
        struct nsrv_connection_status status;
        char peer[128];
        if (client->fd < 0)
            continue;
        nsrv_connection_status(client->connection, &status);
        nsrv_socket_name(client->fd, true, peer, sizeof peer);
        visit(owner, peer, &status);
    }
}
