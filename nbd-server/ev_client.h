/* One connected socket: feeds a connection and sends what it has to say. For
 * adapters (ev_*.c) only. */
#ifndef NBD_SERVER_EV_CLIENT_H
#define NBD_SERVER_EV_CLIENT_H

#include "base/list.h"
#include "nbd-server/connection.h"
#include "os/ev_loop.h"

struct nsrv_client {
    struct list_node node; /* the server's */
    struct evl *loop;
    struct nsrv_connection *connection;
    int fd; /* -1: gone, but requests are still inside the volume */
    struct evl_watch watch;
    struct evl_hook hook; /* at the end of the turn: send, watch, close */
    /* The socket was closed, or the client is finished (then free it). Never from inside a call
     * of the server. */
    void (*ended)(struct nsrv_client *client);
    void *owner;
};

/* adopted: without a handshake. Takes fd over when it succeeds. NULL when memory is short. */
struct nsrv_client *nsrv_client_new(struct evl *loop, int fd, bool adopted,
                                    const struct nsrv_connection_config *config,
                                    void (*ended)(struct nsrv_client *client), void *owner);

void nsrv_client_stop(struct nsrv_client *client);
bool nsrv_client_is_finished(const struct nsrv_client *client);

/* Adds what it has done so far. */
void nsrv_client_count(const struct nsrv_client *client, struct nsrv_counters *sum);

/* Closes the socket at once, without answering what is under way; ended() follows at the end of the
 * turn, and again when no request is inside the volume any more. No effect without a socket. */
void nsrv_client_hang_up(struct nsrv_client *client);

/* Closes the socket if it is open; no request may be inside the volume. */
void nsrv_client_free(struct nsrv_client *client);

#endif
