/*
 * All front ends of a daemon: opened together at the start, closed together at the end.
 *
 * NBD servers listen on the configured addresses and on the sockets that systemd passed; FUSE
 * files are mounted; a device of the kernel is attached. The first two work as soon as they are
 * open, also while the target was never seen: requests wait in the volume.
 */
#ifndef DAEMON_FRONT_ENDS_H
#define DAEMON_FRONT_ENDS_H

#include <stddef.h>

#include "daemon/fault.h"
#include "daemon/options.h"

struct device;
struct evl;
struct front_ends;
struct json_object;
struct log;
struct volume;

/*
 * Opens all of them, or none. stopped(owner) is told once, after front_ends_stop(), when the last
 * one is closed. Refused when there is none at all. The options have to outlive them.
 */
int front_ends_new(const struct options *options, struct evl *loop, struct volume *volume,
                   struct log *log, void (*stopped)(void *owner), void *owner,
                   struct front_ends **ret_front_ends, struct fault *fault);

/* The one device of the kernel; there is one object, attached or not. */
struct device *front_ends_device(const struct front_ends *front_ends);

/* No new clients; NBD clients are hung up when what they asked for is answered, files unmounted
 * as soon as nobody uses them, a device is detached or left to the next daemon. */
void front_ends_stop(struct front_ends *front_ends);

/* Waits for nobody any more. */
void front_ends_stop_now(struct front_ends *front_ends);

/* After the volume stopped. NULL-safe. */
void front_ends_free(struct front_ends *front_ends);

/* "nbd unix:/run/a.sock, file /srv/a.img" */
void front_ends_print(const struct front_ends *front_ends, char *ret_text, size_t text_bytes);

/* An array with one object for each. */
struct json_object *front_ends_json(const struct front_ends *front_ends);

#endif
