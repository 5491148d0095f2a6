/* Our own iSCSI name, and the ISID that makes each login the successor of the one before. */
#ifndef DAEMON_INITIATOR_H
#define DAEMON_INITIATOR_H

#include <stddef.h>
#include <stdint.h>

#include "daemon/fault.h"

#define INITIATOR_FILE  "/etc/iscsi/initiatorname.iscsi"
#define MACHINE_ID_FILE "/etc/machine-id"

/*
 * The name: the configured one when it is not "", else the one of open-iscsi (name_file), else
 * "iqn.2026-11.org.holdfast:" and a hash of the machine ID.
 */
int initiator_name(const char *configured, const char *name_file, const char *machine_id_file,
                   char *ret_name, size_t name_bytes, struct fault *fault);

/*
 * 24 bits for the ISID, always the same for the same initiator, target and LUN: a new login
 * replaces (RFC 7143 6.3.5) what a dead daemon left, and two LUNs of one target do not replace
 * each other.
 */
uint32_t initiator_isid(const char *initiator, const char *target, uint32_t lun);

#endif
