#include "session/identify.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "tests/unit/unit.h"

static struct lun begun(void)
{
    struct lun lun;
    identify_begin(&lun);
    return lun;
}

static void fill_inquiry(uint8_t *data)
{
    memset(data, 0, 36);
    memcpy(data + 8, "IET     VIRTUAL-DISK    0001", 28);
}

static void the_defaults_are_cautious(void **state)
{
    struct lun lun = begun();
    assert_true(lun.write_cache);
    assert_false(lun.fua);
    assert_false(lun.unmap);
    assert_false(lun.unmap_zeroes);
    assert_int_equal(lun.unmap_granularity, 1);
    assert_int_equal(lun.physical_blocks, 1);
}

static void inquiry_gives_the_model_without_padding(void **state)
{
    struct lun lun = begun();
    uint8_t data[36], type;
    fill_inquiry(data);
    assert_int_equal(identify_inquiry(data, sizeof data, &lun, &type), 0);
    assert_string_equal(lun.identity.vendor, "IET");
    assert_string_equal(lun.identity.product, "VIRTUAL-DISK");
    assert_string_equal(lun.identity.revision, "0001");
}

static void what_is_no_text_is_not_passed_on(void **state)
{
    struct lun lun = begun();
    uint8_t data[36], type;
    fill_inquiry(data);
    memcpy(data + 8, "A\x1b\n\xffZ\0XY", 8);
    identify_inquiry(data, sizeof data, &lun, &type);
    assert_string_equal(lun.identity.vendor, "A???Z");
}

static void a_lun_that_is_not_there_is_told_apart_from_one_that_is_no_disk(void **state)
{
    struct lun lun = begun();
    uint8_t data[36], type = 0;
    fill_inquiry(data);
    data[0] = 0x7f;
    assert_int_equal(identify_inquiry(data, sizeof data, &lun, &type), -ENODEV);
    data[0] = 0x20;
    assert_int_equal(identify_inquiry(data, sizeof data, &lun, &type), -ENODEV);
    data[0] = 0x0c;
    assert_int_equal(identify_inquiry(data, sizeof data, &lun, &type), -ENOTBLK);
    assert_int_equal(type, 0x0c);
    assert_int_equal(identify_inquiry(data, 4, &lun, &type), -EPROTO);
}

static void a_page_is_found_only_in_what_came(void **state)
{
    const uint8_t data[] = {0, 0x00, 0, 40, 0x00, 0x80, 0x83, 0xb0};
    assert_true(identify_has_page(data, sizeof data, 0xb0));
    assert_false(identify_has_page(data, sizeof data - 1, 0xb0));
    assert_false(identify_has_page(data, sizeof data, 0xb2));
    assert_false(identify_has_page(data, 3, 0x00));
}

static void the_serial_is_cut_at_its_padding(void **state)
{
    struct lun lun = begun();
    const uint8_t data[] = {0, 0x80, 0, 8, ' ', 'a', 'b', ' ', 'c', ' ', ' ', 0};
    identify_serial(data, sizeof data, &lun);
    assert_string_equal(lun.identity.serial, "ab c");
}

static void a_long_serial_fills_its_field_and_no_more(void **state)
{
    struct lun lun = begun();
    uint8_t data[255] = {0, 0x80, 0, 251};
    memset(data + 4, 'x', 251);
    identify_serial(data, sizeof data, &lun);
    assert_int_equal(strlen(lun.identity.serial), sizeof lun.identity.serial - 1);
    assert_string_equal(lun.identity.vendor, "");
}

static void another_page_than_asked_for_is_ignored(void **state)
{
    /* Some targets do not know the EVPD bit and send the standard data. */
    struct lun lun = begun();
    uint8_t data[36];
    fill_inquiry(data);
    identify_serial(data, sizeof data, &lun);
    identify_designators(data, sizeof data, &lun);
    assert_string_equal(lun.identity.serial, "");
    assert_int_equal(lun.identity.designator_bytes, 0);
}

static void the_best_designator_of_the_lun_is_taken(void **state)
{
    struct lun lun = begun();
    static const uint8_t data[] = {
        0,    0x83, 0,   4 + 3 + 4 + 2 + 4 + 2 + 4 + 2,
        0x02, 0x01, 0,   3,
        'T',  '1',  '0', /* T10 vendor identification */
        0x01, 0x13, 0,   2,
        0x51, 0x11, /* NAA, but of the target port */
        0x01, 0x03, 0,   2,
        0x60, 0x01, /* NAA of the LUN */
        0x01, 0x02, 0,   2,
        0x02, 0x02, /* EUI-64 */
    };
    identify_designators(data, sizeof data, &lun);
    assert_int_equal(lun.identity.designator_type, 3);
    assert_int_equal(lun.identity.designator_bytes, 2);
    assert_memory_equal(lun.identity.designator, "\x60\x01", 2);
}

