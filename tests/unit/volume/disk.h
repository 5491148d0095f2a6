/* A journal's device under a volume, which outlives both of them. Used by the tests of one file. */
#ifndef UNIT_VOLUME_DISK_H
#define UNIT_VOLUME_DISK_H

#include <stdlib.h>
#include <string.h>

#include "tests/unit/journal/fake_device.h"
#include "tests/unit/volume/rig.h"

struct disk {
    struct fake_device device;
    enum vol_journal_mode mode;
    uint64_t cache_bytes;
    uint64_t memory_bytes; /* 0: as many as the default */
    bool continue_unmarked, replay_over_foreign;
    struct vol_place places[VOL_PLACES]; /* none as long as the test gives none */
    unsigned place_count;
    bool places_are_found; /* on the disk, instead of these */
    void (*condemn)(void *owner, const uint8_t uuid[16]);
};

static inline struct disk *disk_new(enum vol_journal_mode mode)
{
    struct disk *disk = calloc(1, sizeof *disk);
    fake_device_init(&disk->device, 1);
    disk->mode = mode;
    disk->cache_bytes = 1024 * 1024;
    return disk;
}

static inline struct rig *rig_on(struct disk *disk)
{
    struct rig *rig = calloc(1, sizeof *rig);
    struct vol_config volume_config = vol_config_default;
    if (disk->memory_bytes > 0)
        volume_config.memory_bytes = disk->memory_bytes;
    rig_init(rig, &volume_config);
    const struct vol_journal_config config = {
        .mode = disk->mode,
        .device = &disk->device.port,
        .uuid = "a journal's uuid",
        .cache_bytes = disk->cache_bytes,
        .continue_unmarked = disk->continue_unmarked,
        .condemn = disk->condemn,
        .replay_over_foreign = disk->replay_over_foreign,
        .places = disk->places_are_found ? NULL : disk->places,
        .place_count = disk->place_count,
    };
    char why[128] = "";
    if (vol_use_journal(rig->volume, &config, why, sizeof why) != 0)
        fail_msg("%s", why);
    vol_start(rig->volume);
    return rig;
}

/* Until neither the device nor the session has anything to do. */
static inline void run_all(struct rig *rig, struct disk *disk)
{
    do {
        fake_complete_all(&disk->device);
        fake_run_all(rig->session);
    } while (disk->device.pending_count > 0 || rig->session->in_flight > 0);
}

/* ... and all timers have fired that drain an idle volume. */
static inline void settle(struct rig *rig, struct disk *disk)
{
    for (unsigned i = 0; i < 6; i++) {
        run_all(rig, disk);
        fake_clock_advance_ms(&rig->clock, 600);
    }
    run_all(rig, disk);
}

static inline void write_to_journal(struct rig *rig, struct disk *disk, uint64_t offset,
                                    uint64_t length, uint8_t fill)
{
    struct call call;
    call_start(rig, &call, VOL_WRITE, offset, length, 0, fill);
    fake_complete_all(&disk->device);
    assert_true(call.answered);
    assert_int_equal(call.request.error, 0);
    call_done(&call);
}

static inline void expect_read(struct rig *rig, struct disk *disk, uint64_t offset, uint64_t length,
                               uint8_t fill)
{
    struct call call;
    call_start(rig, &call, VOL_READ, offset, length, 0, (uint8_t)~fill);
    run_all(rig, disk);
    assert_int_equal(call.request.error, 0);
    call_expect(&call, 0, length, fill);
    call_done(&call);
}

/* The daemon dies, or the host: everything but the device and the target's disk is gone. */
static inline struct rig *crash(struct rig *rig, struct disk *disk, bool power)
{
    struct session *target = malloc(sizeof *target);
    *target = *rig->session;
    rig_crash(rig);
    if (power)
        fake_power_loss(&disk->device);
    else
        fake_process_crash(&disk->device);
    rig = rig_on(disk);
    memcpy(rig->session->cache, target->cache, sizeof target->cache);
    memcpy(rig->session->stable, target->stable, sizeof target->stable);
    free(target);
    return rig;
}

static inline void end(struct rig *rig, struct disk *disk)
{
    rig_crash(rig);
    free(disk);
}

#endif
