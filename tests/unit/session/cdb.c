#include "session/cdb.h"

#include <string.h>

#include "tests/unit/unit.h"

/* The bytes are written out from the tables of SPC-4 and SBC-3, not from the code. */
static void assert_cdb(const uint8_t *cdb, uint8_t bytes, const uint8_t *expected,
                       size_t expected_bytes)
{
    static const uint8_t zeros[CDB_BYTES];
    assert_int_equal(bytes, expected_bytes);
    assert_memory_equal(cdb, expected, expected_bytes);
    assert_memory_equal(cdb + bytes, zeros, CDB_BYTES - bytes);
}

#define ASSERT_CDB(call, ...)                                                                      \
    do {                                                                                           \
        const uint8_t expected[] = {__VA_ARGS__};                                                  \
        uint8_t cdb[CDB_BYTES];                                                                    \
        memset(cdb, 0xee, sizeof cdb);                                                             \
        uint8_t bytes = call;                                                                      \
        assert_cdb(cdb, bytes, expected, sizeof expected);                                         \
    } while (0)

#define LBA 0x0102030405060708u

static void questions_about_the_lun_stand_as_in_spc4(void **state)
{
    ASSERT_CDB(cdb_test_unit_ready(cdb), 0, 0, 0, 0, 0, 0);
    ASSERT_CDB(cdb_inquiry(cdb, 96), 0x12, 0, 0, 0, 96, 0);
    ASSERT_CDB(cdb_vital_product_data(cdb, 0x83, 255), 0x12, 1, 0x83, 0, 255, 0);
    ASSERT_CDB(cdb_mode_sense6(cdb, 8, 255), 0x1a, 0x08, 8, 0, 255, 0);
    ASSERT_CDB(cdb_mode_sense10(cdb, 8, 0x123), 0x5a, 0x08, 8, 0, 0, 0, 0, 1, 0x23, 0);
    ASSERT_CDB(cdb_read_capacity10(cdb), 0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    ASSERT_CDB(cdb_read_capacity16(cdb, 32), 0x9e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32, 0, 0);
    ASSERT_CDB(cdb_read_reservation(cdb), 0x5e, 1, 0, 0, 0, 0, 0, 0, 24, 0);
}

static void reads_and_writes_carry_a_64_bit_lba(void **state)
{
    ASSERT_CDB(cdb_read16(cdb, LBA, 0x0a0b0c0d), 0x88, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0x0a, 0x0b, 0x0c,
               0x0d, 0, 0);
    ASSERT_CDB(cdb_write16(cdb, LBA, 1, false), 0x8a, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 1, 0, 0);
    ASSERT_CDB(cdb_write16(cdb, LBA, 1, true), 0x8a, 8, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 1, 0, 0);
}

static void a_sync_covers_the_whole_lun_and_waits(void **state)
{
    ASSERT_CDB(cdb_synchronize_cache16(cdb), 0x91, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    ASSERT_CDB(cdb_synchronize_cache10(cdb), 0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0);
}

static void thin_commands_stand_as_in_sbc3(void **state)
{
    ASSERT_CDB(cdb_write_same16(cdb, LBA, 2, false), 0x93, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 2, 0,
               0);
    ASSERT_CDB(cdb_write_same16(cdb, LBA, 2, true), 0x93, 8, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 2, 0,
               0);
    ASSERT_CDB(cdb_get_lba_status(cdb, LBA, 512), 0x9e, 0x12, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 2, 0, 0,
               0);
    ASSERT_CDB(cdb_unmap(cdb), 0x42, 0, 0, 0, 0, 0, 0, 0, 24, 0);
}

static void unmap_has_one_descriptor(void **state)
{
    static const uint8_t expected[CDB_UNMAP_BYTES] = {0, 22, 0, 16, 0, 0, 0, 0, 1, 2, 3, 4,
                                                      5, 6,  7, 8,  0, 0, 1, 0, 0, 0, 0, 0};
    uint8_t parameters[CDB_UNMAP_BYTES];
    memset(parameters, 0xee, sizeof parameters);
    cdb_unmap_parameters(parameters, LBA, 256);
    assert_memory_equal(parameters, expected, sizeof expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(questions_about_the_lun_stand_as_in_spc4),
        cmocka_unit_test(reads_and_writes_carry_a_64_bit_lba),
        cmocka_unit_test(a_sync_covers_the_whole_lun_and_waits),
        cmocka_unit_test(thin_commands_stand_as_in_sbc3),
        cmocka_unit_test(unmap_has_one_descriptor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
