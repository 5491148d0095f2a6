/*
 * Good day: the LUN is seen, the device is attached, the kernel's requests go to the volume.
 *
 * What can go wrong is attach/device.c's to mend; here it is put into words, for the log or for the
 * client that asked. What a client asked for and cannot be had is given up; what was configured
 * is tried for ever.
 */
#include "daemon/device.h"

#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attach/device.h"
#include "attach/ev_disk_server.h"
#include "attach/ev_kernel.h"
#include "daemon/control.h"
#include "daemon/human.h"
#include "daemon/log.h"
#include "daemon/memory.h"
#include "nbd-server/protocol.h"
#include "os/ev_loop.h"
#include "volume/volume.h"

/* What the kernel's driver knows of the flags. */
#define KERNEL_FLAGS                                                                               \
    (NSRV_HAS_FLAGS | NSRV_READ_ONLY | NSRV_SEND_FLUSH | NSRV_SEND_FUA | NSRV_SEND_TRIM |          \
     NSRV_SEND_WRITE_ZEROES)

struct device {
    const struct options *options;
    struct evl *loop;
    struct volume *volume;
    struct log *log;
    struct nsrv_export export;
    struct vol_watcher watcher;
    struct att_kernel *kernel;
    struct att_server *server;
    struct att_device att;
    bool begun;                       /* att is in use */
    bool configured;                  /* tried for ever */
    char place[32];                   /* the node, or what was asked for */
    struct control_client *attaching; /* who waits; NULL: nobody */
    struct control_client *detaching;
    void (*stopped)(void *owner);
    void *owner;
};

int device_check(const char *text, struct fault *fault)
{
    uint32_t index;
    if (att_parse_device(text, &index) == 0)
        return 0;
    return fault_set(fault, -EINVAL, "'%.64s' is no nbd device; write nbd (any) or /dev/nbdN",
                     text);
}

/* --- answers to those who wait --- */

static void answer(struct device *device, struct control_client **client)
{
    if (!*client)
        return;
    struct json_object *json = json_object_new_object();
    json_object_object_add(json, "device", json_object_new_string(device->place));
    control_answer(*client, json);
    *client = NULL;
}

static void refuse(struct control_client **client, const char *reason)
{
    if (*client)
        control_refuse(*client, reason);
    *client = NULL;
}

/* --- what happens to the device --- */

static void forget(struct device *device)
{
    if (device->begun)
        att_done(&device->att);
    device->begun = false;
}

static void in_trouble(struct device *device)
{
    const struct att_device *att = &device->att;
    if (device->configured || att->was_attached || att->error == -EAGAIN) {
        log_format(device->log, STORY_WARNING, "the device waits: %s", att->reason);
        return;
    }
    if (!device->attaching) /* it was told that the device would come */
        log_format(device->log, STORY_WARNING, "the disk is not attached: %s", att->reason);
    refuse(&device->attaching, att->reason);
    att_stop_now(&device->att);
}

static void attached(struct device *device, bool again)
{
    snprintf(device->place, sizeof device->place, "/dev/nbd%" PRIu32, device->att.index);
    log_format(device->log, STORY_NOTICE, "the disk is %s %s", device->place,
               again ? "again, with the requests that waited there" : "now");
    answer(device, &device->attaching);
}

static void ended(struct device *device, enum att_event event)
{
    const char *node = device->place;
    if (event == ATT_DETACHED)
        log_format(device->log, STORY_NOTICE, "%s is detached", node);
    else if (event == ATT_LEFT)
        log_format(device->log, STORY_NOTICE, "%s is left to the next daemon; its requests wait",
                   node);
    else
        log_format(device->log, STORY_WARNING,
                   "%s was disconnected by somebody else; `holdfast attach %s` brings it back",
                   node, device->options->name);
    refuse(&device->attaching, "the device was detached again");
    if (event == ATT_LEFT)
        refuse(&device->detaching, "the kernel does not give the device back to this daemon, so it "
                                   "was left as it is; see nbd-client -d");
    else
        answer(device, &device->detaching);
}

static void tell_size(struct device *device)
{
    char size[HUMAN_BYTES];
    log_format(device->log, STORY_NOTICE, "%s has grown to %s", device->place,
               human_size(device->att.kernel_bytes, size));
}

