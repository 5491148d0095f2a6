/* Kea's DHCPv4 server: client classes do what dnsmasq's tags do. */
#include <stdio.h>

#include "boot/netboot.h"

static void put_head(const struct netboot_plan *plan, struct netboot_text *text)
{
    netboot_put(
        text,
        "// Boots a machine from the LUN '%s'. Written by holdfast netboot. A TFTP server\n"
        "// has to give out %s/tftp.\n"
        "{ \"Dhcp4\": {\n"
        "    \"interfaces-config\": { \"interfaces\": [ \"%s\" ] },\n"
        "    \"lease-database\": { \"type\": \"memfile\", \"persist\": true },\n"
        "    // for ever: nothing in an initramfs renews a lease\n"
        "    \"valid-lifetime\": 4294967295,\n"
        "    \"option-def\": [\n"
        "        { \"name\": \"iscsi-initiator-iqn\", \"code\": 203, \"type\": \"string\" },\n"
        "        { \"name\": \"ipxe-encap-opts\", \"code\": 175, \"type\": \"empty\",\n"
        "          \"encapsulate\": \"ipxe\" },\n"
        "        { \"name\": \"keep-san\", \"code\": 8, \"space\": \"ipxe\",\n"
        "          \"type\": \"uint8\" }\n"
        "    ],\n",
        plan->name, plan->folder, plan->interface ? plan->interface : "*");
}

/* A condition that only the machine meets, to be followed by another one. */
static void put_machine(const struct netboot_plan *plan, struct netboot_text *text)
{
    if (!plan->mac)
        return;
    netboot_put(text, "pkt4.mac == 0x");
    for (const char *c = plan->mac; *c; c++) {
        if (*c != ':')
            netboot_put(text, "%c", *c);
    }
    netboot_put(text, " and ");
}

static void put_option(const char *name, const char *value, struct netboot_text *text)
{
    netboot_put(text, "              { \"name\": \"%s\", \"data\": \"%s\" }", name, value);
}

static void put_loader(const struct netboot_plan *plan, const char *kind, const char *test,
                       const char *file, struct netboot_text *text)
{
    netboot_put(text, ",\n        { \"name\": \"holdfast-%s\",\n          \"test\": \"", kind);
    put_machine(plan, text);
    netboot_put(text,
                "not member('holdfast-ipxe') and %s\",\n"
                "          \"boot-file-name\": \"%s\" }",
                test, file);
}

/* A client that says no architecture is no firmware: an initramfs, say, that looks for its root. */
static void put_others(const struct netboot_plan *plan, struct netboot_text *text)
{
    char path[NETBOOT_ROOT_PATH_BYTES];
    netboot_root_path(plan, 0, path);
    netboot_put(text, ",\n        { \"name\": \"holdfast-other\",\n          \"test\": \"");
    put_machine(plan, text);
    netboot_put(text, "not option[93].exists\",\n          \"option-data\": [\n");
    put_option("root-path", path, text);
    netboot_put(text, ",\n");
    put_option("iscsi-initiator-iqn", plan->initiator, text);
    netboot_put(text, "\n          ] }\n    ],\n");
}

static void put_classes(const struct netboot_plan *plan, struct netboot_text *text)
{
    netboot_put(text,
                "    %s\n    \"client-classes\": [\n"
                "        { \"name\": \"holdfast-ipxe\",\n          \"test\": \"",
                plan->mac ? "// One machine alone gets the LUN: two that write to it destroy it."
                          : "// ANY machine gets the LUN; two that write to it destroy it.");
    put_machine(plan, text);
    netboot_put(text,
                "substring(option[77].hex,0,4) == 'iPXE'\",\n"
                "          \"boot-file-name\": \"%s\",\n"
                "          \"option-data\": [\n",
                netboot_script(plan));
    put_option("iscsi-initiator-iqn", plan->initiator, text);
    netboot_put(text, "\n          ] }");
    put_loader(plan, "bios", "option[93].hex == 0x0000", NETBOOT_BIOS_LOADER, text);
    put_loader(plan, "efi64", "(option[93].hex == 0x0007 or option[93].hex == 0x0009)",
               NETBOOT_UEFI_LOADER, text);
    put_others(plan, text);
}

static void put_subnet(const struct netboot_plan *plan, struct netboot_text *text)
{
    char net[NETBOOT_IPV4_BYTES], server[NETBOOT_IPV4_BYTES], router[NETBOOT_IPV4_BYTES];
    char first[NETBOOT_IPV4_BYTES], last[NETBOOT_IPV4_BYTES];
    netboot_put(text,
                "    \"subnet4\": [ {\n"
                "        \"subnet\": \"%s/%u\",\n"
                "        \"next-server\": \"%s\",\n",
                netboot_ipv4(plan->server & netboot_mask(plan->prefix), net), plan->prefix,
                netboot_ipv4(plan->server, server));
    if (plan->mac)
        netboot_put(text,
                    "        \"reservations\": [\n"
                    "            { \"hw-address\": \"%s\", \"ip-address\": \"%s\" } ],\n",
                    plan->mac, netboot_ipv4(plan->first, first));
    if (plan->router)
        netboot_put(text,
                    "        \"option-data\": [ { \"name\": \"routers\", \"data\": \"%s\" } ],\n",
                    netboot_ipv4(plan->router, router));
    netboot_put(text, "        \"pools\": [ { \"pool\": \"%s - %s\" } ]\n    } ]\n} }\n",
                netboot_ipv4(plan->first, first), netboot_ipv4(plan->last, last));
}

int netboot_kea(const struct netboot_plan *plan, struct netboot_text *text)
{
    put_head(plan, text);
    put_classes(plan, text);
    put_subnet(plan, text);
    return netboot_text_error(text);
}
