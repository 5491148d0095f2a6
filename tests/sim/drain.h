/*
 * Somebody who drains, as `holdfast drain` does: the daemon is to hurry, and is asked again and
 * again how much is left, until that is nothing, patience ends, or the daemon is gone. With nothing
 * left the LUN alone has to have, for good, everything that was answered (O9).
 */
#ifndef SIM_DRAIN_H
#define SIM_DRAIN_H

#include "tests/sim/daemon.h"

struct drain {
    struct world *world;
    const struct options *options;
    struct daemon *daemon;
    struct rng rng;
    uint64_t asked;    /* the daemon's number */
    uint64_t until_us; /* patience; UINT64_MAX: for ever */
    bool insists;      /* on the next daemon, too */
    struct event begin, look;
};

void drain_init(struct drain *drain, struct world *world, const struct options *options,
                struct daemon *daemon, uint64_t seed);

/* Drains now, whatever becomes of the daemon; nobody else does any more. */
void drain_insist(struct drain *drain);

static inline bool drain_is_over(const struct drain *drain)
{
    return !event_is_scheduled(&drain->look);
}

#endif
