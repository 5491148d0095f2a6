#include "journal/journal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "journal/internal.h"
#include "tests/unit/journal/fake_device.h"
#include "tests/unit/unit.h"
#include "tests/unit/volume/fake_session.h" /* for its clock */

#define BLOCK   512u
#define HISTORY 4096u

/* What was appended, by id; the payload of each block begins with the id. */
struct item {
    struct jnl_append append;
    struct bench *bench;
    uint64_t id;
    uint32_t blocks;
    bool written, failed, released;
    uint8_t *payload;
};

struct bench {
    struct fake_device device;
    struct fake_clock clock;
    struct journal *journal;
    struct item items[HISTORY];
    uint64_t appended; /* items[0 .. appended) */
    uint64_t released; /* items[0 .. released) are CLEAN */
    uint64_t flushed;  /* a barrier was answered for items[0 .. flushed) */
    struct jnl_barrier barrier;
    bool barrier_waits;
    uint64_t barrier_covers;
    int barrier_error;
    struct jnl_entry *recovered[HISTORY];
    uint64_t recovered_ids[HISTORY];
    unsigned recovered_count;
    int failure;
    int marked; /* 1: never told */
};

static void on_failed(void *owner, int error)
{
    ((struct bench *)owner)->failure = error;
}

static void on_marked(void *owner, int error)
{
    ((struct bench *)owner)->marked = error;
}

static const struct jnl_events events = {.failed = on_failed, .marked = on_marked};

static struct jnl_config config = {
    .lun_block_bytes = BLOCK,
    .record_count = 256,
    .entry_count = 512,
    .idle_sync_ms = 20,
};

static void on_recovered(void *owner, struct journal *journal, struct jnl_entry *entry)
{
    struct bench *bench = owner;
    bench->recovered_ids[bench->recovered_count] = entry->header.lba;
    bench->recovered[bench->recovered_count++] = jnl_entry_ref(entry);
}

static enum jnl_open_error bench_open(struct bench *bench)
{
    bench->recovered_count = 0;
    fake_clock_init(&bench->clock);
    return jnl_open(&config, &bench->device.port, &bench->clock.port, &events, bench, on_recovered,
                    &bench->journal, NULL);
}

static struct bench *bench_new(uint32_t seed)
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

static void bench_free(struct bench *bench)
{
    jnl_free(bench->journal);
    for (uint64_t i = 0; i < bench->appended; i++)
        free(bench->items[i].payload);
    free(bench);
}

static void append_done(struct jnl_append *append, int error)
{
    struct item *item = container_of(append, struct item, append);
    item->written = error == 0;
    item->failed = error != 0;
}

/* Appends the next id; false when there is no room. */
static bool append_next(struct bench *bench, uint32_t blocks, uint8_t flags)
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
        .done = append_done,
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

static void barrier_start(struct bench *bench)
{
    if (bench->barrier_waits)
        return;
    bench->barrier_waits = true;
    bench->barrier_covers = bench->appended;
    bench->barrier.done = barrier_done;
    jnl_barrier(bench->journal, &bench->barrier);
}

/* The oldest item is on the LUN for good. */
static void release_oldest(struct bench *bench)
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

static void an_append_is_written_by_the_next_commit(void **state)
{
    struct bench *bench = bench_new(1);
    assert_true(append_next(bench, 8, 0));
    assert_false(bench->items[0].written);
    assert_int_equal(bench->device.pending_count, 1);
    fake_complete(&bench->device, 0);
    assert_true(bench->items[0].written);
    assert_false(jnl_entry_is_durable(bench->journal, bench->items[0].append.entry));
    bench_free(bench);
}

static void what_arrives_during_a_commit_is_one_record(void **state)
{
    struct bench *bench = bench_new(1);
    struct jnl_status status;
    for (unsigned i = 0; i < 10; i++)
        append_next(bench, 1, 0);
    fake_complete(&bench->device, 0);
    assert_true(bench->items[0].written);
    assert_false(bench->items[1].written);
    fake_complete(&bench->device, 0);
    assert_true(bench->items[9].written);
    jnl_status(bench->journal, &status);
    assert_int_equal(status.commits, 2);
    bench_free(bench);
}

static void a_barrier_waits_for_a_sync_that_covers_it(void **state)
{
    struct bench *bench = bench_new(1);
    append_next(bench, 1, 0);
    fake_complete(&bench->device, 0);
    barrier_start(bench);
    assert_true(bench->barrier_waits);
    fake_complete(&bench->device, 0);
    assert_false(bench->barrier_waits);
    assert_int_equal(bench->device.syncs, 1);
    assert_true(jnl_entry_is_durable(bench->journal, bench->items[0].append.entry));
    barrier_start(bench);
    assert_false(bench->barrier_waits); /* nothing new: at once */
    bench_free(bench);
}

