#include "tests/sim/old_ring.h"

#include <string.h>

#include "base/crc32c.h"
#include "journal/format.h"

#define RECORD_BLOCKS 2u                  /* a header, and one block of the LUN */
#define OLD_WRITES    (UINT64_C(1) << 40) /* numbers of writes that no client has done */
#define RUN_RECORDS   8u                  /* OLD_RING_AGED: then the daemon was started again */

static const uint8_t old_uuid[JNL_UUID_BYTES] = "an older one";

static void fill_block(const struct cells *cells, uint64_t lba, uint64_t write, uint8_t *data)
{
    for (uint32_t i = 0; i < cells->per_block; i++) {
        uint32_t cell = (uint32_t)lba * cells->per_block + i;
        cell_fill(cells, cell, cell_id(OLD_WRITES + write, cell), data + cells->start[i]);
    }
}

void old_ring_fill(struct journal_disk *disk, const struct cells *cells)
{
    uint8_t record[RECORD_BLOCKS * JNL_BLOCK] = {0};
    struct jnl_record_header header = {
        .header_blocks = 1, .entry_count = 1, .blocks = RECORD_BLOCKS, .incarnation = 2};
    uint64_t ring_bytes = jnl_ring_bytes_for(disk->port.size_bytes);
    for (; header.ring_offset + sizeof record <= ring_bytes; header.ring_offset += sizeof record) {
        struct jnl_entry_header entry = {
            .lba = header.seq % disk->options->blocks,
            .blocks = 1,
            .op = JNL_WRITE,
            .payload_offset = JNL_BLOCK,
        };
        fill_block(cells, entry.lba, header.seq, record + JNL_BLOCK);
        entry.payload_crc = crc32c(0, record + JNL_BLOCK, cells->block_bytes);
        header.durable_seq = header.seq;
        header.prev_crc = header.crc;
        header.seq++;
        header.incarnation +=
            disk->options->old_ring == OLD_RING_AGED && header.seq % RUN_RECORDS == 0;
        jnl_record_encode(&header, &entry, old_uuid, record);
        jdisk_put(disk, JNL_RING_OFFSET + header.ring_offset, record, sizeof record);
    }
}
