/*
 * Joins input, handshake, transmission and output.
 *
 * Good day: greeting out, options in, GO, requests, DISC. What goes wrong: the client is silent in
 * the handshake (deadline), breaks the protocol (over at once), vanishes (close: what is in the
 * volume is finished, then the memory goes), or the server stops (what is under way is answered).
 */
#include "nbd-server/connection.h"

#include <assert.h>
#include <stdlib.h>

#include "nbd-server/handshake.h"

#define STOP_GRACE_MS 1000

struct nsrv_connection {
    struct nsrv_connection_config config;
    enum nsrv_phase phase;
    bool stopping;
    bool closed;
    struct timer deadline;
    struct vol_watcher watcher;
    struct nsrv_message reply; /* of the handshake */
    bool replying;
    struct nsrv_output output;
    struct nsrv_handshake handshake;
    struct nsrv_transmission transmission;
    struct nsrv_input input;
};

static void kick(struct nsrv_connection *connection)
{
    connection->config.kick(connection->config.owner);
}

static void transmission_kick(struct nsrv_transmission *transmission)
{
    kick(container_of(transmission, struct nsrv_connection, transmission));
}

static void deadline_passed(struct timer *timer)
{
    struct nsrv_connection *connection = container_of(timer, struct nsrv_connection, deadline);
    connection->phase = NSRV_PHASE_OVER;
    kick(connection);
}

static void start_deadline(struct nsrv_connection *connection)
{
    const struct nsrv_connection_config *config = &connection->config;
    if (config->handshake_timeout_ms > 0)
        port_timer_after_ms(config->timer, &connection->deadline, config->handshake_timeout_ms);
}

static void geometry_known(struct vol_watcher *watcher)
{
    kick(container_of(watcher, struct nsrv_connection, watcher));
}

static void handshake_sent(struct nsrv_message *message)
{
    container_of(message, struct nsrv_connection, reply)->replying = false;
}

static void send_reply(struct nsrv_connection *connection)
{
    const struct nsrv_handshake *handshake = &connection->handshake;
    if (handshake->reply_bytes == 0)
        return;
    connection->reply = (struct nsrv_message){
        .body = handshake->reply,
        .body_bytes = (uint32_t)handshake->reply_bytes,
        .sent = handshake_sent,
    };
    connection->replying = true;
    nsrv_output_append(&connection->output, &connection->reply);
}

static struct nsrv_connection *make(const struct nsrv_connection_config *config)
{
    struct nsrv_connection *connection = calloc(1, sizeof *connection);
    if (!connection)
        return NULL;
    connection->config = *config;
    timer_init(&connection->deadline, deadline_passed);
    connection->watcher.geometry = geometry_known;
    list_init(&connection->watcher.node);
    nsrv_output_init(&connection->output);
    return connection;
}

static void tell_first_use(struct nsrv_export *export)
{
    void (*first_use)(void *owner) = export->first_use;
    export->first_use = NULL;
    if (first_use)
        first_use(export->owner);
}

static void begin_transmission(struct nsrv_connection *connection,
                               const struct nsrv_promise *promise)
{
    tell_first_use(connection->config.export);
    connection->phase = NSRV_PHASE_TRANSMISSION;
    port_timer_stop(connection->config.timer, &connection->deadline);
    nsrv_transmission_init(&connection->transmission, connection->config.export, promise,
                           &connection->input, &connection->output, transmission_kick);
}

struct nsrv_connection *nsrv_connection_new(const struct nsrv_connection_config *config)
{
    struct nsrv_connection *connection = make(config);
    if (!connection)
        return NULL;
    nsrv_handshake_init(&connection->handshake, config->export);
    send_reply(connection);
    start_deadline(connection);
    return connection;
}