static void a_fua_record_is_written_durably_only_when_all_before_it_is_durable(void **state)
{
    struct bench *bench = bench_new(1);
    append_next(bench, 1, JNL_ENTRY_FUA);
    barrier_start(bench);
    fake_complete(&bench->device, 0);
    assert_false(bench->barrier_waits);
    assert_int_equal(bench->device.syncs, 0);

    append_next(bench, 1, 0);
    fake_complete(&bench->device, 0); /* written, not durable */
    append_next(bench, 1, JNL_ENTRY_FUA);
    barrier_start(bench);
    fake_complete(&bench->device, 0);
    assert_true(bench->barrier_waits);
    fake_complete_all(&bench->device);
    assert_false(bench->barrier_waits);
    assert_int_equal(bench->device.syncs, 1);
    bench_free(bench);
}

static void an_idle_journal_becomes_durable_and_then_sleeps(void **state)
{
    struct bench *bench = bench_new(1);
    append_next(bench, 1, 0);
    fake_complete_all(&bench->device);
    assert_int_equal(bench->device.syncs, 0);
    fake_clock_advance_ms(&bench->clock, 20);
    fake_complete_all(&bench->device);
    assert_int_equal(bench->device.syncs, 1);
    assert_true(timer_queue_next_us(&bench->clock.queue) == UINT64_MAX);
    bench_free(bench);
}

static void a_full_ring_has_no_room_until_a_superblock_with_the_new_tail_is_durable(void **state)
{
    struct bench *bench = bench_new(1);
    while (append_next(bench, 8, 0))
        fake_complete_all(&bench->device);
    assert_false(jnl_reserve(bench->journal, BLOCK));
    barrier_start(bench);
    fake_complete_all(&bench->device);
    release_oldest(bench);
    release_oldest(bench);
    assert_false(jnl_reserve(bench->journal, 8 * BLOCK));
    assert_true(bench->device.pending_count > 0);
    while (bench->released < bench->appended)
        release_oldest(bench);
    fake_complete_all(&bench->device);
    assert_true(jnl_reserve(bench->journal, 8 * BLOCK));
    bench_free(bench);
}

/* Entries that are CLEAN still lie in the ring, behind one that is not, and a scan takes them. */
static void what_lies_in_the_ring_is_never_more_than_a_start_can_take(void **state)
{
    size_t usual = config.entry_count;
    config.entry_count = 200;
    struct bench *bench = bench_new(1);
    append_next(bench, 1, 0);
    fake_complete_all(&bench->device);
    for (unsigned count = 1; count > 0;) {
        struct item zeros[100] = {0};
        for (count = 0; count < 100 && jnl_reserve(bench->journal, 0); count++) {
            zeros[count].append =
                (struct jnl_append){.op = JNL_ZERO, .lba = 1, .blocks = 1, .done = append_done};
            jnl_append(bench->journal, &zeros[count].append);
        }
        barrier_start(bench);
        fake_complete_all(&bench->device);
        for (unsigned i = 0; i < count; i++)
            jnl_entry_unref(bench->journal, zeros[i].append.entry);
        fake_complete_all(&bench->device);
    }
    jnl_free(bench->journal);
    fake_process_crash(&bench->device);
    assert_int_equal(bench_open(bench), JNL_OPEN_OK);
    assert_in_range(bench->recovered_count, 190, 200);
    config.entry_count = usual;
    bench_free(bench);
}

/* Sent again, it would take the LUN back behind what it shows already. */
static void an_epoch_begins_only_when_no_start_replays_earlier_ones(void **state)
{
    struct bench *bench = bench_new(1);
    append_next(bench, 1, 0);
    append_next(bench, 1, 0);
    fake_complete_all(&bench->device);
    assert_int_equal(jnl_first_epoch(bench->journal), 0);
    assert_true(jnl_epoch_may_begin(bench->journal, 0));
    assert_false(jnl_epoch_may_begin(bench->journal, 1));
    fake_complete_all(&bench->device);
    assert_true(jnl_epoch_may_begin(bench->journal, 1));
    jnl_free(bench->journal);
    fake_power_loss(&bench->device);
    assert_int_equal(bench_open(bench), JNL_OPEN_OK);
    assert_int_equal(bench->recovered_count, 0);
    assert_int_equal(jnl_first_epoch(bench->journal), 1);
    bench_free(bench);
}

