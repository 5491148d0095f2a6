/*
 * The root path of a boot, RFC 4173 section 5, as DHCP (option 17), iPXE and command lines carry
 * it:
 *
 *   iscsi:SERVER:PROTOCOL:PORT:LUN:TARGET                               holdfast=, DHCP
 *   iscsi:[USER:SECRET[:USER:SECRET]@]SERVER:PROTOCOL:PORT:[[IFACE:]NETDEV:]LUN:TARGET
 *                                                                       netroot=, root= (dracut)
 *
 * An empty field means TCP, port 3260, LUN 0; an empty SERVER is left to another source. An IPv6
 * address stands in []. LUN is hexadecimal, up to four groups of 16 bits with '-' between them. The
 * target's name begins at the first ":iqn.", ":eui." or ":naa.", and may contain ':'.
 */
#ifndef BOOT_ROOT_PATH_H
#define BOOT_ROOT_PATH_H

#include "boot/boot_facts.h"

enum root_path_form {
    ROOT_PATH_RFC4173,
    ROOT_PATH_DRACUT, /* may carry credentials and the names of interfaces, which are not used */
};

/* True for "iscsi:..." that is not "iscsi://...". */
bool root_path_is_one(const char *text);

/* Fills the LUN and CHAP of *ret_facts and leaves the rest. */
int root_path_parse(const char *text, enum root_path_form form, struct boot_facts *ret_facts,
                    struct fault *fault);

/*
 * The LUN's number in the 8 bytes of SAM-5 4.7.5, big-endian groups. Refused: a second level, and
 * what is neither a peripheral number below 256 nor flat addressing; the session speaks only these.
 */
int root_path_lun_of_groups(const uint16_t groups[4], uint32_t *ret_lun, struct fault *fault);

#endif
