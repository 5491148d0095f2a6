/* Our own iSCSI name. */
#ifndef DAEMON_INITIATOR_H
#define DAEMON_INITIATOR_H

#include <stddef.h>

#include "daemon/fault.h"

#define INITIATOR_FILE  "/etc/iscsi/initiatorname.iscsi"
#define MACHINE_ID_FILE "/etc/machine-id"

/*
 * The name: the configured one when it is not "", else the one of open-iscsi (name_file), else
 * "iqn.2026-11.org.holdfast:" and a hash of the machine ID.
 */
int initiator_name(const char *configured, const char *name_file, const char *machine_id_file,
                   char *ret_name, size_t name_bytes, struct fault *fault);

#endif
