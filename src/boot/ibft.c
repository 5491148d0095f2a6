/*
 * Good day: check the frame (signature, length, checksum), then the control structure, then each
 * structure that it points at, by its id. What can go wrong is firmware: a table cut short, lengths
 * of another version, offsets and strings outside. All of it is -EINVAL with the place; nothing is
 * guessed from half a table.
 */
#include "boot/ibft.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "boot/root_path.h"

#define CONTROL_AT     48u
#define CONTROL_BYTES  18u /* at least; more when there are more than two NICs and targets */
#define CONTROL_FIXED  8u  /* in front of the offsets */
#define STRUCT_VERSION 1u

#define FLAG_VALID 1u
#define FLAG_BOOT  2u

enum { ID_CONTROL = 1, ID_INITIATOR = 2, ID_NIC = 3, ID_TARGET = 4 };
enum { CHAP_NONE = 0, CHAP_ONE_WAY = 1, CHAP_MUTUAL = 2 };

struct table {
    const uint8_t *start;
    size_t bytes;
    struct fault *fault;
};

static bool is_signature(const void *at)
{
    return memcmp(at, "iBFT", 4) == 0 || memcmp(at, "IBFT", 4) == 0 || memcmp(at, "BIFT", 4) == 0;
}

uint32_t ibft_length_at(const void *start)
{
    uint32_t length = get_le32((const uint8_t *)start + 4);
    bool fits = length >= IBFT_HEADER_BYTES && length <= IBFT_BYTES_MAX;
    return is_signature(start) && fits ? length : 0;
}

static int check_frame(struct table *table)
{
    struct fault *fault = table->fault;
    uint8_t sum = 0;
    if (table->bytes < IBFT_HEADER_BYTES)
        return fault_set(fault, -EINVAL, "%zu bytes are no table", table->bytes);
    if (!is_signature(table->start))
        return fault_set(fault, -EINVAL, "it does not begin with iBFT");
    uint32_t length = get_le32(table->start + 4);
    if (length < CONTROL_AT + CONTROL_BYTES || length > IBFT_BYTES_MAX)
        return fault_set(fault, -EINVAL, "its length of %u bytes cannot be true", length);
    if (length > table->bytes)
        return fault_set(fault, -EINVAL, "it is cut short: %zu of %u bytes", table->bytes, length);
    table->bytes = length;
    for (size_t i = 0; i < length; i++)
        sum = (uint8_t)(sum + table->start[i]);
    return sum ? fault_set(fault, -EINVAL, "its checksum is wrong (%02x over)", sum) : 0;
}

/* The structure at `offset`, when it is there in whole and of that kind. */
static int find_struct(const struct table *table, unsigned offset, unsigned id, unsigned length,
                       const char *what, const uint8_t **ret_at)
{
    if (!range_is_inside(offset, length, table->bytes) || offset < CONTROL_AT)
        return fault_set(table->fault, -EINVAL, "the %s at offset %u is outside of it", what,
                         offset);
    const uint8_t *at = table->start + offset;
    unsigned told = get_le16(at + 2);
    if (at[0] != id || at[1] != STRUCT_VERSION)
        return fault_set(table->fault, -EINVAL,
                         "the %s at offset %u has id %u version %u instead of %u and %u", what,
                         offset, at[0], at[1], id, STRUCT_VERSION);
    bool fits = id == ID_CONTROL ? told >= length : told == length;
    if (!fits)
        return fault_set(table->fault, -EINVAL, "the %s says %u bytes instead of %u", what, told,
                         length);
    *ret_at = at;
    return 0;
}

/* A string by its {length, offset}. Firmware counts the closing NUL sometimes; it is cut. */
static int take_string(const struct table *table, const uint8_t *field, const char *what,
                       char *ret_text, size_t text_bytes)
{
    size_t bytes = get_le16(field);
    unsigned offset = get_le16(field + 2);
    ret_text[0] = '\0';
    if (bytes == 0)
        return 0;
    if (!range_is_inside(offset, bytes, table->bytes) || offset < CONTROL_AT)
        return fault_set(table->fault, -EINVAL, "the %s at offset %u is outside of it", what,
                         offset);
    const uint8_t *from = table->start + offset;
    if (from[bytes - 1] == '\0')
        bytes--;
    if (bytes >= text_bytes)
        return fault_set(table->fault, -EINVAL, "the %s is longer than %zu bytes", what,
                         text_bytes - 1);
    for (size_t i = 0; i < bytes; i++) {
        if (from[i] < 0x20 || from[i] == 0x7f)
            return fault_set(table->fault, -EINVAL, "the %s contains a control character", what);
    }
    memcpy(ret_text, from, bytes);
    ret_text[bytes] = '\0';
    return 0;
}

