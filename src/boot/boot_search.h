/*
 * Looks on this machine for what a boot needs: the kernel command line, the iBFT (ACPI table, the
 * first megabyte of memory, or what the kernel's iscsi_ibft made of it), the leases of DHCP
 * clients, and boot.conf in the image. Only reads, apart from loading iscsi_ibft as the last
 * resort.
 */
#ifndef BOOT_BOOT_SEARCH_H
#define BOOT_BOOT_SEARCH_H

#include <sys/types.h>

#include "boot/boot_plan.h"

#define BOOT_FILE_PATH "/etc/holdfast/boot.conf"

/*
 * prefix: "" for this machine, or a folder that holds /proc, /sys, /run ... of another one. What is
 * missing is noted in *ret_found; a source that is there and not understood is a fault, except for
 * the iBFT and DHCP, which may be of no concern (boot_plan_resolve() knows).
 */
int boot_search(const char *prefix, struct boot_found *ret_found, struct fault *fault);

/* Forgets the secrets. */
void boot_found_wipe(struct boot_found *found);

/*
 * The parts. Each is 0, -ENOENT when there is nothing of that kind, or an error with its fault;
 * *ret_place says where it was found.
 */
int ibft_source_read(const char *prefix, struct ibft *ret_ibft, char *ret_place, size_t place_bytes,
                     struct fault *fault);
int ibft_sysfs_read(const char *folder, struct ibft *ret_ibft, struct fault *fault);
int dhcp_source_read(const char *prefix, struct boot_facts *ret_facts, char *ret_place,
                     size_t place_bytes, struct fault *fault);

/* A whole file of at most `room` bytes; the number of bytes, -EFBIG when there is more. */
ssize_t boot_read_file(const char *path, void *ret_bytes, size_t room);

/* The same as a text, without line breaks at its end. A NUL inside is -EINVAL. */
int boot_read_text(const char *path, char *ret_text, size_t text_bytes);

#endif
