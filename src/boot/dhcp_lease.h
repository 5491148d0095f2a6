/*
 * What a DHCP client of an initramfs left behind, as far as it matters here: the root path (option
 * 17) and the server that stands in for an empty one. Understood are the files of klibc's ipconfig
 * (/run/net-NIC.conf: ROOTPATH, ROOTSERVER), of dracut (/tmp/dhclient.NIC.dhcpopts: new_root_path,
 * new_next_server) and of systemd-networkd (/run/systemd/netif/leases/N: ROOT_PATH, NEXT_SERVER).
 * The values come from the network: they are read as data, and never by a shell.
 */
#ifndef BOOT_DHCP_LEASE_H
#define BOOT_DHCP_LEASE_H

#include "boot/boot_facts.h"

#define LEASE_BYTES 512u

struct dhcp_lease {
    char root_path[LEASE_BYTES]; /* "" where there is none */
    char server[LEASE_BYTES];
};

/* Values that are too long count as missing. */
void dhcp_lease_parse(const char *text, struct dhcp_lease *ret_lease);

/* True when the root path is one of iSCSI (and not of NFS or NBD). */
bool dhcp_lease_is_iscsi(const struct dhcp_lease *lease);

int dhcp_lease_take_facts(const struct dhcp_lease *lease, struct boot_facts *facts,
                          struct fault *fault);

#endif