static void the_rank_of_designators_does_not_depend_on_their_order(void **state)
{
    /* vendor specific < T10 < name string < EUI-64 < NAA */
    static const uint8_t types[] = {0, 1, 8, 2, 3};
    for (size_t i = 1; i < sizeof types; i++) {
        for (size_t j = 0; j < i; j++) {
            const uint8_t ab[] = {0, 0x83, 0, 10, 1, types[i], 0, 1, 'i', 1, types[j], 0, 1, 'j'};
            const uint8_t ba[] = {0, 0x83, 0, 10, 1, types[j], 0, 1, 'j', 1, types[i], 0, 1, 'i'};
            struct lun first = begun(), second = begun();
            identify_designators(ab, sizeof ab, &first);
            identify_designators(ba, sizeof ba, &second);
            assert_int_equal(first.identity.designator_type, types[i]);
            assert_int_equal(second.identity.designator_type, types[i]);
            assert_int_equal(second.identity.designator[0], 'i');
        }
    }
}

static void a_better_designator_leaves_nothing_of_a_longer_one(void **state)
{
    struct lun lun = begun();
    static const uint8_t data[] = {0,   0x83, 0,   14, 2, 1, 0, 4, 'l',
                                   'o', 'n',  'g', 1,  3, 0, 2, 6, 7};
    identify_designators(data, sizeof data, &lun);
    assert_int_equal(lun.identity.designator_bytes, 2);
    assert_int_equal(lun.identity.designator[2], 0);
}

static void a_designator_that_was_cut_off_does_not_count(void **state)
{
    struct lun lun = begun();
    static const uint8_t data[] = {0, 0x83, 0xff, 0xff, 1, 3, 0, 8, 0x60, 1, 2, 3};
    identify_designators(data, sizeof data, &lun);
    assert_int_equal(lun.identity.designator_bytes, 0);
}

static void an_endless_list_of_empty_designators_ends(void **state)
{
    struct lun lun = begun();
    uint8_t data[255] = {0, 0x83, 0, 251};
    identify_designators(data, sizeof data, &lun);
    assert_int_equal(lun.identity.designator_bytes, 0);
}

static void limits_are_read_as_far_as_they_came(void **state)
{
    uint8_t data[64] = {0, 0xb0, 0, 60};
    put_be32(data + 8, 100);
    put_be32(data + 20, 200);
    put_be32(data + 28, 8);
    put_be32(data + 32, 0x80000000u | 11);
    put_be64(data + 36, 300);
    struct lun lun = begun();
    identify_limits(data, sizeof data, &lun);
    assert_int_equal(lun.max_transfer_blocks, 100);
    assert_int_equal(lun.max_unmap_blocks, 200);
    assert_int_equal(lun.unmap_granularity, 8);
    assert_int_equal(lun.unmap_alignment, 3);
    assert_int_equal(lun.max_write_same_blocks, 300);

    lun = begun();
    identify_limits(data, 16, &lun); /* SBC-2 */
    assert_int_equal(lun.max_transfer_blocks, 100);
    assert_int_equal(lun.max_unmap_blocks, 0);
    assert_int_equal(lun.unmap_granularity, 1);
}

static void a_granularity_of_zero_is_one_and_an_invalid_alignment_is_none(void **state)
{
    uint8_t data[64] = {0, 0xb0, 0, 60};
    put_be32(data + 32, 5); /* without UGAVALID */
    struct lun lun = begun();
    identify_limits(data, sizeof data, &lun);
    assert_int_equal(lun.unmap_granularity, 1);
    assert_int_equal(lun.unmap_alignment, 0);
}

static void provisioning_says_how_to_unmap(void **state)
{
    struct lun lun = begun();
    const uint8_t data[] = {0, 0xb2, 0, 4, 0, 0x80, 0, 0};
    identify_provisioning(data, sizeof data, &lun);
    assert_true(lun.unmap);
    assert_false(lun.write_same_unmap);
    lun = begun();
    identify_provisioning(data, 5, &lun);
    assert_false(lun.unmap);
}

static void capacity16_gives_size_and_thinness(void **state)
{
    struct lun lun = begun();
    uint8_t data[32] = {0};
    put_be64(data, 0xffffffffffu);
    put_be32(data + 8, 4096);
    data[13] = 0x03;
    data[14] = 0xc0;
    assert_int_equal(identify_capacity16(data, sizeof data, &lun), 0);
    assert_true(lun.blocks == 0x10000000000u);
    assert_int_equal(lun.block_bytes, 4096);
    assert_int_equal(lun.physical_blocks, 8);
    assert_true(lun.thin && lun.unmap_zeroes && lun.lba_status);
}

static void zeroes_are_promised_only_by_a_thin_lun(void **state)
{
    struct lun lun = begun();
    uint8_t data[32] = {0};
    data[14] = 0x40; /* LBPRZ without LBPME */
    identify_capacity16(data, sizeof data, &lun);
    assert_false(lun.unmap_zeroes);
}

static void an_impossible_capacity_is_refused(void **state)
{
    struct lun lun = begun();
    uint8_t data[32];
    memset(data, 0xff, sizeof data);
    assert_int_equal(identify_capacity16(data, sizeof data, &lun), -EPROTO);
    assert_int_equal(identify_capacity16(data, 11, &lun), -EPROTO);
    assert_int_equal(identify_capacity10(data, 8, &lun), -EFBIG);
    assert_int_equal(identify_capacity10(data, 7, &lun), -EPROTO);
}

