/* Who uses a block device. Opening one may read from it: for a process of its own. */
#ifndef ATTACH_USAGE_H
#define ATTACH_USAGE_H

#include <stddef.h>

/*
 * Opens the device (/dev/nbdN) for us alone: as long as the descriptor lives nobody can mount it or
 * build upon it. -EBUSY while it, or a partition of it, is mounted, built upon, or open in another
 * process for longer than a glance, or in one that this process may not look into (which needs
 * CAP_SYS_PTRACE); then ret_reason says where.
 */
int att_claim(const char *path, int *ret_fd, char *ret_reason, size_t reason_bytes);

/* For the tests: the files that tell. */
int att_find_mount(const char *mountinfo, const char *path, char *ret_where, size_t bytes);
int att_find_swap(const char *swaps, const char *path);

/* The device or one of its partitions: "/dev/nbd1" is not a part of "/dev/nbd11". */
int att_is_part_of(const char *device, const char *path);

#endif
