#include "tests/unit/journal/fake_device.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

static struct fake_device *of(struct jdev_port *port)
{
    return container_of(port, struct fake_device, port);
}

uint32_t fake_random(struct fake_device *device, uint32_t bound)
{
    device->seed ^= device->seed << 13;
    device->seed ^= device->seed >> 17;
    device->seed ^= device->seed << 5;
    return device->seed % bound;
}

static void submit(struct jdev_port *port, struct jdev_op *op)
{
    struct fake_device *device = of(port);
    assert(op->kind == JDEV_SYNC || op->bytes % JDEV_ALIGN == 0);
    assert(op->kind == JDEV_SYNC || op->offset + op->bytes <= port->size_bytes);
    if (op->kind == JDEV_SYNC)
        memcpy(device->sync_covers, device->unsynced, sizeof device->sync_covers);
    list_append(&device->pending, &op->node);
    device->pending_count++;
}

static int read_now(struct jdev_port *port, uint64_t offset, void *data, size_t bytes)
{
    struct fake_device *device = of(port);
    if (device->unreadable >= offset && device->unreadable < offset + bytes && device->unreadable)
        return -EIO;
    memcpy(data, device->visible + offset, bytes);
    return 0;
}

static void persist(struct fake_device *device, unsigned sector)
{
    memcpy(device->durable + sector * FAKE_SECTOR, device->visible + sector * FAKE_SECTOR,
           FAKE_SECTOR);
    device->unsynced[sector] = false;
}

static int sync_now(struct jdev_port *port)
{
    for (unsigned sector = 0; sector < FAKE_SECTORS; sector++)
        persist(of(port), sector);
    return 0;
}

static void put_sector(struct fake_device *device, uint64_t offset, const uint8_t *data)
{
    memcpy(device->visible + offset, data, FAKE_SECTOR);
    device->unsynced[offset / FAKE_SECTOR] = true;
}

static int write_now(struct jdev_port *port, uint64_t offset, const void *data, size_t bytes)
{
    for (size_t at = 0; at < bytes; at += FAKE_SECTOR) {
        put_sector(of(port), offset + at, (const uint8_t *)data + at);
        persist(of(port), (unsigned)((offset + at) / FAKE_SECTOR));
    }
    return 0;
}

static const struct jdev_port_ops ops = {submit, read_now, write_now, sync_now};

void fake_device_init(struct fake_device *device, uint32_t seed)
{
    memset(device, 0, sizeof *device);
    device->port.ops = &ops;
    device->port.size_bytes = sizeof device->visible;
    device->seed = seed * 2654435761u + 1;
    list_init(&device->pending);
}

/* What a write has for the sector at `at`. */
static const uint8_t *sector_of(const struct jdev_op *op, uint64_t at)
{
    int i = 0;
    while (at >= op->iov[i].iov_len) {
        assert(op->iov[i].iov_len % JDEV_ALIGN == 0 && i + 1 < op->iov_count);
        at -= op->iov[i++].iov_len;
    }
    return (const uint8_t *)op->iov[i].iov_base + at;
}

static void write_sectors(struct fake_device *device, const struct jdev_op *op)
{
    for (uint64_t at = 0; at < op->bytes; at += FAKE_SECTOR) {
        put_sector(device, op->offset + at, sector_of(op, at));
        if (op->durable)
            persist(device, (unsigned)((op->offset + at) / FAKE_SECTOR));
    }
}

static void carry_out(struct fake_device *device, const struct jdev_op *op)
{
    switch (op->kind) {
    case JDEV_WRITE:
        write_sectors(device, op);
        break;
    case JDEV_READ:
        memcpy(op->iov[0].iov_base, device->visible + op->offset, op->bytes);
        break;
    case JDEV_SYNC:
        device->syncs++;
        for (unsigned sector = 0; sector < FAKE_SECTORS; sector++)
            if (device->sync_covers[sector])
                persist(device, sector);
        break;
    }
}

void fake_complete(struct fake_device *device, unsigned index)
{
    struct list_node *it = device->pending.next;
    while (index-- > 0)
        it = it->next;
    assert(it != &device->pending);
    struct jdev_op *op = container_of(it, struct jdev_op, node);
    list_remove(&op->node);
    device->pending_count--;
    int error = device->fail_next;
    device->fail_next = 0;
    if (op->kind == JDEV_READ && device->reads_fail)
        error = -EIO;
    if (!error)
        carry_out(device, op);
    op->done(op, error);
}

void fake_complete_all(struct fake_device *device)
{
    while (device->pending_count > 0)
        fake_complete(device, 0);
}

void fake_process_crash(struct fake_device *device)
{
    while (!list_is_empty(&device->pending)) {
        struct jdev_op *op = list_first(&device->pending, struct jdev_op, node);
        uint32_t outcome = fake_random(device, 3);
        list_remove(&op->node);
        if (op->kind != JDEV_WRITE || outcome == 0)
            continue;
        for (uint64_t at = 0; at < op->bytes; at += FAKE_SECTOR)
            if (outcome == 1 || fake_random(device, 2))
                put_sector(device, op->offset + at, sector_of(op, at));
    }
    device->pending_count = 0;
}

void fake_power_loss(struct fake_device *device)
{
    fake_process_crash(device);
    for (unsigned sector = 0; sector < FAKE_SECTORS; sector++)
        if (device->unsynced[sector] && fake_random(device, 2))
            persist(device, sector);
    memcpy(device->visible, device->durable, sizeof device->visible);
    memset(device->unsynced, 0, sizeof device->unsynced);
}
