/*
 * A volume in RAM, for tests of the front ends.
 *
 * It implements the calls of volume/volume.h that a front end makes (vol_submit, vol_buffers,
 * vol_is_known, vol_geometry, vol_watch, vol_unwatch, vol_status), so it is linked instead of the
 * real volume, and adds the strings that a test pulls: memvol_*.
 *
 * Contents and allocation are exact to the byte and to the block: a new volume is one hole;
 * WRITE and WRITE_ZEROES with NO_HOLE allocate (zeroes then stay known as such), TRIM and
 * WRITE_ZEROES make holes of the whole blocks inside the range. What was written since the last
 * FLUSH counts as dirty.
 */
#ifndef TESTS_MEMORY_VOLUME_H
#define TESTS_MEMORY_VOLUME_H

#include <stdbool.h>
#include <stdint.h>

#include "volume/volume.h"

struct memvol_config {
    struct vol_geometry geometry;
    bool unknown;          /* vol_is_known() is false until memvol_make_known() */
    uint64_t memory_bytes; /* of the buffer pool; a multiple of BUFFER_BYTES_MAX */
};

/* 64 MiB of 512-byte blocks, trim and fast zero, 16 MiB of buffers, known at once. */
extern const struct memvol_config memvol_config_default;

/* Returns NULL when memory is short. */
struct volume *memvol_new(const struct memvol_config *config);

/* NULL-safe. No request may be held. */
void memvol_free(struct volume *volume);

/* The disk's bytes, to prepare or to look at; moves when the volume is resized. */
uint8_t *memvol_bytes(struct volume *volume);

void memvol_make_known(struct volume *volume);

/* Watchers are told. What shrinks away is lost, what grows is a hole. */
void memvol_resize(struct volume *volume, uint64_t size_bytes);

/*
 * While held, requests wait instead of being answered inside vol_submit(). memvol_release(n)
 * answers the n oldest, memvol_release_newest() the youngest; they take effect then, not before.
 * Letting go (hold = false) does not answer those that wait.
 */
void memvol_hold(struct volume *volume, bool hold);
unsigned memvol_held(const struct volume *volume);
/* The place-th oldest that waits, or NULL. */
const struct vol_request *memvol_held_at(const struct volume *volume, unsigned place);
unsigned memvol_release(struct volume *volume, unsigned count); /* returns how many */
unsigned memvol_release_newest(struct volume *volume);

/* Requests of this kind that touch [offset, offset + length) fail, until error is set to 0. One
 * rule per kind; FLUSH fails whatever the range. */
void memvol_fail(struct volume *volume, enum vol_op op, int error, uint64_t offset,
                 uint64_t length);

/* What was submitted: how many of a kind, and the last of them as it came (its pointers are not
 * to be followed). */
unsigned memvol_count(const struct volume *volume, enum vol_op op);
const struct vol_request *memvol_last(const struct volume *volume, enum vol_op op);

#endif
