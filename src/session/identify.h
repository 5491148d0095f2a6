/*
 * Reads what a LUN says about itself: INQUIRY, VPD pages, READ CAPACITY, MODE SENSE.
 *
 * `data` is what really came, `count` bytes of it; the lengths inside the data are never believed
 * beyond that (trap T16). Fields that did not come keep the value they had in `lun`, so start
 * with identify_begin().
 */
#ifndef SESSION_IDENTIFY_H
#define SESSION_IDENTIFY_H

#include <stddef.h>
#include <stdint.h>

#include "session/lun.h"

enum {
    VPD_SUPPORTED_PAGES = 0x00,
    VPD_SERIAL = 0x80,
    VPD_DESIGNATORS = 0x83,
    VPD_BLOCK_LIMITS = 0xb0,
    VPD_PROVISIONING = 0xb2,
    MODE_PAGE_CACHING = 0x08,
};

/* The cautious defaults: a write cache that must be synchronised, no FUA, nothing optional. */
void identify_begin(struct lun *lun);

/* 0, -ENODEV: there is no such LUN, -ENOTBLK: not a disk (*ret_type is the device type, SPC-4
 * table 138), -EPROTO: too short to be an answer. */
int identify_inquiry(const uint8_t *data, size_t count, struct lun *lun, uint8_t *ret_type);

/* True when the VPD page list names `page`. */
bool identify_has_page(const uint8_t *data, size_t count, uint8_t page);

void identify_serial(const uint8_t *data, size_t count, struct lun *lun);
void identify_designators(const uint8_t *data, size_t count, struct lun *lun);
void identify_limits(const uint8_t *data, size_t count, struct lun *lun);
void identify_provisioning(const uint8_t *data, size_t count, struct lun *lun);

/* 0, -EPROTO: too short, -EFBIG: more than READ CAPACITY (10) can say. Sizes are not judged. */
int identify_capacity10(const uint8_t *data, size_t count, struct lun *lun);
int identify_capacity16(const uint8_t *data, size_t count, struct lun *lun);

/* Write protection, DPOFUA and WCE. */
void identify_mode6(const uint8_t *data, size_t count, struct lun *lun);
void identify_mode10(const uint8_t *data, size_t count, struct lun *lun);

#endif
