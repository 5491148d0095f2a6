/*
 * What was found on this machine, and what follows: whether a boot is asked for, from which LUN,
 * and the configuration file that the daemon is started with.
 */
#ifndef BOOT_BOOT_PLAN_H
#define BOOT_BOOT_PLAN_H

#include "boot/boot_file.h"
#include "boot/boot_parameters.h"
#include "boot/ibft.h"

struct boot_found {
    bool is_by_hand; /* a person named the LUN: what others say about it gives way */
    struct kernel_command_line line;
    struct boot_file file;
    bool has_ibft; /* a table that could be read */
    char ibft_place[BOOT_PATH_BYTES];
    struct ibft ibft;
    struct fault ibft_fault; /* why not, otherwise */
    bool has_dhcp;           /* an iSCSI root path */
    char dhcp_place[BOOT_PATH_BYTES];
    struct boot_facts dhcp;
    struct fault dhcp_fault;
    /* Defaults of the initiator's name: open-iscsi's file in the image, and the machine's UUID. */
    struct boot_facts image;
    struct boot_facts machine;
};

/* What a person said to `holdfast boot`, as holdfast= would: it takes that word's place. */
int boot_plan_take_word(struct boot_found *found, const char *word, struct fault *fault);

/* The command line's choice; where that is silent, the file's. */
enum boot_choice boot_plan_choice(const struct boot_found *found);

/* Merges what was found, by the rules of boot_parameters_merge(), in the order command line, iBFT,
 * DHCP, file. holdfast=ibft does not look at DHCP, holdfast=dhcp not at the iBFT. */
int boot_plan_resolve(const struct boot_found *found, struct boot_parameters *ret_parameters,
                      struct fault *fault);

/* The paths that secrets were written to, for the configuration file; "" for none. */
struct boot_secret_paths {
    const char *secret;
    const char *mutual_secret;
};

/* holdfast.conf(5) text, without any secret in it. */
int boot_plan_print_conf(const struct boot_found *found, const struct boot_parameters *parameters,
                         const struct boot_secret_paths *paths, char *ret_text, size_t text_bytes,
                         struct fault *fault);

#endif
