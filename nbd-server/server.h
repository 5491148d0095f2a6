/*
 * The NBD server: a volume as an export, on a UNIX or TCP socket.
 *
 * One volume, one export: it answers to its name and to the empty name. Connections share the
 * volume, so that a client may use several. All calls on the loop's thread.
 */
#ifndef NBD_SERVER_SERVER_H
#define NBD_SERVER_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nbd-server/connection.h"
#include "volume/volume.h"

#define NSRV_CONNECTIONS_DEFAULT       16u
#define NSRV_HANDSHAKE_TIMEOUT_DEFAULT 10000u

struct nsrv_config {
    const char *export_name;       /* UTF-8, at most 4096 bytes; copied */
    const char *description;       /* the same; NULL: none */
    const char *listen;            /* "unix:/path", "tcp:host:port", "tcp:[v6]:port", "tcp::port" */
    int listen_fd;                 /* >= 0: inherited and taken over, `listen` is ignored */
    unsigned connections_max;      /* more wait in the backlog; 0: the default */
    uint32_t handshake_timeout_ms; /* 0: the default */
    /* Called once, when the first client is past its handshake; it may take its time. NULL-safe. */
    void (*first_use)(void *owner);
    void *owner;
};

struct evl;
struct nsrv;

/*
 * Listens at once. A host name is resolved here (this may block: a daemon listens on numeric
 * addresses or at its start). A UNIX socket gets mode 0600; one that a dead process left behind
 * is replaced, one that answers is not.
 *
 * Returns 0, or -errno with the reason in ret_why (one line, no newline).
 */
int nsrv_new(const struct nsrv_config *config, struct evl *loop, struct volume *volume,
             char *ret_why, size_t why_bytes, struct nsrv **ret_server);

/*
 * Accepts nobody any more, closes connections that have nothing under way, and the others when
 * their requests are answered; then calls stopped(owner), perhaps from inside. What waits for the
 * target is answered by vol_stop_now().
 */
void nsrv_stop(struct nsrv *server, void (*stopped)(void *owner), void *owner);

/* Closes all sockets without a word. No request may be inside the volume: after stopped(), or
 * after the volume has answered everything. The volume must still be there. NULL-safe. */
void nsrv_free(struct nsrv *server);

/*
 * Serves one more client on a connected stream socket, without a handshake and with simple
 * replies, as the kernel's nbd client wants it; the volume must be known. Takes the descriptor
 * over when it returns 0; -ENOMEM otherwise.
 */
int nsrv_adopt(struct nsrv *server, int fd);

struct nsrv_status {
    unsigned connections; /* with a socket */
    unsigned connections_max;
    unsigned finishing;            /* without one, but with requests inside the volume */
    unsigned in_flight;            /* requests of all of them */
    uint64_t accepted;             /* connections since the start */
    struct nsrv_counters counters; /* of all connections since the start */
    char address[128];             /* where it listens */
};

void nsrv_status(const struct nsrv *server, struct nsrv_status *ret_status);

/* Calls visit() for each connection that has a socket; `peer` says who it is. */
void nsrv_each_connection(const struct nsrv *server,
                          void (*visit)(void *owner, const char *peer,
                                        const struct nsrv_connection_status *status),
                          void *owner);

#endif
