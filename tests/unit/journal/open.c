/* Recovery against rings that were written from the format, and against each flipped bit. */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "journal/journal.h"
#include "journal/reader.h"
#include "tests/tools/ring.h"
#include "tests/unit/unit.h"
#include "tests/unit/volume/fake_session.h" /* for its clock */

static struct ring ring, pristine;
static struct fake_clock bench_clock;
static _Alignas(JNL_BLOCK) uint8_t memory[JNL_RECORD_BYTES_MAX];

/* What came out of a journal: how many entries, and a checksum of all that they say. */
struct yield {
    unsigned entries;
    uint32_t sum;
};

static void note(struct yield *yield, const struct jnl_entry_header *entry, const uint8_t *payload)
{
    uint8_t head[16];
    put_le64(head, entry->lba);
    put_le32(head + 8, entry->blocks);
    put_le32(head + 12, entry->op);
    yield->sum = crc32c(yield->sum, head, sizeof head);
    if (payload)
        yield->sum = crc32c(yield->sum, payload, jnl_payload_bytes(entry, RING_LUN_BLOCK));
    yield->entries++;
}

static void recovered(void *owner, struct journal *journal, struct jnl_entry *entry)
{
    bool has_data = entry->header.op == JNL_WRITE;
    note(owner, &entry->header,
         has_data ? ring.bytes + JNL_RING_OFFSET + jnl_entry_place(entry) : NULL);
}

static enum jnl_open_error open_ring(struct yield *ret_yield)
{
    static const struct jnl_events events;
    struct jnl_config config = jnl_config_default;
    struct journal *journal = NULL;
    config.lun_block_bytes = RING_LUN_BLOCK;
    config.record_count = 64;
    config.entry_count = 128;
    *ret_yield = (struct yield){0};
    fake_clock_init(&bench_clock);
    enum jnl_open_error error = jnl_open(&config, &ring.port, &bench_clock.port, &events, ret_yield,
                                         recovered, &journal, NULL);
    jnl_free(journal);
    return error;
}

static enum jnl_reading read_ring(struct yield *ret_yield)
{
    struct jnl_superblock superblock;
    struct jnl_reader reader;
    enum jnl_reading reading;
    *ret_yield = (struct yield){0};
    if (jnl_peek(&ring.port, &superblock) != JNL_OPEN_OK)
        return JNL_READING_CORRUPT;
    jnl_reader_init(&reader, &ring.port, &superblock, memory);
    while ((reading = jnl_reader_next(&reader)) == JNL_READING_RECORD) {
        for (unsigned i = 0; i < reader.header.entry_count; i++)
            note(ret_yield, &reader.entries[i], jnl_reader_payload(&reader, i));
    }
    return reading;
}

static void opens_and_reads(enum ring_kind kind, enum jnl_open_error error,
                            enum jnl_reading reading)
{
    struct yield opened, was_read;
    ring_make(&ring, kind);
    pristine = ring;
    assert_int_equal(read_ring(&was_read), reading);
    assert_memory_equal(ring.bytes, pristine.bytes, sizeof ring.bytes);
    assert_int_equal(was_read.entries, pristine.entries);
    assert_int_equal(open_ring(&opened), error);
    if (error) {
        assert_int_equal(opened.entries, 0);
        assert_memory_equal(ring.bytes, pristine.bytes, sizeof ring.bytes);
    } else {
        assert_int_equal(opened.entries, pristine.entries);
        assert_int_equal(opened.sum, was_read.sum);
    }
}

static void recovery_and_the_reader_agree(void **state)
{
    opens_and_reads(RING_EMPTY, JNL_OPEN_OK, JNL_READING_END);
    opens_and_reads(RING_MIXED, JNL_OPEN_OK, JNL_READING_END);
    opens_and_reads(RING_TORN, JNL_OPEN_OK, JNL_READING_TORN);
    opens_and_reads(RING_LOST, JNL_OPEN_CORRUPT, JNL_READING_CORRUPT);
    opens_and_reads(RING_WRAPPED, JNL_OPEN_OK, JNL_READING_END);
    opens_and_reads(RING_RESTARTED, JNL_OPEN_OK, JNL_READING_END);
}

static void what_has_failed_is_not_replayed(void **state)
{
    struct yield yield;
    ring_make(&ring, RING_FAILED);
    pristine = ring;
    assert_int_equal(open_ring(&yield), JNL_OPEN_FAILED_STATE);
    assert_memory_equal(ring.bytes, pristine.bytes, sizeof ring.bytes);
}

/* Either all is there, and right, or nothing is touched. */
static void check_flip(uint64_t offset, uint8_t bit, uint32_t expected_sum, bool may_refuse)
{
    struct yield opened, was_read;
    memcpy(ring.bytes, pristine.bytes, sizeof ring.bytes);
    ring.bytes[offset] ^= bit;
    enum jnl_reading reading = read_ring(&was_read);
    enum jnl_open_error error = open_ring(&opened);
    if (error == JNL_OPEN_OK) {
        if (opened.entries != pristine.entries || opened.sum != expected_sum ||
            was_read.sum != expected_sum || reading != JNL_READING_END)
            fail_msg("byte %llu, bit %02x: wrong data", (unsigned long long)offset, bit);
        return;
    }
    if (!may_refuse || error != JNL_OPEN_CORRUPT || reading != JNL_READING_CORRUPT)
        fail_msg("byte %llu, bit %02x: error %d, reader %d", (unsigned long long)offset, bit, error,
                 reading);
    ring.bytes[offset] ^= bit;
    assert_memory_equal(ring.bytes, pristine.bytes, sizeof ring.bytes);
}