static void a_failed_write_fails_the_journal_for_good(void **state)
{
    struct bench *bench = bench_new(1);
    append_next(bench, 1, 0);
    append_next(bench, 1, 0);
    barrier_start(bench);
    bench->device.fail_next = -EIO;
    fake_complete(&bench->device, 0);
    assert_int_equal(bench->failure, -EIO);
    assert_true(bench->items[0].failed && bench->items[1].failed);
    assert_int_equal(bench->barrier_error, -EIO);
    assert_false(jnl_reserve(bench->journal, BLOCK));
    bench_free(bench);
}

static void a_failed_sync_is_not_tried_again(void **state)
{
    struct bench *bench = bench_new(1);
    append_next(bench, 1, 0);
    fake_complete(&bench->device, 0);
    barrier_start(bench);
    bench->device.fail_next = -EIO;
    fake_complete(&bench->device, 0);
    assert_int_equal(bench->failure, -EIO);
    assert_int_equal(bench->barrier_error, -EIO);
    unsigned syncs = bench->device.syncs;
    barrier_start(bench);
    fake_complete_all(&bench->device);
    assert_int_equal(bench->barrier_error, -EIO);
    assert_int_equal(bench->device.syncs, syncs);
    bench_free(bench);
}

/* As the next start would. */
static enum jnl_open_error open_again(struct bench *bench)
{
    struct fake_device *copy = malloc(sizeof *copy);
    struct journal *journal = NULL;
    fake_device_init(copy, 1);
    copy->port.size_bytes = bench->device.port.size_bytes;
    memcpy(copy->visible, bench->device.visible, sizeof copy->visible);
    enum jnl_open_error error = jnl_open(&config, &copy->port, &bench->clock.port, &events, bench,
                                         on_recovered, &journal, NULL);
    jnl_free(journal);
    free(copy);
    return error;
}

/* Fails the write under way, and then `count` copies of superblocks. */
static void fail_writes(struct bench *bench, unsigned count)
{
    append_next(bench, 1, 0);
    for (unsigned i = 0; i <= count; i++) {
        bench->device.fail_next = -EIO;
        fake_complete(&bench->device, 0);
    }
}

static void a_failed_journal_is_marked_so_that_no_start_replays_it(void **state)
{
    struct bench *bench = bench_new(1);
    append_next(bench, 1, 0);
    fake_complete_all(&bench->device);
    bench->marked = 1;
    fail_writes(bench, 1); /* one copy of the two is enough */
    assert_int_equal(bench->marked, 1);
    fake_complete(&bench->device, 0);
    assert_int_equal(bench->marked, 0);
    assert_int_equal(bench->device.pending_count, 0);
    fake_power_loss(&bench->device);
    assert_int_equal(open_again(bench), JNL_OPEN_FAILED_STATE);
    bench_free(bench);
}

static void marking_is_tried_until_it_works(void **state)
{
    struct bench *bench = bench_new(1);
    fail_writes(bench, 2);
    assert_int_equal(bench->marked, -EIO);
    assert_int_equal(open_again(bench), JNL_OPEN_OK);
    for (unsigned i = 0; i < 2; i++) {
        fake_clock_advance_ms(&bench->clock, 5000);
        assert_int_equal(bench->device.pending_count, 2);
        bench->device.fail_next = -EIO;
        fake_complete(&bench->device, 0);
        bench->device.fail_next = i == 0 ? -EIO : 0;
        fake_complete(&bench->device, 0);
    }
    assert_int_equal(bench->marked, 0);
    fake_clock_advance_ms(&bench->clock, 60000);
    assert_int_equal(bench->device.pending_count, 0);
    assert_int_equal(open_again(bench), JNL_OPEN_FAILED_STATE);
    bench_free(bench);
}

struct loaded {
    struct jnl_load load;
    bool done;
    int error;
};

static void load_done(struct jnl_load *load, int error)
{
    struct loaded *loaded = container_of(load, struct loaded, load);
    loaded->done = true;
    loaded->error = error;
}

static void a_payload_is_read_back_and_bit_rot_is_noticed(void **state)
{
    struct bench *bench = bench_new(1);
    _Alignas(512) static uint8_t data[4096];
    append_next(bench, 8, 0);
    fake_complete_all(&bench->device);
    struct jnl_entry *entry = bench->items[0].append.entry;
    struct loaded loaded = {.load = {.entry = entry, .data = data, .done = load_done}};
    jnl_load(bench->journal, &loaded.load);
    fake_complete_all(&bench->device);
    assert_true(loaded.done);
    assert_int_equal(loaded.error, 0);
    assert_memory_equal(data, bench->items[0].payload, 4096);

    bench->device.visible[JNL_RING_OFFSET + entry->ring_offset + 100] ^= 4;
    jnl_load(bench->journal, &loaded.load);
    fake_complete_all(&bench->device);
    assert_int_equal(loaded.error, -EBADMSG);
    bench_free(bench);
}

