#include "tests/unit/nbd-server/client.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "tests/unit/unit.h"

static uint64_t now_us(struct timer_port *port)
{
    return container_of(port, struct client, timer)->now_us;
}

static void start(struct timer_port *port, struct timer *timer, uint64_t at_us)
{
    timer_queue_start(&container_of(port, struct client, timer)->timers, timer, at_us);
}

static void stop(struct timer_port *port, struct timer *timer)
{
    timer_queue_stop(timer);
}

static const struct timer_port_ops timer_ops = {now_us, start, stop};

static void kick(void *owner)
{
    ((struct client *)owner)->kicks++;
}

static void begin(struct client *client, bool adopted)
{
    const struct nsrv_connection_config config = {
        .export = &client->export,
        .timer = &client->timer,
        .handshake_timeout_ms = 10000,
        .kick = kick,
        .owner = client,
    };
    client->timer.ops = &timer_ops;
    timer_queue_init(&client->timers);
    client->connection = adopted ? nsrv_connection_adopt(&config) : nsrv_connection_new(&config);
    assert_non_null(client->connection);
    client_pump(client);
}

static void make(struct client *client, const struct memvol_config *config, bool adopted)
{
    memset(client, 0, sizeof *client);
    client->volume = memvol_new(config ? config : &memvol_config_default);
    assert_non_null(client->volume);
    client->export = (struct nsrv_export){"disk", "a disk", client->volume, 0};
    begin(client, adopted);
}

void client_init(struct client *client, const struct memvol_config *config)
{
    make(client, config, false);
}

void client_adopt(struct client *client, const struct memvol_config *config)
{
    make(client, config, true);
}

void client_init_beside(struct client *client, struct client *other)
{
    memset(client, 0, sizeof *client);
    client->export = (struct nsrv_export){"disk", "a disk", other->volume, 1};
    other->export.transmitting++; /* as if the two shared one export */
    begin(client, false);
}

void client_done(struct client *client)
{
    if (client->connection && !nsrv_connection_is_drained(client->connection)) {
        nsrv_connection_close(client->connection);
        memvol_release(client->export.volume, UINT32_MAX);
    } else if (client->connection) {
        nsrv_connection_close(client->connection);
    }
    assert_true(!client->connection || nsrv_connection_is_drained(client->connection));
    nsrv_connection_free(client->connection);
    assert_true(timer_queue_next_us(&client->timers) == UINT64_MAX);
    if (client->volume)
        assert_int_equal(buffer_pool_used(vol_buffers(client->volume)), 0);
    memvol_free(client->volume);
    free(client->received);
}

static size_t chunk(const struct client *client, size_t bytes)
{
    return client->send_chunk > 0 && client->send_chunk < bytes ? client->send_chunk : bytes;
}

static void collect(struct client *client, const struct iovec *iov, size_t bytes)
{
    if (client->received_bytes + bytes > client->received_room) {
        client->received_room = 2 * (client->received_bytes + bytes);
        client->received = realloc(client->received, client->received_room);
        assert_non_null(client->received);
    }
    memcpy(client->received + client->received_bytes, iov->iov_base, bytes);
    client->received_bytes += bytes;
}

void client_pump(struct client *client)
{
    struct iovec iov[2];
    while (client->kicks > 0 && !nsrv_connection_is_over(client->connection)) {
        client->kicks = 0;
        nsrv_connection_run(client->connection);
    }
    while (!client->deaf && nsrv_connection_output(client->connection, iov, 2) > 0) {
        const size_t bytes = chunk(client, iov[0].iov_len);
        collect(client, &iov[0], bytes);
        nsrv_connection_sent(client->connection, bytes);
    }
}

/* Spreads bytes over the entries, as readv() does. */
static void scatter(const struct iovec *iov, unsigned count, const uint8_t *bytes, size_t total)
{
    for (unsigned i = 0; i < count && total > 0; i++) {
        const size_t part = total < iov[i].iov_len ? total : iov[i].iov_len;
        memcpy(iov[i].iov_base, bytes, part);
        bytes += part;
        total -= part;
    }
}

size_t client_send(struct client *client, const void *bytes, size_t count)
{
    size_t sent = 0;
    while (sent < count) {
        struct iovec iov[NSRV_INPUT_IOV];
        size_t room = 0;
        const unsigned entries = nsrv_connection_input(client->connection, iov);
        for (unsigned i = 0; i < entries; i++)
            room += iov[i].iov_len;
        if (room == 0)
            break;
        const size_t part = chunk(client, room < count - sent ? room : count - sent);
        scatter(iov, entries, (const uint8_t *)bytes + sent, part);
        nsrv_connection_received(client->connection, part);
        sent += part;
        client_pump(client);
    }
    return sent;
}

void client_wait_ms(struct client *client, uint64_t ms)
{
    client->now_us += ms * 1000;
    timer_queue_run(&client->timers, client->now_us);
    client_pump(client);
}

const uint8_t *client_expect(struct client *client, size_t count)
{
    const uint8_t *at = client->received + client->looked_at;
    assert_true(client->received_bytes - client->looked_at >= count);
    client->looked_at += count;
    return at;
}

void client_expect_nothing(struct client *client)
{
    assert_int_equal(client->received_bytes - client->looked_at, 0);
    assert_false(nsrv_connection_is_over(client->connection));
}

void client_expect_end(struct client *client)
{
    assert_int_equal(client->received_bytes - client->looked_at, 0);
    assert_true(nsrv_connection_is_over(client->connection));
}

/* --- handshake --- */

void client_greet(struct client *client, uint32_t flags)
{
    uint8_t answer[4];
    const uint8_t *greeting = client_expect(client, 18);
    assert_memory_equal(greeting, "NBDMAGICIHAVEOPT", 16);
    assert_int_equal(get_be16(greeting + 16), 3);
    put_be32(answer, flags);
    client_send(client, answer, 4);
}

