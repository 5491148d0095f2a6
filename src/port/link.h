/*
 * Port: one iSCSI connection to the target (one session, one connection: MC/S would break the
 * free rule, see volume/retained.h).
 *
 * The session owns a link and drives it: open() starts a connection and a login; it ends in the
 * event `opened` or in the event `lost`. After `opened`, commands may be submitted; each ends in
 * its own done() callback, or in nothing when the connection ends first. After `lost`, or after
 * close() returned, no event and no done() comes any more and the buffers of all unanswered
 * commands are the caller's again: the session walks its own list of them. open() may be called
 * again at once, also from inside an event. Responses are delivered in the order of arrival.
 *
 * Implemented by src/os/link_libiscsi.c and by the simulator's target.
 * Events and done() come from the event loop, never from inside a call of the session.
 */
#ifndef PORT_LINK_H
#define PORT_LINK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/list.h"

#define LINK_SENSE_BYTES 96   /* room for sense data; longer sense is cut */
#define LINK_COMMANDS    128u /* commands inside the link at most (libiscsi's queues are lists) */

enum link_direction { LINK_NO_DATA, LINK_DATA_IN, LINK_DATA_OUT };

enum link_residual { LINK_RESIDUAL_NONE, LINK_RESIDUAL_UNDERFLOW, LINK_RESIDUAL_OVERFLOW };

/* A SCSI command. Caller-allocated; the caller keeps it and all that it points to until done(). */
struct link_command {
    /* Set by the caller. */
    uint8_t cdb[16];
    uint8_t cdb_bytes;
    enum link_direction direction;
    const struct iovec *iov; /* sum of the lengths = data_bytes; at most LINK_IOV entries; the
                              * buffers of data-in are scribbled on before the data come */
    int iov_count;
    uint32_t data_bytes;
    void (*done)(struct link_command *command);

    /* Set by the link before done(). */
    uint8_t status;      /* SAM-5 status byte, only meaningful when response is 0 */
    uint8_t response;    /* iSCSI response code (RFC 7143 11.4.3); libiscsi 1.19 hides it: 0 */
    uint8_t sense_bytes; /* 0: CHECK CONDITION came without sense */
    uint8_t sense[LINK_SENSE_BYTES];
    /* Data-in that came short are told as underflow, also when the target did not say so (then
     * residual_bytes of a READ is rounded up to pages); the rest of INQUIRY and its like is 0. */
    enum link_residual residual_kind;
    uint32_t residual_bytes;

    /* The link's own. */
    struct list_node node;
    void *link_private;
};

#define LINK_IOV 64

/* Why a connection attempt or a session ended. */
enum link_loss {
    LINK_LOSS_RESOLVE,         /* the name has no address now */
    LINK_LOSS_CONNECT,         /* refused, unreachable, ... */
    LINK_LOSS_CLOSED,          /* the peer closed or reset the connection */
    LINK_LOSS_PROTOCOL,        /* iSCSI nonsense from the target, or a digest error */
    LINK_LOSS_LOGOUT,          /* the target asked us to leave (asynchronous message) */
    LINK_LOSS_LOGIN_TRANSIENT, /* login status 03xx, or another that may pass */
    LINK_LOSS_LOGIN_AUTH,      /* 0201, 0202: wrong CHAP, not authorised */
    LINK_LOSS_LOGIN_NOT_FOUND, /* 0203, 0204: no such target, or removed */
    LINK_LOSS_LOGIN_REFUSED,   /* any other 02xx */
    LINK_LOSS_MUTUAL_CHAP,     /* the target did not prove that it knows the mutual secret */
    /* The session's own reasons, when it is the one that closes: */
    LINK_LOSS_CONNECT_TIMEOUT,
    LINK_LOSS_LOGIN_TIMEOUT,
    LINK_LOSS_SETUP_TIMEOUT,   /* fence or identification got no answer */
    LINK_LOSS_SILENT,          /* NOP-Out unanswered */
    LINK_LOSS_DEADLINE,        /* a command unanswered */
    LINK_LOSS_SETUP_FAILED,    /* identification failed in a way that may pass */
    LINK_LOSS_NETWORK_CHANGED, /* the network came back while the session was silent */
    LINK_LOSS_STOPPED,         /* the daemon stops */
};

/* What the login negotiated, in effect for this connection. */
struct link_limits {
    uint32_t max_write_bytes; /* largest WRITE that the link carries safely (trap T4), > 0 */
    uint32_t max_read_bytes;  /* largest READ, > 0 */
    bool header_digest;
};

struct link_events {
    void (*opened)(void *owner, const struct link_limits *limits);
    /* detail: what the library or the system said; may be NULL; valid during the call. */
    void (*lost)(void *owner, enum link_loss reason, const char *detail);
    /* Response to reset_lun(): RFC 7143 11.6.1, 0 = function complete. */
    void (*reset_done)(void *owner, uint8_t response);
    void (*pong)(void *owner);
    /* A link, an address or a route of this host came up. May come in any state, also closed. */
    void (*network_changed)(void *owner);
};

struct link_port;

struct link_port_ops {
    /* Starts connecting to portals[index] of the link's configuration and logging in. */
    void (*open)(struct link_port *link, unsigned portal_index);
    /* At most LINK_COMMANDS may be unanswered. */
    void (*submit)(struct link_port *link, struct link_command *command);
    /* LOGICAL UNIT RESET as raw task management; one at a time. */
    void (*reset_lun)(struct link_port *link);
    /* NOP-Out that asks for an answer; one at a time. False: it cannot leave now, because the
     * target takes no more commands before it has answered some (MaxCmdSN, RFC 7143 4.2.2.1); then
     * no answer is missing, and it may be called again. */
    bool (*ping)(struct link_port *link);
    /* Ends the connection without a word to the target; allowed in every state. */
    void (*close)(struct link_port *link);
    /* Polite end: sends a Logout and closes after its answer or 1 s, then calls done(). Only
     * after `opened`, with no command unanswered. No other event comes any more. */
    void (*logout)(struct link_port *link, void (*done)(void *owner));
};

struct link_port {
    const struct link_port_ops *ops;
    /* Set by the session when it takes the link. */
    const struct link_events *events;
    void *owner;
};

#endif
