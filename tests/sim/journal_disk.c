#include "tests/sim/journal_disk.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "journal/journal.h"

/* What an operation is for as long as it is under way. */
struct disk_op {
    struct journal_disk *disk;
    struct jdev_op *op;
    struct event event;
    uint64_t sync_order; /* JDEV_SYNC: covers what had completed before */
};

static uint8_t *stable_at(struct journal_disk *disk, uint32_t sector)
{
    return disk->stable + (size_t)sector * JDISK_SECTOR;
}

static uint8_t *visible_at(struct journal_disk *disk, uint32_t sector)
{
    return disk->visible + (size_t)sector * JDISK_SECTOR;
}

/* --- the cache --- */

static void cache_sector(struct journal_disk *disk, uint32_t sector, const uint8_t *data)
{
    if (disk->cached == disk->cache_room) {
        disk->cache_room = disk->cache_room ? disk->cache_room * 2 : 256;
        disk->cache = realloc(disk->cache, disk->cache_room * sizeof *disk->cache);
        assert(disk->cache);
    }
    struct jdisk_volatile *entry = &disk->cache[disk->cached++];
    entry->order = disk->order;
    entry->sector = sector;
    entry->is_lost_to_sync = false;
    memcpy(entry->data, data, JDISK_SECTOR);
}

/* The sector is stable in a newer version: what is cached of it is void. */
static void forget_cached(struct journal_disk *disk, uint32_t first, uint32_t count)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < disk->cached; i++)
        if (disk->cache[i].sector - first >= count)
            disk->cache[kept++] = disk->cache[i];
    disk->cached = kept;
}

static void put_sector(struct journal_disk *disk, uint32_t sector, const uint8_t *data,
                       bool is_stable)
{
    if (disk->rot.at / JDISK_SECTOR == sector)
        disk->rot.is_there = false;
    memcpy(visible_at(disk, sector), data, JDISK_SECTOR);
    if (is_stable)
        memcpy(stable_at(disk, sector), data, JDISK_SECTOR);
    else
        cache_sector(disk, sector, data);
}

/* Makes stable what had completed before `order`. */
static void make_stable(struct journal_disk *disk, uint64_t order)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < disk->cached; i++) {
        const struct jdisk_volatile *entry = &disk->cache[i];
        if (entry->order > order || entry->is_lost_to_sync)
            disk->cache[kept++] = *entry;
        else
            memcpy(stable_at(disk, entry->sector), entry->data, JDISK_SECTOR);
    }
    disk->cached = kept;
}

/* --- operations --- */

/* The contiguous contents of a write, sector by sector, in the order of its vector. */
static const uint8_t *op_sector(const struct jdev_op *op, uint32_t index, uint8_t *scratch)
{
    uint64_t at = (uint64_t)index * JDISK_SECTOR;
    for (int i = 0; i < op->iov_count; i++) {
        if (at + JDISK_SECTOR <= op->iov[i].iov_len)
            return (const uint8_t *)op->iov[i].iov_base + at;
        assert(at >= op->iov[i].iov_len); /* lengths are aligned */
        at -= op->iov[i].iov_len;
    }
    return scratch;
}

static void write_done(struct journal_disk *disk, const struct jdev_op *op)
{
    uint32_t first = (uint32_t)(op->offset / JDISK_SECTOR);
    uint32_t count = (uint32_t)(op->bytes / JDISK_SECTOR);
    if (op->durable)
        forget_cached(disk, first, count);
    disk->order++;
    for (uint32_t i = 0; i < count; i++)
        put_sector(disk, first + i, op_sector(op, i, NULL), op->durable);
}

static void read_done(const struct journal_disk *disk, const struct jdev_op *op)
{
    uint64_t offset = op->offset;
    for (int i = 0; i < op->iov_count; i++) {
        memcpy(op->iov[i].iov_base, disk->visible + offset, op->iov[i].iov_len);
        offset += op->iov[i].iov_len;
    }
}

