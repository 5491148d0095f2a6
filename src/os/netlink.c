/*
 * Good day: the kernel multicasts a message, changed() is called, and all that follows within
 * NETLINK_QUIET_MS is told by one more call at its end: an address comes a little later than its
 * link, and a route later than its address.
 *
 * What can go wrong: more messages than the socket holds (ENOBUFS). Then something changed, and
 * that is all that matters. An interface that flaps costs one wake-up per message for reading it
 * (READS at most per turn), but no more calls than one per NETLINK_QUIET_MS.
 */
#include "os/netlink.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define READS          16
#define DATAGRAM_BYTES 16384

struct netlink {
    struct evl *loop;
    struct evl_watch watch;
    struct timer quiet; /* armed after a call */
    bool pending;       /* something came while it was armed */
    void (*changed)(void *owner);
    void *owner;
};

static bool link_is_up(const struct nlmsghdr *message)
{
    if (message->nlmsg_len < NLMSG_LENGTH(sizeof(struct ifinfomsg)))
        return false;
    const struct ifinfomsg *link = NLMSG_DATA(message);
    return (link->ifi_flags & IFF_UP) && (link->ifi_flags & IFF_RUNNING);
}

bool netlink_tells_of_change(const void *datagram, size_t bytes)
{
    const struct nlmsghdr *message = datagram;
    int left = (int)bytes;
    for (; NLMSG_OK(message, left); message = NLMSG_NEXT(message, left)) {
        if (message->nlmsg_type == RTM_NEWADDR || message->nlmsg_type == RTM_NEWROUTE)
            return true;
        if (message->nlmsg_type == RTM_NEWLINK && link_is_up(message))
            return true;
    }
    return false;
}

/* One datagram: 1 when it tells of a change, 0 when not, -errno when there is none. */
static int receive(int fd)
{
    _Alignas(struct nlmsghdr) char datagram[DATAGRAM_BYTES];
    struct sockaddr_nl from;
    socklen_t from_bytes = sizeof from;
    ssize_t bytes = recvfrom(fd, datagram, sizeof datagram, MSG_DONTWAIT, (struct sockaddr *)&from,
                             &from_bytes);
    if (bytes < 0)
        return errno == ENOBUFS ? 1 : -errno;
    if (from.nl_pid != 0) /* not from the kernel */
        return 0;
    return netlink_tells_of_change(datagram, (size_t)bytes);
}

static void tell(struct netlink *netlink)
{
    if (timer_is_armed(&netlink->quiet)) {
        netlink->pending = true;
        return;
    }
    netlink->pending = false;
    port_timer_after_ms(evl_timer_port(netlink->loop), &netlink->quiet, NETLINK_QUIET_MS);
    netlink->changed(netlink->owner);
}

static void quiet_ended(struct timer *timer)
{
    struct netlink *netlink = container_of(timer, struct netlink, quiet);
    if (netlink->pending)
        tell(netlink);
}

static void ready(struct evl_watch *watch, unsigned events)
{
    struct netlink *netlink = container_of(watch, struct netlink, watch);
    bool change = false;
    int result = 0;
    for (int i = 0; i < READS && result >= 0; i++) {
        result = receive(watch->fd);
        change |= result > 0;
    }
    if (change)
        tell(netlink);
}

static int open_socket(void)
{
    const struct sockaddr_nl address = {
        .nl_family = AF_NETLINK,
        .nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE |
                     RTMGRP_IPV6_ROUTE,
    };
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
    if (fd < 0)
        return -errno;
    if (bind(fd, (const struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    int error = errno;
    close(fd);
    return -error;
}

struct netlink *netlink_new(struct evl *loop, void (*changed)(void *owner), void *owner)
{
    struct netlink *netlink = calloc(1, sizeof *netlink);
    if (netlink == NULL)
        return NULL;
    int fd = open_socket();
    if (fd < 0) {
        free(netlink);
        return NULL;
    }
    netlink->loop = loop;
    netlink->changed = changed;
    netlink->owner = owner;
    timer_init(&netlink->quiet, quiet_ended);
    evl_watch_init(&netlink->watch, fd, ready);
    evl_watch_set(loop, &netlink->watch, EVL_READ);
    return netlink;
}

void netlink_free(struct netlink *netlink)
{
    if (netlink == NULL)
        return;
    evl_watch_stop(netlink->loop, &netlink->watch);
    port_timer_stop(evl_timer_port(netlink->loop), &netlink->quiet);
    close(netlink->watch.fd);
    free(netlink);
}
