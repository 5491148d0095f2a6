/* What one source of boot parameters says: the command line, the iBFT, DHCP, a file in the image.
 */
#ifndef BOOT_BOOT_FACTS_H
#define BOOT_BOOT_FACTS_H

#include <stdbool.h>

#include "daemon/fault.h"
#include "daemon/url.h"

#define BOOT_CHAP_BYTES 256
#define BOOT_PATH_BYTES 1024

/* Everything is "" where the source is silent. */
struct boot_chap {
    char user[BOOT_CHAP_BYTES];
    char secret[BOOT_CHAP_BYTES];
    char secret_file[BOOT_PATH_BYTES]; /* in place of the secret */
    char mutual_user[BOOT_CHAP_BYTES];
    char mutual_secret[BOOT_CHAP_BYTES];
    char mutual_secret_file[BOOT_PATH_BYTES];
};

struct boot_facts {
    const char *source;      /* for people: "the iBFT", "ISCSI_... of the kernel command line" */
    bool is_default;         /* gives way to every other source, and so never contradicts one */
    bool lun_may_be_decimal; /* written in a form of which there are two readings */
    struct url_target lun;   /* target "": names none; an empty host is still to be found */
    char initiator[URL_TARGET_BYTES];
    struct boot_chap chap;
};

#endif
