/*
 * A scripted client for the tests of the protocol: a connection without a socket, over a volume
 * in RAM and a clock that the test turns.
 */
#ifndef TESTS_NBD_CLIENT_H
#define TESTS_NBD_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nbd-server/connection.h"
#include "nbd-server/protocol.h"
#include "port/timer.h"
#include "tests/tools/memory_volume.h"

struct client {
    struct volume *volume;
    struct nsrv_export export;
    struct timer_port timer;
    struct timer_queue timers;
    uint64_t now_us;
    struct nsrv_connection *connection;
    unsigned kicks;    /* not followed by a run yet */
    bool deaf;         /* reads no answers */
    size_t send_chunk; /* bytes per "recv" and "send" of the server; 0: as many as fit */
    uint8_t *received;
    size_t received_bytes, looked_at, received_room;
};

/* A connection that was just accepted; NULL: memvol_config_default. */
void client_init(struct client *client, const struct memvol_config *config);

/* Another one on the same volume. */
void client_init_beside(struct client *client, struct client *other);
void client_adopt(struct client *client, const struct memvol_config *config);

/* Closes if it is still open; checks that nothing is left; frees the volume if it is its own. */
void client_done(struct client *client);

/* Runs what was kicked and collects the answers (unless deaf). */
void client_pump(struct client *client);

/* Returns how many of the bytes the server took before it stopped reading. */
size_t client_send(struct client *client, const void *bytes, size_t count);
void client_wait_ms(struct client *client, uint64_t ms);

/* The next `count` bytes of the answers, which must be there. */
const uint8_t *client_expect(struct client *client, size_t count);
void client_expect_nothing(struct client *client);
void client_expect_end(struct client *client); /* the server hung up; nothing is left to read */

/* --- handshake --- */
void client_greet(struct client *client, uint32_t flags);
void client_option(struct client *client, uint32_t option, const void *data, size_t bytes);
/* Checks one reply to an option; returns its data. */
const uint8_t *client_expect_reply(struct client *client, uint32_t option, uint32_t type,
                                   size_t *ret_bytes);
/* INFO or GO for a name and a list of items that ends with -1. */
void client_go(struct client *client, uint32_t option, const char *name, const int *items);
void client_meta(struct client *client, uint32_t option, const char *name, unsigned queries,
                 const char *const *query);
/* All of it, up to the transmission phase. */
void client_connect(struct client *client, bool structured, bool all_contexts);

/* --- transmission --- */
void client_request(struct client *client, uint16_t type, uint16_t flags, uint64_t cookie,
                    uint64_t offset, uint32_t length);
void client_write(struct client *client, uint16_t flags, uint64_t cookie, uint64_t offset,
                  uint32_t length, uint8_t fill);
void client_expect_simple(struct client *client, uint64_t cookie, uint32_t error);
void client_expect_error(struct client *client, uint64_t cookie, uint32_t error);
/* A chunk; returns its payload. */
const uint8_t *client_expect_chunk(struct client *client, uint64_t cookie, uint16_t type,
                                   uint16_t *ret_flags, uint32_t *ret_bytes);

#endif
