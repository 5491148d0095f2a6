/* The kernel is asked: a UDP socket that is connected sends nothing, and knows its own address. */
#include <arpa/inet.h>
#include <errno.h>
#include <glob.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "boot/boot_nic.h"
#include "boot/boot_search.h"

#define DEPTH_MAX 4 /* a VLAN on a bridge on a bond on a NIC */

static int own_address(const struct url_portal *portal, struct sockaddr_storage *ret_own,
                       struct fault *fault)
{
    const struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
                                   .ai_socktype = SOCK_DGRAM};
    struct addrinfo *there;
    socklen_t bytes = sizeof *ret_own;
    char port[8];
    snprintf(port, sizeof port, "%u", portal->port);
    if (getaddrinfo(portal->host, port, &hints, &there) != 0)
        return fault_set(fault, -EINVAL,
                         "'%.128s' is no address; an initramfs cannot look up names", portal->host);
    int fd = socket(there->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int error = fd < 0 || connect(fd, there->ai_addr, there->ai_addrlen) < 0 ||
                        getsockname(fd, (struct sockaddr *)ret_own, &bytes) < 0
                    ? -errno
                    : 0;
    if (fd >= 0)
        close(fd);
    freeaddrinfo(there);
    return error ? fault_set(fault, error, "no way to %.128s: %s; is the network up?", portal->host,
                             strerror(-error))
                 : 0;
}

static bool is_same_address(const struct sockaddr *a, const struct sockaddr_storage *b)
{
    if (!a || a->sa_family != b->ss_family)
        return false;
    if (a->sa_family == AF_INET)
        return ((const struct sockaddr_in *)a)->sin_addr.s_addr ==
               ((const struct sockaddr_in *)b)->sin_addr.s_addr;
    return a->sa_family == AF_INET6 &&
           memcmp(&((const struct sockaddr_in6 *)a)->sin6_addr,
                  &((const struct sockaddr_in6 *)b)->sin6_addr, sizeof(struct in6_addr)) == 0;
}

static int interface_of(const struct sockaddr_storage *own, char ret_name[IF_NAMESIZE])
{
    struct ifaddrs *all;
    int error = -EHOSTUNREACH;
    if (getifaddrs(&all) < 0)
        return -errno;
    for (struct ifaddrs *one = all; one && error; one = one->ifa_next) {
        if (!is_same_address(one->ifa_addr, own))
            continue;
        snprintf(ret_name, IF_NAMESIZE, "%s", one->ifa_name);
        ret_name[strcspn(ret_name, ":")] = '\0'; /* eth0:1 is a second address of eth0 */
        error = 0;
    }
    freeifaddrs(all);
    return error;
}

static void add_line(const char *name, char *lines, size_t bytes)
{
    char path[64 + IF_NAMESIZE], mac[32];
    size_t used = strlen(lines);
    snprintf(path, sizeof path, "/sys/class/net/%.15s/address", name);
    if (boot_read_text(path, mac, sizeof mac) != 0)
        *mac = '\0';
    snprintf(lines + used, bytes - used, "%.15s %s\n", name, mac);
}

static void add_with_lower(const char *name, int depth, char *lines, size_t bytes)
{
    char pattern[64 + IF_NAMESIZE];
    glob_t found;
    add_line(name, lines, bytes);
    snprintf(pattern, sizeof pattern, "/sys/class/net/%.15s/lower_*", name);
    if (depth == DEPTH_MAX || glob(pattern, 0, NULL, &found) != 0)
        return;
    for (size_t i = 0; i < found.gl_pathc; i++)
        add_with_lower(strrchr(found.gl_pathv[i], '/') + 1 + strlen("lower_"), depth + 1, lines,
                       bytes);
    globfree(&found);
}

int boot_nic_find(const struct url_portal *portal, char *ret_lines, size_t lines_bytes,
                  struct fault *fault)
{
    struct sockaddr_storage own = {0};
    char name[IF_NAMESIZE];
    int error = own_address(portal, &own, fault);
    if (error)
        return error;
    error = interface_of(&own, name);
    if (error)
        return fault_set(fault, error, "no interface has the address by which %.128s is reached",
                         portal->host);
    ret_lines[0] = '\0';
    add_with_lower(name, 0, ret_lines, lines_bytes);
    return 0;
}
