#include "journal/reader.h"

#include "base/checked.h"
#include "base/crc32c.h"

/* Read at once in search of later records. */
#define SEARCH_BYTES (1024u * 1024)

static int read_ring(const struct jnl_reader *reader, uint64_t offset, size_t bytes)
{
    return reader->device->ops->read_now(reader->device, JNL_RING_OFFSET + offset, reader->memory,
                                         bytes);
}

void jnl_reader_init(struct jnl_reader *reader, struct jdev_port *device,
                     const struct jnl_superblock *superblock, uint8_t *memory)
{
    *reader = (struct jnl_reader){
        .device = device,
        .superblock = *superblock,
        .memory = memory,
        .offset = superblock->tail_offset,
        .seq = superblock->tail_seq,
        .prev_crc = superblock->tail_prev_crc,
        .durable_seq = superblock->durable_seq,
    };
}

/* True when a record of this incarnation may have this sequence number. */
static bool is_of_its_time(const struct jnl_reader *reader, const struct jnl_record_header *header)
{
    const struct jnl_superblock *superblock = &reader->superblock;
    if (header->seq >= superblock->incarnation_seq)
        return header->incarnation == superblock->incarnation;
    return header->incarnation >= reader->incarnation &&
           header->incarnation <= superblock->incarnation;
}

static bool fits_the_ring(const struct jnl_reader *reader)
{
    const struct jnl_record_header *header = &reader->header;
    uint64_t bytes = (uint64_t)header->blocks * JNL_BLOCK;
    if (bytes > reader->superblock.ring_bytes - reader->bytes)
        return false;
    if (header->flags & JNL_RECORD_PAD)
        return header->entry_count == 0 && reader->offset + bytes == reader->superblock.ring_bytes;
    return bytes <= JNL_RECORD_BYTES_MAX &&
           range_is_inside(reader->offset, bytes, reader->superblock.ring_bytes);
}

/* Judges the header block in memory. */
static enum jnl_reading judge_header(struct jnl_reader *reader)
{
    enum jnl_verdict verdict = jnl_record_decode(reader->memory, reader->superblock.uuid,
                                                 &reader->header, reader->entries);
    const struct jnl_record_header *header = &reader->header;
    if (verdict == JNL_NOT_OURS) {
        reader->why = "is not there";
        return JNL_READING_END;
    }
    if (verdict != JNL_VALID) {
        reader->why = "has a damaged header";
        return JNL_READING_TORN;
    }
    if (header->seq != reader->seq || header->ring_offset != reader->offset) {
        reader->why = "is not there, but an older one";
        return JNL_READING_END;
    }
    if (header->prev_crc != reader->prev_crc || !is_of_its_time(reader, header)) {
        reader->why = "is a leftover of an earlier run";
        return JNL_READING_END;
    }
    if (!fits_the_ring(reader)) {
        reader->why = "does not fit into the ring";
        return JNL_READING_TORN;
    }
    return JNL_READING_RECORD;
}

static bool payloads_are_intact(const struct jnl_reader *reader)
{
    uint64_t record_bytes = (uint64_t)reader->header.blocks * JNL_BLOCK;
    for (unsigned i = 0; i < reader->header.entry_count; i++) {
        const struct jnl_entry_header *entry = &reader->entries[i];
        uint64_t bytes = jnl_payload_bytes(entry, reader->superblock.lun_block_bytes);
        if (bytes == 0)
            continue;
        if (!range_is_inside(entry->payload_offset, bytes, record_bytes) ||
            crc32c(0, reader->memory + entry->payload_offset, bytes) != entry->payload_crc)
            return false;
    }
    return true;
}

static enum jnl_reading read_record(struct jnl_reader *reader)
{
    reader->why = "cannot be read";
    if (reader->bytes == reader->superblock.ring_bytes) {
        reader->why = "has no place: the ring is full";
        return JNL_READING_END;
    }
    if (read_ring(reader, reader->offset, JNL_BLOCK) < 0)
        return JNL_READING_IO;
    enum jnl_reading reading = judge_header(reader);
    if (reading != JNL_READING_RECORD || (reader->header.flags & JNL_RECORD_PAD))
        return reading;
    if (read_ring(reader, reader->offset, (size_t)reader->header.blocks * JNL_BLOCK) < 0)
        return JNL_READING_IO;
    if (payloads_are_intact(reader))
        return JNL_READING_RECORD;
    reader->why = "has damaged contents";
    return JNL_READING_TORN;
}

static void advance(struct jnl_reader *reader)
{
    const struct jnl_record_header *header = &reader->header;
    uint64_t bytes = (uint64_t)header->blocks * JNL_BLOCK;
    reader->durable_seq = max_u64(reader->durable_seq, header->durable_seq);
    reader->incarnation = header->incarnation;
    reader->prev_crc = header->crc;
    reader->seq++;
    reader->bytes += bytes;
    reader->offset = (reader->offset + bytes) % reader->superblock.ring_bytes;
}

/* A record in memory, at `offset` of the ring, that could only be written when record `seq` was on
 * stable storage. It may be of a later incarnation than the superblock, when that is an old one
 * because the device lost the newer. */
static bool claims(struct jnl_reader *reader, const uint8_t *block, uint64_t offset)
{
    struct jnl_record_header header;
    if (jnl_record_decode(block, reader->superblock.uuid, &header, reader->entries) != JNL_VALID ||
        header.ring_offset != offset)
        return false;
    bool is_later = header.incarnation > reader->superblock.incarnation;
    if (!is_later && (header.seq <= reader->seq || header.durable_seq < reader->seq ||
                      !is_of_its_time(reader, &header)))
        return false;
    reader->claimed_by = header.seq;
    return true;
}

/* Looks through the rest of the lap; a block that cannot be read claims nothing. */
static bool somebody_claims_it(struct jnl_reader *reader)
{
    uint64_t ring_bytes = reader->superblock.ring_bytes;
    uint64_t left = ring_bytes - reader->bytes, offset = reader->offset;
    if (reader->durable_seq >= reader->seq)
        return true;
    while (left > 0) {
        uint64_t bytes = min_u64(min_u64(left, SEARCH_BYTES), ring_bytes - offset);
        bool readable = read_ring(reader, offset, bytes) == 0;
        for (uint64_t at = 0; readable && at < bytes; at += JNL_BLOCK) {
            if (claims(reader, reader->memory + at, offset + at))
                return true;
        }
        left -= bytes;
        offset = (offset + bytes) % ring_bytes;
    }
    return false;
}

enum jnl_reading jnl_reader_next(struct jnl_reader *reader)
{
    enum jnl_reading reading = read_record(reader);
    if (reading == JNL_READING_RECORD) {
        advance(reader);
        reader->why = NULL;
        return reading;
    }
    return somebody_claims_it(reader) ? JNL_READING_CORRUPT : reading;
}

const uint8_t *jnl_reader_payload(const struct jnl_reader *reader, unsigned index)
{
    const struct jnl_entry_header *entry = &reader->entries[index];
    return entry->op == JNL_WRITE ? reader->memory + entry->payload_offset : NULL;
}
