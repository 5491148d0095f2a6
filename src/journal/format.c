#include "journal/format.h"

#include <assert.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "base/crc32c.h"
#include "base/mutant.h"

static const uint8_t superblock_magic[8] = "WBJSB\0\0\1";
static const uint8_t record_magic[4] = "WBR1";

#define CSUM_CRC32C 1u

uint32_t jnl_seed(const uint8_t uuid[JNL_UUID_BYTES])
{
    return crc32c(0, uuid, JNL_UUID_BYTES);
}

uint64_t jnl_superblock_offset(uint64_t device_bytes, uint64_t generation, unsigned copy)
{
    uint64_t slot = generation % 2 * JNL_BLOCK;
    return copy == 0 ? slot : device_bytes - JNL_TRAILER_BYTES + slot;
}

uint64_t jnl_ring_bytes_for(uint64_t device_bytes)
{
    uint64_t whole = round_down(device_bytes, JNL_BLOCK);
    uint64_t overhead = JNL_RING_OFFSET + JNL_TRAILER_BYTES;
    return whole >= overhead + JNL_RING_BYTES_MIN ? whole - overhead : 0;
}

static void encode_binding(const struct jnl_binding *binding, uint8_t *out)
{
    put_le16(out + 128, binding->designator_type);
    put_le16(out + 130, binding->designator_bytes);
    memcpy(out + 132, binding->designator, 64);
    memcpy(out + 196, binding->serial, 64);
    memcpy(out + 260, binding->vendor, 8);
    memcpy(out + 268, binding->product, 16);
    memcpy(out + 284, binding->revision, 4);
    put_le64(out + 288, binding->lun);
    memcpy(out + 296, binding->target, 224);
    memcpy(out + 520, binding->initiator, 224);
    memcpy(out + 744, binding->isid, 6);
}

static void decode_binding(const uint8_t *in, struct jnl_binding *binding)
{
    memset(binding, 0, sizeof *binding);
    binding->designator_type = get_le16(in + 128);
    binding->designator_bytes = get_le16(in + 130);
    memcpy(binding->designator, in + 132, 64);
    memcpy(binding->serial, in + 196, 64);
    memcpy(binding->vendor, in + 260, 8);
    memcpy(binding->product, in + 268, 16);
    memcpy(binding->revision, in + 284, 4);
    binding->lun = get_le64(in + 288);
    memcpy(binding->target, in + 296, 224);
    memcpy(binding->initiator, in + 520, 224);
    memcpy(binding->isid, in + 744, 6);
}

static void encode_canary(const struct jnl_canary *canary, uint8_t *out)
{
    put_le64(out, canary->lba);
    put_le32(out + 8, canary->blocks);
    put_le32(out + 12, canary->crc);
    put_le64(out + 16, canary->seq);
}

/* An older version wrote zeros. */
static void decode_canary(const uint8_t *in, uint64_t lun_blocks, struct jnl_canary *ret_canary)
{
    const struct jnl_canary canary = {
        .lba = get_le64(in),
        .blocks = get_le32(in + 8),
        .crc = get_le32(in + 12),
        .seq = get_le64(in + 16),
    };
    bool is_one = canary.blocks > 0 && canary.blocks <= JNL_CANARY_BLOCKS_MAX &&
                  range_is_inside(canary.lba, canary.blocks, lun_blocks);
    *ret_canary = is_one ? canary : (struct jnl_canary){0};
}

void jnl_superblock_encode(const struct jnl_superblock *superblock, uint8_t out[JNL_BLOCK])
{
    memset(out, 0, JNL_BLOCK);
    memcpy(out, superblock_magic, sizeof superblock_magic);
    put_le16(out + 8, JNL_VERSION_MAJOR);
    put_le16(out + 10, JNL_VERSION_MINOR);
    put_le32(out + 12, JNL_BLOCK);
    put_le32(out + 16, superblock->feat_compat);
    put_le32(out + 20, superblock->feat_ro_compat);
    put_le32(out + 24, superblock->feat_incompat);
    put_le32(out + 28, CSUM_CRC32C);
    memcpy(out + 32, superblock->uuid, JNL_UUID_BYTES);
    put_le64(out + 48, superblock->generation);
    put_le64(out + 56, superblock->incarnation);
    put_le64(out + 64, superblock->tail_offset);
    put_le64(out + 72, superblock->tail_seq);
    put_le32(out + 80, superblock->tail_prev_crc);
    put_le32(out + 84, superblock->state);
    put_le64(out + 88, JNL_RING_OFFSET);
    put_le64(out + 96, superblock->ring_bytes);
    put_le32(out + 104, JNL_BLOCK);
    put_le32(out + 108, superblock->lun_block_bytes);
    put_le64(out + 112, superblock->lun_blocks);
    put_le32(out + 120, superblock->mode);
    put_le32(out + 124, superblock->destage);
    encode_binding(&superblock->binding, out);
    put_le64(out + 800, superblock->opened_ns);
    for (unsigned i = 0; i < JNL_CANARIES; i++)
        encode_canary(&superblock->canaries[i], out + 832 + (size_t)i * JNL_CANARY_BYTES);
    put_le64(out + 1088, superblock->durable_seq);
    put_le64(out + 1096, superblock->incarnation_seq);
    put_le64(out + 1104, superblock->replay_epoch);
    put_le32(out + 4092, crc32c(jnl_seed(superblock->uuid), out, 4092));
}

