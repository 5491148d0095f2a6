#include "mount/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define ATTEMPTS 64 /* somebody else may take the free one first */

static int configure(int loop_fd, const struct loop_wish *wish)
{
    struct loop_config config = {
        .fd = (uint32_t)wish->file_fd,
        .block_size = wish->block_bytes,
        .info = {.lo_offset = wish->offset,
                 .lo_sizelimit = wish->bytes,
                 .lo_flags = LO_FLAGS_AUTOCLEAR | LO_FLAGS_DIRECT_IO |
                             (wish->read_only ? LO_FLAGS_READ_ONLY : 0)},
    };
    snprintf((char *)config.info.lo_file_name, sizeof config.info.lo_file_name, "%.*s",
             LO_NAME_SIZE - 1, wish->path);
    return ioctl(loop_fd, LOOP_CONFIGURE, &config) < 0 ? -errno : 0;
}

/* *ret_fd is open, or an error is returned. */
static int attach_one(int control_fd, const struct loop_wish *wish, char *ret_device, int *ret_fd)
{
    int number = ioctl(control_fd, LOOP_CTL_GET_FREE);
    if (number < 0)
        return -errno;
    snprintf(ret_device, LOOP_DEVICE_BYTES, "/dev/loop%d", number);
    int fd = open(ret_device, (wish->read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int error = configure(fd, wish);
    if (error)
        close(fd);
    else
        *ret_fd = fd;
    return error;
}

int loop_attach(const struct loop_wish *wish, char ret_device[LOOP_DEVICE_BYTES], int *ret_fd,
                struct fault *fault)
{
    int control_fd = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
    if (control_fd < 0)
        return fault_set(fault, -ENOSPC, "/dev/loop-control: %s; run: modprobe loop",
                         strerror(errno));
    int error = -EBUSY;
    for (int i = 0; i < ATTEMPTS && error == -EBUSY; i++)
        error = attach_one(control_fd, wish, ret_device, ret_fd);
    close(control_fd);
    if (error)
        return fault_set(fault, error == -EBUSY ? -ENOSPC : error, "no loop device: %s",
                         strerror(-error));
    return 0;
}