/* Who adopted can pass the new size on; the requests that come then have to be inside it. */
static void geometry_grew(struct vol_watcher *watcher)
{
    struct nsrv_connection *connection = container_of(watcher, struct nsrv_connection, watcher);
    struct vol_geometry geometry;
    vol_geometry(connection->config.export->volume, &geometry);
    if (geometry.size_bytes > connection->transmission.promise.size_bytes)
        connection->transmission.promise.size_bytes = geometry.size_bytes;
}

struct nsrv_connection *nsrv_connection_adopt(const struct nsrv_connection_config *config)
{
    struct nsrv_connection *connection = make(config);
    if (!connection)
        return NULL;
    struct vol_geometry geometry;
    vol_geometry(config->export->volume, &geometry);
    const struct nsrv_promise promise = {
        .size_bytes = geometry.size_bytes,
        .flags = nsrv_export_flags(&geometry, false),
    };
    begin_transmission(connection, &promise);
    connection->transmission.sends_again = true;
    connection->watcher.geometry = geometry_grew;
    vol_watch(config->export->volume, &connection->watcher);
    return connection;
}

void nsrv_connection_close(struct nsrv_connection *connection)
{
    assert(!connection->closed);
    connection->closed = true;
    connection->phase = NSRV_PHASE_OVER;
    port_timer_stop(connection->config.timer, &connection->deadline);
    vol_unwatch(&connection->watcher);
    if (connection->transmission.export)
        nsrv_transmission_close(&connection->transmission);
}

bool nsrv_connection_is_drained(const struct nsrv_connection *connection)
{
    return connection->transmission.in_volume == 0;
}

void nsrv_connection_free(struct nsrv_connection *connection)
{
    if (!connection)
        return;
    assert(connection->closed && nsrv_connection_is_drained(connection));
    free(connection);
}

/* --- running --- */

static void enter_transmission(struct nsrv_connection *connection)
{
    const struct nsrv_handshake *handshake = &connection->handshake;
    const struct nsrv_promise promise = {
        .size_bytes = handshake->geometry.size_bytes,
        .flags = handshake->flags,
        .structured = handshake->structured,
        .contexts = handshake->contexts,
    };
    begin_transmission(connection, &promise);
}

static void park(struct nsrv_connection *connection)
{
    if (connection->phase == NSRV_PHASE_PARKED)
        return;
    connection->phase = NSRV_PHASE_PARKED;
    port_timer_stop(connection->config.timer, &connection->deadline);
    vol_watch(connection->config.export->volume, &connection->watcher);
}

static void unpark(struct nsrv_connection *connection)
{
    if (connection->phase != NSRV_PHASE_PARKED)
        return;
    connection->phase = NSRV_PHASE_HANDSHAKE;
    vol_unwatch(&connection->watcher);
    start_deadline(connection);
}

static bool is_shaking_hands(const struct nsrv_connection *connection)
{
    return connection->phase == NSRV_PHASE_HANDSHAKE || connection->phase == NSRV_PHASE_PARKED;
}

/* One step of the handshake; false when it cannot go on now. */
static bool shake_hands(struct nsrv_connection *connection)
{
    struct nsrv_input *input = &connection->input;
    size_t taken;
    const enum nsrv_step step = nsrv_handshake_step(&connection->handshake, nsrv_input_bytes(input),
                                                    nsrv_input_count(input), &taken);
    nsrv_input_take(input, taken);
    if (step == NSRV_PARKED) {
        park(connection);
        return false;
    }
    unpark(connection);
    if (step == NSRV_CLOSE)
        connection->phase = NSRV_PHASE_OVER;
    if (step == NSRV_GOODBYE)
        connection->phase = NSRV_PHASE_GOODBYE;
    if (step == NSRV_TRANSMIT)
        enter_transmission(connection);
    send_reply(connection);
    return step == NSRV_NEXT;
}

