/*
 * What /proc/cmdline says about the boot: holdfast=, and the words that people have today for
 * open-iscsi (ISCSI_..., in both cases) and for dracut (netroot=, root=, rd.iscsi.*).
 *
 * Of a word that stands twice the last counts, as everywhere on that line; netroot=iscsi: may be
 * given again for further portals of one target.
 */
#ifndef BOOT_KERNEL_COMMAND_LINE_H
#define BOOT_KERNEL_COMMAND_LINE_H

#include "boot/boot_facts.h"

#define COMMAND_LINE_BYTES 4096u
#define COMMAND_WORD_BYTES 512u

enum boot_choice {
    BOOT_NOT_ASKED, /* nothing asks for us */
    BOOT_OFF,       /* holdfast=no */
    BOOT_IBFT,      /* the LUN has to come from the iBFT */
    BOOT_DHCP,      /* ... from DHCP's root path */
    BOOT_NAMED,     /* the line names a LUN, or parts of one */
};

struct kernel_command_line {
    enum boot_choice choice;
    struct boot_facts holdfast;  /* holdfast=, netroot=holdfast: */
    struct boot_facts netroot;   /* netroot=iscsi:, root=iscsi:, rd.iscsi.* */
    struct boot_facts variables; /* ISCSI_... */
    bool ignores_ibft;           /* holdfast.ignore= */
    bool ignores_dhcp;
    char timeout[COMMAND_WORD_BYTES]; /* holdfast.timeout=, "" when not given */
    char ip[COMMAND_WORD_BYTES];      /* ip=, "" when not given: the network is settled */
    bool has_root;                    /* root= names something to mount */
    bool has_secret;                  /* a secret stands there, for everybody to read */
};

int kernel_command_line_parse(const char *text, struct kernel_command_line *ret_line,
                              struct fault *fault);

/* What "holdfast=" and "url =" take: ibft, dhcp, no, an iscsi:// URL, a root path. */
int boot_choice_parse(const char *text, enum boot_choice *ret_choice, struct boot_facts *facts,
                      struct fault *fault);

#endif
