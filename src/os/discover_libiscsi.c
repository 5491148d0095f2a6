#include "os/discover_libiscsi.h"

#include <iscsi/iscsi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "os/conn_libiscsi.h"
#include "os/resolver.h"

#define MAX_HOPS   4
#define HOST_BYTES 256

struct discovery {
    const struct link_config *config;
    struct evl *loop;
    struct random_port *random;
    struct resolver *resolver;
    struct conn *conn;
    struct list_node graveyard;
    struct timer patience;
    struct evl_call report; /* done() never comes from inside discovery_start() or the library */
    struct addresses addresses;
    unsigned next;
    unsigned hops;
    bool finished;

    struct discovery_result result;
    struct discovered_target *targets;
    char error[256];
    void (*done)(void *owner, const struct discovery_result *result);
    void *owner;
};

static void try_next_address(struct discovery *discovery);

static void stop(struct discovery *discovery)
{
    discovery->finished = true;
    resolver_cancel(discovery->resolver);
    port_timer_stop(evl_timer_port(discovery->loop), &discovery->patience);
    conn_close(discovery->conn);
    discovery->conn = NULL;
}

static void finish(struct discovery *discovery)
{
    if (discovery->finished)
        return;
    stop(discovery);
    evl_call_defer(discovery->loop, &discovery->report);
}

static void note_error(struct discovery *discovery, enum link_loss loss, const char *detail)
{
    snprintf(discovery->error, sizeof discovery->error, "%s", detail);
    discovery->result.error = discovery->error;
    discovery->result.loss = loss;
}

static void report(struct evl_call *call)
{
    struct discovery *discovery = container_of(call, struct discovery, report);
    discovery->done(discovery->owner, &discovery->result);
}

static void patience_ended(struct timer *timer)
{
    struct discovery *discovery = container_of(timer, struct discovery, patience);
    if (!discovery->result.error)
        note_error(discovery, LINK_LOSS_CONNECT_TIMEOUT, "no answer");
    finish(discovery);
}

/* --- the answer --- */

static void target_done(struct discovered_target *target)
{
    for (unsigned i = 0; i < target->portal_count; i++)
        free(target->portals[i]);
    free(target->portals);
    free(target->name);
}

/* The library's lists are in reverse order: they are filled from their ends. */
static int copy_target(const struct iscsi_discovery_address *from, struct discovered_target *to)
{
    unsigned count = 0;
    for (const struct iscsi_target_portal *it = from->portals; it; it = it->next)
        count++;
    to->name = strdup(from->target_name);
    to->portals = calloc(count ? count : 1, sizeof to->portals[0]);
    if (!to->name || !to->portals)
        return -1;
    to->portal_count = count;
    for (const struct iscsi_target_portal *it = from->portals; it; it = it->next)
        if (!(to->portals[--count] = strdup(it->portal)))
            return -1;
    return 0;
}

static int copy_targets(struct discovery *discovery, const struct iscsi_discovery_address *list)
{
    unsigned count = 0;
    for (const struct iscsi_discovery_address *it = list; it; it = it->next)
        count++;
    discovery->targets = calloc(count ? count : 1, sizeof discovery->targets[0]);
    if (!discovery->targets)
        return -1;
    discovery->result.targets = discovery->targets;
    discovery->result.target_count = count;
    for (const struct iscsi_discovery_address *it = list; it; it = it->next)
        if (copy_target(it, &discovery->targets[--count]) < 0)
            return -1;
    return 0;
}

/* --- events of the connection --- */

static void conn_targets(void *owner, const struct iscsi_discovery_address *list)
{
    struct discovery *discovery = owner;
    discovery->result.error = NULL;
    if (copy_targets(discovery, list) < 0)
        note_error(discovery, LINK_LOSS_PROTOCOL, "out of memory");
    finish(discovery);
}

static void conn_up(void *owner, const struct login_facts *facts)
{
    struct discovery *discovery = owner;
    conn_send_targets(discovery->conn);
}

static void conn_down(void *owner, enum link_loss loss, const char *detail, bool data_out_broke)
{
    struct discovery *discovery = owner;
    note_error(discovery, loss, detail);
    conn_close(discovery->conn);
    discovery->conn = NULL;
    try_next_address(discovery);
}

static void resolved(void *owner, const struct addresses *addresses, const char *error)
{
    struct discovery *discovery = owner;
    if (!addresses) {
        note_error(discovery, LINK_LOSS_RESOLVE, error);
        finish(discovery);
        return;
    }
    discovery->addresses = *addresses;
    discovery->next = 0;
    try_next_address(discovery);
}

static void go_to(struct discovery *discovery, const char *host, uint16_t port)
{
    discovery->next = 0;
    if (resolver_numeric(host, port, &discovery->addresses) == 0)
        try_next_address(discovery);
    else
        resolver_start(discovery->resolver, host, port, resolved, discovery);
}

static void conn_redirected(void *owner, const char *address)
{
    struct discovery *discovery = owner;
    char host[HOST_BYTES];
    uint16_t port;
    conn_close(discovery->conn);
    discovery->conn = NULL;
    if (++discovery->hops <= MAX_HOPS && portal_split(address, host, sizeof host, &port) == 0) {
        go_to(discovery, host, port);
        return;
    }
    note_error(discovery, LINK_LOSS_LOGIN_TRANSIENT, "redirected in circles, or to nowhere");
    finish(discovery);
}

static const struct conn_events conn_events = {
    .up = conn_up,
    .redirected = conn_redirected,
    .down = conn_down,
    .targets = conn_targets,
};

static void try_next_address(struct discovery *discovery)
{
    if (discovery->next >= discovery->addresses.count) {
        finish(discovery);
        return;
    }
    const struct conn_params params = {
        .config = discovery->config,
        .discovery = true,
        .graveyard = &discovery->graveyard,
    };
    discovery->conn = conn_open(&params, discovery->addresses.text[discovery->next++],
                                discovery->loop, discovery->random, &conn_events, discovery);
    if (discovery->conn)
        return;
    note_error(discovery, LINK_LOSS_CONNECT, "out of memory or descriptors");
    finish(discovery);
}

/* --- life --- */

struct discovery *discovery_start(const struct link_config *config, struct evl *loop,
                                  struct random_port *random, unsigned timeout_ms,
                                  void (*done)(void *owner, const struct discovery_result *result),
                                  void *owner)
{
    struct discovery *discovery = calloc(1, sizeof *discovery);
    if (discovery == NULL)
        return NULL;
    discovery->config = config;
    discovery->loop = loop;
    discovery->random = random;
    discovery->done = done;
    discovery->owner = owner;
    list_init(&discovery->graveyard);
    timer_init(&discovery->patience, patience_ended);
    evl_call_init(&discovery->report, report);
    discovery->resolver = resolver_new(loop);
    if (discovery->resolver == NULL) {
        free(discovery);
        return NULL;
    }
    port_timer_after_ms(evl_timer_port(loop), &discovery->patience, timeout_ms);
    go_to(discovery, config->portals[0].host, config->portals[0].port);
    return discovery;
}

void discovery_free(struct discovery *discovery)
{
    if (discovery == NULL)
        return;
    if (!discovery->finished)
        stop(discovery);
    evl_call_cancel(&discovery->report);
    conn_empty_graveyard(&discovery->graveyard);
    resolver_free(discovery->resolver);
    for (unsigned i = 0; i < discovery->result.target_count; i++)
        target_done(&discovery->targets[i]);
    free(discovery->targets);
    free(discovery);
}
