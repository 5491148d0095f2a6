#include "daemon/control_socket.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/list.h"
#include "os/ev_loop.h"

struct connection {
    struct control_client client;
    struct evl_watch watch;
    struct evl_call call; /* an answer came from elsewhere: look at the socket again */
    struct control_socket *server;
    bool used;
};

struct control_socket {
    struct evl *loop;
    struct evl_watch listener;
    const struct control_verbs *verbs;
    void *owner;
    unsigned connections;
    struct sockaddr_un address;
    struct connection slots[CONTROL_CLIENTS];
};

static void watch_listener(struct control_socket *server)
{
    bool room = server->connections < CONTROL_CLIENTS;
    evl_watch_set(server->loop, &server->listener, room ? EVL_READ : 0);
}

static void hang_up(struct connection *connection)
{
    struct control_socket *server = connection->server;
    evl_watch_stop(server->loop, &connection->watch);
    evl_call_cancel(&connection->call);
    close(connection->watch.fd);
    control_done(&connection->client);
    connection->used = false;
    server->connections--;
    watch_listener(server);
}

/* Sends what is pending; false when the connection is broken. */
static bool send_pending(struct connection *connection)
{
    size_t bytes;
    const char *pending;
    while ((pending = control_pending(&connection->client, &bytes))) {
        ssize_t sent = send(connection->watch.fd, pending, bytes, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0)
            return errno == EAGAIN || errno == EINTR;
        control_sent(&connection->client, (size_t)sent);
    }
    return true;
}

/* Then nobody waits for what it asked, and it may have been told that it failed. */
static bool has_hung_up(int fd)
{
    struct pollfd look = {.fd = fd};
    return poll(&look, 1, 0) == 1 && (look.revents & POLLHUP);
}

/* One read per turn: a client that sends without pause does not keep the loop from the disk. */
static bool receive(struct connection *connection)
{
    char data[CONTROL_LINE_BYTES];
    size_t room = control_room(&connection->client);
    if (room == 0)
        return true;
    ssize_t got = recv(connection->watch.fd, data, room, MSG_DONTWAIT);
    if (got < 0)
        return errno == EAGAIN || errno == EINTR;
    if (got > 0 && has_hung_up(connection->watch.fd))
        return false;
    if (got > 0)
        control_receive(&connection->client, data, (size_t)got);
    return got > 0;
}

static void go_on(struct connection *connection)
{
    size_t bytes;
    if (!send_pending(connection) || control_is_over(&connection->client)) {
        hang_up(connection);
        return;
    }
    unsigned events = control_room(&connection->client) > 0 ? EVL_READ : 0;
    if (control_pending(&connection->client, &bytes))
        events |= EVL_WRITE;
    evl_watch_set(connection->server->loop, &connection->watch, events);
}

static void connection_ready(struct evl_watch *watch, unsigned events)
{
    struct connection *connection = container_of(watch, struct connection, watch);
    if ((events & EVL_READ) && !receive(connection))
        hang_up(connection);
    else
        go_on(connection);
}

static void answer_came(struct evl_call *call)
{
    go_on(container_of(call, struct connection, call));
}

static void wake(struct control_client *client)
{
    struct connection *connection = container_of(client, struct connection, client);
    evl_call_defer(connection->server->loop, &connection->call);
}

static struct connection *free_slot(struct control_socket *server)
{
    for (unsigned i = 0; i < CONTROL_CLIENTS; i++) {
        if (!server->slots[i].used)
            return &server->slots[i];
    }
    return NULL;
}

static void listener_ready(struct evl_watch *watch, unsigned events)
{
    struct control_socket *server = container_of(watch, struct control_socket, listener);
    struct connection *connection = free_slot(server);
    if (!connection)
        return;
    int fd = accept4(watch->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0)
        return;
    control_init(&connection->client, server->verbs, server->owner);
    connection->client.wake = wake;
    connection->server = server;
    connection->used = true;
    server->connections++;
    evl_watch_init(&connection->watch, fd, connection_ready);
    evl_call_init(&connection->call, answer_came);
    evl_watch_set(server->loop, &connection->watch, EVL_READ);
    watch_listener(server);
}

/* umask() is the process's, but nothing else runs while the daemon starts. */
static int listen_at(const struct sockaddr_un *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    unlink(address->sun_path);
    mode_t before = umask(0177);
    int failed = bind(fd, (const struct sockaddr *)address, sizeof *address) < 0 ||
                 listen(fd, (int)CONTROL_CLIENTS) < 0;
    int error = failed ? -errno : fd;
    umask(before);
    if (failed)
        close(fd);
    return error;
}

int control_socket_new(struct evl *loop, const char *path, const struct control_verbs *verbs,
                       void *owner, struct control_socket **ret_socket, struct fault *fault)
{
    struct control_socket *server = calloc(1, sizeof *server);
    if (!server)
        return fault_set(fault, -ENOMEM, "control socket: no memory");
    server->loop = loop;
    server->verbs = verbs;
    server->owner = owner;
    server->address.sun_family = AF_UNIX;
    int fd = -ENAMETOOLONG;
    if (strlen(path) < sizeof server->address.sun_path) {
        memcpy(server->address.sun_path, path, strlen(path) + 1);
        fd = listen_at(&server->address);
    }
    if (fd < 0) {
        free(server);
        return fault_set(fault, fd, "control socket %.200s: %s", path, strerror(-fd));
    }
    evl_watch_init(&server->listener, fd, listener_ready);
    watch_listener(server);
    *ret_socket = server;
    return 0;
}

void control_socket_free(struct control_socket *server)
{
    if (!server)
        return;
    evl_watch_stop(server->loop, &server->listener);
    unlink(server->address.sun_path);
    close(server->listener.fd);
    for (unsigned i = 0; i < CONTROL_CLIENTS; i++) {
        struct connection *connection = &server->slots[i];
        if (!connection->used)
            continue;
        evl_watch_stop(server->loop, &connection->watch);
        evl_call_cancel(&connection->call);
        close(connection->watch.fd);
        connection->client.verbs = &(const struct control_verbs){0};
        control_done(&connection->client);
    }
    free(server);
}