static bool superblock_is_sane(const uint8_t *in, uint64_t device_bytes)
{
    uint64_t ring_bytes = get_le64(in + 96), tail_offset = get_le64(in + 64);
    uint32_t lun_block_bytes = get_le32(in + 108);
    return get_le32(in + 12) == JNL_BLOCK && get_le32(in + 28) == CSUM_CRC32C &&
           get_le64(in + 88) == JNL_RING_OFFSET && get_le32(in + 104) == JNL_BLOCK &&
           ring_bytes % JNL_BLOCK == 0 && ring_bytes >= JNL_RING_BYTES_MIN &&
           ring_bytes <= jnl_ring_bytes_for(device_bytes) && tail_offset < ring_bytes &&
           tail_offset % JNL_BLOCK == 0 && get_le16(in + 130) <= 64 &&
           (lun_block_bytes == 512 || lun_block_bytes == 4096);
}

enum jnl_verdict jnl_superblock_decode(const uint8_t in[JNL_BLOCK], uint64_t device_bytes,
                                       struct jnl_superblock *ret_superblock)
{
    if (memcmp(in, superblock_magic, sizeof superblock_magic) != 0)
        return JNL_NOT_OURS;
    if (get_le32(in + 4092) != crc32c(jnl_seed(in + 32), in, 4092))
        return JNL_DAMAGED;
    /* Behind a valid checksum: whoever wrote this meant it. */
    if (get_le16(in + 8) != JNL_VERSION_MAJOR || get_le32(in + 24) != 0)
        return JNL_NEWER;
    if (!superblock_is_sane(in, device_bytes))
        return JNL_DAMAGED;
    struct jnl_superblock superblock = {
        .generation = get_le64(in + 48),
        .incarnation = get_le64(in + 56),
        .tail_offset = get_le64(in + 64),
        .tail_seq = get_le64(in + 72),
        .tail_prev_crc = get_le32(in + 80),
        .state = get_le32(in + 84),
        .ring_bytes = get_le64(in + 96),
        .lun_block_bytes = get_le32(in + 108),
        .lun_blocks = get_le64(in + 112),
        .mode = get_le32(in + 120),
        .destage = get_le32(in + 124),
        .durable_seq = get_le64(in + 1088),
        .incarnation_seq = get_le64(in + 1096),
        .replay_epoch = get_le64(in + 1104),
        .opened_ns = get_le64(in + 800),
        .feat_compat = get_le32(in + 16),
        .feat_ro_compat = get_le32(in + 20),
    };
    memcpy(superblock.uuid, in + 32, JNL_UUID_BYTES);
    decode_binding(in, &superblock.binding);
    for (unsigned i = 0; i < JNL_CANARIES; i++)
        decode_canary(in + 832 + (size_t)i * JNL_CANARY_BYTES, superblock.lun_blocks,
                      &superblock.canaries[i]);
    *ret_superblock = superblock;
    return JNL_VALID;
}

static uint32_t record_crc(const uint8_t block[JNL_BLOCK], const uint8_t uuid[JNL_UUID_BYTES])
{
    static const uint8_t nothing[4];
    uint32_t crc = crc32c(jnl_seed(uuid), block, 124);
    crc = crc32c(crc, nothing, sizeof nothing);
    return crc32c(crc, block + 128, JNL_BLOCK - 128);
}

static void encode_entry(const struct jnl_entry_header *entry, uint64_t epoch, uint8_t *out)
{
    put_le64(out, entry->lba);
    put_le32(out + 8, entry->blocks);
    out[12] = entry->op;
    out[13] = entry->flags;
    put_le32(out + 16, entry->payload_offset / 512);
    put_le32(out + 20, entry->payload_crc);
    put_le32(out + 24, (uint32_t)(entry->epoch - epoch));
}