static void end_write(struct journal_disk *disk, const struct jdev_op *op, bool may_tear);

/* What the failed sync was to cover may never become stable, whatever a later one says. */
static void sync_failed(struct journal_disk *disk, uint64_t order)
{
    for (uint32_t i = 0; i < disk->cached; i++)
        if (disk->cache[i].order <= order)
            disk->cache[i].is_lost_to_sync = true;
}

/* Takes the fault that is due for such an operation; true when there was one. */
static bool takes_fault(struct journal_disk *disk, enum jdev_kind kind)
{
    bool *fault = kind == JDEV_WRITE  ? &disk->next_write_fails
                  : kind == JDEV_SYNC ? &disk->next_sync_fails
                                      : &disk->next_read_fails;
    bool is_due = *fault || (disk->is_dead && kind != JDEV_READ);
    *fault = false;
    disk->stats.write_errors += is_due && kind != JDEV_READ;
    return is_due;
}

/* Returns the error of a read: or none, and a wrong bit. */
static int fail_read(struct journal_disk *disk, const struct jdev_op *op)
{
    if (rng_chance(&disk->rng, 500))
        return -EIO;
    ((uint8_t *)op->iov[0].iov_base)[rng_below(&disk->rng, op->iov[0].iov_len)] ^= 4;
    return 0;
}

static int carry_out(struct journal_disk *disk, const struct jdev_op *op, uint64_t sync_order)
{
    bool fails = takes_fault(disk, op->kind);
    if (op->kind == JDEV_READ) {
        read_done(disk, op);
        disk->read_failed = fails ? disk->stats.reads : disk->read_failed;
        return fails ? fail_read(disk, op) : 0;
    }
    if (!fails && op->kind == JDEV_WRITE)
        write_done(disk, op);
    else if (!fails)
        make_stable(disk, sync_order);
    else if (op->kind == JDEV_WRITE)
        end_write(disk, op, true);
    else
        sync_failed(disk, sync_order);
    return fails ? -EIO : 0;
}

static void op_event(struct event *event)
{
    struct disk_op *it = container_of(event, struct disk_op, event);
    struct journal_disk *disk = it->disk;
    struct jdev_op *op = it->op;
    uint64_t sync_order = it->sync_order;
    list_remove(&op->node);
    free(it);
    int error = carry_out(disk, op, sync_order);
    TRACE(disk->world, "journal disk: %s of %llu+%llu done: %d",
          op->kind == JDEV_SYNC   ? "sync"
          : op->kind == JDEV_READ ? "read"
                                  : "write",
          (unsigned long long)op->offset, (unsigned long long)op->bytes, error);
    if (op->kind != JDEV_READ)
        disk->moment(disk->owner);
    op->done(op, error);
}

static void check_contract(const struct journal_disk *disk, const struct jdev_op *op)
{
    uint64_t bytes = 0;
    bool aligned = op->offset % JDEV_ALIGN == 0;
    if (op->kind == JDEV_SYNC)
        return;
    for (int i = 0; i < op->iov_count; i++) {
        bytes += op->iov[i].iov_len;
        aligned &= op->iov[i].iov_len % JDEV_ALIGN == 0;
        aligned &= (uintptr_t)op->iov[i].iov_base % JDEV_ALIGN == 0;
    }
    if (!aligned || bytes != op->bytes || bytes == 0 ||
        !range_is_inside(op->offset, bytes, disk->port.size_bytes))
        world_fail(disk->world, "O12 the journal's I/O at %llu+%llu breaks the port's contract",
                   (unsigned long long)op->offset, (unsigned long long)op->bytes);
    list_for_each(it, &disk->ops)
    {
        const struct jdev_op *other = container_of(it, struct jdev_op, node);
        if (other->kind == JDEV_SYNC || (op->kind == JDEV_READ && other->kind == JDEV_READ) ||
            !ranges_overlap(op->offset, op->bytes, other->offset, other->bytes))
            continue;
        world_fail(disk->world, "O16 %llu+%llu of the journal is written and needed at once",
                   (unsigned long long)op->offset, (unsigned long long)op->bytes);
    }
}