static void capacity10_gives_the_size(void **state)
{
    struct lun lun = begun();
    const uint8_t data[] = {0, 0, 0x0f, 0xff, 0, 0, 2, 0};
    assert_int_equal(identify_capacity10(data, sizeof data, &lun), 0);
    assert_int_equal(lun.blocks, 4096);
    assert_int_equal(lun.block_bytes, 512);
    assert_false(lun.thin);
}

static void mode6_gives_protection_fua_and_cache(void **state)
{
    struct lun lun = begun();
    uint8_t data[24] = {23, 0, 0x90, 0, 0x08, 0x12, 0x00};
    identify_mode6(data, sizeof data, &lun);
    assert_true(lun.read_only && lun.fua);
    assert_false(lun.write_cache);
    data[2] = 0;
    data[6] = 0x04;
    identify_mode6(data, sizeof data, &lun);
    assert_false(lun.read_only || lun.fua);
    assert_true(lun.write_cache);
}

static void the_mode_page_stands_behind_block_descriptors_and_other_pages(void **state)
{
    struct lun lun = begun();
    uint8_t data[8 + 8 + 4 + 20] = {0, 38, 0, 0x10, 0, 0, 0, 8};
    data[16] = 0x01; /* another page */
    data[17] = 2;
    data[20] = 0x88; /* PS bit set */
    data[21] = 0x12;
    identify_mode10(data, sizeof data, &lun);
    assert_true(lun.fua);
    assert_false(lun.write_cache);
}

static void a_mode_page_that_did_not_come_leaves_the_cache_on(void **state)
{
    struct lun lun = begun();
    const uint8_t data[] = {3, 0, 0x10, 200, 0x08, 0x12, 0x00};
    identify_mode6(data, sizeof data, &lun);
    assert_true(lun.fua);
    assert_true(lun.write_cache);
    lun = begun();
    identify_mode6(data, 3, &lun);
    assert_false(lun.fua);
}

/* Every length of every answer, in a buffer of exactly that length: for asan and valgrind. */
static void no_length_makes_a_parser_read_too_far(void **state)
{
    for (size_t count = 0; count < 64; count++) {
        for (unsigned fill = 0; fill < 256; fill += 51) {
            uint8_t *exact = malloc(count), type;
            assert_true(exact != NULL || count == 0);
            struct lun lun = begun();
            memset(exact, (int)fill, count);
            identify_inquiry(exact, count, &lun, &type);
            identify_has_page(exact, count, 0xb0);
            static const uint8_t pages[] = {0x80, 0x83, 0xb0, 0xb2};
            for (size_t i = 0; i < sizeof pages; i++) {
                if (count > 1)
                    exact[1] = pages[i];
                identify_serial(exact, count, &lun);
                identify_designators(exact, count, &lun);
                identify_limits(exact, count, &lun);
                identify_provisioning(exact, count, &lun);
            }
            identify_capacity10(exact, count, &lun);
            identify_capacity16(exact, count, &lun);
            identify_mode6(exact, count, &lun);
            identify_mode10(exact, count, &lun);
            assert_true(lun.unmap_granularity > 0 && lun.physical_blocks > 0);
            free(exact);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_defaults_are_cautious),
        cmocka_unit_test(inquiry_gives_the_model_without_padding),
        cmocka_unit_test(what_is_no_text_is_not_passed_on),
        cmocka_unit_test(a_lun_that_is_not_there_is_told_apart_from_one_that_is_no_disk),
        cmocka_unit_test(a_page_is_found_only_in_what_came),
        cmocka_unit_test(the_serial_is_cut_at_its_padding),
        cmocka_unit_test(a_long_serial_fills_its_field_and_no_more),
        cmocka_unit_test(another_page_than_asked_for_is_ignored),
        cmocka_unit_test(the_best_designator_of_the_lun_is_taken),
        cmocka_unit_test(the_rank_of_designators_does_not_depend_on_their_order),
        cmocka_unit_test(a_better_designator_leaves_nothing_of_a_longer_one),
        cmocka_unit_test(a_designator_that_was_cut_off_does_not_count),
        cmocka_unit_test(an_endless_list_of_empty_designators_ends),
        cmocka_unit_test(limits_are_read_as_far_as_they_came),
        cmocka_unit_test(a_granularity_of_zero_is_one_and_an_invalid_alignment_is_none),
        cmocka_unit_test(provisioning_says_how_to_unmap),
        cmocka_unit_test(capacity16_gives_size_and_thinness),
        cmocka_unit_test(zeroes_are_promised_only_by_a_thin_lun),
        cmocka_unit_test(an_impossible_capacity_is_refused),
        cmocka_unit_test(capacity10_gives_the_size),
        cmocka_unit_test(mode6_gives_protection_fua_and_cache),
        cmocka_unit_test(the_mode_page_stands_behind_block_descriptors_and_other_pages),
        cmocka_unit_test(a_mode_page_that_did_not_come_leaves_the_cache_on),
        cmocka_unit_test(no_length_makes_a_parser_read_too_far),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
