/* A device, its kernel and its clock, and what the owner was told. */
#ifndef ATTACH_RIG_H
#define ATTACH_RIG_H

#include "attach/device.h"
#include "tests/unit/attach/fake_kernel.h"
#include "tests/unit/fake_timer.h"

#define BACKEND "holdfast:root:naa.1"
#define MIB     1048576ull

struct rig {
    struct fake_kernel kernel;
    struct fake_timer timer;
    struct att_device device;
    char events[512];
    enum att_event answer_to; /* at this event ... */
    void (*answer)(struct att_device *device);
};

/* Before att_start(); the disk is not known. */
void rig_init(struct rig *rig);
void rig_init_for(struct rig *rig, uint32_t wanted);

void rig_set_disk(struct rig *rig, uint64_t bytes);

/* Starts with a known disk of one MiB. */
void rig_begin(struct rig *rig);

/* ... and carries all out that follows, and forgets what was told. */
void rig_attach(struct rig *rig);

/* What was told since the last call: "attached detached " */
const char *rig_events(struct rig *rig);

#endif