static void port_submit(struct jdev_port *port, struct jdev_op *op)
{
    struct journal_disk *disk = container_of(port, struct journal_disk, port);
    struct disk_op *it = malloc(sizeof *it);
    assert(it);
    check_contract(disk, op);
    *it = (struct disk_op){.disk = disk, .op = op, .sync_order = disk->order};
    event_init(&it->event, op_event);
    op->device_private = it;
    list_append(&disk->ops, &op->node);
    uint32_t most_us = disk->options->jdev_us;
    if (op->kind == JDEV_SYNC || (op->kind == JDEV_WRITE && op->durable))
        most_us += disk->options->jdev_sync_us;
    disk->stats.writes += op->kind == JDEV_WRITE;
    disk->stats.reads += op->kind == JDEV_READ;
    disk->stats.syncs += op->kind == JDEV_SYNC;
    world_after(disk->world, &it->event, 1 + rng_below(&disk->rng, most_us));
}

static int port_read_now(struct jdev_port *port, uint64_t offset, void *data, size_t bytes)
{
    const struct journal_disk *disk = container_of(port, struct journal_disk, port);
    if (!range_is_inside(offset, bytes, port->size_bytes))
        return -EIO;
    memcpy(data, disk->visible + offset, bytes);
    return 0;
}

static int port_write_now(struct jdev_port *port, uint64_t offset, const void *data, size_t bytes)
{
    struct journal_disk *disk = container_of(port, struct journal_disk, port);
    assert(offset % JDISK_SECTOR == 0 && bytes % JDISK_SECTOR == 0);
    uint32_t first = (uint32_t)(offset / JDISK_SECTOR);
    uint32_t count = (uint32_t)(bytes / JDISK_SECTOR);
    if (!range_is_inside(offset, bytes, port->size_bytes) || disk->is_dead)
        return -EIO;
    forget_cached(disk, first, count);
    disk->order++;
    for (uint32_t i = 0; i < count; i++)
        put_sector(disk, first + i, (const uint8_t *)data + (size_t)i * JDISK_SECTOR, true);
    return 0;
}

static int port_sync_now(struct jdev_port *port)
{
    struct journal_disk *disk = container_of(port, struct journal_disk, port);
    if (disk->is_dead)
        return -EIO;
    make_stable(disk, disk->order);
    return 0;
}

static const struct jdev_port_ops disk_ops = {
    .submit = port_submit,
    .read_now = port_read_now,
    .write_now = port_write_now,
    .sync_now = port_sync_now,
};

/* --- deaths --- */

/* What a write leaves that nobody waits for any more. */
static void end_write(struct journal_disk *disk, const struct jdev_op *op, bool may_tear)
{
    uint8_t garbage[JDISK_SECTOR];
    uint32_t first = (uint32_t)(op->offset / JDISK_SECTOR);
    unsigned kept_permille = (unsigned)rng_below(&disk->rng, 5) * 250;
    disk->order++;
    for (uint32_t i = 0; i < op->bytes / JDISK_SECTOR; i++) {
        if (!rng_chance(&disk->rng, kept_permille))
            continue;
        const uint8_t *data = op_sector(op, i, NULL);
        if (may_tear && rng_chance(&disk->rng, 100)) {
            memcpy(garbage, data, JDISK_SECTOR);
            memset(garbage + rng_below(&disk->rng, JDISK_SECTOR / 2), 0xee, JDISK_SECTOR / 2);
            data = garbage;
            disk->stats.torn++;
        }
        put_sector(disk, first + i, data, false);
    }
}

static void end_all(struct journal_disk *disk, bool may_tear)
{
    list_for_each_safe(it, &disk->ops)
    {
        struct jdev_op *op = container_of(it, struct jdev_op, node);
        struct disk_op *own = op->device_private;
        list_remove(&op->node);
        if (op->kind == JDEV_WRITE)
            end_write(disk, op, may_tear);
        world_cancel(disk->world, &own->event);
        free(own);
    }
}

