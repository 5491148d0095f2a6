#include "tests/unit/journal/bench.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

static void on_failed(void *owner, int error)
{
    ((struct bench *)owner)->failure = error;
}

static void on_marked(void *owner, int error)
{
    ((struct bench *)owner)->marked = error;
}

const struct jnl_events bench_events = {.failed = on_failed, .marked = on_marked};

struct jnl_config bench_config = {
    .lun_block_bytes = BLOCK,
    .record_count = 256,
    .entry_count = 512,
    .idle_sync_ms = 20,
};

void bench_on_recovered(void *owner, struct journal *journal, struct jnl_entry *entry)
{
    struct bench *bench = owner;
    bench->recovered_ids[bench->recovered_count] = entry->header.lba;
    bench->recovered[bench->recovered_count++] = jnl_entry_ref(entry);
}

enum jnl_open_error bench_open(struct bench *bench)
{
    bench->recovered_count = 0;
    fake_clock_init(&bench->clock);
    return jnl_open(&bench_config, &bench->device.port, &bench->clock.port, &bench_events, bench,
                    bench_on_recovered, &bench->journal, NULL);
}

struct bench *bench_new(uint32_t seed)
{
    struct bench *bench = calloc(1, sizeof *bench);
    struct jnl_superblock superblock = {
        .uuid = "the journal", .lun_block_bytes = BLOCK, .lun_blocks = 1 << 20};
    fake_device_init(&bench->device, seed);
    /* A small ring, so that it wraps all the time. */
    bench->device.port.size_bytes = JNL_RING_OFFSET + JNL_TRAILER_BYTES + JNL_RING_BYTES_MIN;
    assert_int_equal(jnl_create(&bench->device.port, &superblock), 0);
    assert_int_equal(bench_open(bench), JNL_OPEN_OK);
    return bench;
}

void bench_free(struct bench *bench)
{
    jnl_free(bench->journal);
    for (uint64_t i = 0; i < bench->appended; i++)
        free(bench->items[i].payload);
    free(bench);
}

void bench_append_done(struct jnl_append *append, int error)
{
    struct item *item = container_of(append, struct item, append);
    item->written = error == 0;
    item->failed = error != 0;
    if (item->bench && item->bench->barrier_at_answer && !error)
        bench_barrier(item->bench);
}

/* Appends the next id; false when there is no room. */
bool bench_append(struct bench *bench, uint32_t blocks, uint8_t flags)
{
    struct item *item = &bench->items[bench->appended];
    if (bench->appended == HISTORY || !jnl_reserve(bench->journal, blocks * BLOCK))
        return false;
    *item = (struct item){.bench = bench, .id = bench->appended, .blocks = blocks};
    item->payload = malloc(blocks * BLOCK);
    for (uint32_t i = 0; i < blocks; i++) {
        memset(item->payload + i * BLOCK, (int)item->id, BLOCK);
        put_le64(item->payload + i * BLOCK, item->id);
    }
    item->append = (struct jnl_append){
        .op = JNL_WRITE,
        .flags = flags,
        .lba = item->id,
        .blocks = blocks,
        .payload = {{item->payload, blocks * BLOCK}},
        .payload_count = 1,
        .done = bench_append_done,
    };
    bench->appended++;
    jnl_append(bench->journal, &item->append);
    return true;
}

static void barrier_done(struct jnl_barrier *barrier, int error)
{
    struct bench *bench = container_of(barrier, struct bench, barrier);
    bench->barrier_waits = false;
    bench->barrier_error = error;
    if (!error && bench->barrier_covers > bench->flushed)
        bench->flushed = bench->barrier_covers;
}

void bench_barrier(struct bench *bench)
{
    if (bench->barrier_waits)
        return;
    bench->barrier_waits = true;
    bench->barrier_covers = bench->appended;
    bench->barrier.done = barrier_done;
    jnl_barrier(bench->journal, &bench->barrier);
}

/* The oldest item is on the LUN for good. */
void bench_release(struct bench *bench)
{
    struct item *item = &bench->items[bench->released];
    if (bench->released == bench->appended || !item->written || !item->append.entry ||
        !jnl_entry_is_durable(bench->journal, item->append.entry))
        return;
    jnl_entry_unref(bench->journal, item->append.entry);
    item->append.entry = NULL;
    item->released = true;
    bench->released++;
}
