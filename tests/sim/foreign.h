/*
 * Another system that uses the LUN while our journal holds something for it: what it wrote, and
 * what the daemon must, and must not, make of that (O14).
 *
 * The places that the daemon watches are drawn by the seed. Before the first change that a session
 * sends to the LUN, the canaries of the superblock that no record in the ring overlaps (as the
 * second reader sees it) have to hold, wherever the other one wrote before that session began: else
 * the daemon replays over it and nobody knows. And it may refuse only what the other one wrote.
 */
#ifndef SIM_FOREIGN_H
#define SIM_FOREIGN_H

#include "tests/sim/clients.h"
#include "tests/sim/truth.h"

struct foreign {
    struct world *world;
    struct target *target;
    struct journal_disk *disk;
    struct clients *clients;
    struct vol_place places[VOL_PLACES];
    unsigned place_count;
    uint64_t writes;                       /* of the other one */
    uint64_t written_us[TRUTH_BLOCKS_MAX]; /* the last one; 0: never */
    uint64_t refusals;
};

void foreign_init(struct foreign *foreign, struct world *world, const struct options *options,
                  struct target *target, struct journal_disk *disk, struct clients *clients,
                  uint64_t seed);

/* It writes a block: one that is watched, more often than not. */
void foreign_write(struct foreign *foreign, struct oracle *oracle, struct rng *rng);

/* A session that began at `since_us` is about to change the LUN for the first time. */
void foreign_check_replay(const struct foreign *foreign, uint64_t since_us);

/* The daemon refuses to go on. */
void foreign_check_refusal(struct foreign *foreign, const struct vol_status *status);

#endif
