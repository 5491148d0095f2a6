/*
 * Tells when the host's network got better: a link came up, an address or a route was added. What
 * goes away is not told: the session notices that by itself.
 */
#ifndef OS_NETLINK_H
#define OS_NETLINK_H

#include <stdbool.h>
#include <stddef.h>

#include "os/ev_loop.h"

struct netlink;

/*
 * changed() is called from the loop, at once for the first event and then at most every
 * NETLINK_QUIET_MS. NULL when the socket cannot be had.
 */
struct netlink *netlink_new(struct evl *loop, void (*changed)(void *owner), void *owner);

/* NULL-safe. */
void netlink_free(struct netlink *netlink);

#define NETLINK_QUIET_MS 200

/* True when the datagram (of rtnetlink messages) tells of something that came up. */
bool netlink_tells_of_change(const void *datagram, size_t bytes);

#endif
