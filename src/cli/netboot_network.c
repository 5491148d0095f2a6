#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "cli/netboot_host.h"

static uint32_t ipv4_of(const struct sockaddr *address)
{
    struct sockaddr_in in;
    memcpy(&in, address, sizeof in);
    return ntohl(in.sin_addr.s_addr);
}

static bool has_ipv4(const struct ifaddrs *item)
{
    return item->ifa_addr && item->ifa_netmask && item->ifa_addr->sa_family == AF_INET;
}

static bool is_it(const struct ifaddrs *item, const char *name, uint32_t portal)
{
    if (name)
        return strcmp(item->ifa_name, name) == 0;
    uint32_t mask = ipv4_of(item->ifa_netmask);
    return !(item->ifa_flags & IFF_LOOPBACK) && ((ipv4_of(item->ifa_addr) ^ portal) & mask) == 0;
}

static void take(const struct ifaddrs *item, struct netboot_interface *ret_found)
{
    snprintf(ret_found->name, sizeof ret_found->name, "%s", item->ifa_name);
    ret_found->name[strcspn(ret_found->name, ":")] = '\0'; /* an alias, eth0:1 */
    ret_found->address = ipv4_of(item->ifa_addr);
    ret_found->prefix = (unsigned)__builtin_popcount(ipv4_of(item->ifa_netmask));
}

int netboot_find_interface(const char *name, uint32_t portal, struct netboot_interface *ret_found,
                           struct fault *fault)
{
    struct ifaddrs *all;
    char text[NETBOOT_IPV4_BYTES];
    if (getifaddrs(&all) != 0)
        return fault_set(fault, -errno, "the interfaces: %s", strerror(errno));
    int error = -ENOENT;
    for (const struct ifaddrs *item = all; item && error; item = item->ifa_next) {
        if (has_ipv4(item) && is_it(item, name, portal)) {
            take(item, ret_found);
            error = 0;
        }
    }
    freeifaddrs(all);
    if (error && name)
        return fault_set(
            fault, error,
            "--interface: %.32s does not exist or has no IPv4 address; `ip -4 address` "
            "lists them",
            name);
    if (error)
        return fault_set(fault, error,
                         "no interface of this host is in the target's network (%s); say with "
                         "--interface or --network where the machine boots",
                         netboot_ipv4(portal, text));
    return 0;
}

int netboot_resolve(const char *host, char ret_address[NETBOOT_ADDRESS_BYTES], struct fault *fault)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    struct addrinfo *found;
    unsigned char raw[16];
    if (inet_pton(AF_INET, host, raw) == 1 || inet_pton(AF_INET6, host, raw) == 1) {
        snprintf(ret_address, NETBOOT_ADDRESS_BYTES, "%s", host);
        return 0;
    }
    int error = getaddrinfo(host, NULL, &hints, &found);
    if (error)
        return fault_set(fault, -ENOENT,
                         "portal %.128s: %s; give its address: who boots knows no names", host,
                         gai_strerror(error));
    error = getnameinfo(found->ai_addr, found->ai_addrlen, ret_address, NETBOOT_ADDRESS_BYTES, NULL,
                        0, NI_NUMERICHOST);
    freeaddrinfo(found);
    return error ? fault_set(fault, -EIO, "portal %.128s: %s", host, gai_strerror(error)) : 0;
}