static void update_phase(struct nsrv_connection *connection)
{
    const struct nsrv_transmission *transmission = &connection->transmission;
    if (connection->phase == NSRV_PHASE_TRANSMISSION &&
        (transmission->broken || nsrv_transmission_is_over(transmission)))
        connection->phase = NSRV_PHASE_OVER;
    if (connection->phase == NSRV_PHASE_GOODBYE && nsrv_output_is_empty(&connection->output))
        connection->phase = NSRV_PHASE_OVER;
}

void nsrv_connection_run(struct nsrv_connection *connection)
{
    assert(!connection->closed);
    while (is_shaking_hands(connection) && !connection->replying && shake_hands(connection))
        ;
    if (connection->phase == NSRV_PHASE_TRANSMISSION)
        nsrv_transmission_run(&connection->transmission);
    update_phase(connection);
}

unsigned nsrv_connection_input(struct nsrv_connection *connection,
                               struct iovec ret_iov[NSRV_INPUT_IOV])
{
    unsigned count = 0;
    if (connection->phase == NSRV_PHASE_OVER)
        return 0;
    if (connection->phase == NSRV_PHASE_TRANSMISSION)
        count += nsrv_transmission_payload(&connection->transmission, &ret_iov[0]);
    const size_t room = nsrv_input_make_room(&connection->input);
    if (room > 0)
        ret_iov[count++] = (struct iovec){connection->input.bytes + connection->input.end, room};
    return count;
}

void nsrv_connection_received(struct nsrv_connection *connection, size_t bytes)
{
    struct iovec payload;
    if (connection->phase == NSRV_PHASE_TRANSMISSION &&
        nsrv_transmission_payload(&connection->transmission, &payload)) {
        const size_t filled = bytes < payload.iov_len ? bytes : payload.iov_len;
        nsrv_transmission_filled(&connection->transmission, filled);
        bytes -= filled;
    }
    assert(bytes <= sizeof connection->input.bytes - connection->input.end);
    connection->input.end += bytes;
    if (connection->phase == NSRV_PHASE_GOODBYE) /* whatever it is, nobody wants it */
        nsrv_input_take(&connection->input, nsrv_input_count(&connection->input));
    nsrv_connection_run(connection);
}

unsigned nsrv_connection_output(const struct nsrv_connection *connection, struct iovec *ret_iov,
                                unsigned room)
{
    if (connection->phase == NSRV_PHASE_OVER)
        return 0;
    return nsrv_output_iov(&connection->output, ret_iov, room);
}

void nsrv_connection_sent(struct nsrv_connection *connection, size_t bytes)
{
    nsrv_output_sent(&connection->output, bytes);
    nsrv_connection_run(connection);
}

/* A parked client is told, and then has a moment for the soft disconnect that it owes us. */
static void stop_parked(struct nsrv_connection *connection)
{
    connection->phase = NSRV_PHASE_HANDSHAKE;
    connection->handshake.stopping = true;
    vol_unwatch(&connection->watcher);
    port_timer_after_ms(connection->config.timer, &connection->deadline, STOP_GRACE_MS);
    nsrv_connection_run(connection);
}

void nsrv_connection_stop(struct nsrv_connection *connection)
{
    if (connection->stopping || connection->phase == NSRV_PHASE_OVER)
        return;
    connection->stopping = true;
    if (connection->phase == NSRV_PHASE_PARKED)
        stop_parked(connection);
    else if (connection->phase == NSRV_PHASE_TRANSMISSION)
        nsrv_transmission_leave(&connection->transmission);
    else
        connection->phase = NSRV_PHASE_GOODBYE;
    update_phase(connection);
}

bool nsrv_connection_is_over(const struct nsrv_connection *connection)
{
    return connection->phase == NSRV_PHASE_OVER;
}

void nsrv_connection_status(const struct nsrv_connection *connection,
                            struct nsrv_connection_status *ret_status)
{
    *ret_status = (struct nsrv_connection_status){
        .phase = connection->phase,
        .in_flight = connection->transmission.in_flight,
        .held_bytes = connection->transmission.budget.held_bytes,
        .counters = connection->transmission.counters,
    };
}
