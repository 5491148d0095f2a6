/* What reads or changes the medium. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "tests/sim/target.h"

#define OP_READ       0x88
#define OP_WRITE      0x8a
#define OP_SYNC       0x91
#define OP_UNMAP      0x42
#define OP_WRITE_SAME 0x93
#define OP_ACTION_IN  0x9e
#define LBA_STATUS    0x12

struct extent {
    uint64_t lba;
    uint64_t blocks;
};

static struct extent extent_of(const struct message *message)
{
    if (message->cdb[0] == OP_UNMAP)
        return (struct extent){get_be64(message->data + 8), get_be32(message->data + 16)};
    return (struct extent){get_be64(message->cdb + 2), get_be32(message->cdb + 10)};
}

/* Zeros, or what an unmapped block reads as where LBPRZ is 0: anything. */
static void put_unmapped(struct target *target, uint64_t lba, bool stable)
{
    uint8_t data[4096];
    memset(data, target->options->unmap_zeroes ? 0 : 0xee, sizeof data);
    media_write(&target->media, lba, data, false, stable);
}

static bool unmaps(const struct message *message)
{
    struct target *target = message->target;
    if (message->cdb[0] == OP_WRITE_SAME && !(message->cdb[1] & 0x08))
        return false;
    return !rng_chance(&target->rng, target->options->unmap_ignored_pm);
}

static void change_block(struct message *message, uint64_t lba, uint64_t index)
{
    struct target *target = message->target;
    bool stable = (message->cdb[1] & 0x08) && message->cdb[0] == OP_WRITE;
    uint32_t block_bytes = target->options->block_bytes;
    switch (message->cdb[0]) {
    case OP_WRITE:
        media_write(&target->media, lba, message->data + index * block_bytes, true, stable);
        break;
    case OP_UNMAP:
        if (unmaps(message))
            put_unmapped(target, lba, stable);
        break;
    case OP_WRITE_SAME:
        if (unmaps(message))
            put_unmapped(target, lba, stable);
        else
            media_write(&target->media, lba, message->data, true, stable);
        break;
    }
}

static bool changes_medium(const struct message *message)
{
    uint8_t opcode = message->cdb[0];
    return opcode == OP_WRITE || opcode == OP_UNMAP || opcode == OP_WRITE_SAME;
}

void scsi_execute_partly(struct message *message, unsigned permille)
{
    struct target *target = message->target;
    if (!changes_medium(message) || (message->conn && target->wrong))
        return;
    struct extent extent = extent_of(message);
    if (!range_is_inside(extent.lba, extent.blocks, target->capacity))
        return;
    for (uint64_t i = 0; i < extent.blocks; i++)
        if (rng_chance(&target->rng, permille))
            change_block(message, extent.lba + i, i);
    if (!message->conn)
        target->stats.ghost_writes++;
    TRACE(target->world, "target: %s%02x of %llu+%llu", message->conn ? "" : "ghost ",
          message->cdb[0], (unsigned long long)extent.lba, (unsigned long long)extent.blocks);
}

/* True when the command is out of what the LUN has: the core must know better. */
static bool is_outside(struct message *message)
{
    struct target *target = message->target;
    struct extent extent = extent_of(message);
    bool supported = message->cdb[0] == OP_READ || message->cdb[0] == OP_WRITE ||
                     (message->cdb[0] == OP_UNMAP && target->options->unmap) ||
                     (message->cdb[0] == OP_WRITE_SAME && target->options->write_same);
    if (!supported) {
        scsi_sense(message, 0x05, 0x20, 0x00);
        return true;
    }
    if (range_is_inside(extent.lba, extent.blocks, target->capacity) && extent.blocks > 0)
        return false;
    world_fail(target->world, "command %02x outside of the LUN: %llu+%llu", message->cdb[0],
               (unsigned long long)extent.lba, (unsigned long long)extent.blocks);
    return true;
}

/* GOOD with an underflow: a part of it was done. */
static void answer_with_residual(struct message *message)
{
    uint32_t block_bytes = message->target->options->block_bytes;
    uint32_t blocks = message->data_bytes / block_bytes;
    scsi_execute_partly(message, 500);
    message->residual_bytes =
        block_bytes * (uint32_t)rng_range(&message->target->rng, 1, blocks ? blocks : 1);
    scsi_good(message);
}

/* Something goes wrong that says nothing about the data; true when it was answered so. */
static bool meets_trouble(struct message *message)
{
    struct target *target = message->target;
    const struct options *options = target->options;
    struct rng *rng = &target->rng;
    if (!message->conn || target->calm)
        return false;
    if (rng_chance(rng, options->aborted_pm)) {
        scsi_execute_partly(message, rng_chance(rng, 500) ? 500 : 0);
        scsi_sense(message, 0x0b, 0x00, 0x00);
        return true;
    }
    if (rng_chance(rng, options->no_sense_pm)) {
        scsi_execute_partly(message, rng_chance(rng, 500) ? 1000 : 0);
        scsi_status(message, 0x02);
        return true;
    }
    if (rng_chance(rng, options->response_pm)) {
        scsi_execute_partly(message, rng_chance(rng, 500) ? 500 : 0);
        message->response = 1;
        scsi_good(message);
        return true;
    }
    if (message->direction != LINK_NO_DATA && rng_chance(rng, options->residual_pm)) {
        answer_with_residual(message);
        return true;
    }
    return false;
}

