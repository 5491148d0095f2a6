#include "tests/sim/rot.h"

#include <assert.h>
#include <string.h>

#include "journal/journal.h"

static _Alignas(4096) uint8_t memory[JNL_RECORD_BYTES_MAX];

/* --- what a loss of power would leave --- */

struct stable_view {
    struct jdev_port port;
    const struct journal_disk *disk;
};

static int read_stable(struct jdev_port *port, uint64_t offset, void *data, size_t bytes)
{
    const struct stable_view *view = container_of(port, struct stable_view, port);
    memcpy(data, view->disk->stable + offset, bytes);
    return 0;
}

static const struct jdev_port_ops stable_ops = {.read_now = read_stable};

/* Begins to read the log; false when there is none. */
static bool read_begin(struct jdev_port *port, struct jnl_reader *reader)
{
    struct jnl_superblock superblock;
    if (port->size_bytes == 0 || jnl_peek(port, &superblock) != JNL_OPEN_OK)
        return false;
    jnl_reader_init(reader, port, &superblock, memory);
    return true;
}

/* The highest record that was certainly durable. */
static uint64_t durable_seq(struct jdev_port *port)
{
    struct jnl_reader reader;
    if (!read_begin(port, &reader))
        return 0;
    while (jnl_reader_next(&reader) == JNL_READING_RECORD)
        ;
    return reader.durable_seq;
}

/* Draws one of the entries with data; false when there is none. */
static bool draw_entry(struct journal_disk *disk, struct jdev_port *port, uint64_t last_seq,
                       uint64_t *ret_offset, struct jnl_entry_header *ret_entry)
{
    struct jnl_reader reader;
    unsigned seen = 0;
    if (last_seq == 0 || !read_begin(port, &reader))
        return false;
    while (jnl_reader_next(&reader) == JNL_READING_RECORD && reader.header.seq <= last_seq) {
        for (unsigned i = 0; i < reader.header.entry_count; i++) {
            const struct jnl_entry_header *entry = &reader.entries[i];
            if (entry->op != JNL_WRITE || rng_below(&disk->rot.rng, ++seen) != 0)
                continue;
            *ret_entry = *entry;
            *ret_offset = JNL_RING_OFFSET + reader.header.ring_offset + entry->payload_offset;
        }
    }
    return seen > 0;
}

/* --- the bit --- */

static void flip(struct journal_disk *disk)
{
    disk->visible[disk->rot.at] ^= disk->rot.bit;
    disk->stable[disk->rot.at] ^= disk->rot.bit;
    disk->rot.is_flipped = !disk->rot.is_flipped;
}

struct rot_blocks rot_strike(struct journal_disk *disk)
{
    struct stable_view view = {{&stable_ops, disk->port.size_bytes}, disk};
    struct jnl_entry_header entry;
    struct rot *rot = &disk->rot;
    uint64_t offset;
    if (rot->is_there || !draw_entry(disk, &view.port, durable_seq(&view.port), &offset, &entry))
        return (struct rot_blocks){0};
    rot->at = offset + rng_below(&rot->rng, jnl_payload_bytes(&entry, disk->options->block_bytes));
    rot->bit = (uint8_t)(1u << rng_below(&rot->rng, 8));
    rot->is_there = true;
    rot->is_flipped = false;
    rot->count++;
    assert(disk->visible[rot->at] == disk->stable[rot->at]);
    flip(disk);
    TRACE(disk->world, "journal disk: byte %llu rots, of blocks %llu+%u",
          (unsigned long long)rot->at, (unsigned long long)entry.lba, entry.blocks);
    return (struct rot_blocks){entry.lba, entry.blocks};
}

void rot_mend(struct journal_disk *disk)
{
    if (disk->rot.is_there && disk->rot.is_flipped)
        flip(disk);
}

void rot_again(struct journal_disk *disk)
{
    if (disk->rot.is_there && !disk->rot.is_flipped)
        flip(disk);
}

void rot_is_over(struct journal_disk *disk)
{
    rot_mend(disk);
    disk->rot.is_there = false;
}

enum jnl_reading rot_read_log(struct journal_disk *disk, uint64_t *ret_records)
{
    struct jnl_reader reader;
    enum jnl_reading reading;
    *ret_records = 0;
    if (!read_begin(&disk->port, &reader))
        return JNL_READING_IO;
    while ((reading = jnl_reader_next(&reader)) == JNL_READING_RECORD)
        ++*ret_records;
    return reading;
}
