/*
 * The raw table is preferred to the kernel's view of it in sysfs: that one prints the LUN in a form
 * that has two readings. Under UEFI the table is an ACPI table with an unusual spelling; under BIOS
 * it lies somewhere in the first megabyte, on a border of 16 bytes, and only /dev/mem shows it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "boot/boot_search.h"

#define ALIGNMENT 16u

/* The screen's memory lies between them: reading that is slow at best. */
static const struct region {
    off_t start;
    size_t bytes;
} regions[] = {{0x80000, 0x20000}, {0xc0000, 0x40000}};

static uint8_t bytes_of_region[0x40000];

static int read_acpi(const char *prefix, struct ibft *ret_ibft, char *ret_place, size_t place_bytes,
                     struct fault *fault)
{
    static const char *const names[] = {"iBFT", "IBFT", "BIFT"};
    static uint8_t table[IBFT_BYTES_MAX];
    int error = -ENOENT;
    for (size_t i = 0; i < sizeof names / sizeof *names && error == -ENOENT; i++) {
        snprintf(ret_place, place_bytes, "%s/sys/firmware/acpi/tables/%s", prefix, names[i]);
        ssize_t got = boot_read_file(ret_place, table, sizeof table);
        if (got >= 0)
            error = ibft_parse(table, (size_t)got, ret_ibft, fault);
        else if (got != -ENOENT)
            error = fault_set(fault, (int)got, "%s: %s", ret_place, strerror((int)-got));
    }
    explicit_bzero(table, sizeof table);
    return error;
}

static ssize_t read_region(int fd, const struct region *region)
{
    size_t used = 0;
    while (used < region->bytes) {
        ssize_t got =
            pread(fd, bytes_of_region + used, region->bytes - used, region->start + (off_t)used);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0)
            break;
        used += (size_t)got;
    }
    return (ssize_t)used;
}

/* The first table that is whole; a broken one is remembered in `fault` and passed over. */
static int search_region(const struct region *region, size_t bytes, struct ibft *ret_ibft,
                         size_t *ret_at, struct fault *fault)
{
    int error = -ENOENT;
    for (size_t at = 0; at + IBFT_HEADER_BYTES <= bytes; at += ALIGNMENT) {
        uint32_t length = ibft_length_at(bytes_of_region + at);
        if (length == 0 || !range_is_inside(at, length, bytes))
            continue;
        error = ibft_parse(bytes_of_region + at, length, ret_ibft, fault);
        if (!error) {
            *ret_at = (size_t)region->start + at;
            break;
        }
    }
    return error;
}

static int read_memory(const char *prefix, struct ibft *ret_ibft, char *ret_place,
                       size_t place_bytes, struct fault *fault)
{
    char path[BOOT_PATH_BYTES];
    int error = -ENOENT;
    snprintf(path, sizeof path, "%s/dev/mem", prefix);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno; /* not root, or locked down: the kernel may still show it in sysfs */
    for (size_t i = 0; i < sizeof regions / sizeof *regions && error; i++) {
        size_t at = 0;
        ssize_t got = read_region(fd, &regions[i]);
        int found =
            got < 0 ? (int)got : search_region(&regions[i], (size_t)got, ret_ibft, &at, fault);
        if (found != -ENOENT)
            error = found;
        if (!found)
            snprintf(ret_place, place_bytes, "%s at 0x%zx", path, at);
    }
    explicit_bzero(bytes_of_region, sizeof bytes_of_region);
    close(fd);
    return error;
}

int ibft_source_read(const char *prefix, struct ibft *ret_ibft, char *ret_place, size_t place_bytes,
                     struct fault *fault)
{
    int error = read_acpi(prefix, ret_ibft, ret_place, place_bytes, fault);
    if (error != -ENOENT)
        return error;
    int in_memory = read_memory(prefix, ret_ibft, ret_place, place_bytes, fault);
    if (in_memory == 0 || in_memory == -EINVAL)
        return in_memory;
    snprintf(ret_place, place_bytes, "%s/sys/firmware/ibft", prefix);
    error = ibft_sysfs_read(ret_place, ret_ibft, fault);
    if (error == -ENOENT)
        fault_set(fault, error,
                  "this machine has no iBFT: no ACPI table of that name, none in memory (%s), and "
                  "none in /sys/firmware/ibft; its firmware did not boot by iSCSI",
                  in_memory == -ENOENT ? "searched" : strerror(-in_memory));
    return error;
}
