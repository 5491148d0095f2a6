/* The files in which the DHCP clients of initramfs-tools and dracut leave their leases. */
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>

#include "boot/boot_search.h"
#include "boot/dhcp_lease.h"

#define LEASE_FILE_BYTES 16384u

static const char *const patterns[] = {
    "/run/net-*.conf",
    "/tmp/net-*.conf",
    "/tmp/dhclient.*.dhcpopts",
    "/run/systemd/netif/leases/*",
};

static int judge(const char *path, struct boot_facts *facts, struct fault *fault)
{
    static char text[LEASE_FILE_BYTES];
    struct dhcp_lease lease;
    int error = boot_read_text(path, text, sizeof text);
    if (error)
        return fault_set(fault, error, "%s: %s", path, strerror(-error));
    dhcp_lease_parse(text, &lease);
    if (!*lease.root_path)
        return -ENOENT;
    if (!dhcp_lease_is_iscsi(&lease))
        return fault_set(fault, -ENOENT, "the root path '%.128s' of %s is not one of iSCSI",
                         lease.root_path, path);
    return dhcp_lease_take_facts(&lease, facts, fault);
}

static int search(const char *prefix, const char *pattern, struct boot_facts *facts,
                  char *ret_place, size_t place_bytes, struct fault *fault)
{
    char whole[BOOT_PATH_BYTES];
    glob_t found;
    int error = -ENOENT;
    snprintf(whole, sizeof whole, "%s%s", prefix, pattern);
    if (glob(whole, 0, NULL, &found) != 0)
        return -ENOENT;
    for (size_t i = 0; i < found.gl_pathc && error == -ENOENT; i++) {
        error = judge(found.gl_pathv[i], facts, fault);
        snprintf(ret_place, place_bytes, "%s", found.gl_pathv[i]);
    }
    globfree(&found);
    return error;
}

int dhcp_source_read(const char *prefix, struct boot_facts *ret_facts, char *ret_place,
                     size_t place_bytes, struct fault *fault)
{
    int error = -ENOENT;
    fault_set(fault, error,
              "no DHCP client left a root path (option 17) in /run/net-*.conf, "
              "/tmp/dhclient.*.dhcpopts or /run/systemd/netif/leases");
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns && error == -ENOENT; i++)
        error = search(prefix, patterns[i], ret_facts, ret_place, place_bytes, fault);
    return error;
}
