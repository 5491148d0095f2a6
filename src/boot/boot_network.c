#include "boot/boot_network.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

void boot_network_print_mac(const struct ibft_nic *nic, char ret_text[BOOT_MAC_BYTES])
{
    const uint8_t *mac = nic->mac;
    snprintf(ret_text, BOOT_MAC_BYTES, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2],
             mac[3], mac[4], mac[5]);
}

static void print_mask(unsigned prefix, char ret_text[INET_ADDRSTRLEN])
{
    struct in_addr mask = {.s_addr = htonl(prefix == 0 ? 0 : ~0u << (32 - prefix))};
    inet_ntop(AF_INET, &mask, ret_text, INET_ADDRSTRLEN);
}

/* A name that can stand between colons and quotes; none otherwise. */
static const char *safe_name(const char *name)
{
    for (const char *c = name; *c; c++) {
        if (!isalnum((unsigned char)*c) && !strchr(".-_", *c))
            return "";
    }
    return name;
}

static bool is_ipv6(const char *address)
{
    return strchr(address, ':');
}

/* In the middle of ip= only IPv4 has room. */
static const char *ipv4_only(const char *address)
{
    return is_ipv6(address) ? "" : address;
}

static int print_ipv4(const struct ibft_nic *nic, char *text, size_t bytes)
{
    char mask[INET_ADDRSTRLEN];
    const char *dns[2] = {ipv4_only(nic->dns[0]), ipv4_only(nic->dns[1])};
    print_mask(nic->prefix, mask);
    return snprintf(text, bytes, "HOLDFAST_IP='%s::%s:%s:%s::off%s%s%s%s'\n", nic->address,
                    ipv4_only(nic->gateway), mask, safe_name(nic->hostname), *dns[0] ? ":" : "",
                    dns[0], *dns[1] ? ":" : "", dns[1]);
}

static int print_ipv6(const struct ibft_nic *nic, char *text, size_t bytes)
{
    return snprintf(text, bytes, "HOLDFAST_IP6='%s/%u'\nHOLDFAST_GATEWAY6='%s'\n", nic->address,
                    nic->prefix, is_ipv6(nic->gateway) ? nic->gateway : "");
}

void boot_network_print(const struct ibft_nic *nic, char *ret_text, size_t text_bytes)
{
    char mac[BOOT_MAC_BYTES];
    boot_network_print_mac(nic, mac);
    for (char *c = mac; *c; c++) {
        if (*c == ':')
            *c = '-';
    }
    size_t used = (size_t)snprintf(ret_text, text_bytes, "HOLDFAST_BOOTIF='01-%s'\n", mac);
    if (*nic->address)
        used +=
            (size_t)(is_ipv6(nic->address) ? print_ipv6(nic, ret_text + used, text_bytes - used)
                                           : print_ipv4(nic, ret_text + used, text_bytes - used));
    if (nic->vlan)
        used +=
            (size_t)snprintf(ret_text + used, text_bytes - used, "HOLDFAST_VLAN='%u'\n", nic->vlan);
    if (nic->origin == IBFT_ORIGIN_DHCP)
        snprintf(ret_text + used, text_bytes - used, "HOLDFAST_DHCP='yes'\n");
}
