#include "session/identify.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"

#define PHYSICAL_EXPONENT_MAX 16 /* 2^16 logical blocks per physical one: nobody builds more */

void identify_begin(struct lun *lun)
{
    memset(lun, 0, sizeof *lun); /* the padding too: two of them are compared as memory */
    lun->physical_blocks = 1;
    lun->write_cache = true;
    lun->write_same = true;
    lun->unmap_granularity = 1;
}

/* Copies a text field: cut at the first NUL, spaces around it cut, '?' for what is no text. */
static void copy_text(char *to, size_t room, const uint8_t *from, size_t count)
{
    size_t length = strnlen((const char *)from, count);
    while (length > 0 && from[length - 1] == ' ')
        length--;
    while (length > 0 && *from == ' ') {
        from++;
        length--;
    }
    lun_text(from, length, to, room);
}

int identify_inquiry(const uint8_t *data, size_t count, struct lun *lun, uint8_t *ret_type)
{
    if (count < 5)
        return -EPROTO;
    uint8_t qualifier = data[0] >> 5;
    uint8_t type = data[0] & 0x1f;
    if (qualifier != 0)
        return -ENODEV;
    if (type != 0) {
        *ret_type = type;
        return -ENOTBLK;
    }
    struct lun_identity *identity = &lun->identity;
    if (count >= 16)
        copy_text(identity->vendor, sizeof identity->vendor, data + 8, 8);
    if (count >= 32)
        copy_text(identity->product, sizeof identity->product, data + 16, 16);
    if (count >= 36)
        copy_text(identity->revision, sizeof identity->revision, data + 32, 4);
    return 0;
}

/* The body of VPD page `page`, cut to what came; 0 bytes when this is another page: some targets
 * ignore the EVPD bit and answer with the standard data. */
static size_t vpd_body(const uint8_t *data, size_t count, uint8_t page)
{
    if (count < 4 || data[1] != page)
        return 0;
    return min_u64(get_be16(data + 2), count - 4);
}

bool identify_has_page(const uint8_t *data, size_t count, uint8_t page)
{
    size_t pages = vpd_body(data, count, VPD_SUPPORTED_PAGES);
    return pages > 0 && memchr(data + 4, page, pages) != NULL;
}

void identify_serial(const uint8_t *data, size_t count, struct lun *lun)
{
    size_t length = vpd_body(data, count, VPD_SERIAL);
    copy_text(lun->identity.serial, sizeof lun->identity.serial, data + 4, length);
}

/* Which kind of designator we like best: the higher the more surely unique in the world. */
static unsigned designator_rank(uint8_t type)
{
    switch (type) {
    case 3: /* NAA */
        return 4;
    case 2: /* EUI-64 */
        return 3;
    case 8: /* SCSI name string */
        return 2;
    case 1: /* T10 vendor identification */
        return 1;
    default: /* vendor specific, port and group numbers */
        return 0;
    }
}

static void take_designator(struct lun_identity *identity, uint8_t type, const uint8_t *bytes,
                            size_t count)
{
    memset(identity->designator, 0, sizeof identity->designator);
    identity->designator_type = type;
    identity->designator_bytes = (uint8_t)min_u64(count, sizeof identity->designator);
    memcpy(identity->designator, bytes, identity->designator_bytes);
}

void identify_designators(const uint8_t *data, size_t count, struct lun *lun)
{
    size_t end = 4 + vpd_body(data, count, VPD_DESIGNATORS);
    unsigned best = 0;
    for (size_t at = 4; at + 4 <= end; at += 4u + data[at + 3]) {
        uint8_t association = data[at + 1] >> 4 & 0x3;
        uint8_t type = data[at + 1] & 0x0f;
        size_t bytes = data[at + 3];
        if (at + 4 + bytes > end)
            break; /* cut off by the allocation length, or nonsense */
        /* 0: of the logical unit; the others name the port or the target. */
        if (association == 0 && bytes > 0 && designator_rank(type) > best) {
            best = designator_rank(type);
            take_designator(&lun->identity, type, data + at + 4, bytes);
        }
    }
}

void identify_limits(const uint8_t *data, size_t count, struct lun *lun)
{
    size_t end = 4 + vpd_body(data, count, VPD_BLOCK_LIMITS);
    if (end >= 12)
        lun->max_transfer_blocks = get_be32(data + 8);
    if (end >= 24)
        lun->max_unmap_blocks = get_be32(data + 20);
    if (end >= 32)
        lun->unmap_granularity = (uint32_t)max_u64(get_be32(data + 28), 1);
    if (end >= 36 && (data[32] & 0x80)) /* UGAVALID */
        lun->unmap_alignment = (get_be32(data + 32) & 0x7fffffff) % lun->unmap_granularity;
    if (end >= 44)
        lun->max_write_same_blocks = get_be64(data + 36);
}

void identify_provisioning(const uint8_t *data, size_t count, struct lun *lun)
{
    if (vpd_body(data, count, VPD_PROVISIONING) < 2)
        return;
    lun->unmap = data[5] & 0x80;            /* LBPU */
    lun->write_same_unmap = data[5] & 0x40; /* LBPWS */
}

int identify_capacity10(const uint8_t *data, size_t count, struct lun *lun)
{
    if (count < 8)
        return -EPROTO;
    uint32_t last = get_be32(data);
    if (last == UINT32_MAX)
        return -EFBIG;
    lun->blocks = (uint64_t)last + 1;
    lun->block_bytes = get_be32(data + 4);
    return 0;
}

int identify_capacity16(const uint8_t *data, size_t count, struct lun *lun)
{
    if (count < 12 || get_be64(data) == UINT64_MAX)
        return -EPROTO;
    lun->blocks = get_be64(data) + 1;
    lun->block_bytes = get_be32(data + 8);
    if (count >= 14)
        lun->physical_blocks = 1u << min_u64(data[13] & 0x0f, PHYSICAL_EXPONENT_MAX);
    if (count >= 16) {
        lun->thin = data[14] & 0x80;                      /* LBPME */
        lun->unmap_zeroes = lun->thin && data[14] & 0x40; /* LBPRZ */
        lun->lba_status = lun->thin;
    }
    return 0;
}

static void mode_pages(const uint8_t *data, size_t count, size_t at, struct lun *lun)
{
    while (at + 3 <= count) {
        if ((data[at] & 0x3f) == MODE_PAGE_CACHING) {
            lun->write_cache = data[at + 2] & 0x04; /* WCE */
            return;
        }
        at += 2u + data[at + 1];
    }
}

static void mode_flags(uint8_t device_specific, struct lun *lun)
{
    lun->read_only = device_specific & 0x80; /* WP */
    lun->fua = device_specific & 0x10;       /* DPOFUA */
}

void identify_mode6(const uint8_t *data, size_t count, struct lun *lun)
{
    if (count < 4)
        return;
    mode_flags(data[2], lun);
    mode_pages(data, min_u64(count, 1u + data[0]), 4u + data[3], lun);
}

void identify_mode10(const uint8_t *data, size_t count, struct lun *lun)
{
    if (count < 8)
        return;
    mode_flags(data[3], lun);
    mode_pages(data, min_u64(count, 2u + get_be16(data)), 8u + get_be16(data + 6), lun);
}
