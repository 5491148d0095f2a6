/*
 * Another process that reads the journal's ring while the daemon goes on, as `holdfast journal
 * export` does: it asks the daemon to hold what is there, takes its time, and then must find every
 * record of that, whatever became CLEAN or was acknowledged meanwhile.
 */
#ifndef SIM_EXPORT_H
#define SIM_EXPORT_H

#include "tests/sim/daemon.h"

struct export
{
    struct world *world;
    const struct options *options;
    struct daemon *daemon;
    struct rng rng;
    struct vol_held held;
    uint64_t holder; /* the daemon's number; 0: nothing is held */
    struct event begin, end;
};

void export_init(struct export *export, struct world *world, const struct options *options,
                 struct daemon *daemon, uint64_t seed);

/* What is held is let go, and nothing will be held any more. */
void export_end(struct export *export);

#endif
