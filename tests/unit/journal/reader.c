#include "journal/reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/crc32c.h"
#include "tests/unit/unit.h"

#define RING_BLOCKS  64u
#define DEVICE_BYTES (JNL_RING_OFFSET + RING_BLOCKS * JNL_BLOCK + JNL_TRAILER_BYTES)
#define LUN_BLOCK    512u

/* A device in memory, with a writer that knows the format and nothing of the engine. */
struct desk {
    struct jdev_port port;
    uint8_t bytes[DEVICE_BYTES];
    uint64_t unreadable; /* a block of the ring that gives EIO; UINT64_MAX: none */
    struct jnl_superblock superblock;
    uint64_t offset, seq, durable_seq, incarnation; /* of the next record to write */
    uint32_t prev_crc;
    struct jnl_reader reader;
};

static _Alignas(JNL_BLOCK) uint8_t memory[JNL_RECORD_BYTES_MAX];
static struct desk desk;

static int read_now(struct jdev_port *port, uint64_t offset, void *data, size_t bytes)
{
    if (ranges_overlap(JNL_RING_OFFSET + desk.unreadable, 1, offset, bytes))
        return -EIO;
    assert_true(range_is_inside(offset, bytes, DEVICE_BYTES));
    memcpy(data, desk.bytes + offset, bytes);
    return 0;
}

static const struct jdev_port_ops ops = {.read_now = read_now};

static int set_up(void **state)
{
    memset(&desk, 0, sizeof desk);
    desk.port = (struct jdev_port){&ops, DEVICE_BYTES};
    desk.unreadable = UINT64_MAX / 2;
    desk.superblock = (struct jnl_superblock){
        .uuid = "reader",
        .incarnation = 1,
        .incarnation_seq = 1,
        .tail_seq = 1,
        .state = JNL_STATE_OPEN,
        .ring_bytes = RING_BLOCKS * JNL_BLOCK,
        .lun_block_bytes = LUN_BLOCK,
    };
    desk.seq = 1;
    desk.incarnation = 1;
    return 0;
}

/* Writes a record of `blocks` jblks with one entry that fills its payload with `lba`; 1: no
 * payload, so a TRIM. Returns its place in the ring. */
static uint64_t put(uint32_t blocks, uint64_t lba)
{
    uint64_t place = desk.offset;
    uint8_t *out = desk.bytes + JNL_RING_OFFSET + place;
    uint32_t payload = (blocks - 1) * JNL_BLOCK;
    struct jnl_entry_header entry = {
        .lba = lba,
        .blocks = payload ? payload / LUN_BLOCK : 8,
        .op = payload ? JNL_WRITE : JNL_TRIM,
        .payload_offset = payload ? JNL_BLOCK : 0,
    };
    struct jnl_record_header header = {
        .header_blocks = 1,
        .entry_count = 1,
        .seq = desk.seq++,
        .incarnation = desk.incarnation,
        .ring_offset = place,
        .blocks = blocks,
        .prev_crc = desk.prev_crc,
        .durable_seq = desk.durable_seq,
    };
    memset(out + JNL_BLOCK, (int)lba, payload);
    entry.payload_crc = payload ? crc32c(0, out + JNL_BLOCK, payload) : 0;
    jnl_record_encode(&header, &entry, desk.superblock.uuid, out);
    desk.prev_crc = header.crc;
    desk.offset = (place + blocks * JNL_BLOCK) % desk.superblock.ring_bytes;
    return place;
}

static void put_pad(void)
{
    struct jnl_record_header header = {
        .header_blocks = 1,
        .seq = desk.seq++,
        .incarnation = desk.incarnation,
        .ring_offset = desk.offset,
        .blocks = (uint32_t)((desk.superblock.ring_bytes - desk.offset) / JNL_BLOCK),
        .prev_crc = desk.prev_crc,
        .flags = JNL_RECORD_PAD,
    };
    jnl_record_encode(&header, NULL, desk.superblock.uuid,
                      desk.bytes + JNL_RING_OFFSET + desk.offset);
    desk.prev_crc = header.crc;
    desk.offset = 0;
}

static void spoil(uint64_t ring_offset)
{
    desk.bytes[JNL_RING_OFFSET + ring_offset] ^= 1;
}

static void begin(void)
{
    jnl_reader_init(&desk.reader, &desk.port, &desk.superblock, memory);
}

static void reads_up_to(uint64_t last_seq, enum jnl_reading end)
{
    begin();
    for (uint64_t seq = desk.superblock.tail_seq; seq <= last_seq; seq++) {
        assert_int_equal(jnl_reader_next(&desk.reader), JNL_READING_RECORD);
        assert_int_equal(desk.reader.header.seq, seq);
    }
    assert_int_equal(jnl_reader_next(&desk.reader), end);
    assert_non_null(desk.reader.why);
    assert_int_equal(desk.reader.seq, last_seq + 1);
}

static void an_empty_ring_ends_at_once(void **state)
{
    reads_up_to(0, JNL_READING_END);
}

static void records_come_with_their_contents(void **state)
{
    put(3, 7);
    put(1, 100);
    begin();
    assert_int_equal(jnl_reader_next(&desk.reader), JNL_READING_RECORD);
    assert_int_equal(desk.reader.entries[0].lba, 7);
    assert_int_equal(jnl_reader_payload(&desk.reader, 0)[2 * JNL_BLOCK - 1], 7);
    assert_int_equal(jnl_reader_next(&desk.reader), JNL_READING_RECORD);
    assert_int_equal(desk.reader.entries[0].op, JNL_TRIM);
    assert_null(jnl_reader_payload(&desk.reader, 0));
    assert_int_equal(jnl_reader_next(&desk.reader), JNL_READING_END);
}

