/*
 * The link port on libiscsi 1.19: a fresh connection (conn_libiscsi.h) per open(), names resolved
 * off the loop, the addresses of a portal tried in turn over successive opens, redirections
 * followed, and a watch on the host's network.
 */
#ifndef OS_LINK_LIBISCSI_H
#define OS_LINK_LIBISCSI_H

#include "os/ev_loop.h"
#include "os/link_config.h"
#include "port/link.h"
#include "port/random.h"

/*
 * config, loop and random must outlive the link; link_config_check() must be content with the
 * config. 0 or -ENOMEM. Without rights or descriptors for the watch on the network it goes on
 * without network_changed events.
 */
int link_libiscsi_new(const struct link_config *config, struct evl *loop,
                      struct random_port *random, struct link_port **ret_link);

/* Closes first. Not from inside an event of it. NULL-safe. */
void link_libiscsi_free(struct link_port *link);

#endif
