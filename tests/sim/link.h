/* The link port over the simulated target; checks what the port's contract asks of the core. */
#ifndef SIM_LINK_H
#define SIM_LINK_H

#include "port/link.h"
#include "tests/sim/target.h"

struct sim_link {
    struct link_port port;
    struct world *world;
    struct target *target;
    struct conn *conn; /* NULL: closed */
    bool opened;
    uint64_t opened_us;
    bool has_changed; /* the LUN, since then */
    struct link_limits limits;
    struct list_node commands; /* unanswered, by link_command.node */
    unsigned command_count;
    bool reset_sent;
    bool ping_sent;
    void (*logged_out)(void *owner);
    struct event logout_timer;
};

void link_init(struct sim_link *link, struct world *world, struct target *target);
/* The owner has closed it. */
void link_done(struct sim_link *link);

/* From the target: an answer arrives. Frees the message. */
void link_deliver(struct sim_link *link, struct message *message);
/* From the target: the connection is over. */
void link_lost(struct sim_link *link, enum link_loss loss);
/* A link, an address or a route came up. */
void link_network_changed(struct sim_link *link);

#endif