static void a_pad_leads_to_the_start_of_the_ring(void **state)
{
    /* The lap begins in the middle. */
    desk.offset = desk.superblock.tail_offset = 60 * JNL_BLOCK;
    put(2, 1);
    put_pad();
    put(2, 3);
    reads_up_to(3, JNL_READING_END);
}

static void a_full_ring_is_read_once_round(void **state)
{
    for (unsigned i = 0; i < RING_BLOCKS / 4; i++)
        put(4, i);
    reads_up_to(RING_BLOCKS / 4, JNL_READING_END);
    assert_string_equal(desk.reader.why, "has no place: the ring is full");
}

static void a_last_record_that_was_never_durable_may_be_torn(void **state)
{
    put(2, 1);
    desk.durable_seq = 1;
    uint64_t place = put(2, 2);
    spoil(place + JNL_BLOCK + 100);
    reads_up_to(1, JNL_READING_TORN);
    spoil(place + 40);
    reads_up_to(1, JNL_READING_TORN);
}

static void records_behind_a_torn_one_prove_nothing_by_themselves(void **state)
{
    put(2, 1);
    uint64_t place = put(2, 2);
    put(2, 3);
    spoil(place + JNL_BLOCK);
    reads_up_to(1, JNL_READING_TORN);
}

static void a_later_record_proves_what_had_been_durable(void **state)
{
    put(2, 1);
    uint64_t place = put(2, 2);
    put(20, 3);
    desk.durable_seq = 2;
    put(2, 4);
    spoil(place);
    reads_up_to(1, JNL_READING_CORRUPT);
    assert_int_equal(desk.reader.claimed_by, 4);
}

static void the_superblock_proves_it_too(void **state)
{
    put(2, 1);
    spoil(put(2, 2) + JNL_BLOCK);
    desk.superblock.durable_seq = 2;
    reads_up_to(1, JNL_READING_CORRUPT);
    assert_int_equal(desk.reader.claimed_by, 0);
}

static void a_missing_record_that_was_durable_is_corruption(void **state)
{
    desk.superblock.durable_seq = 1;
    reads_up_to(0, JNL_READING_CORRUPT);
}

static void a_record_of_a_broken_chain_is_a_leftover(void **state)
{
    put(2, 1);
    desk.prev_crc ^= 1;
    put(2, 2);
    reads_up_to(1, JNL_READING_END);
    assert_string_equal(desk.reader.why, "is a leftover of an earlier run");
}

static void what_recovery_once_dropped_stays_dropped(void **state)
{
    put(2, 1);
    put(2, 2);
    desk.superblock.incarnation = 2;
    desk.superblock.incarnation_seq = 2;
    reads_up_to(1, JNL_READING_END);
    /* And so do its claims. */
    desk.durable_seq = 2;
    put(2, 3);
    reads_up_to(1, JNL_READING_END);
}

/* The device lost the superblocks that came after: what it has is no end of the log. */
static void a_record_of_a_later_run_proves_the_superblock_old(void **state)
{
    put(2, 1);
    desk.incarnation = 2;
    put(2, 2);
    desk.durable_seq = 2;
    put(2, 3);
    reads_up_to(1, JNL_READING_CORRUPT);
}

static void an_unreadable_block_is_no_end(void **state)
{
    put(2, 1);
    desk.unreadable = put(2, 2);
    reads_up_to(1, JNL_READING_IO);
    desk.superblock.durable_seq = 2;
    reads_up_to(1, JNL_READING_CORRUPT);
}

static void sizes_that_lie_are_not_believed(void **state)
{
    desk.offset = desk.superblock.tail_offset = 62 * JNL_BLOCK;
    struct jnl_record_header header = {
        .header_blocks = 1,
        .seq = 1,
        .incarnation = 1,
        .ring_offset = desk.offset,
        .blocks = 3, /* beyond the end, and no pad */
    };
    jnl_record_encode(&header, NULL, desk.superblock.uuid,
                      desk.bytes + JNL_RING_OFFSET + desk.offset);
    reads_up_to(0, JNL_READING_TORN);
    struct jnl_entry_header entry = {.op = JNL_WRITE, .blocks = 9, .payload_offset = JNL_BLOCK};
    header.blocks = 2;
    header.entry_count = 1; /* whose payload is longer than the record */
    jnl_record_encode(&header, &entry, desk.superblock.uuid,
                      desk.bytes + JNL_RING_OFFSET + desk.offset);
    reads_up_to(0, JNL_READING_TORN);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, set_up)
    const struct CMUnitTest tests[] = {
        TEST(an_empty_ring_ends_at_once),
        TEST(records_come_with_their_contents),
        TEST(a_pad_leads_to_the_start_of_the_ring),
        TEST(a_full_ring_is_read_once_round),
        TEST(a_last_record_that_was_never_durable_may_be_torn),
        TEST(records_behind_a_torn_one_prove_nothing_by_themselves),
        TEST(a_later_record_proves_what_had_been_durable),
        TEST(the_superblock_proves_it_too),
        TEST(a_missing_record_that_was_durable_is_corruption),
        TEST(a_record_of_a_broken_chain_is_a_leftover),
        TEST(what_recovery_once_dropped_stays_dropped),
        TEST(an_unreadable_block_is_no_end),
        TEST(a_record_of_a_later_run_proves_the_superblock_old),
        TEST(sizes_that_lie_are_not_believed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