void jdisk_daemon_died(struct journal_disk *disk)
{
    end_all(disk, false);
    for (uint32_t i = 0; i < disk->cached; i++)
        disk->cache[i].is_lost_to_sync = false; /* the next daemon's first sync is an honest one */
}

void jdisk_host_died(struct journal_disk *disk, enum media_crash mode)
{
    end_all(disk, true);
    disk->stats.power_losses++;
    for (uint32_t i = 0; i < disk->cached; i++) {
        const struct jdisk_volatile *entry = &disk->cache[i];
        if (mode == MEDIA_LOSE_ALL || (mode == MEDIA_LOSE_SOME && rng_chance(&disk->rng, 500)))
            disk->stats.sectors_lost++;
        else
            memcpy(stable_at(disk, entry->sector), entry->data, JDISK_SECTOR);
    }
    disk->cached = 0;
    memcpy(disk->visible, disk->stable, disk->port.size_bytes);
}

#define READS_AT_ONCE 256u

void jdisk_fail_read(struct journal_disk *disk)
{
    bool is_soon = disk->read_failed && disk->stats.reads < disk->read_failed + READS_AT_ONCE;
    disk->next_read_fails |= !is_soon;
}

void jdisk_rot(struct journal_disk *disk)
{
    struct jnl_superblock newest;
    uint8_t *copies[2];
    if (disk->port.size_bytes == 0 || jnl_peek(&disk->port, &newest) != JNL_OPEN_OK)
        return;
    for (unsigned i = 0; i < 2; i++) {
        struct jnl_superblock copy;
        uint64_t offset = jnl_superblock_offset(disk->port.size_bytes, newest.generation, i);
        copies[i] = disk->stable + offset;
        if (jnl_superblock_decode(copies[i], disk->port.size_bytes, &copy) != JNL_VALID ||
            copy.generation != newest.generation)
            return;
    }
    uint8_t *victim = copies[rng_below(&disk->rng, 2)] + rng_below(&disk->rng, JNL_BLOCK);
    *victim ^= 1;
    disk->visible[victim - disk->stable] ^= 1;
}

void jdisk_put(struct journal_disk *disk, uint64_t offset, const uint8_t *data, size_t bytes)
{
    memcpy(disk->visible + offset, data, bytes);
    memcpy(disk->stable + offset, data, bytes);
}

void jdisk_heal(struct journal_disk *disk)
{
    disk->is_dead = false;
    disk->next_write_fails = disk->next_sync_fails = disk->next_read_fails = false;
}

void jdisk_erase(struct journal_disk *disk)
{
    assert(list_is_empty(&disk->ops));
    memset(disk->visible, 0, disk->port.size_bytes);
    memset(disk->stable, 0, disk->port.size_bytes);
    disk->cached = 0;
    disk->rot.is_there = false;
}

void jdisk_init(struct journal_disk *disk, struct world *world, const struct options *options,
                uint64_t seed)
{
    uint64_t blocks = options->ring_blocks;
    *disk = (struct journal_disk){
        .port = {.ops = &disk_ops},
        .world = world,
        .options = options,
        .rng = rng_fork(seed, "journal disk"),
        .rot.rng = rng_fork(seed, "rot"),
    };
    list_init(&disk->ops);
    if (options->mode == 0)
        return;
    disk->port.size_bytes = JNL_RING_OFFSET + blocks * JNL_BLOCK + JNL_TRAILER_BYTES;
    disk->visible = calloc(1, disk->port.size_bytes);
    disk->stable = calloc(1, disk->port.size_bytes);
    assert(disk->visible && disk->stable);
}

void jdisk_done(struct journal_disk *disk)
{
    assert(list_is_empty(&disk->ops));
    free(disk->visible);
    free(disk->stable);
    free(disk->cache);
}
