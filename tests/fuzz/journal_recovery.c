/*
 * libFuzzer target: recovery from anything at all on the journal's device.
 *
 * The first byte chooses a ring (tests/tools/ring.h), the second whether checksums are made right
 * again afterwards; the rest are patches: offset (u16, counted from a place that a third byte
 * chooses), length (u8), bytes. Nothing may crash or read outside; what recovery accepts the
 * reader, which was written apart, has to find whole, with the same entries; a refusal changes
 * nothing; and what recovery accepted once it accepts again, with the same entries; it leaves
 * only canaries that were there, and that no record overlaps. (Recovery may
 * refuse more: it also believes claims of records that an earlier recovery dropped.)
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "base/crc32c.h"
#include "journal/journal.h"
#include "journal/reader.h"
#include "tests/tools/ring.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct yield {
    unsigned entries;
    uint32_t sum;
    bool hides[JNL_CANARIES]; /* of the superblock's: a record overlaps it */
};

static struct ring ring;
static uint8_t before[RING_DEVICE];
static _Alignas(JNL_BLOCK) uint8_t memory[JNL_RECORD_BYTES_MAX];

static uint64_t now_us(struct timer_port *port)
{
    return 0;
}

static void timer_start(struct timer_port *port, struct timer *timer, uint64_t at_us)
{
}

static void timer_stop(struct timer_port *port, struct timer *timer)
{
}

static void patch(const uint8_t *data, size_t size)
{
    static const uint64_t places[] = {0,
                                      JNL_BLOCK,
                                      JNL_RING_OFFSET,
                                      JNL_RING_OFFSET + 48 * 1024,
                                      JNL_RING_OFFSET + 128 * 1024,
                                      RING_DEVICE - 16 * 1024,
                                      RING_DEVICE - JNL_TRAILER_BYTES,
                                      RING_DEVICE - JNL_BLOCK};
    while (size >= 4) {
        uint64_t offset = places[data[0] % 8] + get_le16(data + 1);
        size_t bytes = data[3];
        data += 4;
        size -= 4;
        if (bytes > size)
            bytes = size;
        for (size_t i = 0; i < bytes && offset + i < RING_DEVICE; i++)
            ring.bytes[offset + i] = data[i];
        data += bytes;
        size -= bytes;
    }
}

static void note(struct yield *yield, const struct jnl_entry_header *entry, const uint8_t *payload,
                 uint32_t block_bytes)
{
    uint8_t head[16];
    for (unsigned i = 0; i < JNL_CANARIES; i++)
        yield->hides[i] |=
            ranges_overlap(ring.superblock.canaries[i].lba, ring.superblock.canaries[i].blocks,
                           entry->lba, entry->blocks);
    put_le64(head, entry->lba);
    put_le32(head + 8, entry->blocks);
    put_le32(head + 12, entry->op);
    yield->sum = crc32c(yield->sum, head, sizeof head);
    if (payload)
        yield->sum = crc32c(yield->sum, payload, jnl_payload_bytes(entry, block_bytes));
    yield->entries++;
}

static void recovered(void *owner, struct journal *journal, struct jnl_entry *entry)
{
    const uint8_t *payload = entry->header.op == JNL_WRITE
                                 ? ring.bytes + JNL_RING_OFFSET + jnl_entry_place(entry)
                                 : NULL;
    note(owner, &entry->header, payload, ring.superblock.lun_block_bytes);
    jnl_entry_ref(entry); /* it is not on the LUN: the next start has to find it, too */
}

static enum jnl_open_error open_ring(struct yield *ret_yield)
{
    static const struct timer_port_ops timer_ops = {now_us, timer_start, timer_stop};
    static const struct jnl_events events;
    struct timer_port timer = {&timer_ops};
    struct jnl_config config = jnl_config_default;
    struct journal *journal = NULL;
    config.lun_block_bytes = ring.superblock.lun_block_bytes;
    config.record_count = 128;
    config.entry_count = 4096;
    *ret_yield = (struct yield){0};
    enum jnl_open_error error =
        jnl_open(&config, &ring.port, &timer, &events, ret_yield, recovered, &journal, NULL);
    jnl_free(journal);
    return error;
}

