/*
 * SendTargets (RFC 7143 appendix C): asks a portal which targets it has for us.
 *
 * libiscsi 1.19 takes an answer of one PDU (256 KiB, some thousand targets) and only the two keys
 * TargetName and TargetAddress; anything else is told as LINK_LOSS_PROTOCOL.
 */
#ifndef OS_DISCOVER_LIBISCSI_H
#define OS_DISCOVER_LIBISCSI_H

#include "os/ev_loop.h"
#include "os/link_config.h"
#include "port/link.h"
#include "port/random.h"

struct discovered_target {
    char *name;     /* IQN, EUI or NAA */
    char **portals; /* "address:port,portal-group-tag", in the target's order */
    unsigned portal_count;
};

struct discovery;

struct discovery_result {
    const struct discovered_target *targets; /* in the portal's order */
    unsigned target_count;
    /* NULL: done. Else nothing was found out, and this is what the last address tried said. */
    const char *error;
    enum link_loss loss; /* when there is an error */
};

/*
 * Tries the addresses of config->portals[0] in turn until one answers. config->target is NULL;
 * CHAP as for a session. done() comes from the loop, once, at the latest after timeout_ms; the
 * result is valid until discovery_free(). NULL when memory is short.
 */
struct discovery *discovery_start(const struct link_config *config, struct evl *loop,
                                  struct random_port *random, unsigned timeout_ms,
                                  void (*done)(void *owner, const struct discovery_result *result),
                                  void *owner);

/* Gives up if it still runs. Allowed from inside done(). NULL-safe. */
void discovery_free(struct discovery *discovery);

#endif
