/*
 * States: CLOSED -open-> RESOLVING -> CONNECTING -> OPEN -logout-> LOGGING_OUT -> CLOSED; and from
 * each of them to CLOSED by close() or by an end of the connection, told by `lost`.
 *
 * A portal's addresses are remembered: each open() takes the next one, and only when all were
 * tried is the name looked up again. When the name server is as dead as the target, the
 * addresses of the last answer are used once more.
 *
 * A redirection (login status 01xx) replaces the portal for this open() only; after MAX_HOPS it
 * is taken for a loop.
 *
 * The only thing kept over connections besides addresses: a target that was seen to break a
 * connection by pinging between Data-Out PDUs gets immediate data only from then on (trap T4).
 */
#include "os/link_libiscsi.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "os/conn_libiscsi.h"
#include "os/netlink.h"
#include "os/resolver.h"

#define MAX_HOPS     4
#define LOGOUT_MS    1000
#define HOST_BYTES   256
#define STRING_BYTES 256 /* libiscsi cuts its strings here */

enum state { CLOSED, RESOLVING, CONNECTING, OPEN, LOGGING_OUT };

/* A place to connect to, and what is known of its addresses. */
struct place {
    char host[HOST_BYTES];
    uint16_t port;
    bool numeric; /* host is an address itself */
    struct addresses known;
    unsigned next;  /* of known, the address to try next */
    unsigned tried; /* since the last lookup or success */
};

struct link {
    struct link_port port;
    const struct link_config *config;
    struct evl *loop;
    struct random_port *random;
    struct resolver *resolver;
    struct netlink *netlink;

    enum state state;
    struct conn *conn;
    struct list_node graveyard;
    struct place *place; /* the present one: in places, or &elsewhere */
    struct place elsewhere;
    unsigned hops;
    bool immediate_only;

    struct evl_call fail; /* tells of a failure that was found inside open() */
    enum link_loss fail_loss;
    const char *fail_detail;

    struct timer logout_timer;
    void (*logout_done)(void *owner);

    struct place places[]; /* one per portal */
};

static void go_to_place(struct link *link);

static struct link *from_port(struct link_port *port)
{
    return container_of(port, struct link, port);
}

/* Back to CLOSED, whatever was going on; nothing of it will be heard again. */
static void hang_up(struct link *link)
{
    link->state = CLOSED;
    resolver_cancel(link->resolver);
    evl_call_cancel(&link->fail);
    port_timer_stop(evl_timer_port(link->loop), &link->logout_timer);
    conn_close(link->conn);
    link->conn = NULL;
}

static void logout_ended(struct link *link)
{
    hang_up(link);
    link->logout_done(link->port.owner);
}

/* `detail` may point into the connection: that lives until the loop turns. */
static void lose(struct link *link, enum link_loss loss, const char *detail)
{
    if (link->state == LOGGING_OUT) {
        logout_ended(link);
        return;
    }
    hang_up(link);
    link->port.events->lost(link->port.owner, loss, detail);
}

static void fail(struct evl_call *call)
{
    struct link *link = container_of(call, struct link, fail);
    lose(link, link->fail_loss, link->fail_detail);
}

static void fail_later(struct link *link, enum link_loss loss, const char *detail)
{
    link->fail_loss = loss;
    link->fail_detail = detail;
    evl_call_defer(link->loop, &link->fail);
}

/* --- events of the connection --- */

static void conn_up(void *owner, const struct login_facts *facts)
{
    struct link *link = owner;
    struct link_limits limits;
    login_facts_limits(facts, link->immediate_only, &limits);
    link->state = OPEN;
    struct place *place = link->place;
    place->tried = 0;
    if (place->known.count > 0) /* the address that worked is the one to try first next time */
        place->next = (place->next + place->known.count - 1) % place->known.count;
    link->port.events->opened(link->port.owner, &limits);
}

static void conn_redirected(void *owner, const char *address)
{
    struct link *link = owner;
    struct place *elsewhere = &link->elsewhere;
    conn_close(link->conn);
    link->conn = NULL;
    link->state = RESOLVING;
    if (++link->hops > MAX_HOPS) {
        fail_later(link, LINK_LOSS_LOGIN_TRANSIENT, "redirected in circles");
        return;
    }
    *elsewhere = (struct place){0};
    if (portal_split(address, elsewhere->host, sizeof elsewhere->host, &elsewhere->port) < 0) {
        fail_later(link, LINK_LOSS_PROTOCOL, "redirected to an address that makes no sense");
        return;
    }
    link->place = elsewhere;
    go_to_place(link);
}

static void conn_down(void *owner, enum link_loss loss, const char *detail, bool data_out_broke)
{
    struct link *link = owner;
    link->immediate_only |= data_out_broke;
    lose(link, loss, detail);
}

static void conn_reset_done(void *owner, uint8_t response)
{
    struct link *link = owner;
    link->port.events->reset_done(link->port.owner, response);
}

static void conn_pong(void *owner)
{
    struct link *link = owner;
    link->port.events->pong(link->port.owner);
}

static const struct conn_events conn_events = {
    .up = conn_up,
    .redirected = conn_redirected,
    .down = conn_down,
    .reset_done = conn_reset_done,
    .pong = conn_pong,
};

/* --- getting to an address --- */

static void connect_to_next(struct link *link)
{
    struct place *place = link->place;
    const char *address = place->known.text[place->next];
    place->next = (place->next + 1) % place->known.count;
    place->tried++;
    link->state = CONNECTING;
    const struct conn_params params = {.config = link->config, .graveyard = &link->graveyard};
    link->conn = conn_open(&params, address, link->loop, link->random, &conn_events, link);
    if (link->conn == NULL)
        fail_later(link, LINK_LOSS_CONNECT, "out of memory or descriptors");
}