static enum jnl_reading read_ring(struct yield *ret_yield)
{
    struct jnl_reader reader;
    enum jnl_reading reading;
    uint64_t clean_seq = 0;
    *ret_yield = (struct yield){0};
    jnl_reader_init(&reader, &ring.port, &ring.superblock, memory);
    while ((reading = jnl_reader_next(&reader)) == JNL_READING_RECORD) {
        clean_seq = reader.header.clean_seq;
        for (unsigned i = 0; i < reader.header.entry_count; i++)
            note(ret_yield, &reader.entries[i], jnl_reader_payload(&reader, i),
                 ring.superblock.lun_block_bytes);
    }
    if (clean_seq > 0) /* some are left out by recovery: not comparable */
        ret_yield->entries = UINT32_MAX;
    return reading;
}

/* A record of an incarnation that no superblock has told of: no engine leaves that behind. */
static bool has_records_of_the_future(void)
{
    static struct jnl_entry_header entries[JNL_RECORD_ENTRIES];
    struct jnl_record_header header;
    for (uint64_t offset = JNL_RING_OFFSET; offset < JNL_RING_OFFSET + RING_BYTES;
         offset += JNL_BLOCK) {
        if (jnl_record_decode(ring.bytes + offset, ring.superblock.uuid, &header, entries) ==
                JNL_VALID &&
            header.incarnation > ring.superblock.incarnation)
            return true;
    }
    return false;
}

static void compare(enum jnl_open_error error, const struct yield *opened, enum jnl_reading reading,
                    const struct yield *was_read)
{
    if (error != JNL_OPEN_OK)
        return;
    assert(reading == JNL_READING_END || reading == JNL_READING_TORN);
    if (was_read->entries != UINT32_MAX && ring.superblock.replay_epoch == 0)
        assert(opened->entries == was_read->entries && opened->sum == was_read->sum);
}

/* What a start leaves of the canaries; with nothing to replay, none. */
static void check_canaries(const struct yield *opened, const struct yield *was_read)
{
    struct jnl_superblock after;
    assert(jnl_peek(&ring.port, &after) == JNL_OPEN_OK);
    for (unsigned i = 0; i < JNL_CANARIES; i++) {
        const struct jnl_canary *old = &ring.superblock.canaries[i], *canary = &after.canaries[i];
        bool is_left = old->blocks > 0 && !was_read->hides[i] && opened->entries > 0;
        assert((canary->blocks > 0) == is_left);
        if (is_left)
            assert(canary->lba == old->lba && canary->blocks == old->blocks &&
                   canary->crc == old->crc &&
                   range_is_inside(canary->lba, canary->blocks, ring.superblock.lun_blocks));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct yield opened, again, was_read;
    if (size < 2)
        return 0;
    ring_make(&ring, data[0] % RING_KINDS);
    patch(data + 2, size - 2);
    if (data[1] & 1)
        ring_seal(&ring);
    memcpy(before, ring.bytes, sizeof before);
    enum jnl_open_error error = jnl_peek(&ring.port, &ring.superblock);
    if (error) {
        assert(open_ring(&opened) == error);
        assert(memcmp(before, ring.bytes, sizeof before) == 0);
        return 0;
    }
    enum jnl_reading reading = read_ring(&was_read);
    bool is_possible = !has_records_of_the_future();
    error = open_ring(&opened);
    if (error == JNL_OPEN_OK) {
        check_canaries(&opened, &was_read);
        assert(open_ring(&again) == JNL_OPEN_OK);
        if (is_possible)
            assert(again.entries == opened.entries && again.sum == opened.sum);
    } else {
        assert(memcmp(before, ring.bytes, sizeof before) == 0);
    }
    compare(error, &opened, reading, &was_read);
    return 0;
}
