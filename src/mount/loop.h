/* Loop devices, loop(4). */
#ifndef MOUNT_LOOP_H
#define MOUNT_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/fault.h"

#define LOOP_DEVICE_BYTES 32

struct loop_wish {
    int file_fd;
    const char *path; /* of the file, for losetup(8) to show */
    uint64_t offset;
    uint64_t bytes; /* 0: to the end, also when that moves */
    unsigned block_bytes;
    bool read_only;
};

/*
 * A free loop device with direct I/O, which the kernel frees when its last user closes it: until
 * it is mounted that is *ret_fd, the caller's. -ENOSPC when there is no loop device to be had.
 */
int loop_attach(const struct loop_wish *wish, char ret_device[LOOP_DEVICE_BYTES], int *ret_fd,
                struct fault *fault);

#endif
