#include "journal/format.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "tests/unit/unit.h"

#define DEVICE_BYTES (1024u * 1024)

static const uint8_t uuid[JNL_UUID_BYTES] = "sixteen bytes!!";

static struct jnl_superblock example_superblock(void)
{
    struct jnl_superblock superblock = {
        .generation = 7,
        .incarnation = 3,
        .tail_offset = 8 * JNL_BLOCK,
        .tail_seq = 1000,
        .tail_prev_crc = 0xdeadbeef,
        .state = JNL_STATE_OPEN,
        .ring_bytes = jnl_ring_bytes_for(DEVICE_BYTES),
        .lun_block_bytes = 512,
        .lun_blocks = 1 << 20,
        .mode = 2,
        .destage = 1,
        .durable_seq = 1004,
        .opened_ns = 1234567890,
        .canaries = {[2] = {.lba = 128, .blocks = 8, .crc = 0xcafebabe, .seq = 999}},
        .binding = {.designator_type = 3,
                    .designator_bytes = 16,
                    .designator = {0x60, 0x01, 0x40, 0x05},
                    .serial = "SERIAL-1",
                    .vendor = "VENDOR",
                    .product = "PRODUCT",
                    .revision = "0001",
                    .lun = 5,
                    .target = "iqn.2026-11.org.example:root",
                    .initiator = "iqn.2026-11.org.example:client",
                    .isid = {0x80, 1, 2, 3, 4, 5}},
    };
    memcpy(superblock.uuid, uuid, sizeof uuid);
    return superblock;
}

static void seal(uint8_t block[JNL_BLOCK])
{
    put_le32(block + 4092, crc32c(jnl_seed(block + 32), block, 4092));
}

static void a_superblock_comes_back_as_it_was(void **state)
{
    struct jnl_superblock before = example_superblock(), after;
    uint8_t block[JNL_BLOCK];
    jnl_superblock_encode(&before, block);
    assert_int_equal(jnl_superblock_decode(block, DEVICE_BYTES, &after), JNL_VALID);
    assert_int_equal(after.generation, before.generation);
    assert_int_equal(after.incarnation, before.incarnation);
    assert_int_equal(after.tail_offset, before.tail_offset);
    assert_int_equal(after.tail_seq, before.tail_seq);
    assert_int_equal(after.tail_prev_crc, before.tail_prev_crc);
    assert_int_equal(after.durable_seq, before.durable_seq);
    assert_int_equal(after.state, before.state);
    assert_int_equal(after.lun_blocks, before.lun_blocks);
    assert_memory_equal(after.uuid, uuid, sizeof uuid);
    assert_memory_equal(after.binding.designator, before.binding.designator, 64);
    assert_string_equal(after.binding.serial, before.binding.serial);
    assert_string_equal(after.binding.target, before.binding.target);
    assert_string_equal(after.binding.initiator, before.binding.initiator);
    assert_memory_equal(after.binding.isid, before.binding.isid, 6);
}

/* The layout is a promise to other versions: fields at the offsets of the header's drawing. */
static void the_superblock_lies_as_it_is_drawn(void **state)
{
    struct jnl_superblock superblock = example_superblock();
    uint8_t block[JNL_BLOCK];
    jnl_superblock_encode(&superblock, block);
    assert_memory_equal(block, "WBJSB\0\0\1", 8);
    assert_int_equal(get_le64(block + 48), 7);
    assert_int_equal(get_le64(block + 72), 1000);
    assert_int_equal(get_le32(block + 80), 0xdeadbeef);
    assert_int_equal(get_le64(block + 88), 65536);
    assert_memory_equal(block + 196, "SERIAL-1", 9);
    assert_memory_equal(block + 296, "iqn.2026-11.org.example:root", 29);
    assert_int_equal(get_le64(block + 1088), 1004);
    assert_int_equal(get_le64(block + 832 + 2 * 32), 128);
    assert_int_equal(get_le32(block + 832 + 2 * 32 + 8), 8);
    assert_int_equal(get_le32(block + 832 + 2 * 32 + 12), 0xcafebabe);
    assert_int_equal(get_le64(block + 832 + 2 * 32 + 16), 999);
}

