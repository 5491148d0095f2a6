/*
 * What a boot server needs so that a machine without a disk starts from a LUN: the configuration
 * of a DHCP and TFTP server, and the script of iPXE. Pure: from a plan to texts.
 *
 * The machine asks twice. Its firmware (PXE, BIOS or UEFI) gets iPXE by TFTP; iPXE asks again, with
 * the user class "iPXE", and gets a script: it logs in, tries the portals in turn, and does so
 * again until the target is there. (The root path alone would do for iPXE, but is tried once: a
 * machine that is faster than its storage after a power failure would stay down.) A client that is
 * not iPXE, such as the one of an initramfs, gets the root path (RFC 4173); all of them get the
 * initiator's name (option 203).
 *
 * No secret is in any text but netboot_ipxe()'s with NETBOOT_SECRETS: DHCP and TFTP tell everybody.
 */
#ifndef BOOT_NETBOOT_H
#define BOOT_NETBOOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "boot/netboot_text.h"

#define NETBOOT_PORTALS         8u
#define NETBOOT_IPV4_BYTES      16
#define NETBOOT_MAC_BYTES       18
#define NETBOOT_ROOT_PATH_BYTES 320
#define NETBOOT_RANGE_ADDRESSES 100u

/* Names of the files beside each other in the TFTP server's folder. */
#define NETBOOT_BIOS_LOADER  "undionly.kpxe"
#define NETBOOT_UEFI_LOADER  "snponly.efi"
#define NETBOOT_SCRIPT       "boot.ipxe"
#define NETBOOT_LOGIN_SCRIPT "login.ipxe"

struct netboot_portal {
    const char *address; /* numeric; IPv6 without brackets */
    uint16_t port;
};

/* IPv4 addresses are in host order. The caller owns all texts; none holds a control character, and
 * names are free of quotes and blanks (url_check_name, options_check_name). */
struct netboot_plan {
    const char *name; /* the LUN's, of /etc/holdfast/NAME.conf */
    const char *initiator;
    const char *target;
    uint32_t lun;
    unsigned portal_count;
    struct netboot_portal portals[NETBOOT_PORTALS];
    const char *chap_user; /* NULL: no CHAP */
    const char *chap_secret;
    const char *mutual_user; /* NULL: not mutual */
    const char *mutual_secret;

    const char *mac;       /* the machine, aa:bb:cc:dd:ee:ff; NULL: any */
    const char *interface; /* NULL: the server finds it by the network */
    uint32_t server;       /* the boot server's own address, also of TFTP */
    unsigned prefix;       /* of the boot network */
    uint32_t first, last;  /* for clients; the machine of `mac` gets `first` */
    uint32_t router;       /* 0: none */
    const char *folder;    /* absolute; the files of TFTP are in FOLDER/tftp */

    const char *kernel; /* NULL: the LUN has a boot loader. A URL, or a name in FOLDER/tftp */
    const char *initrd; /* the same; NULL: none */
    const char *append; /* more words for the kernel; "" for none */
};

enum netboot_secrets { NETBOOT_ASK, NETBOOT_SECRETS };

/* "10.0.0.1"; returns ret_text. */
const char *netboot_ipv4(uint32_t address, char ret_text[NETBOOT_IPV4_BYTES]);

/* A dotted address, and nothing behind it; false when it is none. */
bool netboot_parse_ipv4(const char *text, uint32_t *ret_address);

/* "aa:bb:cc:dd:ee:ff" in lower case, from ':' or '-' between the bytes; false when it is none, or
 * of a group. */
bool netboot_parse_mac(const char *text, char ret_mac[NETBOOT_MAC_BYTES]);

uint32_t netboot_mask(unsigned prefix);

/*
 * RFC 4173: "iscsi:ADDRESS:PROTOCOL:PORT:LUN:TARGET". The LUN is hexadecimal, and a number beyond
 * 255 in the flat form of SAM-5 4.7.7.4 (256 is 4100), since iPXE sends the digits as they stand.
 */
void netboot_root_path(const struct netboot_plan *plan, unsigned portal,
                       char ret_path[NETBOOT_ROOT_PATH_BYTES]);

/* The first portal that is neither on the boot network nor reached by a router; NULL: none. */
const struct netboot_portal *netboot_unreachable(const struct netboot_plan *plan);

/* Chooses first and last in the network, apart from the server, the router and the portals;
 * -ENOSPC where there is no place. */
int netboot_choose_range(struct netboot_plan *plan);

/* The name of the script that iPXE is sent to. */
const char *netboot_script(const struct netboot_plan *plan);

/* Each writes its file from the beginning: 0, or -EFBIG. */
int netboot_ipxe(const struct netboot_plan *plan, enum netboot_secrets secrets,
                 struct netboot_text *text);
int netboot_dnsmasq(const struct netboot_plan *plan, struct netboot_text *text);
int netboot_dhcpd(const struct netboot_plan *plan, struct netboot_text *text);
int netboot_kea(const struct netboot_plan *plan, struct netboot_text *text);

#endif