void jnl_record_encode(struct jnl_record_header *header, const struct jnl_entry_header *entries,
                       const uint8_t uuid[JNL_UUID_BYTES], uint8_t out[JNL_BLOCK])
{
    assert(header->entry_count <= JNL_RECORD_ENTRIES && header->header_blocks == 1);
    memset(out, 0, JNL_BLOCK);
    memcpy(out, record_magic, sizeof record_magic);
    put_le16(out + 4, header->header_blocks);
    put_le16(out + 6, header->entry_count);
    put_le64(out + 8, header->seq);
    put_le64(out + 16, header->incarnation);
    put_le64(out + 24, header->ring_offset);
    put_le32(out + 32, header->blocks);
    put_le32(out + 36, header->prev_crc);
    put_le64(out + 40, header->clean_seq);
    put_le64(out + 48, header->epoch);
    put_le32(out + 56, header->flags);
    memcpy(out + 64, uuid, JNL_UUID_BYTES);
    put_le64(out + 80, header->wall_ns);
    put_le64(out + 88, header->nexus_generation);
    put_le64(out + 96, header->durable_seq);
    for (unsigned i = 0; i < header->entry_count; i++)
        encode_entry(&entries[i], header->epoch, out + JNL_RECORD_HEADER + i * JNL_ENTRY_BYTES);
    header->crc = record_crc(out, uuid);
    put_le32(out + 124, header->crc);
}

static bool decode_entry(const uint8_t *in, const struct jnl_record_header *header,
                         struct jnl_entry_header *ret_entry)
{
    struct jnl_entry_header entry = {
        .lba = get_le64(in),
        .blocks = get_le32(in + 8),
        .op = in[12],
        .flags = in[13],
        .payload_crc = get_le32(in + 20),
        .epoch = header->epoch + get_le32(in + 24),
    };
    uint64_t offset = (uint64_t)get_le32(in + 16) * 512;
    bool has_payload = entry.op == JNL_WRITE;
    if (entry.op < JNL_WRITE || entry.op > JNL_TRIM || entry.blocks == 0 ||
        entry.lba > UINT64_MAX - entry.blocks)
        return false;
    if (has_payload && (offset < JNL_BLOCK || offset >= (uint64_t)header->blocks * JNL_BLOCK))
        return false;
    entry.payload_offset = has_payload ? (uint32_t)offset : 0;
    *ret_entry = entry;
    return true;
}

enum jnl_verdict jnl_record_decode(const uint8_t in[JNL_BLOCK], const uint8_t uuid[JNL_UUID_BYTES],
                                   struct jnl_record_header *ret_header,
                                   struct jnl_entry_header ret_entries[JNL_RECORD_ENTRIES])
{
    if (MUTANT(NO_UUID_CHECK))
        uuid = in + 64;
    if (memcmp(in, record_magic, sizeof record_magic) != 0 ||
        memcmp(in + 64, uuid, JNL_UUID_BYTES) != 0)
        return JNL_NOT_OURS;
    struct jnl_record_header header = {
        .header_blocks = get_le16(in + 4),
        .entry_count = get_le16(in + 6),
        .seq = get_le64(in + 8),
        .incarnation = get_le64(in + 16),
        .ring_offset = get_le64(in + 24),
        .blocks = get_le32(in + 32),
        .prev_crc = get_le32(in + 36),
        .clean_seq = get_le64(in + 40),
        .epoch = get_le64(in + 48),
        .flags = get_le32(in + 56),
        .wall_ns = get_le64(in + 80),
        .nexus_generation = get_le64(in + 88),
        .durable_seq = get_le64(in + 96),
        .crc = get_le32(in + 124),
    };
    if (header.crc != record_crc(in, uuid))
        return JNL_DAMAGED;
    if (header.header_blocks != 1 || header.entry_count > JNL_RECORD_ENTRIES || header.blocks == 0)
        return JNL_DAMAGED;
    for (unsigned i = 0; i < header.entry_count; i++)
        if (!decode_entry(in + JNL_RECORD_HEADER + i * JNL_ENTRY_BYTES, &header, &ret_entries[i]))
            return JNL_DAMAGED;
    *ret_header = header;
    return JNL_VALID;
}

uint64_t jnl_payload_bytes(const struct jnl_entry_header *entry, uint32_t lun_block_bytes)
{
    return entry->op == JNL_WRITE ? (uint64_t)entry->blocks * lun_block_bytes : 0;
}