void client_option(struct client *client, uint32_t option, const void *data, size_t bytes)
{
    uint8_t header[16];
    memcpy(header, "IHAVEOPT", 8);
    put_be32(header + 8, option);
    put_be32(header + 12, (uint32_t)bytes);
    client_send(client, header, 16);
    client_send(client, data, bytes);
}

const uint8_t *client_expect_reply(struct client *client, uint32_t option, uint32_t type,
                                   size_t *ret_bytes)
{
    const uint8_t *header = client_expect(client, 20);
    assert_true(get_be64(header) == NSRV_MAGIC_REPLY);
    assert_int_equal(get_be32(header + 8), option);
    assert_int_equal(get_be32(header + 12), type);
    const size_t bytes = get_be32(header + 16);
    if (ret_bytes)
        *ret_bytes = bytes;
    return client_expect(client, bytes);
}

void client_go(struct client *client, uint32_t option, const char *name, const int *items)
{
    uint8_t data[512];
    const size_t name_bytes = strlen(name);
    size_t count = 0;
    put_be32(data, (uint32_t)name_bytes);
    memcpy(data + 4, name, name_bytes);
    for (; items && items[count] >= 0; count++)
        put_be16(data + 4 + name_bytes + 2 + 2 * count, (uint16_t)items[count]);
    put_be16(data + 4 + name_bytes, (uint16_t)count);
    client_option(client, option, data, 4 + name_bytes + 2 + 2 * count);
}

void client_meta(struct client *client, uint32_t option, const char *name, unsigned queries,
                 const char *const *query)
{
    uint8_t data[512];
    size_t at = 4 + strlen(name);
    put_be32(data, (uint32_t)strlen(name));
    memcpy(data + 4, name, strlen(name));
    put_be32(data + at, queries);
    at += 4;
    for (unsigned i = 0; i < queries; i++) {
        put_be32(data + at, (uint32_t)strlen(query[i]));
        memcpy(data + at + 4, query[i], strlen(query[i]));
        at += 4 + strlen(query[i]);
    }
    client_option(client, option, data, at);
}

void client_connect(struct client *client, bool structured, bool all_contexts)
{
    static const char *const contexts[] = {"base:allocation", "holdfast:dirty"};
    client_greet(client, 3);
    if (structured) {
        client_option(client, NSRV_OPT_STRUCTURED_REPLY, NULL, 0);
        client_expect_reply(client, NSRV_OPT_STRUCTURED_REPLY, NSRV_REP_ACK, NULL);
    }
    if (all_contexts) {
        client_meta(client, NSRV_OPT_SET_META_CONTEXT, "disk", 2, contexts);
        for (unsigned i = 0; i < 2; i++)
            client_expect_reply(client, NSRV_OPT_SET_META_CONTEXT, NSRV_REP_META_CONTEXT, NULL);
        client_expect_reply(client, NSRV_OPT_SET_META_CONTEXT, NSRV_REP_ACK, NULL);
    }
    client_go(client, NSRV_OPT_GO, "disk", NULL);
    client_expect_reply(client, NSRV_OPT_GO, NSRV_REP_INFO, NULL);
    client_expect_reply(client, NSRV_OPT_GO, NSRV_REP_ACK, NULL);
    client_expect_nothing(client);
}

/* --- transmission --- */

void client_request(struct client *client, uint16_t type, uint16_t flags, uint64_t cookie,
                    uint64_t offset, uint32_t length)
{
    uint8_t header[28];
    put_be32(header, NSRV_MAGIC_REQUEST);
    put_be16(header + 4, flags);
    put_be16(header + 6, type);
    put_be64(header + 8, cookie);
    put_be64(header + 16, offset);
    put_be32(header + 24, length);
    client_send(client, header, sizeof header);
}

void client_write(struct client *client, uint16_t flags, uint64_t cookie, uint64_t offset,
                  uint32_t length, uint8_t fill)
{
    uint8_t *payload = malloc(length + 1);
    assert_non_null(payload);
    memset(payload, fill, length);
    client_request(client, NSRV_CMD_WRITE, flags, cookie, offset, length);
    client_send(client, payload, length);
    free(payload);
}

void client_expect_simple(struct client *client, uint64_t cookie, uint32_t error)
{
    const uint8_t *reply = client_expect(client, 16);
    assert_int_equal(get_be32(reply), NSRV_MAGIC_SIMPLE);
    assert_int_equal(get_be32(reply + 4), error);
    assert_true(get_be64(reply + 8) == cookie);
}

const uint8_t *client_expect_chunk(struct client *client, uint64_t cookie, uint16_t type,
                                   uint16_t *ret_flags, uint32_t *ret_bytes)
{
    const uint8_t *header = client_expect(client, 20);
    assert_int_equal(get_be32(header), NSRV_MAGIC_CHUNK);
    assert_int_equal(get_be16(header + 6), type);
    assert_true(get_be64(header + 8) == cookie);
    *ret_flags = get_be16(header + 4);
    *ret_bytes = get_be32(header + 16);
    return client_expect(client, *ret_bytes);
}

void client_expect_error(struct client *client, uint64_t cookie, uint32_t error)
{
    uint16_t flags;
    uint32_t bytes;
    const uint8_t *payload = client_expect_chunk(client, cookie, NSRV_CHUNK_ERROR, &flags, &bytes);
    assert_int_equal(flags, NSRV_CHUNK_DONE);
    assert_int_equal(get_be32(payload), error);
    assert_int_equal(get_be16(payload + 4), bytes - 6);
    assert_true(bytes > 6); /* a reason in words */
}
