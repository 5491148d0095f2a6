/* Where the LUN is and how to log in to it. Plain data, shared by the link and its connections. */
#ifndef OS_LINK_CONFIG_H
#define OS_LINK_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

struct link_portal {
    const char *host; /* name, IPv4, or IPv6 without brackets */
    uint16_t port;
};

/* All strings are kept by reference and must outlive the link. */
struct link_config {
    const char *initiator; /* IQN of this host */
    const char *target;    /* IQN of the target; NULL for discovery */
    uint16_t lun;          /* as the administrator counts it, at most LUN_MAX */
    const struct link_portal *portals;
    unsigned portal_count;

    /* CHAP: NULL or both set. mutual_*: only together with chap_*; the two secrets must differ
     * (RFC 7143 9.2.1), or a target could answer our challenge with our own answer to it. */
    const char *chap_user;
    const char *chap_secret;
    const char *mutual_user;
    const char *mutual_secret;

    bool header_digest;     /* CRC32C, and refuse a target without it */
    const char *congestion; /* os/tcp_congestion.h; NULL: the usual, where the kernel has it */
    /* For when a ping cannot leave (port/link.h): TCP itself asks a silent host after so long, and
     * gives up after as long again as the second says. 0: the library's own, two minutes. */
    uint32_t keepalive_idle_s;
    uint32_t keepalive_s;
    /* Lower half of the ISID: 0 for the daemon; another number for a tool that may look at the
     * same LUN beside it, so that its login does not end the daemon's session. */
    uint16_t isid_qualifier;
};

/* 0, or -EINVAL with what is wrong in *ret_error (a static text). */
int link_config_check(const struct link_config *config, const char **ret_error);

#endif
