/*
 * The front end that is a block device of the kernel: attach/device.c with its kernel, its socket
 * and its words.
 *
 * One daemon has one device at most; it may come and go while the daemon runs (the verbs attach and
 * detach). It waits for the LUN to be seen, because the kernel wants a size; a device that a daemon
 * of this name left behind is then taken up again, with all the requests in it.
 */
#ifndef DAEMON_DEVICE_H
#define DAEMON_DEVICE_H

#include <stdbool.h>
#include <stddef.h>

#include "daemon/fault.h"
#include "daemon/options.h"

struct control_client;
struct device;
struct evl;
struct json_object;
struct log;
struct volume;

/* For the option table: "nbd" or "/dev/nbdN". */
int device_check(const char *text, struct fault *fault);

/* Loads the kernel's module if `text` needs it. Blocks; refused when there is none, or no right. */
int device_prepare(const char *text, struct fault *fault);

/* Nothing is attached yet. -ENOMEM, with a fault. */
int device_new(const struct options *options, struct evl *loop, struct volume *volume,
               struct log *log, struct device **ret_device, struct fault *fault);

/* The volume must have answered everything. NULL-safe. */
void device_free(struct device *device);

/* At the start: attaches `text` as soon as the LUN is seen, and never gives up. Blocks a moment;
 * refused as device_prepare() is, and when somebody else has the device. */
int device_open(struct device *device, const char *text, struct fault *fault);

/*
 * The verb attach: answered with the node when the device is there, refused when it cannot be had.
 * text NULL: any device. A device that is attached already is the answer, unless another is asked
 * for. The verb detach: answered when the device is gone.
 */
void device_attach(struct device *device, struct control_client *client, const char *text);
void device_detach(struct device *device, struct control_client *client, bool force);

/* A client that waits for an answer went away. */
void device_client_gone(struct device *device, const struct control_client *client);

/*
 * Detaches what nobody uses; what is in use is left to the next daemon, when what is under way is
 * answered (stop) or at once (stop_now). stopped(owner) follows, perhaps from inside.
 */
void device_stop(struct device *device, void (*stopped)(void *owner), void *owner);
void device_stop_now(struct device *device);

/* "/dev/nbd0", or what was asked for. */
const char *device_place(const struct device *device);

/* It was configured, or attached, and not detached. */
bool device_is_wanted(const struct device *device);

/* Adds what status says of it. */
void device_json(const struct device *device, struct json_object *to);

#endif