static void tell_stopped(struct device *device)
{
    void (*stopped)(void *owner) = device->stopped;
    device->stopped = NULL;
    refuse(&device->attaching, "the daemon stops");
    refuse(&device->detaching, "the daemon stops");
    if (stopped)
        stopped(device->owner);
}

static void happened(void *owner, enum att_event event)
{
    struct device *device = owner;
    switch (event) {
    case ATT_ATTACHED:
    case ATT_REATTACHED:
        attached(device, event == ATT_REATTACHED);
        break;
    case ATT_TROUBLE:
        in_trouble(device);
        break;
    case ATT_UNTUNED:
        log_format(device->log, STORY_WARNING, "%s", device->att.reason);
        break;
    case ATT_RESIZED:
        tell_size(device);
        break;
    case ATT_DETACH_REFUSED:
        refuse(&device->detaching, device->att.reason);
        break;
    case ATT_DETACHED:
    case ATT_TAKEN_AWAY:
    case ATT_LEFT:
        ended(device, event);
        break;
    case ATT_STOPPED:
        tell_stopped(device);
        break;
    }
}

/* --- the disk --- */

static void describe(const struct device *device, struct att_disk *ret_disk)
{
    const struct lun_identity *lun = ses_identity(vol_session(device->volume));
    char name[128], identity[ATT_BACKEND_BYTES];
    struct vol_geometry geometry;
    vol_geometry(device->volume, &geometry);
    lun_name(lun, name, sizeof name);
    /* Some targets give the same designator to all their disks. */
    snprintf(identity, sizeof identity, "%s+%s", name, lun->serial);
    *ret_disk = (struct att_disk){
        .size_bytes = geometry.size_bytes,
        .block_bytes = geometry.block_bytes,
        .flags = nsrv_export_flags(&geometry, false) & KERNEL_FLAGS,
    };
    att_backend(device->options->name, identity, ret_disk->backend);
}

static void look_at_disk(struct device *device)
{
    struct att_disk disk;
    if (!device->begun || !vol_is_known(device->volume) ||
        !ses_identity(vol_session(device->volume)))
        return;
    describe(device, &disk);
    att_set_disk(&device->att, &disk);
}

static void geometry_changed(struct vol_watcher *watcher)
{
    look_at_disk(container_of(watcher, struct device, watcher));
}

/* --- from outside --- */

static void begin(struct device *device, uint32_t wanted, bool configured)
{
    const struct att_config config = {
        .name = device->options->name,
        .wanted = wanted,
        .timer = evl_timer_port(device->loop),
        .kernel = att_kernel_port(device->kernel),
        .server = att_server_port(device->server),
        .event = happened,
        .owner = device,
    };
    forget(device);
    att_init(&device->att, &config);
    device->begun = true;
    device->configured = configured;
    att_start(&device->att);
    look_at_disk(device);
}

/* What a look at the kernel's devices is to find out. */
struct taken {
    const char *name;
    uint32_t wanted;
    bool by_others;
};

static void visit(void *owner, const struct att_node *node)
{
    struct taken *taken = owner;
    if (node->index == taken->wanted && node->bound &&
        !att_backend_is_of(node->backend, taken->name))
        taken->by_others = true;
}

int device_prepare(const char *text, struct fault *fault)
{
    char reason[ATT_REASON_BYTES];
    int error = att_kernel_check(reason, sizeof reason);
    return error ? fault_set(fault, error, "device=%s: %s", text, reason) : 0;
}

int device_open(struct device *device, const char *text, struct fault *fault)
{
    struct taken taken = {.name = device->options->name};
    struct att_kernel_port *kernel = att_kernel_port(device->kernel);
    int error = att_parse_device(text, &taken.wanted);
    if (error)
        return device_check(text, fault);
    error = device_prepare(text, fault);
    if (error)
        return error;
    kernel->ops->scan(kernel, visit, &taken);
    if (taken.by_others)
        return fault_set(fault, -EBUSY,
                         "device=%s: in use by another program; name another, or device=nbd", text);
    snprintf(device->place, sizeof device->place, "%s", text);
    begin(device, taken.wanted, true);
    return 0;
}

static bool is_running(const struct device *device)
{
    return device->begun && device->att.state != ATT_OFF;
}

/* It has, or will have, another node than the one that is asked for. */
static bool is_another(const struct device *device, uint32_t wanted)
{
    const struct att_device *att = &device->att;
    return wanted != ATT_ANY && wanted != (att->was_attached ? att->index : att->config.wanted);
}

