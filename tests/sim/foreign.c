#include "tests/sim/foreign.h"

#include <string.h>

#include "base/checked.h"
#include "base/crc32c.h"
#include "journal/journal.h"
#include "journal/reader.h"
#include "tests/sim/rot.h"

static bool is_free(const struct foreign *foreign, uint64_t lba, uint32_t blocks)
{
    for (unsigned i = 0; i < foreign->place_count; i++)
        if (ranges_overlap(foreign->places[i].lba, foreign->places[i].blocks, lba, blocks))
            return false;
    return true;
}

/* Not in what the LUN may grow by: it is not there yet. */
static void draw_places(struct foreign *foreign, const struct options *options, struct rng *rng)
{
    for (unsigned i = 0; i < options->canaries && i < VOL_PLACES; i++) {
        bool is_quiet = options->quiet_blocks > 0 && rng_chance(rng, 700);
        uint32_t from = is_quiet ? options->blocks - options->quiet_blocks : 0;
        uint32_t room = options->blocks - from;
        uint32_t blocks = (uint32_t)rng_range(rng, 1, room < 3 ? room : 3);
        uint64_t lba = from + rng_below(rng, room - blocks + 1);
        if (is_free(foreign, lba, blocks))
            foreign->places[foreign->place_count++] = (struct vol_place){lba, blocks};
    }
}

void foreign_init(struct foreign *foreign, struct world *world, const struct options *options,
                  struct target *target, struct journal_disk *disk, struct clients *clients,
                  uint64_t seed)
{
    struct rng rng = rng_fork(seed, "canaries");
    *foreign = (struct foreign){
        .world = world,
        .target = target,
        .disk = disk,
        .clients = clients,
    };
    draw_places(foreign, options, &rng);
}

static uint64_t draw_block(const struct foreign *foreign, struct rng *rng)
{
    if (foreign->place_count == 0 || rng_chance(rng, 300))
        return rng_below(rng, foreign->target->capacity);
    const struct vol_place *place = &foreign->places[rng_below(rng, foreign->place_count)];
    return place->lba + rng_below(rng, place->blocks);
}

void foreign_write(struct foreign *foreign, struct oracle *oracle, struct rng *rng)
{
    const struct cells *cells = &foreign->clients->cells;
    uint8_t block[4096];
    if (foreign->target->wrong || !foreign->target->running)
        return;
    uint64_t lba = draw_block(foreign, rng);
    uint64_t write = ORACLE_FOREIGN + ++foreign->writes;
    uint32_t first = (uint32_t)lba * cells->per_block;
    for (uint32_t i = 0; i < cells->per_block; i++)
        cell_fill(cells, first + i, cell_id(write, first + i), block + cells->start[i]);
    target_foreign_write(foreign->target, lba, block);
    oracle_foreign(oracle, first, cells->per_block, write);
    foreign->written_us[lba] = foreign->world->now_us;
}

/* --- what is left of the superblock's canaries --- */

static void drop_overlapping(struct jnl_superblock *superblock, uint64_t lba, uint64_t blocks)
{
    for (unsigned i = 0; i < JNL_CANARIES; i++) {
        struct jnl_canary *canary = &superblock->canaries[i];
        if (ranges_overlap(canary->lba, canary->blocks, lba, blocks))
            canary->blocks = 0;
    }
}

/* All of it, also what lies behind a rotten record. */
static void drop_what_the_ring_has(const struct foreign *foreign, struct jnl_superblock *superblock)
{
    static _Alignas(4096) uint8_t memory[JNL_RECORD_BYTES_MAX];
    struct jnl_reader reader;
    bool is_rotten = foreign->disk->rot.is_flipped;
    rot_mend(foreign->disk);
    jnl_reader_init(&reader, &foreign->disk->port, superblock, memory);
    while (jnl_reader_next(&reader) == JNL_READING_RECORD)
        for (unsigned i = 0; i < reader.header.entry_count; i++)
            drop_overlapping(superblock, reader.entries[i].lba, reader.entries[i].blocks);
    if (is_rotten)
        rot_again(foreign->disk);
}

/* A client's change, handed in and not answered yet, may be on its way to the ring. */
static void drop_what_is_under_way(const struct foreign *foreign, struct jnl_superblock *superblock)
{
    const struct clients *clients = foreign->clients;
    uint32_t per_block = clients->cells.per_block;
    for (unsigned i = 0; i < clients->slot_count; i++) {
        const struct slot *slot = &clients->slots[i];
        if (slot->state != SLOT_SUBMITTED || slot->op.count == 0)
            continue;
        uint64_t first = slot->op.first / per_block;
        uint64_t last = (slot->op.first + slot->op.count - 1) / per_block;
        drop_overlapping(superblock, first, last - first + 1);
    }
}

/* The other one wrote there before the session began, and not since. */
static bool had_to_be_seen(const struct foreign *foreign, const struct jnl_canary *canary,
                           uint64_t since_us)
{
    bool is_written = false;
    for (uint64_t lba = canary->lba; lba < canary->lba + canary->blocks; lba++) {
        if (foreign->written_us[lba] > since_us || foreign->target->bad_ever & UINT64_C(1) << lba)
            return false;
        is_written |= foreign->written_us[lba] > 0;
    }
    return is_written;
}

static uint32_t crc_on_the_lun(const struct foreign *foreign, const struct jnl_canary *canary)
{
    uint32_t crc = 0;
    for (uint64_t lba = canary->lba; lba < canary->lba + canary->blocks; lba++)
        crc = crc32c(crc, media_read(&foreign->target->media, lba)->data,
                     foreign->target->media.block_bytes);
    return crc;
}

void foreign_check_replay(const struct foreign *foreign, uint64_t since_us)
{
    struct jnl_superblock superblock;
    if (foreign->writes == 0 || jnl_peek(&foreign->disk->port, &superblock) != JNL_OPEN_OK)
        return;
    drop_what_is_under_way(foreign, &superblock);
    drop_what_the_ring_has(foreign, &superblock);
    for (unsigned i = 0; i < JNL_CANARIES; i++) {
        const struct jnl_canary *canary = &superblock.canaries[i];
        if (canary->blocks > 0 && had_to_be_seen(foreign, canary, since_us) &&
            crc_on_the_lun(foreign, canary) != canary->crc)
            world_fail(foreign->world,
                       "O14 the LUN is changed, though another system wrote to block %llu+%u",
                       (unsigned long long)canary->lba, canary->blocks);
    }
}

void foreign_check_refusal(struct foreign *foreign, const struct vol_status *status)
{
    bool is_right = status->foreign_blocks == 0 && foreign->refusals > 0;
    for (uint64_t i = 0; i < status->foreign_blocks; i++)
        is_right |= foreign->written_us[status->foreign_lba + i] > 0;
    foreign->refusals++;
    if (!is_right)
        world_fail(foreign->world, "O14 block %llu+%llu is refused, and nobody wrote there",
                   (unsigned long long)status->foreign_lba,
                   (unsigned long long)status->foreign_blocks);
}
