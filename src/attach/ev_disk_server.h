/*
 * The real server for attach/device.c: an NBD connection in its transmission phase on one end of a
 * socketpair, whose other end goes to the kernel.
 */
#ifndef ATTACH_EV_DISK_SERVER_H
#define ATTACH_EV_DISK_SERVER_H

#include "attach/ports.h"
#include "nbd-server/connection.h"

struct evl;
struct att_server;

/* The export (its volume, its name) outlives the server. NULL when memory is short. */
struct att_server *att_server_new(struct evl *loop, struct nsrv_export *export);

/* No request may be inside the volume any more. NULL-safe. */
void att_server_free(struct att_server *server);

struct att_server_port *att_server_port(struct att_server *server);

struct att_server_status {
    bool open;
    unsigned in_flight;
    struct nsrv_counters counters; /* since the start */
};

void att_server_status(const struct att_server *server, struct att_server_status *ret_status);

#endif
