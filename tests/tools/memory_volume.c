#include "tests/tools/memory_volume.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/checked.h"

#define OPS (VOL_BLOCK_STATUS + 1)

/* What is kept per block. Zero-filled memory is a clean hole. */
#define BLOCK_ALLOCATED 0x1u
#define BLOCK_DATA      0x2u /* not known to be zero */
#define BLOCK_DIRTY     0x4u

struct failure {
    int error;
    uint64_t offset;
    uint64_t length;
};

struct volume {
    struct vol_geometry geometry;
    bool known;
    bool hold;
    uint8_t *bytes;
    uint8_t *blocks;
    struct buffer_pool *pool;
    struct list_node watchers;
    struct list_node held;
    unsigned held_count;
    struct failure failures[OPS];
    unsigned counts[OPS];
    struct vol_request last[OPS];
    struct vol_status status;
};

const struct memvol_config memvol_config_default = {
    .geometry =
        {
            .size_bytes = 64u << 20,
            .block_bytes = 512,
            .physical_block_bytes = 4096,
            .can_trim = true,
            .can_fast_zero = true,
        },
    .memory_bytes = 16u << 20,
};

static uint64_t block_count(const struct volume *volume, uint64_t size_bytes)
{
    return (size_bytes + volume->geometry.block_bytes - 1) / volume->geometry.block_bytes;
}

