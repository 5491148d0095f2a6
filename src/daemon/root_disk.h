/*
 * Being the daemon that serves the system's own root disk (the key `root`; facts: systemd's
 * ROOT_STORAGE_DAEMONS): it is spared when all processes are killed at the end, holds nothing of
 * the root that it serves, writes its log to where no disk is needed, and leaves no core.
 */
#ifndef DAEMON_ROOT_DISK_H
#define DAEMON_ROOT_DISK_H

#include "daemon/fault.h"
#include "daemon/options.h"

/* What goes against it is refused: a FUSE file nobody would see, names that need a resolver. */
int root_disk_check(const struct options *options, struct fault *fault);

/* For this process and its children, for good; after the last file of the system was read. Takes
 * stdin, stdout and stderr over. */
int root_disk_prepare(const struct options *options, struct fault *fault);

#endif
