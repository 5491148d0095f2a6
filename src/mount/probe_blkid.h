/* What lies on a disk: partitions and file systems, found by libblkid. */
#ifndef MOUNT_PROBE_BLKID_H
#define MOUNT_PROBE_BLKID_H

#include <stdint.h>

#include "daemon/fault.h"

#define PROBE_TYPE_BYTES 64

struct probe_place {
    uint64_t offset;
    uint64_t bytes; /* 0: the whole disk */
};

/* Where partition `part` is (0: the whole disk). block_bytes is the disk's: a GPT begins in block
 * 1, wherever that is. -ENOENT when there is none of that number: the fault lists those there. */
int probe_partition(int fd, unsigned block_bytes, unsigned part, struct probe_place *ret_place,
                    struct fault *fault);

/* The file system there. -ENODATA when there is none; the fault says what there is instead. */
int probe_type(int fd, const struct probe_place *place, unsigned block_bytes,
               char ret_type[PROBE_TYPE_BYTES], struct fault *fault);

#endif
