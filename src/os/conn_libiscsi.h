/*
 * One TCP connection with one iSCSI session on it: a libiscsi context from its creation to its
 * end, never used twice.
 *
 * All events come from the event loop, never from inside a function of this header, and none
 * comes after conn_close(). `down` comes at most once and is the last event; the owner answers it
 * with conn_close().
 */
#ifndef OS_CONN_LIBISCSI_H
#define OS_CONN_LIBISCSI_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "os/ev_loop.h"
#include "os/link_config.h"
#include "os/login_facts.h"
#include "port/link.h"
#include "port/random.h"

struct conn;
struct iscsi_discovery_address;

struct conn_events {
    /* Logged in; the target proved itself if it had to. */
    void (*up)(void *owner, const struct login_facts *facts);
    /* The target sent us elsewhere; the connection is of no use any more. */
    void (*redirected)(void *owner, const char *address);
    /* Over. data_out_broke: trap T4 was the reason. */
    void (*down)(void *owner, enum link_loss reason, const char *detail, bool data_out_broke);
    void (*reset_done)(void *owner, uint8_t response);
    void (*pong)(void *owner);
    /* Discovery sessions only: what SendTargets brought; valid during the call. */
    void (*targets)(void *owner, const struct iscsi_discovery_address *list);
};

struct conn_params {
    const struct link_config *config;
    bool discovery;              /* a discovery session: no target name, no commands */
    struct list_node *graveyard; /* closed connections wait here for their destruction */
};

/*
 * Connects to a numeric "a.b.c.d:port" or "[v6]:port" and logs in. The parameters' config, the
 * loop and the random port must outlive the connection. Failures come as `down`; NULL only when
 * memory or descriptors are short.
 */
struct conn *conn_open(const struct conn_params *params, const char *address, struct evl *loop,
                       struct random_port *random, const struct conn_events *events, void *owner);

/*
 * Ends it at once: the socket is closed with a reset, nothing that is queued leaves this host any
 * more, no event comes, no buffer of a command is touched after the return. Allowed from inside
 * any event. The library's memory is given back soon after (trap T13). NULL-safe.
 */
void conn_close(struct conn *conn);

/* The rest only between `up` and `down`. */
void conn_submit(struct conn *conn, struct link_command *command);
void conn_reset_lun(struct conn *conn);
bool conn_ping(struct conn *conn); /* as link_port_ops.ping */

/* Sends a Logout; its answer (or any other end) comes as `down`. */
void conn_logout(struct conn *conn);

void conn_send_targets(struct conn *conn);

/* Destroys at once what conn_close() left for later. Not from inside an event. */
void conn_empty_graveyard(struct list_node *graveyard);

#endif
