/*
 * Bit rot in the data that lie in the journal's ring: while the daemon runs, and at rest.
 *
 * One bit at a time, and only in records of which stable storage says that they were durable: of
 * the last ones nobody could tell damage from a write that was cut off by a crash. The daemon that
 * runs may answer with an I/O error what touches the blocks of that entry; it never shows nor sends
 * them. A daemon that starts refuses the journal, untouched. Then the device is mended, and
 * everything has to be there.
 */
#ifndef SIM_ROT_H
#define SIM_ROT_H

#include "journal/reader.h"
#include "tests/sim/journal_disk.h"

/* Lets a bit rot, unless one has already. The blocks of the LUN that it belongs to: */
struct rot_blocks {
    uint64_t lba;
    uint32_t blocks; /* 0: there was nothing that could rot */
};
struct rot_blocks rot_strike(struct journal_disk *disk);

/* The bit flips back, until rot_again(). */
void rot_mend(struct journal_disk *disk);
void rot_again(struct journal_disk *disk);
/* It stays mended. */
void rot_is_over(struct journal_disk *disk);

/* What the journal's second reader says of the log, with its records counted. */
enum jnl_reading rot_read_log(struct journal_disk *disk, uint64_t *ret_records);

#endif
