#include "attach/sysfs.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECTOR_BYTES 512u

/* The attribute without its newline; false when there is none. */
static bool read_attribute(int devices, const char *device, const char *name, char *ret_text,
                           size_t bytes)
{
    char path[300];
    snprintf(path, sizeof path, "%s/%s", device, name);
    int fd = openat(devices, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t got = read(fd, ret_text, bytes - 1);
    close(fd);
    if (got < 0)
        return false;
    ret_text[got] = '\0';
    ret_text[strcspn(ret_text, "\n")] = '\0';
    return true;
}

static bool parse_index(const char *device, uint32_t *ret_index)
{
    char *end;
    if (strncmp(device, "nbd", 3) != 0 || !isdigit((unsigned char)device[3]))
        return false;
    unsigned long index = strtoul(device + 3, &end, 10);
    *ret_index = (uint32_t)index;
    return *end == '\0' && index < ATT_ANY;
}

static bool read_node(int devices, const char *device, struct att_node *ret_node)
{
    char text[32] = "";
    *ret_node = (struct att_node){0};
    if (!parse_index(device, &ret_node->index))
        return false;
    ret_node->bound = read_attribute(devices, device, "pid", text, sizeof text);
    if (!read_attribute(devices, device, "backend", ret_node->backend, sizeof ret_node->backend))
        ret_node->backend[0] = '\0';
    if (read_attribute(devices, device, "size", text, sizeof text))
        ret_node->size_bytes = strtoull(text, NULL, 10) * SECTOR_BYTES;
    return true;
}

void att_sysfs_scan(const char *directory, void (*visit)(void *owner, const struct att_node *node),
                    void *owner)
{
    DIR *devices = opendir(directory);
    if (!devices)
        return;
    for (struct dirent *entry = readdir(devices); entry; entry = readdir(devices)) {
        struct att_node node;
        if (read_node(dirfd(devices), entry->d_name, &node))
            visit(owner, &node);
    }
    closedir(devices);
}

int att_sysfs_tune(const char *directory, uint32_t index, const char *name, unsigned value)
{
    char path[512], text[16];
    snprintf(path, sizeof path, "%s/nbd%" PRIu32 "/queue/%s", directory, index, name);
    int bytes = snprintf(text, sizeof text, "%u\n", value);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int error = write(fd, text, (size_t)bytes) == bytes ? 0 : -errno;
    close(fd);
    return error;
}
