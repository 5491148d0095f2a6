/* What this host knows that a netboot plan needs: its interfaces, names of targets, its files. */
#ifndef CLI_NETBOOT_HOST_H
#define CLI_NETBOOT_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "boot/netboot.h"
#include "daemon/fault.h"

#define NETBOOT_INTERFACE_BYTES 16
#define NETBOOT_ADDRESS_BYTES   64

struct netboot_interface {
    char name[NETBOOT_INTERFACE_BYTES];
    uint32_t address; /* IPv4, host order */
    unsigned prefix;
};

/* The interface of that name; name NULL: the one whose network holds `portal`, or that has it. */
int netboot_find_interface(const char *name, uint32_t portal, struct netboot_interface *ret_found,
                           struct fault *fault);

/* The numeric address of a host: what iPXE gets needs no DNS. */
int netboot_resolve(const char *host, char ret_address[NETBOOT_ADDRESS_BYTES], struct fault *fault);

/* Makes FOLDER and FOLDER/tftp; ret_folder: absolute. */
int netboot_make_folders(const char *folder, char *ret_folder, size_t bytes, struct fault *fault);

/* Writes a file anew, in one step; `mode` counts from the first byte on, whatever stood there. */
int netboot_write(const char *folder, const char *name, unsigned mode,
                  const struct netboot_text *text, struct fault *fault);

/* Copies a file into FOLDER/tftp, under its own name. Refuses what is not for everybody: TFTP
 * gives it to everybody. */
int netboot_copy(const char *folder, const char *path, struct fault *fault);

/* The nearest folder on the way to `folder` that others may not enter; false: there is none. */
bool netboot_closed_folder(const char *folder, char *ret_path, size_t bytes);

#endif