/* MEDIUM ERROR of a write: a client is told, what was acknowledged before must be kept. */
static bool meets_write_error(struct message *message)
{
    struct target *target = message->target;
    if (!message->conn || target->calm ||
        !rng_chance(&target->rng, target->options->write_error_pm))
        return false;
    struct extent extent = extent_of(message);
    for (uint64_t i = 0; i < extent.blocks; i++)
        target->bad_ever |= UINT64_C(1) << (extent.lba + i);
    scsi_execute_partly(message, rng_chance(&target->rng, 500) ? 500 : 0);
    scsi_sense(message, 0x03, 0x0c, 0x02);
    return true;
}

static void change(struct message *message)
{
    struct target *target = message->target;
    if (message->conn && target->full) {
        scsi_sense(message, 0x07, 0x27, 0x07);
        return;
    }
    if (is_outside(message) || meets_trouble(message) || meets_write_error(message))
        return;
    if (message->cdb[0] == OP_WRITE && (message->cdb[1] & 0x08) && !target->options->dpofua) {
        world_fail(target->world, "the FUA bit was sent to a LUN without DPOFUA");
        return;
    }
    target->stats.writes++;
    scsi_execute_partly(message, 1000);
    if (message->conn)
        target->moment(target->owner, MOMENT_WRITE_DONE);
    scsi_good(message);
}

/* The blocks of a read; false after a MEDIUM ERROR. */
static bool read_blocks(struct message *message, struct extent extent)
{
    struct target *target = message->target;
    uint32_t block_bytes = target->options->block_bytes;
    message->data = malloc(extent.blocks * block_bytes);
    assert(message->data);
    for (uint64_t i = 0; i < extent.blocks; i++) {
        struct version *version = target->media.newest[extent.lba + i];
        if (!target->calm && rng_chance(&target->rng, target->options->medium_error_pm)) {
            version->bad = true;
            target->bad_ever |= UINT64_C(1) << (extent.lba + i);
        }
        if (version->bad) {
            free(message->data);
            message->data = NULL;
            message->data_bytes = 0;
            scsi_sense(message, 0x03, 0x11, 0x00);
            return false;
        }
        memcpy(message->data + i * block_bytes, version->data, block_bytes);
    }
    return true;
}

static void read(struct message *message)
{
    struct target *target = message->target;
    if (target->wrong) {
        scsi_sense(message, 0x02, 0x3a, 0x00);
        return;
    }
    if (is_outside(message))
        return;
    struct extent extent = extent_of(message);
    if (!read_blocks(message, extent) || meets_trouble(message))
        return;
    scsi_good(message);
    target->moment(target->owner, MOMENT_READ_DONE);
}

static void sync_starts(struct message *message)
{
    struct target *target = message->target;
    message->sync_runs = true;
    message->sync_order = target->media.order;
    if (message->conn)
        target->moment(target->owner, MOMENT_SYNC_STARTED);
    world_after(target->world, &message->event,
                rng_range(&target->rng, 1, target->options->sync_us));
}

static void sync_ends(struct message *message)
{
    struct target *target = message->target;
    if (message->conn && !target->calm &&
        rng_chance(&target->rng, target->options->sync_fails_pm)) {
        TRACE(target->world, "target: SYNC fails");
        target_lost(target, media_crash(&target->media, &target->rng, MEDIA_LOSE_SOME));
        scsi_sense(message, 0x04, 0x44, 0x00);
        return;
    }
    if (meets_trouble(message))
        return;
    target->stats.syncs++;
    media_sync(&target->media, message->sync_order);
    TRACE(target->world, "target: SYNC done");
    if (message->conn)
        target->moment(target->owner, MOMENT_SYNC_DONE);
    scsi_good(message);
}

static void lba_status(struct message *message)
{
    const struct target *target = message->target;
    if (!target->options->lba_status) {
        scsi_sense(message, 0x05, 0x20, 0x00);
        return;
    }
    uint8_t data[8 + 16 * 64] = {0};
    unsigned count = 0;
    uint64_t lba = get_be64(message->cdb + 2);
    while (lba < target->capacity && count < 64) {
        bool mapped = media_read(&target->media, lba)->mapped;
        uint64_t end = lba;
        while (end < target->capacity && media_read(&target->media, end)->mapped == mapped)
            end++;
        uint8_t *descriptor = data + 8 + 16 * count++;
        put_be64(descriptor, lba);
        put_be32(descriptor + 8, (uint32_t)(end - lba));
        descriptor[12] = mapped ? 0 : 1;
        lba = end;
    }
    put_be32(data, 4 + 16 * count);
    scsi_reply(message, data, 8 + 16 * count, get_be32(message->cdb + 10));
}

bool scsi_io(struct message *message)
{
    switch (message->cdb[0]) {
    case OP_READ:
        read(message);
        return true;
    case OP_WRITE:
    case OP_UNMAP:
    case OP_WRITE_SAME:
        change(message);
        return true;
    case OP_SYNC:
        if (message->sync_runs)
            sync_ends(message);
        else
            sync_starts(message);
        return true;
    case OP_ACTION_IN:
        if ((message->cdb[1] & 0x1f) != LBA_STATUS)
            return false;
        lba_status(message);
        return true;
    default:
        return false;
    }
}
