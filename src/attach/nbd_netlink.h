/*
 * The kernel's nbd driver, commanded over generic netlink (family "nbd"; drivers/block/nbd.c).
 *
 * Blocking: a RECONFIGURE may wait for requests under way, so these are for a process that has
 * nothing else to do (ev_kernel.c forks one). All return 0 or -errno; needs CAP_SYS_ADMIN and the
 * first network namespace (before 6.12 the family is not seen in others).
 */
#ifndef ATTACH_NBD_NETLINK_H
#define ATTACH_NBD_NETLINK_H

#include <stdint.h>

#include "attach/ports.h"

/* -ENOENT: the module is not loaded. */
int nbdnl_probe(void);

/*
 * One socket: with more, a stall longer than io_timeout kills the sockets of a healthy daemon.
 * Timeout 0: requests have no deadline. A dead connection is waited for all but for ever.
 * index may be ATT_ANY; *ret_index is the device's.
 */
int nbdnl_connect(uint32_t index, const struct att_disk *disk, int socket, uint32_t *ret_index);

/* Returns 0 also when the kernel does not want the socket, because the old one still lives. */
int nbdnl_reconnect(uint32_t index, const char *backend, int socket);

/* Never together with a socket: newer kernels then wait for each other for ever. */
int nbdnl_resize(uint32_t index, const char *backend, uint64_t size_bytes);

int nbdnl_disconnect(uint32_t index);

#endif