static void note_closed(void *owner, int error)
{
    ((struct bench *)owner)->failure = error ? error : 1;
}

static void a_superblock_on_its_way_does_not_hide_the_mark(void **state)
{
    struct bench *bench = bench_new(1);
    jnl_close(bench->journal, note_closed);
    assert_int_equal(bench->device.pending_count, 2); /* EMPTY is being written */
    jnl_fail(bench->journal, -EIO);
    fake_complete_all(&bench->device);
    assert_int_equal(bench->marked, 0);
    assert_int_equal(open_again(bench), JNL_OPEN_FAILED_STATE);
    bench_free(bench);
}

static void a_drained_journal_is_closed_empty(void **state)
{
    struct bench *bench = bench_new(1);
    struct jnl_superblock superblock;
    append_next(bench, 8, 0);
    jnl_close(bench->journal, note_closed);
    fake_complete_all(&bench->device);
    assert_int_equal(bench->failure, 1);
    assert_int_equal(jnl_peek(&bench->device.port, &superblock), JNL_OPEN_OK);
    assert_int_equal(superblock.state, JNL_STATE_OPEN); /* one entry is not on the LUN yet */

    jnl_free(bench->journal);
    assert_int_equal(bench_open(bench), JNL_OPEN_OK);
    assert_int_equal(bench->recovered_count, 1);
    jnl_entry_unref(bench->journal, bench->recovered[0]);
    jnl_close(bench->journal, note_closed);
    fake_complete_all(&bench->device);
    assert_int_equal(jnl_peek(&bench->device.port, &superblock), JNL_OPEN_OK);
    assert_int_equal(superblock.state, JNL_STATE_EMPTY);
    bench_free(bench);
}

static void damage_to_what_had_been_durable_is_refused_untouched(void **state)
{
    struct bench *bench = bench_new(1);
    for (unsigned i = 0; i < 3; i++) {
        append_next(bench, 8, 0);
        barrier_start(bench);
        fake_complete_all(&bench->device);
    }
    bench->device.visible[JNL_RING_OFFSET + bench->items[1].append.entry->ring_offset] ^= 1;
    static uint8_t before[sizeof bench->device.visible];
    memcpy(before, bench->device.visible, sizeof before);
    jnl_free(bench->journal);
    bench->journal = NULL;
    assert_int_equal(bench_open(bench), JNL_OPEN_CORRUPT);
    assert_memory_equal(before, bench->device.visible, sizeof before);
    bench_free(bench);
}

static void three_of_four_superblock_copies_may_rot(void **state)
{
    struct bench *bench = bench_new(1);
    append_next(bench, 8, 0);
    barrier_start(bench);
    fake_complete_all(&bench->device);
    jnl_free(bench->journal);
    uint64_t size = bench->device.port.size_bytes;
    struct jnl_superblock superblock;
    jnl_peek(&bench->device.port, &superblock);
    bench->device.visible[jnl_superblock_offset(size, superblock.generation, 0) + 50] ^= 1;
    bench->device.visible[jnl_superblock_offset(size, superblock.generation + 1, 0) + 50] ^= 1;
    bench->device.visible[jnl_superblock_offset(size, superblock.generation + 1, 1) + 50] ^= 1;
    assert_int_equal(bench_open(bench), JNL_OPEN_OK);
    assert_int_equal(bench->recovered_count, 1);
    bench_free(bench);
}

/*
 * What recovery returned must be an unbroken run of what was appended: nothing that was needed is
 * missing at its start, nothing that had to survive is missing at its end, all payloads intact.
 */
static void check_recovery(struct bench *bench, uint64_t must_survive, uint32_t seed)
{
    uint64_t first = bench->recovered_count > 0 ? bench->recovered_ids[0] : bench->appended;
    if (bench->recovered_count == 0 && bench->released < must_survive)
        fail_msg("seed %u: nothing came back, %llu .. %llu had to", seed,
                 (unsigned long long)bench->released, (unsigned long long)must_survive);
    if (bench->recovered_count > 0 && first > bench->released)
        fail_msg("seed %u: starts at %llu, %llu was needed", seed, (unsigned long long)first,
                 (unsigned long long)bench->released);
    for (unsigned i = 0; i < bench->recovered_count; i++) {
        const struct item *item = &bench->items[first + i];
        const struct jnl_entry *entry = bench->recovered[i];
        assert_int_equal(bench->recovered_ids[i], first + i);
        assert_true(first + i < bench->appended);
        if (entry->header.blocks != item->blocks ||
            memcmp(bench->device.visible + JNL_RING_OFFSET + entry->ring_offset, item->payload,
                   item->blocks * BLOCK) != 0)
            fail_msg("seed %u: the payload of %llu is not what was appended", seed,
                     (unsigned long long)(first + i));
    }
    if (first + bench->recovered_count < must_survive)
        fail_msg("seed %u: ends at %llu, %llu had to survive", seed,
                 (unsigned long long)(first + bench->recovered_count),
                 (unsigned long long)must_survive);
}

