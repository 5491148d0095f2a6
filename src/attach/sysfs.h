/* The nbd devices in /sys/block. Reading and writing here is done by the kernel alone: no disk is
 * waited for. */
#ifndef ATTACH_SYSFS_H
#define ATTACH_SYSFS_H

#include "attach/ports.h"

/* `directory` is /sys/block. */
void att_sysfs_scan(const char *directory, void (*visit)(void *owner, const struct att_node *node),
                    void *owner);

/* queue/NAME of a device; 0 or -errno. */
int att_sysfs_tune(const char *directory, uint32_t index, const char *name, unsigned value);

#endif
