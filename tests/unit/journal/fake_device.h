/*
 * A journal device with a volatile cache, stepped by hand: what was written is visible to reads at
 * completion, but survives a power loss only sector by sector and by luck, until a sync that was
 * submitted afterwards, or a durable write, has completed.
 */
#ifndef FAKE_DEVICE_H
#define FAKE_DEVICE_H

#include "port/journal_device.h"

#define FAKE_SECTOR  512u
#define FAKE_SECTORS 2048u /* 1 MiB */

struct fake_device {
    struct jdev_port port;
    uint8_t visible[FAKE_SECTORS * FAKE_SECTOR];
    uint8_t durable[FAKE_SECTORS * FAKE_SECTOR];
    bool unsynced[FAKE_SECTORS];
    bool sync_covers[FAKE_SECTORS]; /* of the sync under way (one at a time) */
    struct list_node pending;       /* jdev_op.node, in order of submission */
    unsigned pending_count;
    unsigned syncs;
    int fail_next;       /* the next completion fails with this */
    bool reads_fail;     /* those that are submitted */
    uint64_t unreadable; /* read_now() of this offset fails; 0: of none */
    uint32_t seed;
};

void fake_device_init(struct fake_device *device, uint32_t seed);
uint32_t fake_random(struct fake_device *device, uint32_t bound);
/* Completes the index-th operation under way. */
void fake_complete(struct fake_device *device, unsigned index);
void fake_complete_all(struct fake_device *device);
/* The daemon dies: what is under way happened in whole, in part, or not at all. */
void fake_process_crash(struct fake_device *device);
/* The host dies: in addition, unsynced sectors may be lost, each by itself. */
void fake_power_loss(struct fake_device *device);

#endif
