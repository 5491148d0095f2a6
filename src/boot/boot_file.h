/*
 * /etc/holdfast/boot.conf, the file in the initramfs image. It has the keys of holdfast.conf(5);
 * here "url" may also be ibft or dhcp, which asks for the boot as holdfast= does. What it says
 * about the LUN and who we are are defaults; its other lines go to the daemon as they stand.
 */
#ifndef BOOT_BOOT_FILE_H
#define BOOT_BOOT_FILE_H

#include "boot/kernel_command_line.h"

#define BOOT_FILE_BYTES 16384u
#define BOOT_NAME_BYTES 65u

struct boot_file {
    enum boot_choice choice; /* what "url" asks for */
    struct boot_facts facts;
    char name[BOOT_NAME_BYTES];    /* of the daemon; "" when not given */
    char journal[BOOT_PATH_BYTES]; /* where that is a device, else "" */
    char rest[BOOT_FILE_BYTES];    /* the other lines */
};

/* Nothing at all; what a missing file says. */
void boot_file_init(struct boot_file *file);

/* True when that key is among the other lines. */
bool boot_file_has(const struct boot_file *file, const char *key);

int boot_file_parse(const char *text, struct boot_file *ret_file, struct fault *fault);

#endif