static void attach_running(struct device *device, struct control_client *client, uint32_t wanted)
{
    char text[128];
    if (device->attaching) {
        control_refuse(client, "another attach is under way");
    } else if (device->att.state == ATT_RELEASING || device->att.state == ATT_LEAVING) {
        control_refuse(client, "the disk is being detached; try again");
    } else if (is_another(device, wanted)) {
        snprintf(text, sizeof text, "the disk is %s already, as %s",
                 device->att.was_attached ? "attached" : "being attached", device->place);
        control_refuse(client, text);
    } else {
        device->attaching = client;
        if (device->att.was_attached)
            answer(device, &device->attaching);
    }
}

void device_attach(struct device *device, struct control_client *client, const char *text)
{
    struct fault fault;
    uint32_t wanted = ATT_ANY;
    if (text && att_parse_device(text, &wanted) != 0) {
        device_check(text, &fault);
        control_refuse(client, fault.text);
    } else if (is_running(device)) {
        attach_running(device, client, wanted);
    } else {
        snprintf(device->place, sizeof device->place, "%s", text ? text : "nbd");
        device->attaching = client;
        memory_keep(device->options, MEMORY_LOCK_ALL, device->log);
        begin(device, wanted, false);
    }
}

void device_detach(struct device *device, struct control_client *client, bool force)
{
    if (!is_running(device)) {
        control_refuse(client, "the disk is not attached");
        return;
    }
    if (device->detaching) {
        control_refuse(client, "another detach is under way");
        return;
    }
    device->detaching = client;
    if (!att_detach(&device->att, force))
        refuse(&device->detaching, device->att.reason);
}

void device_client_gone(struct device *device, const struct control_client *client)
{
    if (device->attaching == client)
        device->attaching = NULL; /* the device comes all the same */
    if (device->detaching != client)
        return;
    device->detaching = NULL;
    att_cancel_detach(&device->att);
}

void device_stop(struct device *device, void (*stopped)(void *owner), void *owner)
{
    device->stopped = stopped;
    device->owner = owner;
    if (is_running(device))
        att_stop(&device->att);
    else
        tell_stopped(device);
}

void device_stop_now(struct device *device)
{
    if (device->begun)
        att_stop_now(&device->att);
}

int device_new(const struct options *options, struct evl *loop, struct volume *volume,
               struct log *log, struct device **ret_device, struct fault *fault)
{
    struct device *device = calloc(1, sizeof *device);
    if (!device)
        return fault_set(fault, -ENOMEM, "no memory for the device");
    device->options = options;
    device->loop = loop;
    device->volume = volume;
    device->log = log;
    device->export =
        (struct nsrv_export){.name = options->name, .description = "", .volume = volume};
    device->watcher.geometry = geometry_changed;
    list_init(&device->watcher.node);
    device->kernel = att_kernel_new(loop);
    device->server = att_server_new(loop, &device->export);
    if (!device->kernel || !device->server) {
        device_free(device);
        return fault_set(fault, -ENOMEM, "no memory for the device");
    }
    vol_watch(volume, &device->watcher);
    *ret_device = device;
    return 0;
}

void device_free(struct device *device)
{
    if (!device)
        return;
    forget(device);
    vol_unwatch(&device->watcher);
    att_server_free(device->server);
    att_kernel_free(device->kernel);
    free(device);
}

const char *device_place(const struct device *device)
{
    return device->place;
}

bool device_is_wanted(const struct device *device)
{
    return is_running(device);
}

void device_json(const struct device *device, struct json_object *to)
{
    const struct att_device *att = &device->att;
    struct att_server_status status;
    att_server_status(device->server, &status);
    json_object_object_add(to, "device", json_object_new_string(device->place));
    json_object_object_add(to, "state", json_object_new_string(att_state_name(att->state)));
    json_object_object_add(to, "connected", json_object_new_boolean(status.open));
    json_object_object_add(to, "reason", json_object_new_string(att->reason));
    json_object_object_add(to, "size_bytes", json_object_new_uint64(att->kernel_bytes));
    json_object_object_add(to, "reattached", json_object_new_uint64(att->reattachments));
    json_object_object_add(to, "in_flight", json_object_new_uint64(status.in_flight));
}
