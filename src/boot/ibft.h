/*
 * The iSCSI Boot Firmware Table (IBM/Microsoft, 1.02): what the firmware logged in to. A parser of
 * the raw bytes, which come from firmware and are believed in nothing: signature, lengths, checksum
 * and every offset are checked, and a table that is wrong anywhere is refused whole.
 *
 *    0  ACPI header: signature "iBFT", u32 length @4, revision @8, checksum @9, OEM ids, 48 bytes
 *   48  control:     {id 1, version 1, u16 length, index, flags}, u16 extensions, u16 initiator,
 *                    then u16 offsets of NICs and targets
 *       initiator    id 2, 74 bytes;  NIC  id 3, 102 bytes;  target  id 4, 54 bytes
 *       strings      {u16 length, u16 offset}, offsets from the start of the table
 *
 * All numbers are little-endian. The LUN is in the big-endian groups of SAM-5.
 */
#ifndef BOOT_IBFT_H
#define BOOT_IBFT_H

#include "boot/boot_facts.h"

#define IBFT_NICS         8u
#define IBFT_TARGETS      8u
#define IBFT_HEADER_BYTES 48u
#define IBFT_BYTES_MAX    65536u /* the offsets have 16 bits */

#define IBFT_ADDRESS_BYTES 46 /* INET6_ADDRSTRLEN */

enum ibft_origin { IBFT_ORIGIN_MANUAL = 1, IBFT_ORIGIN_DHCP = 3 };

/* Addresses are texts, "" where there is none. */
struct ibft_nic {
    uint8_t index;
    bool is_boot; /* the firmware booted by it */
    char address[IBFT_ADDRESS_BYTES];
    uint8_t prefix;
    uint8_t origin; /* enum ibft_origin, or another of the standard's */
    char gateway[IBFT_ADDRESS_BYTES];
    char dns[2][IBFT_ADDRESS_BYTES];
    uint16_t vlan; /* 0: none */
    uint8_t mac[6];
    char hostname[256];
};

struct ibft_target {
    uint8_t index;
    bool is_boot;
    char address[IBFT_ADDRESS_BYTES];
    uint16_t port;
    uint32_t lun;
    uint8_t nic; /* index of its NIC */
    char name[URL_TARGET_BYTES];
    struct boot_chap chap;
};

/* Structures that are marked invalid are left out. */
struct ibft {
    char initiator[URL_TARGET_BYTES];
    unsigned nic_count;
    struct ibft_nic nics[IBFT_NICS];
    unsigned target_count;
    struct ibft_target targets[IBFT_TARGETS];
};

/*
 * Whether a table begins here: signature and a length between a header and IBFT_BYTES_MAX. Returns
 * that length, else 0. For the search in memory; at least 8 bytes have to be readable.
 */
uint32_t ibft_length_at(const void *start);

int ibft_parse(const void *table, size_t bytes, struct ibft *ret_ibft, struct fault *fault);

/*
 * The LUN to boot, with CHAP: of the target that the firmware booted from, else of the first. Other
 * targets of the same name and LUN are further portals. Refused when there is no target.
 */
int ibft_take_facts(const struct ibft *ibft, struct boot_facts *facts, struct fault *fault);

/* The NIC of that target; NULL when the table has none. */
const struct ibft_nic *ibft_boot_nic(const struct ibft *ibft);

#endif
