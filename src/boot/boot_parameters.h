/*
 * From what the sources say to one LUN, one initiator, one CHAP user.
 *
 * Sources are given in the order of their rank: what one leaves open the next one fills in. Two
 * that both speak and do not agree are refused, because a wrong guess is another machine's disk: a
 * cloned boot loader still names the LUN of the machine that it was cloned from. Only defaults (the
 * file in the image) give way without a word.
 */
#ifndef BOOT_BOOT_PARAMETERS_H
#define BOOT_BOOT_PARAMETERS_H

#include "boot/boot_facts.h"

#define BOOT_SOURCES 8u

struct boot_parameters {
    struct url_target lun;            /* target, LUN, portals */
    char initiator[URL_TARGET_BYTES]; /* "": nobody said */
    struct boot_chap chap;
    bool lun_is_assumed; /* nobody gave its number: 0, as RFC 4173 says */
    const char *lun_from;
    const char *portals_from;
    const char *initiator_from; /* NULL: nobody */
    const char *chap_from;
    const char *secret_from;
};

int boot_parameters_merge(const struct boot_facts *const *sources, unsigned count,
                          struct boot_parameters *ret_parameters, struct fault *fault);

/* Forgets the secrets. */
void boot_parameters_wipe(struct boot_parameters *parameters);

#endif