/* IPv4 stands as ::ffff:a.b.c.d; all zero is none. */
static void take_address(const uint8_t *from, char ret_text[IBFT_ADDRESS_BYTES])
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    static const uint8_t zero[16];
    ret_text[0] = '\0';
    if (memcmp(from, mapped, sizeof mapped) == 0) {
        if (memcmp(from + 12, zero, 4) != 0)
            inet_ntop(AF_INET, from + 12, ret_text, IBFT_ADDRESS_BYTES);
    } else if (memcmp(from, zero, sizeof zero) != 0) {
        inet_ntop(AF_INET6, from, ret_text, IBFT_ADDRESS_BYTES);
    }
}

static int parse_initiator(const struct table *table, unsigned offset, struct ibft *ibft)
{
    const uint8_t *at;
    int error = find_struct(table, offset, ID_INITIATOR, 74, "initiator", &at);
    if (error || !(at[5] & FLAG_VALID))
        return error;
    error =
        take_string(table, at + 70, "initiator's name", ibft->initiator, sizeof ibft->initiator);
    return error || !*ibft->initiator ? error : url_check_name(ibft->initiator, table->fault);
}

static int parse_nic(const struct table *table, unsigned offset, struct ibft *ibft)
{
    const uint8_t *at;
    int error = find_struct(table, offset, ID_NIC, 102, "NIC", &at);
    if (error || !(at[5] & FLAG_VALID))
        return error;
    if (ibft->nic_count == IBFT_NICS)
        return fault_set(table->fault, -EINVAL, "it has more than %u NICs", IBFT_NICS);
    struct ibft_nic *nic = &ibft->nics[ibft->nic_count++];
    nic->index = at[4];
    nic->is_boot = at[5] & FLAG_BOOT;
    take_address(at + 6, nic->address);
    nic->prefix = at[22];
    nic->origin = at[23];
    take_address(at + 24, nic->gateway);
    take_address(at + 40, nic->dns[0]);
    take_address(at + 56, nic->dns[1]);
    nic->vlan = get_le16(at + 88);
    memcpy(nic->mac, at + 90, sizeof nic->mac);
    if (nic->prefix > (strchr(nic->address, ':') ? 128 : 32))
        return fault_set(table->fault, -EINVAL, "the NIC's prefix of %u bits cannot be true",
                         nic->prefix);
    if (nic->vlan > 4094)
        return fault_set(table->fault, -EINVAL, "VLAN %u cannot be true", nic->vlan);
    return take_string(table, at + 98, "host's name", nic->hostname, sizeof nic->hostname);
}

static int take_chap(const struct table *table, const uint8_t *at, struct boot_chap *chap)
{
    unsigned type = at[32];
    int error = 0;
    if (type > CHAP_MUTUAL)
        return fault_set(table->fault, -EINVAL, "CHAP type %u of a target is unknown", type);
    if (type >= CHAP_ONE_WAY)
        error = take_string(table, at + 38, "CHAP user", chap->user, sizeof chap->user);
    if (!error && type >= CHAP_ONE_WAY)
        error = take_string(table, at + 42, "CHAP secret", chap->secret, sizeof chap->secret);
    if (!error && type == CHAP_MUTUAL)
        error = take_string(table, at + 46, "target's CHAP user", chap->mutual_user,
                            sizeof chap->mutual_user);
    if (!error && type == CHAP_MUTUAL)
        error = take_string(table, at + 50, "target's CHAP secret", chap->mutual_secret,
                            sizeof chap->mutual_secret);
    return error;
}

static int take_lun(const struct table *table, const uint8_t *at, uint32_t *ret_lun)
{
    uint16_t groups[4];
    for (unsigned i = 0; i < 4; i++)
        groups[i] = get_be16(at + (size_t)2 * i);
    return root_path_lun_of_groups(groups, ret_lun, table->fault);
}

