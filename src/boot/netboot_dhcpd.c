/* ISC dhcpd: the same as dnsmasq's, without TFTP. */
#include <stdio.h>

#include "boot/netboot.h"

static void put_definitions(const struct netboot_plan *plan, struct netboot_text *text)
{
    netboot_put(text,
                "# Boots a machine from the LUN '%s'. Written by holdfast netboot; include it in\n"
                "# dhcpd.conf, or merge it where the subnet stands already. A TFTP server has to\n"
                "# give out %s/tftp.\n\n"
                "option client-arch code 93 = unsigned integer 16;\n"
                "option iscsi-initiator-iqn code 203 = string;\n\n",
                plan->name, plan->folder);
}

/* What the machine gets: in the host's declaration, or for all in the subnet's. */
static void put_boot(const struct netboot_plan *plan, struct netboot_text *text)
{
    char path[NETBOOT_ROOT_PATH_BYTES], server[NETBOOT_IPV4_BYTES];
    netboot_root_path(plan, 0, path);
    netboot_put(text,
                "    next-server %s;\n"
                "    option iscsi-initiator-iqn \"%s\";\n"
                "    if exists user-class and option user-class = \"iPXE\" {\n"
                "        filename \"%s\";\n"
                "    } else {\n"
                "        option root-path \"%s\";\n",
                netboot_ipv4(plan->server, server), plan->initiator, netboot_script(plan), path);
    netboot_put(text,
                "        if exists client-arch and\n"
                "                (option client-arch = 7 or option client-arch = 9) {\n"
                "            filename \"%s\";\n"
                "        } else {\n"
                "            filename \"%s\";\n"
                "        }\n"
                "    }\n",
                NETBOOT_UEFI_LOADER, NETBOOT_BIOS_LOADER);
}

static void put_subnet(const struct netboot_plan *plan, struct netboot_text *text)
{
    char net[NETBOOT_IPV4_BYTES], mask[NETBOOT_IPV4_BYTES], router[NETBOOT_IPV4_BYTES];
    char first[NETBOOT_IPV4_BYTES], last[NETBOOT_IPV4_BYTES];
    uint32_t bits = netboot_mask(plan->prefix);
    netboot_put(text, "subnet %s netmask %s {\n", netboot_ipv4(plan->server & bits, net),
                netboot_ipv4(bits, mask));
    /* The machine's own address is outside of the range of the others. */
    netboot_put(text, "    range %s %s;\n", netboot_ipv4(plan->first + (plan->mac != NULL), first),
                netboot_ipv4(plan->last, last));
    if (plan->router)
        netboot_put(text, "    option routers %s;\n", netboot_ipv4(plan->router, router));
    netboot_put(text, "    # for ever: nothing in an initramfs renews a lease\n"
                      "    default-lease-time 4294967295;\n"
                      "    max-lease-time 4294967295;\n");
    if (!plan->mac) {
        netboot_put(text, "    # ANY machine gets the LUN; two that write to it destroy it\n");
        put_boot(plan, text);
    }
    netboot_put(text, "}\n");
}

int netboot_dhcpd(const struct netboot_plan *plan, struct netboot_text *text)
{
    char address[NETBOOT_IPV4_BYTES];
    put_definitions(plan, text);
    put_subnet(plan, text);
    if (plan->mac) {
        netboot_put(text,
                    "\nhost holdfast-%s {\n"
                    "    hardware ethernet %s;\n"
                    "    fixed-address %s;\n",
                    plan->name, plan->mac, netboot_ipv4(plan->first, address));
        put_boot(plan, text);
        netboot_put(text, "}\n");
    }
    return netboot_text_error(text);
}