static void flip_all(uint64_t from, uint64_t to, unsigned step, bool may_refuse)
{
    struct yield whole;
    ring_make(&ring, RING_MIXED);
    pristine = ring;
    assert_int_equal(read_ring(&whole), JNL_READING_END);
    for (uint64_t offset = from; offset < to; offset += step)
        check_flip(offset, (uint8_t)(1u << offset % 8), whole.sum, may_refuse);
}

static void a_flipped_bit_in_a_superblock_costs_nothing(void **state)
{
    flip_all(0, 2 * JNL_BLOCK, 101, false);
    flip_all(RING_DEVICE - JNL_TRAILER_BYTES, RING_DEVICE, 101, false);
}

static void a_flipped_bit_in_a_record_is_noticed_or_means_nothing(void **state)
{
    for (uint64_t block = 0; block < 10; block++) {
        uint64_t from = JNL_RING_OFFSET + block * JNL_BLOCK;
        flip_all(from, from + 300, 7, true); /* where headers are */
        flip_all(from + 300, from + JNL_BLOCK, 131, true);
    }
}

/* --- a ring with room for the largest records --- */

#define FAR_RING   (12u * 1024 * 1024)
#define FAR_DEVICE (JNL_RING_OFFSET + FAR_RING + JNL_TRAILER_BYTES)

static uint8_t *far_bytes;

static int far_read(struct jdev_port *port, uint64_t offset, void *data, size_t bytes)
{
    memcpy(data, far_bytes + offset, bytes);
    return 0;
}

static int far_write(struct jdev_port *port, uint64_t offset, const void *data, size_t bytes)
{
    memcpy(far_bytes + offset, data, bytes);
    return 0;
}

static int far_sync(struct jdev_port *port)
{
    return 0;
}

static void far_put(struct jnl_record_header *header, uint32_t blocks, uint64_t durable_seq)
{
    const struct jnl_entry_header entry = {.lba = header->seq, .blocks = 1, .op = JNL_TRIM};
    header->ring_offset += (uint64_t)header->blocks * JNL_BLOCK;
    header->prev_crc = header->crc;
    header->seq++;
    header->blocks = blocks;
    header->durable_seq = durable_seq;
    jnl_record_encode(header, &entry, pristine.superblock.uuid,
                      far_bytes + JNL_RING_OFFSET + header->ring_offset);
}

/* The sync that made the bad record durable ended only after many more had been written. */
static void a_claim_may_lie_far_behind_the_damage(void **state)
{
    static const struct jdev_port_ops ops = {
        .read_now = far_read, .write_now = far_write, .sync_now = far_sync};
    struct jnl_record_header header = {.header_blocks = 1, .entry_count = 1, .incarnation = 1};
    struct yield yield;
    far_bytes = calloc(1, FAR_DEVICE);
    ring.port = (struct jdev_port){&ops, FAR_DEVICE};
    pristine.superblock = (struct jnl_superblock){
        .uuid = "far", .lun_block_bytes = RING_LUN_BLOCK, .lun_blocks = RING_LUN_BLOCKS};
    assert_int_equal(jnl_create(&ring.port, &pristine.superblock), 0);
    far_put(&header, 1, 0);
    for (unsigned i = 0; i < 3; i++)
        far_put(&header, 768, 0);
    far_put(&header, 1, 2);
    far_bytes[JNL_RING_OFFSET + JNL_BLOCK + 130] ^= 1; /* in the second record */
    assert_int_equal(open_ring(&yield), JNL_OPEN_CORRUPT);
    far_bytes[JNL_RING_OFFSET + JNL_BLOCK + 130] ^= 1;
    assert_int_equal(open_ring(&yield), JNL_OPEN_OK);
    assert_int_equal(yield.entries, 5);
    free(far_bytes);
}

/* A newer format, whatever else it says. */
static void another_version_is_left_alone(void **state)
{
    struct yield yield;
    ring_make(&ring, RING_MIXED);
    for (unsigned copy = 0; copy < 4; copy++)
        ring.bytes[jnl_superblock_offset(RING_DEVICE, copy / 2, copy % 2) + 24] |= 1;
    ring_seal(&ring);
    pristine = ring;
    assert_int_equal(open_ring(&yield), JNL_OPEN_NEWER);
    assert_memory_equal(ring.bytes, pristine.bytes, sizeof ring.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recovery_and_the_reader_agree),
        cmocka_unit_test(what_has_failed_is_not_replayed),
        cmocka_unit_test(a_flipped_bit_in_a_superblock_costs_nothing),
        cmocka_unit_test(a_flipped_bit_in_a_record_is_noticed_or_means_nothing),
        cmocka_unit_test(a_claim_may_lie_far_behind_the_damage),
        cmocka_unit_test(another_version_is_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