static int parse_target(const struct table *table, unsigned offset, struct ibft *ibft)
{
    const uint8_t *at;
    int error = find_struct(table, offset, ID_TARGET, 54, "target", &at);
    if (error || !(at[5] & FLAG_VALID))
        return error;
    if (ibft->target_count == IBFT_TARGETS)
        return fault_set(table->fault, -EINVAL, "it has more than %u targets", IBFT_TARGETS);
    struct ibft_target *target = &ibft->targets[ibft->target_count++];
    target->index = at[4];
    target->is_boot = at[5] & FLAG_BOOT;
    take_address(at + 6, target->address);
    target->port = get_le16(at + 22);
    target->nic = at[33];
    error = take_lun(table, at + 24, &target->lun);
    if (!error)
        error = take_string(table, at + 34, "target's name", target->name, sizeof target->name);
    if (!error)
        error = url_check_name(target->name, table->fault);
    if (!error && !*target->address)
        error = fault_set(table->fault, -EINVAL, "target %.64s has no address", target->name);
    return error ? error : take_chap(table, at, &target->chap);
}

static int parse_entry(const struct table *table, unsigned offset, struct ibft *ibft)
{
    if (offset == 0) /* not there */
        return 0;
    if (!range_is_inside(offset, 6, table->bytes))
        return fault_set(table->fault, -EINVAL, "an entry at offset %u is outside of it", offset);
    switch (table->start[offset]) {
    case ID_NIC:
        return parse_nic(table, offset, ibft);
    case ID_TARGET:
        return parse_target(table, offset, ibft);
    default:
        return fault_set(table->fault, -EINVAL, "the entry at offset %u has the unknown id %u",
                         offset, table->start[offset]);
    }
}

static int parse_control(const struct table *table, struct ibft *ibft)
{
    const uint8_t *at;
    int error = find_struct(table, CONTROL_AT, ID_CONTROL, CONTROL_BYTES, "control structure", &at);
    if (error)
        return error;
    unsigned bytes = get_le16(at + 2);
    if (!range_is_inside(CONTROL_AT, bytes, table->bytes))
        return fault_set(table->fault, -EINVAL, "the control structure of %u bytes is cut short",
                         bytes);
    unsigned initiator = get_le16(at + CONTROL_FIXED);
    if (initiator)
        error = parse_initiator(table, initiator, ibft);
    for (unsigned i = CONTROL_FIXED + 2; !error && i + 2 <= bytes; i += 2)
        error = parse_entry(table, get_le16(at + i), ibft);
    return error;
}

int ibft_parse(const void *start, size_t bytes, struct ibft *ret_ibft, struct fault *fault)
{
    struct table table = {start, bytes, fault};
    static const struct ibft nothing;
    *ret_ibft = nothing;
    int error = check_frame(&table);
    if (!error)
        error = parse_control(&table, ret_ibft);
    if (error)
        explicit_bzero(ret_ibft, sizeof *ret_ibft);
    return error ? fault_prefix(fault, error, "the iBFT is broken") : 0;
}

static const struct ibft_target *boot_target(const struct ibft *ibft)
{
    for (unsigned i = 0; i < ibft->target_count; i++) {
        if (ibft->targets[i].is_boot)
            return &ibft->targets[i];
    }
    return ibft->target_count ? &ibft->targets[0] : NULL;
}

static void add_portal(struct url_target *lun, const struct ibft_target *target)
{
    if (lun->portal_count == URL_PORTALS)
        return;
    struct url_portal *portal = &lun->portals[lun->portal_count++];
    strcpy(portal->host, target->address); /* an address is shorter than a host's name */
    portal->port = target->port ? target->port : URL_PORT_DEFAULT;
}

int ibft_take_facts(const struct ibft *ibft, struct boot_facts *facts, struct fault *fault)
{
    const struct ibft_target *boot = boot_target(ibft);
    if (!boot)
        return fault_set(fault, -ENOENT,
                         "the iBFT names no target: the firmware booted from something else; boot "
                         "by iPXE's sanboot or sanhook, or name the LUN with holdfast=");
    facts->lun = (struct url_target){.lun_is_given = true, .lun = boot->lun};
    strcpy(facts->lun.target, boot->name);
    strcpy(facts->initiator, ibft->initiator);
    facts->chap = boot->chap;
    add_portal(&facts->lun, boot);
    for (const struct ibft_target *other = ibft->targets;
         other < ibft->targets + ibft->target_count; other++) {
        if (other != boot && other->lun == boot->lun && strcasecmp(other->name, boot->name) == 0)
            add_portal(&facts->lun, other);
    }
    return 0;
}

const struct ibft_nic *ibft_boot_nic(const struct ibft *ibft)
{
    const struct ibft_target *target = boot_target(ibft);
    const struct ibft_nic *found = NULL;
    for (const struct ibft_nic *nic = ibft->nics; nic < ibft->nics + ibft->nic_count; nic++) {
        if (target && nic->index == target->nic)
            return nic;
        if (!found || (nic->is_boot && !found->is_boot))
            found = nic;
    }
    return found;
}
