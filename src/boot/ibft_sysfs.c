/*
 * The kernel's view of the iBFT, /sys/firmware/ibft: for machines that lock /dev/mem. Each byte of
 * the LUN is printed with %x, so only eight digits, one for each byte, have a single reading; more
 * are refused. Files that are absent mean a field that is empty.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "boot/boot_search.h"
#include "boot/root_path.h"

#define FLAG_VALID 1ul
#define FLAG_BOOT  2ul

struct place {
    const char *folder;
    const char *kind; /* "ethernet", "target" */
    unsigned number;
    struct fault *fault;
};

static int read_field(const struct place *place, const char *field, char *ret_text,
                      size_t text_bytes)
{
    char path[BOOT_PATH_BYTES];
    snprintf(path, sizeof path, "%s/%s%u/%s", place->folder, place->kind, place->number, field);
    int error = boot_read_text(path, ret_text, text_bytes);
    if (error == -ENOENT || error == -ENODATA) {
        *ret_text = '\0';
        return 0;
    }
    return error ? fault_set(place->fault, error, "%s: %s", path, strerror(-error)) : 0;
}

static int read_number(const struct place *place, const char *field, unsigned long max,
                       unsigned long *ret_number)
{
    char text[32], *end;
    int error = read_field(place, field, text, sizeof text);
    if (error)
        return error;
    *ret_number = strtoul(text, &end, 10);
    if (*end || *ret_number > max)
        return fault_set(place->fault, -EINVAL, "%s/%s%u/%s: '%s' cannot be true", place->folder,
                         place->kind, place->number, field, text);
    return 0;
}

/* "0.0.0.0" is none. */
static int read_address(const struct place *place, const char *field,
                        char ret_address[IBFT_ADDRESS_BYTES])
{
    unsigned char raw[16];
    char text[IBFT_ADDRESS_BYTES];
    ret_address[0] = '\0';
    int error = read_field(place, field, text, sizeof text);
    if (error || !*text || strcmp(text, "0.0.0.0") == 0)
        return error;
    if (inet_pton(AF_INET, text, raw) != 1 && inet_pton(AF_INET6, text, raw) != 1)
        return fault_set(place->fault, -EINVAL, "%s/%s%u/%s: '%s' is no address", place->folder,
                         place->kind, place->number, field, text);
    strcpy(ret_address, text);
    return 0;
}

static bool exists(const struct place *place)
{
    char path[BOOT_PATH_BYTES];
    snprintf(path, sizeof path, "%s/%s%u", place->folder, place->kind, place->number);
    return access(path, F_OK) == 0;
}

static int read_lun(const struct place *place, uint32_t *ret_lun)
{
    char text[32];
    uint16_t groups[4];
    int error = read_field(place, "lun", text, sizeof text);
    if (error)
        return error;
    if (strlen(text) != 8 || strspn(text, "0123456789abcdef") != 8)
        return fault_set(place->fault, -EINVAL,
                         "%s/target%u/lun: '%s' has more than one reading; name the LUN with "
                         "holdfast=iscsi://HOST/TARGET/LUN",
                         place->folder, place->number, text);
    for (unsigned i = 0; i < 4; i++) {
        char high[2] = {text[2 * i]}, low[2] = {text[2 * i + 1]};
        groups[i] = (uint16_t)(strtoul(high, NULL, 16) << 8 | strtoul(low, NULL, 16));
    }
    return root_path_lun_of_groups(groups, ret_lun, place->fault);
}

static int read_chap(const struct place *place, struct boot_chap *chap)
{
    int error = read_field(place, "chap-name", chap->user, sizeof chap->user);
    if (!error)
        error = read_field(place, "chap-secret", chap->secret, sizeof chap->secret);
    if (!error)
        error = read_field(place, "rev-chap-name", chap->mutual_user, sizeof chap->mutual_user);
    if (!error)
        error = read_field(place, "rev-chap-name-secret", chap->mutual_secret,
                           sizeof chap->mutual_secret);
    return error;
}

