/* iPXE's script: log in, then the LUN's own boot loader or a kernel; again until it works. */
#include <stdio.h>
#include <string.h>

#include "boot/netboot.h"

/* Any byte of a name or secret passes as hex; blanks, "${" and "||" would not as they are. */
static void put_setting(struct netboot_text *text, const char *setting, const char *value)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:_-+=/";
    if (value[strspn(value, plain)] == '\0') {
        netboot_put(text, "set %s %s\n", setting, value);
        return;
    }
    netboot_put(text, "set %s:hexraw ", setting);
    for (; *value; value++)
        netboot_put(text, "%02x", (unsigned char)*value);
    netboot_put(text, "\n");
}

static void put_head(const struct netboot_plan *plan, bool secrets, struct netboot_text *text)
{
    netboot_put(text,
                "#!ipxe\n"
                "# Boots from the LUN '%s'. Written by holdfast netboot; see holdfast-boot(7).\n",
                plan->name);
    if (secrets)
        netboot_put(text,
                    "# IT HOLDS THE CHAP SECRET: whoever can read it can log in to the target.\n"
                    "# TFTP gives a file to everybody on the network: build it into iPXE instead\n"
                    "# (make bin/undionly.kpxe EMBED=%s), or serve it on a network of your own.\n",
                    NETBOOT_SCRIPT);
}

static void put_login(const struct netboot_plan *plan, bool secrets, struct netboot_text *text)
{
    put_setting(text, "initiator-iqn", plan->initiator);
    if (!plan->chap_user)
        return;
    put_setting(text, "username", plan->chap_user);
    if (secrets)
        put_setting(text, "password", plan->chap_secret);
    if (!plan->mutual_user)
        return;
    put_setting(text, "reverse-username", plan->mutual_user);
    if (secrets)
        put_setting(text, "reverse-password", plan->mutual_secret);
}

/* The secrets are typed at the machine, again after a login that failed. */
static void put_questions(const struct netboot_plan *plan, struct netboot_text *text)
{
    netboot_put(text, "echo The CHAP secret of the LUN %s:\nlogin || goto failed\n", plan->name);
    if (plan->mutual_user)
        netboot_put(text, "echo The secret by which the target proves itself:\n"
                          "read reverse-password || goto failed\n");
}

static void put_attach(const struct netboot_plan *plan, struct netboot_text *text)
{
    for (unsigned i = 0; i < plan->portal_count; i++) {
        char path[NETBOOT_ROOT_PATH_BYTES];
        netboot_root_path(plan, i, path);
        netboot_put(text, "%s%s %s", i > 0 ? " || " : "", plan->kernel ? "sanhook" : "sanboot",
                    path);
    }
    netboot_put(text, " || goto failed\n");
}

/* initrd= is for the EFI stub, which finds the image by this name. */
static void put_kernel(const struct netboot_plan *plan, struct netboot_text *text)
{
    netboot_put(text, "kernel %s", plan->kernel);
    if (plan->initrd) {
        const char *slash = strrchr(plan->initrd, '/');
        netboot_put(text, " initrd=%s", slash ? slash + 1 : plan->initrd);
    }
    netboot_put(text, " holdfast=ibft%s%s || goto detach\n", *plan->append ? " " : "",
                plan->append);
    if (plan->initrd)
        netboot_put(text, "initrd %s || goto detach\n", plan->initrd);
    netboot_put(text, "boot || goto detach\n\n:detach\nimgfree\nsanunhook\n");
}

int netboot_ipxe(const struct netboot_plan *plan, enum netboot_secrets secrets,
                 struct netboot_text *text)
{
    bool with_secrets = plan->chap_user && secrets == NETBOOT_SECRETS;
    put_head(plan, with_secrets, text);
    netboot_put(text, "\n:again\nisset ${ip} || dhcp || goto failed\n");
    put_login(plan, with_secrets, text);
    if (plan->chap_user && !with_secrets)
        put_questions(plan, text);
    put_attach(plan, text);
    if (plan->kernel)
        put_kernel(plan, text);
    netboot_put(text, "\n:failed\n"
                      "prompt --key s --timeout 5000 "
                      "Press s for a shell, or wait 5 seconds && shell ||\n"
                      "goto again\n");
    return netboot_text_error(text);
}
