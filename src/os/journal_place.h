/* Where a journal may lie, and where it must not. */
#ifndef OS_JOURNAL_PLACE_H
#define OS_JOURNAL_PLACE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Why a file system of this type (f_type of statfs) cannot carry a journal, as the end of a
 * sentence, with the mend; NULL when it can. */
const char *journal_place_objection(uint32_t fs_type, bool no_copy_on_write);

/* The same for an open file; also notes whether it lies in memory. */
const char *journal_place_of_file(int fd, bool *ret_memory);

/* Switches copy-on-write off for an empty file, where the file system has such a switch. */
void journal_place_no_copy_on_write(int fd);

/* True when block device `device` is, or lies on, one of these: through partitions, device mapper,
 * RAID and loop devices, as `sysfs` ("/sys") tells. A file system on several devices (btrfs) is
 * not seen through. */
bool journal_place_rests_on(const char *sysfs, dev_t device, const dev_t *devices, unsigned count);

#endif