/* Sparse: only what is touched takes memory. A size of 0 still gets an address. */
static uint8_t *map(uint64_t bytes)
{
    void *at = mmap(NULL, bytes + 1, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return at == MAP_FAILED ? NULL : at;
}

static void unmap(uint8_t *at, uint64_t bytes)
{
    if (at)
        munmap(at, bytes + 1);
}

struct volume *memvol_new(const struct memvol_config *config)
{
    struct volume *volume = calloc(1, sizeof *volume);
    if (!volume)
        return NULL;
    volume->geometry = config->geometry;
    volume->known = !config->unknown;
    list_init(&volume->watchers);
    list_init(&volume->held);
    volume->bytes = map(config->geometry.size_bytes);
    volume->blocks = map(block_count(volume, config->geometry.size_bytes));
    volume->pool = buffer_pool_new(config->memory_bytes);
    if (volume->bytes && volume->blocks && volume->pool)
        return volume;
    memvol_free(volume);
    return NULL;
}

void memvol_free(struct volume *volume)
{
    if (!volume)
        return;
    assert(list_is_empty(&volume->held));
    unmap(volume->bytes, volume->geometry.size_bytes);
    unmap(volume->blocks, block_count(volume, volume->geometry.size_bytes));
    buffer_pool_free(volume->pool);
    free(volume);
}

uint8_t *memvol_bytes(struct volume *volume)
{
    return volume->bytes;
}

static void tell_watchers(struct volume *volume)
{
    list_for_each_safe(it, &volume->watchers)
    {
        struct vol_watcher *watcher = container_of(it, struct vol_watcher, node);
        watcher->geometry(watcher);
    }
}

void memvol_make_known(struct volume *volume)
{
    volume->known = true;
    tell_watchers(volume);
}

void memvol_resize(struct volume *volume, uint64_t size_bytes)
{
    const uint64_t old = volume->geometry.size_bytes;
    const uint64_t kept = min_u64(old, size_bytes);
    uint8_t *bytes = map(size_bytes);
    uint8_t *blocks = map(block_count(volume, size_bytes));
    assert(bytes && blocks);
    memcpy(bytes, volume->bytes, kept);
    memcpy(blocks, volume->blocks, block_count(volume, kept));
    unmap(volume->bytes, old);
    unmap(volume->blocks, block_count(volume, old));
    volume->bytes = bytes;
    volume->blocks = blocks;
    volume->geometry.size_bytes = size_bytes;
    tell_watchers(volume);
}

void memvol_hold(struct volume *volume, bool hold)
{
    volume->hold = hold;
}

unsigned memvol_held(const struct volume *volume)
{
    return volume->held_count;
}

const struct vol_request *memvol_held_at(const struct volume *volume, unsigned place)
{
    list_for_each(it, &volume->held)
    {
        if (place-- == 0)
            return container_of(it, struct vol_request, node);
    }
    return NULL;
}

void memvol_fail(struct volume *volume, enum vol_op op, int error, uint64_t offset, uint64_t length)
{
    volume->failures[op] = (struct failure){error, offset, length};
}

unsigned memvol_count(const struct volume *volume, enum vol_op op)
{
    return volume->counts[op];
}

const struct vol_request *memvol_last(const struct volume *volume, enum vol_op op)
{
    return &volume->last[op];
}

/* Every block that the range touches. */
static void mark_touched(struct volume *volume, uint64_t offset, uint64_t length, uint8_t flags)
{
    const uint64_t unit = volume->geometry.block_bytes;
    for (uint64_t block = offset / unit; block * unit < offset + length; block++)
        volume->blocks[block] |= flags;
}

/* The blocks that lie wholly inside the range; those cut at its ends keep what they are. */
static void mark_whole(struct volume *volume, uint64_t offset, uint64_t length, uint8_t flags)
{
    const uint64_t unit = volume->geometry.block_bytes;
    for (uint64_t block = (offset + unit - 1) / unit; (block + 1) * unit <= offset + length;
         block++)
        volume->blocks[block] = flags;
}

static void write_zeroes(struct volume *volume, const struct vol_request *request)
{
    memset(volume->bytes + request->offset, 0, request->length);
    mark_touched(volume, request->offset, request->length, BLOCK_DIRTY);
    mark_whole(volume, request->offset, request->length,
               request->flags & VOL_NO_HOLE ? BLOCK_ALLOCATED | BLOCK_DIRTY : BLOCK_DIRTY);
}

static void trim(struct volume *volume, const struct vol_request *request)
{
    const uint64_t unit = volume->geometry.block_bytes;
    for (uint64_t at = round_up(request->offset, unit);
         at + unit <= request->offset + request->length; at += unit) {
        memset(volume->bytes + at, 0, unit);
        volume->blocks[at / unit] = BLOCK_DIRTY;
    }
}

static void flush(struct volume *volume)
{
    const uint64_t count = block_count(volume, volume->geometry.size_bytes);
    for (uint64_t block = 0; block < count; block++) {
        if (volume->blocks[block] & BLOCK_DIRTY) /* do not touch what is sparse */
            volume->blocks[block] &= (uint8_t)~BLOCK_DIRTY;
    }
}

static uint32_t extent_flags(uint8_t block)
{
    return (block & BLOCK_ALLOCATED ? 0 : VOL_EXTENT_HOLE) |
           (block & BLOCK_DATA ? 0 : VOL_EXTENT_ZERO) |
           (block & BLOCK_DIRTY ? VOL_EXTENT_DIRTY : 0);
}

static void block_status(struct volume *volume, struct vol_request *request)
{
    const uint64_t unit = volume->geometry.block_bytes;
    const uint64_t end = request->offset + request->length;
    const unsigned room = request->flags & VOL_REQ_ONE ? 1 : request->extent_room;
    unsigned count = 0;
    for (uint64_t at = request->offset; at < end;) {
        const uint64_t next = min_u64(round_down(at, unit) + unit, end);
        const uint32_t flags = extent_flags(volume->blocks[at / unit]);
        if (count > 0 && request->extents[count - 1].flags == flags)
            request->extents[count - 1].length += next - at;
        else if (count < room)
            request->extents[count++] = (struct vol_extent){next - at, flags};
        else
            break;
        at = next;
    }
    request->extent_count = count;
}

static int verdict(const struct volume *volume, const struct vol_request *request)
{
    const struct failure *failure = &volume->failures[request->op];
    const bool writes =
        request->op == VOL_WRITE || request->op == VOL_TRIM || request->op == VOL_WRITE_ZEROES;
    if (failure->error &&
        (request->op == VOL_FLUSH ||
         ranges_overlap(request->offset, request->length, failure->offset, failure->length)))
        return failure->error;
    if (request->op != VOL_FLUSH &&
        !range_is_inside(request->offset, request->length, volume->geometry.size_bytes))
        return request->op == VOL_WRITE ? -ENOSPC : -EINVAL;
    if (writes && volume->geometry.read_only)
        return -EPERM;
    if ((request->flags & VOL_FAST_ZERO) && !volume->geometry.can_fast_zero)
        return -ENOTSUP;
    return 0;
}

static void carry_out(struct volume *volume, struct vol_request *request)
{
    uint8_t *at = volume->bytes + request->offset;
    switch (request->op) {
    case VOL_READ:
        memcpy(request->buffer->data, at, request->length);
        volume->status.reads++;
        volume->status.read_bytes += request->length;
        break;
    case VOL_WRITE:
        memcpy(at, request->buffer->data, request->length);
        mark_touched(volume, request->offset, request->length,
                     BLOCK_ALLOCATED | BLOCK_DATA | BLOCK_DIRTY);
        volume->status.writes++;
        volume->status.written_bytes += request->length;
        break;
    case VOL_FLUSH:
        flush(volume);
        volume->status.flushes++;
        break;
    case VOL_TRIM:
        trim(volume, request);
        volume->status.trims++;
        break;
    case VOL_WRITE_ZEROES:
        write_zeroes(volume, request);
        volume->status.zeroes++;
        break;
    case VOL_CACHE:
        break;
    case VOL_BLOCK_STATUS:
        block_status(volume, request);
        break;
    }
}

static void answer(struct volume *volume, struct vol_request *request)
{
    request->error = verdict(volume, request);
    if (request->error == 0)
        carry_out(volume, request);
    else
        volume->status.errors++;
    if (request->buffer)
        buffer_unref(request->buffer);
    volume->status.requests--;
    request->done(request);
}

void vol_submit(struct volume *volume, struct vol_request *request)
{
    assert(volume->known);
    if (request->op == VOL_READ || request->op == VOL_WRITE) {
        assert(request->length <= VOL_TRANSFER_MAX && request->buffer);
        assert(request->length <= request->buffer->capacity);
    }
    assert(request->op == VOL_FLUSH || request->length > 0);
    assert(request->op != VOL_BLOCK_STATUS || request->extent_room > 0);
    volume->counts[request->op]++;
    volume->last[request->op] = *request;
    volume->status.requests++;
    list_init(&request->node);
    if (request->buffer)
        buffer_ref(request->buffer);
    if (!volume->hold) {
        answer(volume, request);
        return;
    }
    list_append(&volume->held, &request->node);
    volume->held_count++;
}

static void release(struct volume *volume, struct list_node *node)
{
    list_remove(node);
    volume->held_count--;
    answer(volume, container_of(node, struct vol_request, node));
}

unsigned memvol_release(struct volume *volume, unsigned count)
{
    unsigned released = 0;
    for (; released < count && !list_is_empty(&volume->held); released++)
        release(volume, volume->held.next);
    return released;
}

unsigned memvol_release_newest(struct volume *volume)
{
    if (list_is_empty(&volume->held))
        return 0;
    release(volume, volume->held.prev);
    return 1;
}

struct buffer_pool *vol_buffers(struct volume *volume)
{
    return volume->pool;
}

bool vol_is_known(const struct volume *volume)
{
    return volume->known;
}

void vol_geometry(const struct volume *volume, struct vol_geometry *ret_geometry)
{
    assert(volume->known);
    *ret_geometry = volume->geometry;
}

void vol_watch(struct volume *volume, struct vol_watcher *watcher)
{
    list_append(&volume->watchers, &watcher->node);
}

void vol_unwatch(struct vol_watcher *watcher)
{
    list_remove(&watcher->node);
}

void vol_status(const struct volume *volume, struct vol_status *ret_status)
{
    *ret_status = volume->status;
    ret_status->online = volume->known;
    ret_status->memory_bytes = buffer_pool_bytes(volume->pool);
    ret_status->memory_used = buffer_pool_used(volume->pool);
}
