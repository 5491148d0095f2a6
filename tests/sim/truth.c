#include "tests/sim/truth.h"

#include <assert.h>
#include <string.h>

#include "journal/journal.h"
#include "journal/reader.h"

void truth_init(struct truth *truth, struct world *world, struct target *target,
                struct journal_disk *disk, struct oracle *oracle, const struct cells *cells)
{
    assert(target->media.blocks <= TRUTH_BLOCKS_MAX);
    truth->world = world;
    truth->target = target;
    truth->disk = disk;
    truth->oracle = oracle;
    truth->cells = cells;
    truth->has_journal = false;
    truth->held = 0;
    truth->records = 0;
    memset(truth->seq, 0, sizeof truth->seq);
}

/* Zeros also for a TRIM: so it reads until the target is told. */
static void take_entry(struct truth *truth, const struct jnl_reader *reader, unsigned index)
{
    const struct jnl_entry_header *entry = &reader->entries[index];
    if (entry->epoch < reader->superblock.replay_epoch)
        return;
    const uint8_t *payload = jnl_reader_payload(reader, index);
    uint32_t block_bytes = truth->cells->block_bytes;
    if (entry->lba + entry->blocks > truth->target->media.blocks) {
        world_fail(truth->world, "O16 the journal has blocks %llu+%u, outside of the LUN",
                   (unsigned long long)entry->lba, entry->blocks);
        return;
    }
    for (uint32_t i = 0; i < entry->blocks; i++) {
        uint64_t lba = entry->lba + i;
        truth->seq[lba] = reader->header.seq;
        if (payload)
            memcpy(truth->data[lba], payload + (size_t)i * block_bytes, block_bytes);
        else
            memset(truth->data[lba], 0, block_bytes);
    }
}

static void walk(struct truth *truth, const struct jnl_superblock *superblock)
{
    static _Alignas(4096) uint8_t memory[JNL_RECORD_BYTES_MAX];
    struct jnl_reader reader;
    enum jnl_reading reading;
    uint64_t clean_seq = 0;
    jnl_reader_init(&reader, &truth->disk->port, superblock, memory);
    while ((reading = jnl_reader_next(&reader)) == JNL_READING_RECORD) {
        clean_seq = reader.header.clean_seq;
        truth->records++;
        for (unsigned i = 0; i < reader.header.entry_count; i++)
            take_entry(truth, &reader, i);
    }
    bool is_damaged = reading == JNL_READING_CORRUPT || reading == JNL_READING_IO;
    truth->is_marked_failed = is_damaged && truth->disk->stats.write_errors > 0;
    if (is_damaged && !truth->is_marked_failed)
        world_fail(truth->world, "O16 the journal's record %llu %s", (unsigned long long)reader.seq,
                   reader.why);
    for (unsigned i = 0; i < TRUTH_BLOCKS_MAX; i++) {
        if (truth->seq[i] < clean_seq)
            truth->seq[i] = 0;
        truth->held += truth->seq[i] > 0;
    }
}

void truth_read_journal(struct truth *truth)
{
    struct jnl_superblock superblock;
    memset(truth->seq, 0, sizeof truth->seq);
    truth->held = 0;
    truth->records = 0;
    truth->has_journal = truth->is_marked_failed = false;
    if (truth->disk->port.size_bytes == 0)
        return;
    enum jnl_open_error error = jnl_peek(&truth->disk->port, &superblock);
    if (error == JNL_OPEN_NO_JOURNAL)
        return;
    if (error && truth->disk->stats.write_errors > 0) {
        truth->is_marked_failed = true; /* as good as that: failing writes tore every copy */
        return;
    }
    if (error) {
        world_fail(truth->world, "O16 no superblock of the journal is left: %d", (int)error);
        return;
    }
    truth->is_marked_failed = superblock.state & JNL_STATE_FAILED;
    truth->has_journal = !truth->is_marked_failed;
    if (!truth->is_marked_failed)
        walk(truth, &superblock);
}

uint64_t truth_of_cell(const struct truth *truth, uint32_t cell, bool with_journal)
{
    const struct cells *cells = truth->cells;
    uint32_t lba = cell / cells->per_block;
    const uint8_t *block = with_journal && truth->seq[lba] > 0
                               ? truth->data[lba]
                               : media_read(&truth->target->media, lba)->data;
    return cell_parse(cells, cell, block + cells->start[cell % cells->per_block]);
}

uint32_t truth_cells(const struct truth *truth)
{
    return (uint32_t)truth->target->media.blocks * truth->cells->per_block;
}

void truth_check(struct truth *truth, bool with_journal, bool forgive, uint64_t before)
{
    for (uint32_t i = 0; i < truth_cells(truth) && !world_failed(truth->world); i++) {
        uint64_t id = truth_of_cell(truth, i, with_journal);
        bool is_right = oracle_may_hold(truth->oracle, i, id, before);
        /* What looks right may be an older version that looks the same (zeros of a TRIM). */
        bool may_be_older = forgive && truth->disk->port.size_bytes > 0;
        if (is_right && !may_be_older)
            continue;
        if (forgive)
            oracle_rolled_back(truth->oracle, i, id);
        else
            oracle_lost(truth->oracle, i, id);
    }
}

/* The LUN's ids when each block keeps a version of those that a crash may leave. */
static void read_lun(const struct truth *truth, struct rng *rng, enum media_crash mode,
                     uint64_t *ids)
{
    const struct cells *cells = truth->cells;
    for (uint32_t lba = 0; lba < truth->target->media.blocks; lba++) {
        const struct version *version = media_read(&truth->target->media, lba);
        while (version->older &&
               (mode == MEDIA_LOSE_ALL || (mode == MEDIA_LOSE_SOME && rng_chance(rng, 500))))
            version = version->older;
        for (uint32_t i = 0; i < cells->per_block; i++) {
            uint32_t cell = lba * cells->per_block + i;
            ids[cell] = cell_parse(cells, cell, version->data + cells->start[i]);
        }
    }
}

void truth_check_stable(struct truth *truth)
{
    uint64_t ids[TRUTH_BLOCKS_MAX * CELLS_PER_BLOCK_MAX];
    read_lun(truth, NULL, MEDIA_LOSE_ALL, ids);
    for (uint32_t i = 0; i < truth_cells(truth) && !world_failed(truth->world); i++)
        if (!oracle_may_hold(truth->oracle, i, ids[i], UINT64_MAX))
            oracle_lost(truth->oracle, i, ids[i]);
}

void truth_check_prefix(struct truth *truth, struct rng *rng)
{
    uint64_t ids[TRUTH_BLOCKS_MAX * CELLS_PER_BLOCK_MAX];
    for (int mode = MEDIA_KEEP_ALL; mode <= MEDIA_LOSE_SOME; mode++) {
        read_lun(truth, rng, (enum media_crash)mode, ids);
        oracle_check_prefix(truth->oracle, ids);
    }
}

void truth_pin(struct truth *truth)
{
    for (uint32_t i = 0; i < truth_cells(truth) && !world_failed(truth->world); i++)
        oracle_read(truth->oracle, i, oracle_now(truth->oracle), truth_of_cell(truth, i, true));
}
