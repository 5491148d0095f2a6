/* The NIC that the disk is reached by: nothing may take it down while root lives on that disk. */
#ifndef BOOT_BOOT_NIC_H
#define BOOT_BOOT_NIC_H

#include <stddef.h>

#include "boot/boot_facts.h"

/*
 * The interfaces on the way to that portal, one "NAME MAC" a line: the one that the kernel routes
 * by, and, where that is a VLAN, a bond or a bridge, those below it. Sends nothing. -EHOSTUNREACH
 * when there is no way, -EINVAL for a host that is a name.
 */
int boot_nic_find(const struct url_portal *portal, char *ret_lines, size_t lines_bytes,
                  struct fault *fault);

#endif
