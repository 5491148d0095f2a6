/* The disk of the test that runs, and the volume on it; for files whose tests have one each. */
#ifndef UNIT_VOLUME_OWN_DISK_H
#define UNIT_VOLUME_OWN_DISK_H

#include "tests/unit/volume/disk.h"

static struct disk *disk;
static struct rig *rig;

/* With a persistent journal; the session is ready, and nothing is under way. */
static inline int start_ready(void **state)
{
    disk = disk_new(VOL_JOURNAL_PERSISTENT);
    rig = rig_on(disk);
    fake_ready(rig->session);
    run_all(rig, disk);
    return 0;
}

/* What becomes due, and what the device then has under way. */
static inline void pass_ms(uint64_t ms)
{
    fake_clock_advance_ms(&rig->clock, ms);
    fake_complete_all(&disk->device);
}

static inline int stop(void **state)
{
    end(rig, disk);
    return 0;
}

#endif