/* Goes on from what came back: the rest of the history never happened. */
static void adopt_recovery(struct bench *bench)
{
    uint64_t end = bench->recovered_count > 0 ? bench->recovered_ids[0] + bench->recovered_count
                                              : bench->released;
    for (uint64_t i = end; i < bench->appended; i++)
        free(bench->items[i].payload);
    bench->appended = end;
    if (bench->recovered_count > 0)
        bench->released = bench->recovered_ids[0];
    for (unsigned i = 0; i < bench->recovered_count; i++) {
        bench->items[bench->released + i].append.entry = bench->recovered[i];
        bench->items[bench->released + i].written = true;
    }
    bench->flushed = end;
    bench->barrier_waits = false;
}

static void crash_and_recover(struct bench *bench, bool power, uint32_t seed)
{
    uint64_t written = bench->released;
    while (written < bench->appended && bench->items[written].written)
        written++;
    if (power)
        fake_power_loss(&bench->device);
    else
        fake_process_crash(&bench->device);
    jnl_free(bench->journal);
    bench->journal = NULL;
    enum jnl_open_error error = bench_open(bench);
    if (error)
        fail_msg("seed %u: recovery says %d", seed, error);
    check_recovery(bench, power ? bench->flushed : written, seed);
    adopt_recovery(bench);
}

static void random_history(uint32_t seed)
{
    struct bench *bench = bench_new(seed);
    for (unsigned step = 0; step < 400; step++) {
        uint32_t roll = fake_random(&bench->device, 100);
        if (roll < 35)
            append_next(bench, 1 + fake_random(&bench->device, 12),
                        fake_random(&bench->device, 8) == 0 ? JNL_ENTRY_FUA : 0);
        else if (roll < 65 && bench->device.pending_count > 0)
            fake_complete(&bench->device, fake_random(&bench->device, bench->device.pending_count));
        else if (roll < 75)
            barrier_start(bench);
        else if (roll < 90)
            release_oldest(bench);
        else if (roll < 97)
            fake_clock_advance_ms(&bench->clock, 15);
        else
            crash_and_recover(bench, fake_random(&bench->device, 2), seed);
    }
    crash_and_recover(bench, true, seed);
    bench_free(bench);
}

static void what_had_to_survive_survives_random_crashes(void **state)
{
    for (uint32_t seed = 1; seed <= 200; seed++)
        random_history(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_append_is_written_by_the_next_commit),
        cmocka_unit_test(what_arrives_during_a_commit_is_one_record),
        cmocka_unit_test(a_barrier_waits_for_a_sync_that_covers_it),
        cmocka_unit_test(a_fua_record_is_written_durably_only_when_all_before_it_is_durable),
        cmocka_unit_test(an_idle_journal_becomes_durable_and_then_sleeps),
        cmocka_unit_test(a_full_ring_has_no_room_until_a_superblock_with_the_new_tail_is_durable),
        cmocka_unit_test(what_lies_in_the_ring_is_never_more_than_a_start_can_take),
        cmocka_unit_test(an_epoch_begins_only_when_no_start_replays_earlier_ones),
        cmocka_unit_test(a_failed_write_fails_the_journal_for_good),
        cmocka_unit_test(a_failed_sync_is_not_tried_again),
        cmocka_unit_test(a_failed_journal_is_marked_so_that_no_start_replays_it),
        cmocka_unit_test(marking_is_tried_until_it_works),
        cmocka_unit_test(a_superblock_on_its_way_does_not_hide_the_mark),
        cmocka_unit_test(a_payload_is_read_back_and_bit_rot_is_noticed),
        cmocka_unit_test(a_drained_journal_is_closed_empty),
        cmocka_unit_test(damage_to_what_had_been_durable_is_refused_untouched),
        cmocka_unit_test(three_of_four_superblock_copies_may_rot),
        cmocka_unit_test(what_had_to_survive_survives_random_crashes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
