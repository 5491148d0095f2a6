#include "tests/tools/ring.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "base/crc32c.h"

static int read_now(struct jdev_port *port, uint64_t offset, void *data, size_t bytes)
{
    struct ring *ring = container_of(port, struct ring, port);
    if (!range_is_inside(offset, bytes, RING_DEVICE))
        return -EIO;
    memcpy(data, ring->bytes + offset, bytes);
    return 0;
}

static int write_now(struct jdev_port *port, uint64_t offset, const void *data, size_t bytes)
{
    struct ring *ring = container_of(port, struct ring, port);
    if (!range_is_inside(offset, bytes, RING_DEVICE))
        return -EIO;
    memcpy(ring->bytes + offset, data, bytes);
    return 0;
}

static int sync_now(struct jdev_port *port)
{
    return 0;
}

static uint8_t *at(struct ring *ring, uint64_t offset)
{
    return ring->bytes + JNL_RING_OFFSET + offset;
}

/* One record of `blocks` jblks with up to three entries; the first one, a WRITE, has all the data
 * but for the last block's end, which is padding. */
static void put(struct ring *ring, uint32_t blocks, unsigned entries)
{
    uint64_t lba = ring->seq * 16;
    uint32_t data = (blocks - 1) * JNL_BLOCK - (blocks > 1 ? 1024 : 0);
    uint8_t *out = at(ring, ring->offset);
    struct jnl_entry_header entry[] = {
        {.lba = lba,
         .blocks = data ? data / RING_LUN_BLOCK : 8,
         .op = data ? JNL_WRITE : JNL_TRIM,
         .payload_offset = data ? JNL_BLOCK : 0,
         .epoch = ring->seq},
        {.lba = lba + 4, .blocks = 3, .op = JNL_ZERO, .flags = JNL_ENTRY_FUA, .epoch = ring->seq},
        {.lba = lba + 1, .blocks = 2, .op = JNL_TRIM, .epoch = ring->seq + 1},
    };
    struct jnl_record_header header = {
        .header_blocks = 1,
        .entry_count = (uint16_t)entries,
        .seq = ring->seq,
        .incarnation = ring->incarnation,
        .ring_offset = ring->offset,
        .blocks = blocks,
        .prev_crc = ring->prev_crc,
        .epoch = ring->seq,
        .flags = entries > 0 ? 0 : JNL_RECORD_PAD,
        .durable_seq = ring->durable_seq,
    };
    for (uint32_t i = 0; i < data; i++)
        out[JNL_BLOCK + i] = (uint8_t)(ring->seq * 31 + i);
    entry[0].payload_crc = data ? crc32c(0, out + JNL_BLOCK, data) : 0;
    jnl_record_encode(&header, entry, ring->superblock.uuid, out);
    ring->prev_crc = header.crc;
    ring->offset = (ring->offset + (uint64_t)blocks * JNL_BLOCK) % RING_BYTES;
    ring->seq++;
    ring->records++;
    ring->entries += entries;
}

static void tail_is_here(struct ring *ring)
{
    ring->superblock.tail_offset = ring->offset;
    ring->superblock.tail_seq = ring->seq;
    ring->superblock.tail_prev_crc = ring->prev_crc;
    ring->records = ring->entries = 0;
}

static void fill(struct ring *ring, enum ring_kind kind)
{
    switch (kind) {
    case RING_WRAPPED:
        for (unsigned i = 0; i < 14; i++)
            put(ring, 4, 1); /* passed */
        tail_is_here(ring);
        put(ring, 5, 2);
        put(ring, 3, 0); /* a pad: its header is followed by the start of the ring */
        put(ring, 9, 3);
        put(ring, 30, 1);
        break;
    case RING_RESTARTED:
        put(ring, 3, 2);
        put(ring, 2, 1);
        memcpy(at(ring, 12 * JNL_BLOCK), at(ring, 0), (size_t)3 * JNL_BLOCK);
        ring->superblock.incarnation_seq = ring->seq;
        ring->superblock.incarnation = ++ring->incarnation;
        put(ring, 4, 3);
        put(ring, 3, 1);
        break;
    default:
        put(ring, 3, 1);
        put(ring, 1, 1);
        ring->durable_seq = 2;
        put(ring, 4, 3);
        put(ring, 2, 2);
    }
}

static void tear(struct ring *ring)
{
    at(ring, ring->offset)[-1025] ^= 0xff; /* the last byte of the last data */
    ring->records--;
    ring->entries -= 2;
}

static void write_superblocks(struct ring *ring)
{
    for (unsigned copy = 0; copy < 4; copy++) {
        struct jnl_superblock superblock = ring->superblock;
        superblock.generation -= copy / 2;
        jnl_superblock_encode(
            &superblock,
            ring->bytes + jnl_superblock_offset(RING_DEVICE, superblock.generation, copy % 2));
    }
}

void ring_make(struct ring *ring, enum ring_kind kind)
{
    static const struct jdev_port_ops ops = {
        .read_now = read_now, .write_now = write_now, .sync_now = sync_now};
    memset(ring, 0, sizeof *ring);
    ring->port = (struct jdev_port){&ops, RING_DEVICE};
    ring->seq = ring->incarnation = 1;
    ring->superblock = (struct jnl_superblock){
        .uuid = "made by a test",
        .generation = 5,
        .incarnation = 1,
        .incarnation_seq = 1,
        .tail_seq = 1,
        .state = kind == RING_EMPTY ? JNL_STATE_EMPTY : JNL_STATE_OPEN,
        .ring_bytes = RING_BYTES,
        .lun_block_bytes = RING_LUN_BLOCK,
        .lun_blocks = RING_LUN_BLOCKS,
        .binding = {.serial = "S1", .vendor = "V", .product = "P", .target = "iqn.t"},
        /* The first record overlaps the second of these. */
        .canaries = {{.blocks = 8, .crc = 1},
                     {.lba = 16, .blocks = 1, .crc = 2},
                     [7] = {.lba = RING_LUN_BLOCKS - 8, .blocks = 8, .crc = 3}},
    };
    if (kind == RING_FAILED)
        ring->superblock.state |= JNL_STATE_FAILED;
    if (kind != RING_EMPTY)
        fill(ring, kind);
    if (kind == RING_MIXED || kind == RING_LOST || kind == RING_WRAPPED)
        ring->superblock.durable_seq = ring->seq - 1;
    if (kind == RING_TORN || kind == RING_LOST)
        tear(ring);
    write_superblocks(ring);
}

static void seal_superblock(uint8_t *block)
{
    put_le32(block + JNL_BLOCK - 4, crc32c(jnl_seed(block + 32), block, JNL_BLOCK - 4));
}

static void seal_record(struct ring *ring, uint8_t *block)
{
    put_le32(block + 124, 0);
    put_le32(block + 124, crc32c(jnl_seed(ring->superblock.uuid), block, JNL_BLOCK));
}

void ring_seal(struct ring *ring)
{
    for (unsigned copy = 0; copy < 4; copy++)
        seal_superblock(ring->bytes + jnl_superblock_offset(RING_DEVICE, copy / 2, copy % 2));
    for (uint64_t offset = 0; offset < RING_BYTES; offset += JNL_BLOCK) {
        if (memcmp(at(ring, offset), "WBR1", 4) == 0)
            seal_record(ring, at(ring, offset));
    }
}