static int read_target(const struct place *place, struct ibft *ibft)
{
    struct ibft_target *target = &ibft->targets[ibft->target_count];
    unsigned long flags, port, nic;
    int error = read_number(place, "flags", 255, &flags);
    if (error || !(flags & FLAG_VALID))
        return error;
    error = read_number(place, "port", 65535, &port);
    if (!error)
        error = read_number(place, "nic-assoc", 255, &nic);
    if (!error)
        error = read_address(place, "ip-addr", target->address);
    if (!error)
        error = read_field(place, "target-name", target->name, sizeof target->name);
    if (!error)
        error = url_check_name(target->name, place->fault);
    if (!error)
        error = read_lun(place, &target->lun);
    if (!error)
        error = read_chap(place, &target->chap);
    if (error)
        return error;
    target->index = (uint8_t)place->number;
    target->is_boot = flags & FLAG_BOOT;
    target->port = (uint16_t)port;
    target->nic = (uint8_t)nic;
    ibft->target_count++;
    return 0;
}

static int read_mac(const struct place *place, uint8_t ret_mac[6])
{
    char text[32];
    int error = read_field(place, "mac", text, sizeof text);
    if (error)
        return error;
    if (sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx", &ret_mac[0], &ret_mac[1], &ret_mac[2],
               &ret_mac[3], &ret_mac[4], &ret_mac[5]) != 6)
        return fault_set(place->fault, -EINVAL, "%s/ethernet%u/mac: '%s' is no address",
                         place->folder, place->number, text);
    return 0;
}

static int read_nic(const struct place *place, struct ibft *ibft)
{
    struct ibft_nic *nic = &ibft->nics[ibft->nic_count];
    unsigned long flags, prefix, origin, vlan;
    int error = read_number(place, "flags", 255, &flags);
    if (error || !(flags & FLAG_VALID))
        return error;
    error = read_number(place, "prefix-len", 128, &prefix);
    if (!error)
        error = read_number(place, "origin", 255, &origin);
    if (!error)
        error = read_number(place, "vlan", 4094, &vlan);
    if (!error)
        error = read_address(place, "ip-addr", nic->address);
    if (!error)
        error = read_address(place, "gateway", nic->gateway);
    if (!error)
        error = read_address(place, "primary-dns", nic->dns[0]);
    if (!error)
        error = read_address(place, "secondary-dns", nic->dns[1]);
    if (!error)
        error = read_mac(place, nic->mac);
    if (!error)
        error = read_field(place, "hostname", nic->hostname, sizeof nic->hostname);
    if (!error && prefix > 32 && !strchr(nic->address, ':'))
        error = fault_set(place->fault, -EINVAL, "a prefix of %lu bits cannot be true", prefix);
    if (error)
        return error;
    nic->index = (uint8_t)place->number;
    nic->is_boot = flags & FLAG_BOOT;
    nic->prefix = (uint8_t)prefix;
    nic->origin = (uint8_t)origin;
    nic->vlan = (uint16_t)vlan;
    ibft->nic_count++;
    return 0;
}

int ibft_sysfs_read(const char *folder, struct ibft *ret_ibft, struct fault *fault)
{
    char path[BOOT_PATH_BYTES];
    static const struct ibft nothing;
    *ret_ibft = nothing;
    if (access(folder, F_OK) < 0)
        return -errno;
    snprintf(path, sizeof path, "%s/initiator/initiator-name", folder);
    boot_read_text(path, ret_ibft->initiator, sizeof ret_ibft->initiator);
    int error = *ret_ibft->initiator ? url_check_name(ret_ibft->initiator, fault) : 0;
    struct place place = {folder, "ethernet", 0, fault};
    for (; !error && place.number < IBFT_NICS && exists(&place); place.number++)
        error = read_nic(&place, ret_ibft);
    place = (struct place){folder, "target", 0, fault};
    for (; !error && place.number < IBFT_TARGETS && exists(&place); place.number++)
        error = read_target(&place, ret_ibft);
    if (error)
        explicit_bzero(ret_ibft, sizeof *ret_ibft);
    return error ? fault_prefix(fault, error, "the kernel's view of the iBFT") : 0;
}
