/*
 * What is really there when no daemon runs: the LUN's contents, with what the journal holds laid
 * over them, read by the journal's second reader (src/journal/reader.c) and not by the code that
 * recovers. The oracle then says whether that is right.
 */
#ifndef SIM_TRUTH_H
#define SIM_TRUTH_H

#include "tests/sim/journal_disk.h"
#include "tests/sim/oracle.h"
#include "tests/sim/target.h"

#define TRUTH_BLOCKS_MAX 64u

struct truth {
    struct world *world;
    struct target *target;
    struct journal_disk *disk;
    struct oracle *oracle;
    const struct cells *cells;

    /* The journal's contents, when it was last read. */
    bool has_journal;
    bool is_marked_failed;
    unsigned held; /* blocks */
    uint64_t records;
    uint64_t seq[TRUTH_BLOCKS_MAX]; /* of the newest record that has the block; 0: none */
    uint8_t data[TRUTH_BLOCKS_MAX][4096];
};

void truth_init(struct truth *truth, struct world *world, struct target *target,
                struct journal_disk *disk, struct oracle *oracle, const struct cells *cells);

/* Reads the journal; one that is damaged fails the world (O16). */
void truth_read_journal(struct truth *truth);

/* The id that a cell holds: of the LUN alone, or with the journal as it was read. */
uint64_t truth_of_cell(const struct truth *truth, uint32_t cell, bool with_journal);

uint32_t truth_cells(const struct truth *truth);

/* Every cell must hold what the oracle allows: O9 for the bare LUN, else O7. With `forgive`
 * unflushed data may be lost: of writes that were submitted before the oracle's time `before`. */
void truth_check(struct truth *truth, bool with_journal, bool forgive, uint64_t before);

/* The LUN alone holds what the oracle allows, were the target to lose its cache now (O9). */
void truth_check_stable(struct truth *truth);

/* Ordered destage: the LUN alone is a prefix (O8), whatever the target loses now. */
void truth_check_prefix(struct truth *truth, struct rng *rng);

/* What is there now stays: nothing that it does not show may come back. */
void truth_pin(struct truth *truth);

#endif
