/*
 * What a mount leaves in /run/holdfast for the umount: that the daemon is its own, and the
 * configuration that it made. And the lock that keeps mounts and umounts of one disk in a row.
 */
#ifndef MOUNT_RECORDS_H
#define MOUNT_RECORDS_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/fault.h"

/* Waits for others, so long at most; 0: for ever. A mount that waits for its target has the lock
 * all the while. The lock goes with *ret_fd. -EDEADLK when it cannot be had, -EINTR when
 * interrupt_came(). */
int records_lock(const char *name, uint64_t timeout_ms, int *ret_fd, struct fault *fault);

/* /run/holdfast/NAME.conf, 0600, whole or not at all. */
int records_write_configuration(const char *name, const char *text, struct fault *fault);
bool records_configuration_is(const char *name, const char *text);

/* The daemon was started for a mount, and ends with the last one. */
int records_mark(const char *name, struct fault *fault);
bool records_is_marked(const char *name);

/* Removes the mark, and the configuration if it was written here. */
void records_forget(const char *name);

#endif
