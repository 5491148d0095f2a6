/* The parts of `holdfast boot`. */
#ifndef CLI_BOOT_H
#define CLI_BOOT_H

#include <stdint.h>
#include <stdio.h>

#include "boot/boot_plan.h"

#define BOOT_CONF_BYTES (BOOT_FILE_BYTES + 8192u)

/* Where a boot leaves its files. */
struct boot_place {
    const char *name; /* of the daemon */
    char conf[BOOT_PATH_BYTES];
    char secret[BOOT_PATH_BYTES];
    char mutual_secret[BOOT_PATH_BYTES];
    char log[BOOT_PATH_BYTES];
    char interface[BOOT_PATH_BYTES];
    char run_dir[BOOT_PATH_BYTES];
};

/* In /run/holdfast: it moves along to the real root. */
void boot_place_init(struct boot_place *place, const char *name);

/* The configuration, the secrets and the interface's name, each 0600 from the start. */
int boot_files_write(const struct boot_place *place, const struct boot_found *found,
                     const struct boot_parameters *parameters, struct fault *fault);

/* True when they are not what an earlier call wrote. */
bool boot_files_differ(const struct boot_place *place, const struct boot_found *found,
                       const struct boot_parameters *parameters);
void boot_interface_write(const struct boot_place *place, const struct url_portal *portal);

/* What was found, where, and what follows from it; secrets as asterisks. */
void boot_report(FILE *to, const struct boot_found *found);
void boot_report_parameters(FILE *to, const struct boot_parameters *parameters);

/* The same in one line. */
void boot_report_line(FILE *to, const struct boot_parameters *parameters);

/* The lines of boot_network.h, after HOLDFAST_BOOT='yes' and, when boot.conf names the daemon,
 * HOLDFAST_NAME; none when nothing asks for a boot. */
void boot_report_network(FILE *to, const struct boot_found *found);

/*
 * Ends a daemon that runs with a configuration of before and has no disk to show for it. -EBUSY
 * when it has: a disk that may be mounted is not taken away.
 */
int boot_end_former(const struct boot_place *place, struct fault *fault);

/*
 * Starts the daemon, unless it runs, and waits until its block device is there. timeout_ms 0: for
 * ever. Says every few seconds what is waited for. *ret_node is "/dev/nbd0"; "" without waiting.
 */
int boot_start(const struct boot_place *place, bool wait, uint64_t timeout_ms, char *ret_node,
               size_t node_bytes, struct fault *fault);

/* Waits until the device of the journal has appeared; a disk may come later than the network. */
int boot_await_journal(const char *path, uint64_t timeout_ms, struct fault *fault);

/* The node of that daemon's disk; -ENOENT as long as there is none. */
int boot_find_node(const char *sys_block, const char *name, char *ret_node, size_t node_bytes);

#endif
