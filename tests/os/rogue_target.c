#include "tests/os/rogue_target.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "tests/os/link_fixture.h"

#define HEADER_BYTES 48

static void hang_up(struct rogue_connection *connection)
{
    struct rogue_target *target = connection->target;
    for (unsigned i = 0; i < ROGUE_CONNECTIONS; i++)
        if (target->connections[i] == connection)
            target->connections[i] = NULL;
    evl_watch_stop(target->loop, &connection->watch);
    close(connection->watch.fd);
    free(connection);
    target->closed++;
}

/* An answer to `request` (a header): opcode and flags are set by the caller, the numbers here. */
static void reply(struct rogue_connection *connection, uint8_t *header, const uint8_t *request,
                  const void *data, unsigned bytes)
{
    uint8_t pdu[4096] = {0};
    bool immediate = request[0] & 0x40;
    uint32_t next_sn = get_be32(request + 24) + (immediate ? 0 : 1);
    put_be32(header + 4, bytes);
    put_be32(header + 24, connection->stat_sn);
    put_be32(header + 28, next_sn);
    put_be32(header + 32, next_sn + 64);
    memcpy(pdu, header, HEADER_BYTES);
    if (bytes > 0)
        memcpy(pdu + HEADER_BYTES, data, bytes);
    unsigned all = HEADER_BYTES + ((bytes + 3) & ~3u);
    CHECK(all <= sizeof pdu);
    (void)!send(connection->watch.fd, pdu, all, MSG_NOSIGNAL);
}

static void answer_login(struct rogue_connection *connection, const uint8_t *request)
{
    struct rogue_target *target = connection->target;
    uint8_t header[HEADER_BYTES] = {0x23, 0x87}; /* transit, operational to full feature */
    target->logins++;
    memcpy(target->isid, request + 8, 6);
    memcpy(header + 8, request + 8, 6);
    header[15] = 1; /* TSIH */
    memcpy(header + 16, request + 16, 4);
    put_be16(header + 36, target->login_status);
    reply(connection, header, request, target->login_keys, target->login_keys_bytes);
    connection->stat_sn++;
}

static void answer_status(struct rogue_connection *connection, const uint8_t *request,
                          uint8_t status, const void *data, unsigned bytes)
{
    uint8_t header[HEADER_BYTES] = {0x21, 0x80, 0, status};
    memcpy(header + 16, request + 16, 4);
    reply(connection, header, request, data, bytes);
    connection->stat_sn++;
}

static void ask_for_all_data(struct rogue_connection *connection, const uint8_t *request)
{
    uint32_t at = get_be32(request + 4) & 0xffffff;
    uint8_t header[HEADER_BYTES] = {0x31, 0x80};
    memcpy(header + 16, request + 16, 4);
    put_be32(header + 20, 77); /* target transfer tag */
    put_be32(header + 40, at);
    put_be32(header + 44, get_be32(request + 20) - at);
    reply(connection, header, request, NULL, 0);
}

static void ping(struct rogue_connection *connection, const uint8_t *request)
{
    uint8_t header[HEADER_BYTES] = {0x20, 0x80};
    put_be32(header + 16, 0xffffffff);
    put_be32(header + 20, 88);
    reply(connection, header, request, NULL, 0);
}

static void ask_for_logout(struct rogue_connection *connection, const uint8_t *request)
{
    uint8_t header[HEADER_BYTES] = {0x32, 0x80};
    put_be32(header + 16, 0xffffffff);
    header[36] = 1;
    reply(connection, header, request, NULL, 0);
    connection->stat_sn++;
}

static void reject(struct rogue_connection *connection, const uint8_t *request)
{
    uint8_t header[HEADER_BYTES] = {0x3f, 0x80, 0x05};
    put_be32(header + 16, 0xffffffff);
    reply(connection, header, request, request, HEADER_BYTES);
    connection->stat_sn++;
}

static void half_of_the_data(struct rogue_connection *connection, const uint8_t *request)
{
    uint8_t header[HEADER_BYTES] = {0x25, 0x80};
    static const uint8_t half[1024];
    memcpy(header + 16, request + 16, 4);
    reply(connection, header, request, half, sizeof half);
    hang_up(connection);
}

/* True when the connection is still there. */
static bool answer_command(struct rogue_connection *connection, const uint8_t *request)
{
    static const uint8_t cut_sense[] = {0, 200, 0x70, 0, 5, 0, 0, 0};
    uint8_t garbage[100];
    connection->target->commands++;
    connection->target->lun = get_be16(request + 8);
    switch (connection->target->answer) {
    case ROGUE_SILENT:
        memcpy(connection->unanswered, request, HEADER_BYTES);
        return true;
    case ROGUE_GOOD:
        answer_status(connection, request, 0, NULL, 0);
        return true;
    case ROGUE_CHECK_BARE:
        answer_status(connection, request, 2, NULL, 0);
        return true;
    case ROGUE_CHECK_CUT_SENSE:
        answer_status(connection, request, 2, cut_sense, sizeof cut_sense);
        return true;
    case ROGUE_REJECT:
        reject(connection, request);
        return true;
    case ROGUE_ASK_LOGOUT:
        ask_for_logout(connection, request);
        return true;
    case ROGUE_R2T_THEN_CHECK:
        ask_for_all_data(connection, request);
        answer_status(connection, request, 2, cut_sense, sizeof cut_sense);
        return true;
    case ROGUE_R2T_THEN_PING:
        ask_for_all_data(connection, request);
        ping(connection, request);
        return true;
    case ROGUE_GARBAGE:
        memset(garbage, 0xee, sizeof garbage);
        (void)!send(connection->watch.fd, garbage, sizeof garbage, MSG_NOSIGNAL);
        return true;
    case ROGUE_HALF_THEN_CLOSE:
        half_of_the_data(connection, request);
        return false;
    case ROGUE_CLOSE:
        break;
    }
    hang_up(connection);
    return false;
}

