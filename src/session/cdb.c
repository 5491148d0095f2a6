#include "session/cdb.h"

#include <string.h>

#include "base/bytes.h"

enum {
    OP_TEST_UNIT_READY = 0x00,
    OP_INQUIRY = 0x12,
    OP_MODE_SENSE_6 = 0x1a,
    OP_READ_CAPACITY_10 = 0x25,
    OP_SYNCHRONIZE_CACHE_10 = 0x35,
    OP_UNMAP = 0x42,
    OP_MODE_SENSE_10 = 0x5a,
    OP_PERSISTENT_RESERVE_IN = 0x5e,
    OP_READ_16 = 0x88,
    OP_WRITE_16 = 0x8a,
    OP_SYNCHRONIZE_CACHE_16 = 0x91,
    OP_WRITE_SAME_16 = 0x93,
    OP_SERVICE_ACTION_IN_16 = 0x9e,
};

enum {
    ACTION_READ_RESERVATION = 0x01,
    ACTION_READ_CAPACITY_16 = 0x10,
    ACTION_GET_LBA_STATUS = 0x12,
};

#define INQUIRY_EVPD   0x01
#define MODE_DBD       0x08 /* no block descriptors, please */
#define WRITE_FUA      0x08
#define WRITE_SAME_UNM 0x08

static uint8_t start(uint8_t *cdb, uint8_t operation, uint8_t bytes)
{
    memset(cdb, 0, CDB_BYTES);
    cdb[0] = operation;
    return bytes;
}

/* Bytes 2..13 are alike in all 16-byte commands here: LBA, then a 32-bit length. */
static uint8_t start16(uint8_t *cdb, uint8_t operation, uint8_t flags, uint64_t lba,
                       uint32_t length)
{
    start(cdb, operation, 16);
    cdb[1] = flags;
    put_be64(cdb + 2, lba);
    put_be32(cdb + 10, length);
    return 16;
}

uint8_t cdb_test_unit_ready(uint8_t *cdb)
{
    return start(cdb, OP_TEST_UNIT_READY, 6);
}

uint8_t cdb_inquiry(uint8_t *cdb, uint8_t allocation)
{
    start(cdb, OP_INQUIRY, 6);
    cdb[4] = allocation;
    return 6;
}

uint8_t cdb_vital_product_data(uint8_t *cdb, uint8_t page, uint8_t allocation)
{
    cdb_inquiry(cdb, allocation);
    cdb[1] = INQUIRY_EVPD;
    cdb[2] = page;
    return 6;
}

uint8_t cdb_read_capacity10(uint8_t *cdb)
{
    return start(cdb, OP_READ_CAPACITY_10, 10);
}

uint8_t cdb_read_capacity16(uint8_t *cdb, uint32_t allocation)
{
    return start16(cdb, OP_SERVICE_ACTION_IN_16, ACTION_READ_CAPACITY_16, 0, allocation);
}

uint8_t cdb_mode_sense6(uint8_t *cdb, uint8_t page, uint8_t allocation)
{
    start(cdb, OP_MODE_SENSE_6, 6);
    cdb[1] = MODE_DBD;
    cdb[2] = page;
    cdb[4] = allocation;
    return 6;
}

uint8_t cdb_mode_sense10(uint8_t *cdb, uint8_t page, uint16_t allocation)
{
    start(cdb, OP_MODE_SENSE_10, 10);
    cdb[1] = MODE_DBD;
    cdb[2] = page;
    put_be16(cdb + 7, allocation);
    return 10;
}

uint8_t cdb_read_reservation(uint8_t *cdb)
{
    start(cdb, OP_PERSISTENT_RESERVE_IN, 10);
    cdb[1] = ACTION_READ_RESERVATION;
    put_be16(cdb + 7, CDB_RESERVATION_BYTES);
    return 10;
}

uint8_t cdb_read16(uint8_t *cdb, uint64_t lba, uint32_t blocks)
{
    return start16(cdb, OP_READ_16, 0, lba, blocks);
}

uint8_t cdb_write16(uint8_t *cdb, uint64_t lba, uint32_t blocks, bool fua)
{
    return start16(cdb, OP_WRITE_16, fua ? WRITE_FUA : 0, lba, blocks);
}

uint8_t cdb_synchronize_cache10(uint8_t *cdb)
{
    return start(cdb, OP_SYNCHRONIZE_CACHE_10, 10);
}

uint8_t cdb_synchronize_cache16(uint8_t *cdb)
{
    return start16(cdb, OP_SYNCHRONIZE_CACHE_16, 0, 0, 0);
}

uint8_t cdb_write_same16(uint8_t *cdb, uint64_t lba, uint32_t blocks, bool unmap)
{
    return start16(cdb, OP_WRITE_SAME_16, unmap ? WRITE_SAME_UNM : 0, lba, blocks);
}

uint8_t cdb_get_lba_status(uint8_t *cdb, uint64_t lba, uint32_t allocation)
{
    return start16(cdb, OP_SERVICE_ACTION_IN_16, ACTION_GET_LBA_STATUS, lba, allocation);
}

uint8_t cdb_unmap(uint8_t *cdb)
{
    start(cdb, OP_UNMAP, 10);
    put_be16(cdb + 7, CDB_UNMAP_BYTES);
    return 10;
}

void cdb_unmap_parameters(uint8_t *parameters, uint64_t lba, uint32_t blocks)
{
    memset(parameters, 0, CDB_UNMAP_BYTES);
    put_be16(parameters, CDB_UNMAP_BYTES - 2);     /* length behind this field */
    put_be16(parameters + 2, CDB_UNMAP_BYTES - 8); /* of the descriptors */
    put_be64(parameters + 8, lba);
    put_be32(parameters + 16, blocks);
}
