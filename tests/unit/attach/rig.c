#include "tests/unit/attach/rig.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/unit.h"

static void event(void *owner, enum att_event what)
{
    static const char *const names[] = {"attached ", "reattached ", "trouble ", "untuned ",
                                        "resized ",  "detached ",   "refused ", "taken away ",
                                        "left ",     "stopped "};
    struct rig *rig = owner;
    size_t used = strlen(rig->events);
    snprintf(rig->events + used, sizeof rig->events - used, "%s", names[what]);
    if (rig->answer && what == rig->answer_to)
        rig->answer(&rig->device);
}

const char *rig_events(struct rig *rig)
{
    static char text[sizeof rig->events];
    memcpy(text, rig->events, sizeof text);
    rig->events[0] = '\0';
    return text;
}

void rig_init_for(struct rig *rig, uint32_t wanted)
{
    memset(rig, 0, sizeof *rig);
    fake_kernel_init(&rig->kernel);
    fake_timer_init(&rig->timer);
    const struct att_config config = {
        .name = "root",
        .wanted = wanted,
        .timer = &rig->timer.port,
        .kernel = &rig->kernel.port,
        .server = &rig->kernel.server,
        .event = event,
        .owner = rig,
    };
    att_init(&rig->device, &config);
}

void rig_init(struct rig *rig)
{
    rig_init_for(rig, ATT_ANY);
}

void rig_set_disk(struct rig *rig, uint64_t bytes)
{
    const struct att_disk disk = {
        .size_bytes = bytes, .block_bytes = 512, .flags = 5, .backend = BACKEND};
    att_set_disk(&rig->device, &disk);
}

void rig_begin(struct rig *rig)
{
    att_start(&rig->device);
    rig_set_disk(rig, MIB);
}

void rig_attach(struct rig *rig)
{
    rig_begin(rig);
    fake_kernel_run(&rig->kernel);
    assert_int_equal(rig->device.state, ATT_CONNECTED);
    rig_events(rig);
    fake_kernel_said(&rig->kernel);
}
