/*
 * The simulated LUN's medium: per block one stable version under any number of volatile ones.
 *
 * A write puts a version on top; reads see the top; SYNCHRONIZE CACHE makes stable what was there
 * when it started; a crash leaves any one version of each block as the stable one.
 */
#ifndef SIM_MEDIA_H
#define SIM_MEDIA_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/sim/rng.h"

struct version {
    struct version *older; /* NULL: this one is stable */
    uint64_t order;
    bool mapped;
    bool bad; /* reads end in MEDIUM ERROR until the block is written */
    uint8_t data[];
};

struct media {
    uint32_t block_bytes;
    uint64_t blocks;
    uint64_t order; /* of the newest version of all */
    struct version **newest;
    struct version *spare;
    uint64_t versions; /* in use: the memory check of the endurance run */
    uint64_t losses;   /* how often a block fell back to an older version */
};

/* What a crash leaves of the volatile versions. */
enum media_crash { MEDIA_KEEP_ALL, MEDIA_LOSE_ALL, MEDIA_LOSE_SOME };

void media_init(struct media *media, uint32_t block_bytes, uint64_t blocks);
void media_done(struct media *media);

const struct version *media_read(const struct media *media, uint64_t lba);

/* A new version on top; with `stable` it is stable at once, and so everything below is gone. */
void media_write(struct media *media, uint64_t lba, const uint8_t *data, bool mapped, bool stable);

/* Makes stable what is not newer than `order`. */
void media_sync(struct media *media, uint64_t order);

/* Gives spare memory back: the endurance run looks at the heap. */
void media_trim(struct media *media);

/* Returns how many blocks lost their newest version. */
unsigned media_crash(struct media *media, struct rng *rng, enum media_crash mode);

#endif
