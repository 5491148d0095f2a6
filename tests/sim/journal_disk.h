/*
 * The simulated device under the journal's ring: sectors of 512 bytes under a volatile write
 * cache.
 *
 * A write becomes visible when it completes, and stable by a sync that was submitted after that,
 * or at once when it was durable. The death of the daemon leaves what was visible, and of the
 * writes under way each sector or not. A loss of power leaves of the volatile sector writes any
 * (each by itself), and of the writes under way each sector old, new, or torn.
 *
 * Checks what the port's contract asks of the core: alignment, and that no two operations that
 * change or need the same sectors are under way at once.
 */
#ifndef SIM_JOURNAL_DISK_H
#define SIM_JOURNAL_DISK_H

#include "port/journal_device.h"
#include "tests/sim/media.h"
#include "tests/sim/options.h"
#include "tests/sim/world.h"

#define JDISK_SECTOR 512u

/* A completed write of one sector that no sync has covered. */
struct jdisk_volatile {
    uint64_t order; /* of its completion */
    uint32_t sector;
    bool is_lost_to_sync; /* a sync failed over it: no later one makes it stable */
    uint8_t data[JDISK_SECTOR];
};

struct jdisk_stats {
    uint64_t writes, syncs, reads, power_losses, sectors_lost, torn, write_errors;
};

/* A bit of the ring that is not what was written: rot.h. */
struct rot {
    struct rng rng;
    bool is_there; /* and nothing was written over it since */
    bool is_flipped;
    uint64_t at; /* on the device */
    uint8_t bit;
    uint64_t count;
};

struct journal_disk {
    struct jdev_port port;
    struct world *world;
    const struct options *options;
    struct rng rng;
    uint8_t *visible;
    uint8_t *stable;
    struct jdisk_volatile *cache; /* by completion */
    uint32_t cached, cache_room;
    uint64_t order;
    struct list_node ops; /* under way, jdev_op.node */
    /* Faults: */
    bool next_write_fails, next_sync_fails, next_read_fails;
    uint64_t read_failed; /* stats.reads at the last failed one */
    bool is_dead;         /* takes no writes, no syncs */
    struct rot rot;
    struct jdisk_stats stats;
    /* Something that matters happened. */
    void (*moment)(void *owner);
    void *owner;
};

void jdisk_init(struct journal_disk *disk, struct world *world, const struct options *options,
                uint64_t seed);
void jdisk_done(struct journal_disk *disk);

/* The daemon is gone: what is under way ends now, nobody is told. Before its memory is freed. */
void jdisk_daemon_died(struct journal_disk *disk);

/* The next read fails, or shows a wrong bit; but the second try of it must work. */
void jdisk_fail_read(struct journal_disk *disk);

/* A bit of one copy of the newest superblock flips, if the other copy is whole. */
void jdisk_rot(struct journal_disk *disk);

/* These bytes are there, and stable, whoever wrote them. */
void jdisk_put(struct journal_disk *disk, uint64_t offset, const uint8_t *data, size_t bytes);

/* From now on nothing goes wrong any more. */
void jdisk_heal(struct journal_disk *disk);

/* The daemon died with its host: writes under way may leave torn sectors. */
void jdisk_host_died(struct journal_disk *disk, enum media_crash mode);

/* Everything is gone: a new, empty device (a ring on tmpfs, or one that was replaced). */
void jdisk_erase(struct journal_disk *disk);

#endif
