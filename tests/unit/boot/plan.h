/* A plan to write files from, and what the tests look for in them. */
#ifndef UNIT_BOOT_PLAN_H
#define UNIT_BOOT_PLAN_H

#include <string.h>

#include "boot/netboot.h"
#include "tests/unit/unit.h"

static const struct netboot_plan example = {
    .name = "root",
    .initiator = "iqn.2026-11.org.holdfast:root",
    .target = "iqn.2026-11.org.example:root",
    .lun = 26,
    .portal_count = 1,
    .portals = {{"10.77.0.2", 3260}},
    .mac = "52:54:00:aa:bb:01",
    .interface = "eth1",
    .server = 0x0a4d0001,
    .prefix = 24,
    .first = 0x0a4d0080,
    .last = 0x0a4d00bf,
    .folder = "/srv/boot",
    .append = "",
};

#define EXAMPLE_PATH "iscsi:10.77.0.2:::1a:iqn.2026-11.org.example:root"
#define SECRET       "the secret of the machine"

static inline struct netboot_plan with_chap(struct netboot_plan plan)
{
    plan.chap_user = "joe";
    plan.chap_secret = SECRET;
    plan.mutual_user = "target";
    plan.mutual_secret = "mutualsecret";
    return plan;
}

static char written[8192];

static inline void has(const char *piece)
{
    if (!strstr(written, piece))
        fail_msg("'%s' is not in:\n%s", piece, written);
}

static inline void lacks(const char *piece)
{
    if (strstr(written, piece))
        fail_msg("'%s' is in:\n%s", piece, written);
}

/* The writer, with just the room that it needs, and with a byte less. */
static inline void write_plan(int (*writer)(const struct netboot_plan *, struct netboot_text *),
                              const struct netboot_plan *plan)
{
    struct netboot_text text;
    netboot_text_init(&text, written, sizeof written);
    assert_int_equal(writer(plan, &text), 0);
    size_t bytes = text.used;
    netboot_text_init(&text, written, bytes);
    assert_true(writer(plan, &text) < 0);
    netboot_text_init(&text, written, bytes + 1);
    assert_int_equal(writer(plan, &text), 0);
}

#endif
