/* dnsmasq: DHCP and TFTP in one, for a network that has neither. */
#include <stdio.h>

#include "boot/netboot.h"

static void put_network(const struct netboot_plan *plan, struct netboot_text *text)
{
    char first[NETBOOT_IPV4_BYTES], last[NETBOOT_IPV4_BYTES], mask[NETBOOT_IPV4_BYTES];
    char router[NETBOOT_IPV4_BYTES];
    netboot_put(text, "port=0\n");
    if (plan->interface)
        netboot_put(text, "interface=%s\nbind-interfaces\n", plan->interface);
    netboot_put(
        text,
        "\n# The leases never end: nothing in an initramfs renews one, and an address that\n"
        "# went to another machine would take the root disk away.\n"
        "dhcp-range=%s,%s,%s,infinite\n"
        "dhcp-leasefile=/var/lib/misc/holdfast-%s.leases\n",
        netboot_ipv4(plan->first, first), netboot_ipv4(plan->last, last),
        netboot_ipv4(netboot_mask(plan->prefix), mask), plan->name);
    if (plan->router)
        netboot_put(text, "dhcp-option=option:router,%s\n", netboot_ipv4(plan->router, router));
    else
        netboot_put(text, "dhcp-option=option:router\n");
    netboot_put(text, "no-ping\n");
}

/* `tag` goes before each thing that only the machine may have. */
static void put_machine(const struct netboot_plan *plan, struct netboot_text *text)
{
    char first[NETBOOT_IPV4_BYTES];
    if (plan->mac)
        netboot_put(text,
                    "\n# This machine alone gets the LUN: two that write to it destroy it.\n"
                    "dhcp-host=%s,set:machine,%s,infinite\n",
                    plan->mac, netboot_ipv4(plan->first, first));
    else
        netboot_put(text, "\n# ANY machine that boots by this network gets the LUN. Two that\n"
                          "# write to it destroy it: see to it that there is one.\n");
}

static void put_chain(const char *tag, struct netboot_text *text)
{
    netboot_put(text,
                "\n# The firmware gets iPXE; iPXE asks again.\n"
                "dhcp-userclass=set:ipxe,iPXE\n"
                "dhcp-match=set:bios,option:client-arch,0\n"
                "dhcp-match=set:efi64,option:client-arch,7\n"
                "dhcp-match=set:efi64,option:client-arch,9\n"
                "dhcp-boot=%stag:!ipxe,tag:bios,%s\n"
                "dhcp-boot=%stag:!ipxe,tag:efi64,%s\n",
                tag, NETBOOT_BIOS_LOADER, tag, NETBOOT_UEFI_LOADER);
}

static void put_lun(const struct netboot_plan *plan, const char *tag, struct netboot_text *text)
{
    char path[NETBOOT_ROOT_PATH_BYTES];
    netboot_root_path(plan, 0, path);
    netboot_put(text,
                "\n# The LUN, for iPXE and for an initramfs (RFC 4173; its number is\n"
                "# hexadecimal), and who the machine is.\n"
                "dhcp-boot=%stag:ipxe,%s\n"
                "dhcp-option=%stag:!ipxe,option:root-path,\"%s\"\n"
                "dhcp-option=%s203,\"%s\"\n",
                tag, netboot_script(plan), tag, path, tag, plan->initiator);
}

int netboot_dnsmasq(const struct netboot_plan *plan, struct netboot_text *text)
{
    const char *tag = plan->mac ? "tag:machine," : "";
    netboot_put(text,
                "# Boots a machine from the LUN '%s'. Written by holdfast netboot; run it with\n"
                "#   dnsmasq --keep-in-foreground --log-dhcp --conf-file=%s/dnsmasq.conf\n"
                "# on a network without another DHCP server (with one: dhcpd.conf, kea.conf).\n",
                plan->name, plan->folder);
    put_network(plan, text);
    put_machine(plan, text);
    put_chain(tag, text);
    put_lun(plan, tag, text);
    netboot_put(text, "\nenable-tftp\ntftp-root=%s/tftp\n", plan->folder);
    return netboot_text_error(text);
}
