/*
 * Good day: one client, the kernel, for as long as the daemon lives.
 *
 * What goes wrong: the kernel gives the socket up, or we do (a socket that was not taken, a stop in
 * a hurry). What is inside the volume then is finished without a listener, beside the next client;
 * the kernel sends it again.
 */
#include "attach/ev_disk_server.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "nbd-server/ev_client.h"

struct att_server {
    struct att_server_port port;
    struct evl *loop;
    struct nsrv_export *export;
    struct list_node clients;
    struct nsrv_client *current; /* the one with a socket; NULL: none */
    struct nsrv_counters past;   /* of clients that are gone */
};

static void client_ended(struct nsrv_client *client)
{
    struct att_server *server = client->owner;
    bool was_current = server->current == client;
    if (was_current)
        server->current = NULL;
    if (nsrv_client_is_finished(client)) {
        nsrv_client_count(client, &server->past);
        list_remove(&client->node);
        nsrv_client_free(client);
    }
    if (was_current)
        server->port.closed(server->port.owner);
}

static int serve(struct att_server *server, int fd)
{
    const struct nsrv_connection_config config = {
        .export = server->export,
        .timer = evl_timer_port(server->loop),
    };
    struct nsrv_client *client =
        nsrv_client_new(server->loop, fd, true, &config, client_ended, server);
    if (!client)
        return -ENOMEM;
    list_append(&server->clients, &client->node);
    server->current = client;
    return 0;
}

static int open_pair(struct att_server_port *port, int *ret_kernel_end)
{
    struct att_server *server = container_of(port, struct att_server, port);
    int ends[2];
    assert(!server->current);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return -errno;
    fcntl(ends[0], F_SETFL, O_NONBLOCK); /* ours alone */
    int error = serve(server, ends[0]);
    if (error) {
        close(ends[0]);
        close(ends[1]);
        return error;
    }
    *ret_kernel_end = ends[1];
    return 0;
}

/* Nobody holds the other end: end of file, whether or not something was sent before. */
static bool is_taken(struct att_server_port *port)
{
    struct att_server *server = container_of(port, struct att_server, port);
    char byte;
    if (!server->current)
        return false;
    ssize_t got = recv(server->current->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
}

static void stop(struct att_server_port *port)
{
    struct att_server *server = container_of(port, struct att_server, port);
    assert(server->current);
    nsrv_client_stop(server->current);
}

static void hang_up(struct att_server_port *port)
{
    struct att_server *server = container_of(port, struct att_server, port);
    struct nsrv_client *client = server->current;
    server->current = NULL; /* so that its end is not told */
    if (client)
        nsrv_client_hang_up(client);
}

struct att_server *att_server_new(struct evl *loop, struct nsrv_export *export)
{
    static const struct att_server_ops ops = {open_pair, is_taken, stop, hang_up};
    struct att_server *server = calloc(1, sizeof *server);
    if (!server)
        return NULL;
    server->port.ops = &ops;
    server->loop = loop;
    server->export = export;
    list_init(&server->clients);
    return server;
}

void att_server_free(struct att_server *server)
{
    if (!server)
        return;
    list_for_each_safe(it, &server->clients)
    {
        list_remove(it);
        nsrv_client_free(container_of(it, struct nsrv_client, node));
    }
    free(server);
}

struct att_server_port *att_server_port(struct att_server *server)
{
    return &server->port;
}

void att_server_status(const struct att_server *server, struct att_server_status *ret_status)
{
    *ret_status = (struct att_server_status){.open = server->current, .counters = server->past};
    list_for_each(it, &server->clients)
    {
        const struct nsrv_client *client = container_of(it, struct nsrv_client, node);
        struct nsrv_connection_status status;
        nsrv_connection_status(client->connection, &status);
        ret_status->in_flight += status.in_flight;
        nsrv_client_count(client, &ret_status->counters);
    }
}