static void resolved(void *owner, const struct addresses *addresses, const char *error)
{
    struct link *link = owner;
    struct place *place = link->place;
    if (addresses) {
        place->known = *addresses;
        place->next = 0;
    }
    place->tried = 0;
    if (place->known.count == 0)
        lose(link, LINK_LOSS_RESOLVE, error);
    else
        connect_to_next(link);
}

static void go_to_place(struct link *link)
{
    struct place *place = link->place;
    if (place->known.count == 0)
        place->numeric = resolver_numeric(place->host, place->port, &place->known) == 0;
    if (place->numeric || place->tried < place->known.count) {
        connect_to_next(link);
        return;
    }
    link->state = RESOLVING;
    place->tried = 0; /* if this hangs until close(), the next open() takes what is known */
    resolver_start(link->resolver, place->host, place->port, resolved, link);
}

/* --- the port --- */

static void link_open(struct link_port *port, unsigned portal_index)
{
    struct link *link = from_port(port);
    assert(link->state == CLOSED && portal_index < link->config->portal_count);
    link->hops = 0;
    link->place = &link->places[portal_index];
    go_to_place(link);
}

static void link_submit(struct link_port *port, struct link_command *command)
{
    assert(from_port(port)->state == OPEN);
    conn_submit(from_port(port)->conn, command);
}

static void link_reset_lun(struct link_port *port)
{
    assert(from_port(port)->state == OPEN);
    conn_reset_lun(from_port(port)->conn);
}

static bool link_ping(struct link_port *port)
{
    assert(from_port(port)->state == OPEN);
    return conn_ping(from_port(port)->conn);
}

static void link_close(struct link_port *port)
{
    hang_up(from_port(port));
}

static void link_logout(struct link_port *port, void (*done)(void *owner))
{
    struct link *link = from_port(port);
    assert(link->state == OPEN);
    link->state = LOGGING_OUT;
    link->logout_done = done;
    port_timer_after_ms(evl_timer_port(link->loop), &link->logout_timer, LOGOUT_MS);
    conn_logout(link->conn);
}

static const struct link_port_ops link_ops = {
    .open = link_open,
    .submit = link_submit,
    .reset_lun = link_reset_lun,
    .ping = link_ping,
    .close = link_close,
    .logout = link_logout,
};

static void logout_takes_too_long(struct timer *timer)
{
    logout_ended(container_of(timer, struct link, logout_timer));
}

static void network_changed(void *owner)
{
    struct link *link = owner;
    if (link->port.events)
        link->port.events->network_changed(link->port.owner);
}

/* --- life --- */

int link_config_check(const struct link_config *config, const char **ret_error)
{
    const char *error = NULL;
    const char *const strings[] = {config->initiator,   config->target,      config->chap_user,
                                   config->chap_secret, config->mutual_user, config->mutual_secret};
    for (size_t i = 0; i < sizeof strings / sizeof strings[0]; i++)
        if (strings[i] && strlen(strings[i]) >= STRING_BYTES)
            error = "a name or secret is longer than 255 bytes";
    if (!config->initiator || config->initiator[0] == '\0')
        error = "the initiator name is missing";
    if (config->lun > LUN_MAX)
        error = "LUNs above 16383 cannot be addressed";
    if (config->portal_count == 0)
        error = "no portal is given";
    if (!config->chap_user != !config->chap_secret ||
        !config->mutual_user != !config->mutual_secret)
        error = "a CHAP user needs a secret, and a secret a user";
    if (config->mutual_user && !config->chap_user)
        error = "mutual CHAP needs a user and secret of our own, too";
    if (config->mutual_secret && config->chap_secret &&
        strcmp(config->mutual_secret, config->chap_secret) == 0)
        error = "the two CHAP secrets are the same: the target could answer with ours";
    for (unsigned i = 0; i < config->portal_count; i++)
        if (strlen(config->portals[i].host) >= HOST_BYTES)
            error = "a portal's host name is longer than 255 bytes";
    if (error == NULL)
        return 0;
    *ret_error = error;
    return -EINVAL;
}

static void fill_places(struct link *link)
{
    for (unsigned i = 0; i < link->config->portal_count; i++) {
        const struct link_portal *portal = &link->config->portals[i];
        snprintf(link->places[i].host, HOST_BYTES, "%s", portal->host);
        link->places[i].port = portal->port;
    }
}

int link_libiscsi_new(const struct link_config *config, struct evl *loop,
                      struct random_port *random, struct link_port **ret_link)
{
    struct link *link = calloc(1, sizeof *link + config->portal_count * sizeof link->places[0]);
    if (link == NULL)
        return -ENOMEM;
    link->port.ops = &link_ops;
    link->config = config;
    link->loop = loop;
    link->random = random;
    list_init(&link->graveyard);
    evl_call_init(&link->fail, fail);
    timer_init(&link->logout_timer, logout_takes_too_long);
    fill_places(link);
    link->resolver = resolver_new(loop);
    if (link->resolver == NULL) {
        free(link);
        return -ENOMEM;
    }
    link->netlink = netlink_new(loop, network_changed, link);
    *ret_link = &link->port;
    return 0;
}

void link_libiscsi_free(struct link_port *port)
{
    if (port == NULL)
        return;
    struct link *link = from_port(port);
    hang_up(link);
    conn_empty_graveyard(&link->graveyard);
    resolver_free(link->resolver);
    netlink_free(link->netlink);
    free(link);
}
