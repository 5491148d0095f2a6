/*
 * A ring that another journal left, where a new one is made: its superblocks are gone, its records
 * are whole, each in its place, with the numbers that the new journal will use, too.
 */
#ifndef SIM_OLD_RING_H
#define SIM_OLD_RING_H

#include "tests/sim/cells.h"
#include "tests/sim/journal_disk.h"

enum old_ring {
    OLD_RING_NONE,
    OLD_RING_YOUNG, /* all of its first run: as the new one's records will be */
    OLD_RING_AGED,  /* of later and later runs: they would say that a superblock is an old one */
};

/* Fills the ring as the options say. */
void old_ring_fill(struct journal_disk *disk, const struct cells *cells);

#endif