/* An older version wrote zeros there, and nothing keeps a rotten mind from more. */
static void a_canary_that_cannot_be_one_is_none(void **state)
{
    static const struct jnl_canary wrong[] = {
        {.lba = 0, .blocks = 0, .crc = 1},
        {.lba = 0, .blocks = JNL_CANARY_BLOCKS_MAX + 1, .crc = 1},
        {.lba = (1 << 20) - 7, .blocks = 8, .crc = 1},
        {.lba = UINT64_MAX, .blocks = 1, .crc = 1},
    };
    struct jnl_superblock superblock = example_superblock(), after;
    uint8_t block[JNL_BLOCK];
    for (unsigned i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        superblock.canaries[i] = wrong[i];
        superblock.canaries[7] = (struct jnl_canary){.lba = (1 << 20) - 8, .blocks = 8, .crc = 5};
        jnl_superblock_encode(&superblock, block);
        assert_int_equal(jnl_superblock_decode(block, DEVICE_BYTES, &after), JNL_VALID);
        assert_int_equal(after.canaries[i].blocks, 0);
        assert_int_equal(after.canaries[7].blocks, 8);
        assert_int_equal(after.canaries[7].crc, 5);
    }
}

static void every_flipped_bit_of_a_superblock_is_noticed(void **state)
{
    struct jnl_superblock superblock = example_superblock(), after;
    uint8_t block[JNL_BLOCK];
    jnl_superblock_encode(&superblock, block);
    for (unsigned bit = 0; bit < JNL_BLOCK * 8; bit++) {
        block[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_not_equal(jnl_superblock_decode(block, DEVICE_BYTES, &after), JNL_VALID);
        block[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

static void a_newer_format_is_told_apart_from_damage(void **state)
{
    struct jnl_superblock superblock = example_superblock(), after;
    uint8_t block[JNL_BLOCK];
    jnl_superblock_encode(&superblock, block);
    put_le16(block + 8, JNL_VERSION_MAJOR + 1);
    seal(block);
    assert_int_equal(jnl_superblock_decode(block, DEVICE_BYTES, &after), JNL_NEWER);

    superblock.feat_incompat = 1;
    jnl_superblock_encode(&superblock, block);
    assert_int_equal(jnl_superblock_decode(block, DEVICE_BYTES, &after), JNL_NEWER);
}

static void fields_that_point_out_of_the_device_are_refused(void **state)
{
    struct jnl_superblock after;
    static const struct {
        unsigned offset;
        uint64_t value;
    } lies[] = {{64, 1ull << 40}, {64, 100}, {96, 1ull << 40}, {96, JNL_BLOCK},
                {96, 300000},     {88, 0},   {104, 512},       {108, 0}};
    for (unsigned i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        struct jnl_superblock superblock = example_superblock();
        uint8_t block[JNL_BLOCK];
        jnl_superblock_encode(&superblock, block);
        if (lies[i].offset >= 104)
            put_le32(block + lies[i].offset, (uint32_t)lies[i].value);
        else
            put_le64(block + lies[i].offset, lies[i].value);
        seal(block);
        assert_int_equal(jnl_superblock_decode(block, DEVICE_BYTES, &after), JNL_DAMAGED);
    }
}

static void copies_of_neighbouring_generations_never_share_a_place(void **state)
{
    uint64_t places[4] = {
        jnl_superblock_offset(DEVICE_BYTES, 4, 0),
        jnl_superblock_offset(DEVICE_BYTES, 4, 1),
        jnl_superblock_offset(DEVICE_BYTES, 5, 0),
        jnl_superblock_offset(DEVICE_BYTES, 5, 1),
    };
    uint64_t ring_end = JNL_RING_OFFSET + jnl_ring_bytes_for(DEVICE_BYTES);
    for (unsigned i = 0; i < 4; i++) {
        assert_true(places[i] < JNL_RING_OFFSET || places[i] >= ring_end);
        assert_true(places[i] + JNL_BLOCK <= DEVICE_BYTES);
        for (unsigned j = 0; j < i; j++)
            assert_true(places[i] != places[j]);
    }
    assert_int_equal(jnl_ring_bytes_for(65536), 0);
}

static struct jnl_record_header example_record(void)
{
    return (struct jnl_record_header){
        .header_blocks = 1,
        .entry_count = 3,
        .seq = 99,
        .incarnation = 3,
        .ring_offset = 12 * JNL_BLOCK,
        .blocks = 4,
        .prev_crc = 17,
        .clean_seq = 90,
        .epoch = 5,
        .flags = JNL_RECORD_FUA,
        .durable_seq = 97,
    };
}

static const struct jnl_entry_header example_entries[3] = {
    {.lba = 100,
     .blocks = 8,
     .op = JNL_WRITE,
     .flags = JNL_ENTRY_FUA,
     .payload_offset = 4096,
     .payload_crc = 1,
     .epoch = 5},
    {.lba = 7, .blocks = 1, .op = JNL_ZERO, .flags = JNL_ENTRY_NO_HOLE, .epoch = 6},
    {.lba = 1ull << 40, .blocks = 4, .op = JNL_TRIM, .epoch = 7},
};

static void a_record_comes_back_as_it_was(void **state)
{
    struct jnl_record_header before = example_record(), after;
    struct jnl_entry_header entries[JNL_RECORD_ENTRIES];
    uint8_t block[JNL_BLOCK];
    jnl_record_encode(&before, example_entries, uuid, block);
    assert_int_equal(jnl_record_decode(block, uuid, &after, entries), JNL_VALID);
    uint8_t again[JNL_BLOCK];
    assert_int_equal(after.seq, 99);
    assert_int_equal(after.crc, before.crc);
    assert_int_equal(entries[0].payload_offset, 4096);
    assert_int_equal(entries[2].lba, 1ull << 40);
    assert_int_equal(entries[2].epoch, 7);
    jnl_record_encode(&after, entries, uuid, again);
    assert_memory_equal(again, block, JNL_BLOCK);
    assert_int_equal(jnl_payload_bytes(&entries[0], 512), 4096);
    assert_int_equal(jnl_payload_bytes(&entries[1], 512), 0);
}

static void every_flipped_bit_of_a_record_is_noticed(void **state)
{
    struct jnl_record_header before = example_record(), after;
    struct jnl_entry_header entries[JNL_RECORD_ENTRIES];
    uint8_t block[JNL_BLOCK];
    jnl_record_encode(&before, example_entries, uuid, block);
    for (unsigned bit = 0; bit < JNL_BLOCK * 8; bit++) {
        block[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_not_equal(jnl_record_decode(block, uuid, &after, entries), JNL_VALID);
        block[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

static void a_record_of_another_journal_is_not_ours(void **state)
{
    struct jnl_record_header header = example_record();
    struct jnl_entry_header entries[JNL_RECORD_ENTRIES];
    uint8_t block[JNL_BLOCK], other[JNL_UUID_BYTES] = "somebody else's";
    jnl_record_encode(&header, example_entries, other, block);
    assert_int_equal(jnl_record_decode(block, uuid, &header, entries), JNL_NOT_OURS);
}

static void impossible_entries_are_refused_behind_a_valid_checksum(void **state)
{
    static const struct jnl_entry_header lies[] = {
        {.lba = 0, .blocks = 0, .op = JNL_ZERO},
        {.lba = 0, .blocks = 1, .op = 0},
        {.lba = 0, .blocks = 1, .op = 9},
        {.lba = UINT64_MAX, .blocks = 2, .op = JNL_TRIM},
        {.lba = 0, .blocks = 1, .op = JNL_WRITE, .payload_offset = 512},
        {.lba = 0, .blocks = 1, .op = JNL_WRITE, .payload_offset = 4 * JNL_BLOCK},
    };
    for (unsigned i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        struct jnl_record_header header = example_record();
        struct jnl_entry_header entries[JNL_RECORD_ENTRIES];
        uint8_t block[JNL_BLOCK];
        header.entry_count = 1;
        jnl_record_encode(&header, &lies[i], uuid, block);
        assert_int_equal(jnl_record_decode(block, uuid, &header, entries), JNL_DAMAGED);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_superblock_comes_back_as_it_was),
        cmocka_unit_test(the_superblock_lies_as_it_is_drawn),
        cmocka_unit_test(every_flipped_bit_of_a_superblock_is_noticed),
        cmocka_unit_test(a_canary_that_cannot_be_one_is_none),
        cmocka_unit_test(a_newer_format_is_told_apart_from_damage),
        cmocka_unit_test(fields_that_point_out_of_the_device_are_refused),
        cmocka_unit_test(copies_of_neighbouring_generations_never_share_a_place),
        cmocka_unit_test(a_record_comes_back_as_it_was),
        cmocka_unit_test(every_flipped_bit_of_a_record_is_noticed),
        cmocka_unit_test(a_record_of_another_journal_is_not_ours),
        cmocka_unit_test(impossible_entries_are_refused_behind_a_valid_checksum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
