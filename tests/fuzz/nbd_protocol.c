/*
 * libFuzzer target: anything at all from a client.
 *
 * The first bytes of the input choose the circumstances (memory, read-only, disk unknown at first,
 * how the stream is cut, how the volume answers, how fast the client reads); the rest is what the
 * client sends. Nothing may crash, no assertion may fail, no buffer may be lost, and the connection
 * must be drained when it was closed and the volume has answered.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "nbd-server/connection.h"
#include "tests/tools/memory_volume.h"

#define MIB (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct fuzz {
    struct volume *volume;
    struct nsrv_export export;
    struct timer_port timer;
    struct timer_queue timers;
    struct nsrv_connection *connection;
    bool kicked;
    uint32_t seed;
};

static uint64_t now_us(struct timer_port *port)
{
    return 0;
}

static void start(struct timer_port *port, struct timer *timer, uint64_t at_us)
{
    timer_queue_start(&container_of(port, struct fuzz, timer)->timers, timer, at_us);
}

static void stop(struct timer_port *port, struct timer *timer)
{
    timer_queue_stop(timer);
}

static void kick(void *owner)
{
    ((struct fuzz *)owner)->kicked = true;
}

static uint32_t draw(struct fuzz *fuzz)
{
    fuzz->seed = fuzz->seed * 1664525 + 1013904223;
    return fuzz->seed >> 8;
}

static void begin(struct fuzz *fuzz, const uint8_t *choices)
{
    static const struct timer_port_ops ops = {now_us, start, stop};
    struct memvol_config config = memvol_config_default;
    config.geometry.size_bytes = choices[0] & 1 ? 8 * MIB : 1000000;
    config.geometry.read_only = (choices[0] & 6) == 6;
    config.geometry.can_trim = choices[0] & 8;
    config.unknown = choices[0] & 16;
    config.memory_bytes = (1 + (choices[0] >> 5)) * MIB;
    fuzz->volume = memvol_new(&config);
    assert(fuzz->volume);
    memvol_hold(fuzz->volume, choices[1] & 1);
    if (choices[1] & 2)
        memvol_fail(fuzz->volume, (enum vol_op)(choices[2] % (VOL_BLOCK_STATUS + 1)), -EIO,
                    choices[2] << 12, MIB);
    fuzz->seed = (uint32_t)(choices[3] << 8 | choices[1]);
    fuzz->export = (struct nsrv_export){"disk", "described", fuzz->volume, 0};
    fuzz->timer.ops = &ops;
    timer_queue_init(&fuzz->timers);
    const struct nsrv_connection_config connection = {
        .export = &fuzz->export,
        .timer = &fuzz->timer,
        .handshake_timeout_ms = 10000,
        .kick = kick,
        .owner = fuzz,
    };
    fuzz->connection = (choices[1] & 12) == 12 && !config.unknown
                           ? nsrv_connection_adopt(&connection)
                           : nsrv_connection_new(&connection);
    assert(fuzz->connection);
}

/* The client reads some, or all. */
static void drain(struct fuzz *fuzz, size_t limit)
{
    struct iovec iov[8];
    unsigned count;
    while (limit > 0 && (count = nsrv_connection_output(fuzz->connection, iov, 8)) > 0) {
        size_t bytes = 0;
        for (unsigned i = 0; i < count; i++) {
            assert(iov[i].iov_len > 0);
            bytes += iov[i].iov_len;
        }
        bytes = bytes < limit ? bytes : limit;
        limit -= bytes;
        nsrv_connection_sent(fuzz->connection, bytes);
    }
}

static void turn(struct fuzz *fuzz)
{
    struct nsrv_connection_status status;
    if (draw(fuzz) % 4 == 0)
        memvol_release_newest(fuzz->volume);
    if (draw(fuzz) % 4 == 0)
        memvol_release(fuzz->volume, draw(fuzz) % 8);
    if (draw(fuzz) % 64 == 0 && !vol_is_known(fuzz->volume))
        memvol_make_known(fuzz->volume);
    if (fuzz->kicked && !nsrv_connection_is_over(fuzz->connection)) {
        fuzz->kicked = false;
        nsrv_connection_run(fuzz->connection);
    }
    drain(fuzz, draw(fuzz) % 3 == 0 ? draw(fuzz) % 100000 : 0);
    nsrv_connection_status(fuzz->connection, &status);
    assert(status.in_flight <= NSRV_REQUESTS);
    assert(status.held_bytes <= buffer_pool_bytes(vol_buffers(fuzz->volume)));
}

/* Returns how many bytes the server took, 0 when it does not read now. */
static size_t feed(struct fuzz *fuzz, const uint8_t *data, size_t size)
{
    struct iovec iov[NSRV_INPUT_IOV];
    const unsigned count = nsrv_connection_input(fuzz->connection, iov);
    const size_t limit = draw(fuzz) % 2 == 0 ? size : 1 + draw(fuzz) % 40;
    size_t taken = 0;
    for (unsigned i = 0; i < count && taken < size && taken < limit; i++) {
        size_t part = iov[i].iov_len < size - taken ? iov[i].iov_len : size - taken;
        part = part < limit - taken ? part : limit - taken;
        memcpy(iov[i].iov_base, data + taken, part);
        taken += part;
    }
    if (taken > 0)
        nsrv_connection_received(fuzz->connection, taken);
    return taken;
}

static void end(struct fuzz *fuzz)
{
    if (draw(fuzz) % 2 == 0)
        nsrv_connection_stop(fuzz->connection);
    turn(fuzz);
    nsrv_connection_close(fuzz->connection);
    memvol_release(fuzz->volume, UINT32_MAX);
    assert(nsrv_connection_is_drained(fuzz->connection));
    nsrv_connection_free(fuzz->connection);
    assert(timer_queue_next_us(&fuzz->timers) == UINT64_MAX);
    assert(fuzz->export.transmitting == 0);
    assert(buffer_pool_used(vol_buffers(fuzz->volume)) == 0);
    memvol_free(fuzz->volume);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz fuzz = {0};
    if (size < 4)
        return 0;
    begin(&fuzz, data);
    unsigned idle = 0;
    for (size_t at = 4; at < size && idle < 200;) {
        if (nsrv_connection_is_over(fuzz.connection))
            break;
        const size_t taken = feed(&fuzz, data + at, size - at);
        at += taken;
        idle = taken > 0 ? 0 : idle + 1;
        turn(&fuzz);
    }
    end(&fuzz);
    return 0;
}
