/*
 * One client, from its greeting to its end, as bytes in and bytes out. No sockets, no I/O: the
 * adapter (ev_server.c), the unit tests and the fuzzer drive it alike.
 *
 * The driver's loop: receive into nsrv_connection_input(), tell nsrv_connection_received(); send
 * nsrv_connection_output(), tell nsrv_connection_sent(); after a kick call
 * nsrv_connection_run(); and when nsrv_connection_is_over(), close the socket and
 * nsrv_connection_close().
 *
 * The size and the flags that a client was told with GO or EXPORT_NAME hold for its connection:
 * when the LUN grows, connections made later see the new size, and the old ones go on within the
 * old one (the protocol has no way to tell them; but see nsrv_connection_adopt()). A client that
 * came before the disk was known waits with its GO, for as long as it takes.
 */
#ifndef NBD_SERVER_CONNECTION_H
#define NBD_SERVER_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "nbd-server/export.h"
#include "nbd-server/transmission.h"
#include "port/timer.h"

#define NSRV_INPUT_IOV 2

enum nsrv_phase {
    NSRV_PHASE_HANDSHAKE,
    NSRV_PHASE_PARKED, /* an option waits for the disk to be known; no deadline */
    NSRV_PHASE_TRANSMISSION,
    NSRV_PHASE_GOODBYE, /* the rest of the output is sent, then it is over */
    NSRV_PHASE_OVER,
};

struct nsrv_connection;

struct nsrv_connection_config {
    struct nsrv_export *export; /* outlives the connection */
    struct timer_port *timer;
    uint32_t handshake_timeout_ms; /* a client that is not done by then is cut off; 0: never */
    /* There may be something to do: call nsrv_connection_run() soon, but not from inside. */
    void (*kick)(void *owner);
    void *owner;
};

/* Returns NULL when memory is short. The greeting is in the output at once. */
struct nsrv_connection *nsrv_connection_new(const struct nsrv_connection_config *config);

/*
 * Begins in the transmission phase, as after a handshake by somebody else (the kernel's nbd
 * client): simple replies, no metadata contexts. The volume must be known. When it grows, so does
 * the size of this connection: the kernel can be told.
 */
struct nsrv_connection *nsrv_connection_adopt(const struct nsrv_connection_config *config);

/*
 * The socket is gone: nothing is sent or received any more. Requests inside the volume are
 * finished (a WRITE that came whole is written); a kick tells when to look again whether the
 * connection is drained. Of the other calls only _is_drained() and _free() are allowed now.
 */
void nsrv_connection_close(struct nsrv_connection *connection);

/* No request is inside the volume. */
bool nsrv_connection_is_drained(const struct nsrv_connection *connection);

/* Must be closed and drained. NULL-safe. */
void nsrv_connection_free(struct nsrv_connection *connection);

void nsrv_connection_run(struct nsrv_connection *connection);

/* Where the next bytes of the client belong; returns the number of entries, 0: do not read now. */
unsigned nsrv_connection_input(struct nsrv_connection *connection,
                               struct iovec ret_iov[NSRV_INPUT_IOV]);

/* `bytes` (> 0) were put where the _input() call before said. Runs the connection. */
void nsrv_connection_received(struct nsrv_connection *connection, size_t bytes);

unsigned nsrv_connection_output(const struct nsrv_connection *connection, struct iovec *ret_iov,
                                unsigned room);

/* The first `bytes` of what _output() told were sent. Runs the connection. */
void nsrv_connection_sent(struct nsrv_connection *connection, size_t bytes);

/* Ends the connection as soon as what is under way is answered and sent. */
void nsrv_connection_stop(struct nsrv_connection *connection);

bool nsrv_connection_is_over(const struct nsrv_connection *connection);

struct nsrv_connection_status {
    enum nsrv_phase phase;
    unsigned in_flight;  /* requests not answered yet */
    uint64_t held_bytes; /* of the volume's memory */
    struct nsrv_counters counters;
};

void nsrv_connection_status(const struct nsrv_connection *connection,
                            struct nsrv_connection_status *ret_status);

#endif
