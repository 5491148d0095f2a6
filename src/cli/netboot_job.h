/* One run of `holdfast netboot`. */
#ifndef CLI_NETBOOT_JOB_H
#define CLI_NETBOOT_JOB_H

#include <limits.h>
#include <stdbool.h>

#include "boot/netboot.h"
#include "cli/netboot_host.h"
#include "cli/verb.h"
#include "daemon/daemon.h"

/* The plan points into the rest. */
struct netboot {
    const struct arguments *arguments;
    struct options options;
    struct login login;
    struct netboot_interface interface;
    char addresses[NETBOOT_PORTALS][NETBOOT_ADDRESS_BYTES];
    char mac[NETBOOT_MAC_BYTES];
    char folder[PATH_MAX];
    struct netboot_plan plan;
    bool lacks_loader;
    struct fault fault;
};

/* Fills in the plan, all but its folder: an exit status; what was wrong has been said. */
int netboot_take_options(struct netboot *job);

#endif
