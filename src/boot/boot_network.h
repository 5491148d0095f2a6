/*
 * How to bring up the network that the firmware booted by, for the scripts of an initramfs: lines
 * of KEY='VALUE' for a shell. Only characters that need no quoting are ever between the quotes,
 * whatever the firmware wrote.
 *
 *   HOLDFAST_BOOTIF   01-52-54-00-12-34-01       the NIC, as pxelinux writes it
 *   HOLDFAST_IP       10.0.2.15::10.0.2.2:255.255.255.0:host::off:DNS:DNS     ip= of the kernel
 *   HOLDFAST_IP6      2001:db8::2/64             in place of HOLDFAST_IP
 *   HOLDFAST_GATEWAY6 2001:db8::1
 *   HOLDFAST_VLAN     5                          the address is on that VLAN
 *   HOLDFAST_DHCP     yes                        the address is a lease
 *
 * The address is taken as it is, also when the firmware has it from DHCP: it is the one that the
 * target is being talked to from, and a boot should not need another server.
 */
#ifndef BOOT_BOOT_NETWORK_H
#define BOOT_BOOT_NETWORK_H

#include "boot/ibft.h"

#define BOOT_NETWORK_BYTES 1024u
#define BOOT_MAC_BYTES     18u

void boot_network_print(const struct ibft_nic *nic, char *ret_text, size_t text_bytes);

/* "52:54:00:12:34:01" */
void boot_network_print_mac(const struct ibft_nic *nic, char ret_text[BOOT_MAC_BYTES]);

#endif