static void answer_simple(struct rogue_connection *connection, const uint8_t *request,
                          uint8_t opcode, const void *data, unsigned bytes)
{
    uint8_t header[HEADER_BYTES] = {opcode, 0x80};
    memcpy(header + 16, request + 16, 4);
    put_be32(header + 20, 0xffffffff);
    reply(connection, header, request, data, bytes);
    connection->stat_sn++;
}

static bool answer_login_or_close(struct rogue_connection *connection, const uint8_t *request)
{
    struct rogue_target *target = connection->target;
    if (target->close_on_login) {
        hang_up(connection);
        return false;
    }
    if (target->garbage_on_login) /* a SCSI response to a login */
        answer_status(connection, request, 0, NULL, 0);
    else
        answer_login(connection, request);
    return true;
}

/* True when the connection is still there. */
static bool answer_pdu(struct rogue_connection *connection, const uint8_t *request)
{
    struct rogue_target *target = connection->target;
    switch (request[0] & 0x3f) {
    case 0x03:
        return answer_login_or_close(connection, request);
    case 0x01:
        return answer_command(connection, request);
    case 0x05:
        target->data_outs++;
        return true;
    case 0x00:
        if (get_be32(request + 16) != 0xffffffff)
            answer_simple(connection, request, 0x20, NULL, 0);
        return true;
    case 0x02:
        if (target->reject_task_management)
            reject(connection, request);
        else
            answer_simple(connection, request, 0x22, NULL, 0);
        return true;
    case 0x04:
        answer_simple(connection, request, 0x24, target->send_targets, target->send_targets_bytes);
        return true;
    case 0x06:
        answer_simple(connection, request, 0x26, NULL, 0);
        return true;
    default:
        hang_up(connection);
        return false;
    }
}

static void readable(struct evl_watch *watch, unsigned events)
{
    struct rogue_connection *connection = container_of(watch, struct rogue_connection, watch);
    ssize_t bytes = recv(watch->fd, connection->in + connection->in_bytes,
                         sizeof connection->in - connection->in_bytes, 0);
    if (bytes <= 0) {
        hang_up(connection);
        return;
    }
    connection->in_bytes += (unsigned)bytes;
    while (connection->in_bytes >= HEADER_BYTES) {
        uint32_t data_bytes = get_be32(connection->in + 4) & 0xffffff;
        uint32_t all = HEADER_BYTES + ((data_bytes + 3) & ~3u);
        if (connection->in_bytes < all)
            return;
        if (!answer_pdu(connection, connection->in))
            return;
        connection->in_bytes -= all;
        memmove(connection->in, connection->in + all, connection->in_bytes);
    }
}

static void connectable(struct evl_watch *watch, unsigned events)
{
    struct rogue_target *target = container_of(watch, struct rogue_target, listener);
    int fd = accept4(watch->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return;
    target->accepted++;
    const int on = 1; /* answers that are sent together shall arrive together */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct rogue_connection *connection = calloc(1, sizeof *connection);
    CHECK(connection != NULL);
    connection->target = target;
    connection->stat_sn = 1;
    evl_watch_init(&connection->watch, fd, readable);
    unsigned place = 0;
    while (place < ROGUE_CONNECTIONS && target->connections[place])
        place++;
    CHECK(place < ROGUE_CONNECTIONS);
    target->connections[place] = connection;
    if (target->close_on_accept)
        hang_up(connection);
    else
        evl_watch_set(target->loop, &connection->watch, EVL_READ);
}

static int listen_on(bool v6)
{
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const struct sockaddr_in6 address6 = {.sin6_family = AF_INET6,
                                          .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    int rc = v6 ? bind(fd, (const struct sockaddr *)&address6, sizeof address6)
                : bind(fd, (const struct sockaddr *)&address, sizeof address);
    if (rc == 0 && listen(fd, 16) == 0)
        return fd;
    close(fd);
    return -1;
}

int rogue_init(struct rogue_target *target, struct evl *loop, bool v6)
{
    struct sockaddr_in6 address; /* the port is in the same place for both families */
    socklen_t bytes = sizeof address;
    *target = (struct rogue_target){.loop = loop};
    int fd = listen_on(v6);
    if (fd < 0)
        return -1;
    CHECK(getsockname(fd, (struct sockaddr *)&address, &bytes) == 0);
    target->port = ntohs(address.sin6_port);
    evl_watch_init(&target->listener, fd, connectable);
    evl_watch_set(loop, &target->listener, EVL_READ);
    return 0;
}

void rogue_done(struct rogue_target *target)
{
    for (unsigned i = 0; i < ROGUE_CONNECTIONS; i++)
        if (target->connections[i])
            hang_up(target->connections[i]);
    evl_watch_stop(target->loop, &target->listener);
    close(target->listener.fd);
}

void rogue_answer_late(struct rogue_target *target)
{
    struct rogue_connection *connection = NULL;
    for (unsigned i = 0; i < ROGUE_CONNECTIONS && !connection; i++)
        connection = target->connections[i];
    CHECK(connection != NULL);
    answer_status(connection, connection->unanswered, 0, NULL, 0);
}
