#include "journal/journal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "journal/internal.h"
#include "journal/reader.h"
#include "tests/unit/journal/bench.h"
#include "tests/unit/unit.h"

static void an_append_is_written_by_the_next_commit(void **state)
{
    struct bench *bench = bench_new(1);
    assert_true(bench_append(bench, 8, 0));
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
        bench_append(bench, 1, 0);
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
    bench_append(bench, 1, 0);
    fake_complete(&bench->device, 0);
    bench_barrier(bench);
    assert_true(bench->barrier_waits);
    fake_complete(&bench->device, 0);
    assert_false(bench->barrier_waits);
    assert_int_equal(bench->device.syncs, 1);
    assert_true(jnl_entry_is_durable(bench->journal, bench->items[0].append.entry));
    bench_barrier(bench);
    assert_false(bench->barrier_waits); /* nothing new: at once */
    bench_free(bench);
}

static void a_fua_record_is_written_durably_only_when_all_before_it_is_durable(void **state)
{
    struct bench *bench = bench_new(1);
    bench_append(bench, 1, JNL_ENTRY_FUA);
    bench_barrier(bench);
    fake_complete(&bench->device, 0);
    assert_false(bench->barrier_waits);
    assert_int_equal(bench->device.syncs, 0);

    bench_append(bench, 1, 0);
    fake_complete(&bench->device, 0); /* written, not durable */
    bench_append(bench, 1, JNL_ENTRY_FUA);
    bench_barrier(bench);
    fake_complete(&bench->device, 0);
    assert_true(bench->barrier_waits);
    fake_complete_all(&bench->device);
    assert_false(bench->barrier_waits);
    assert_int_equal(bench->device.syncs, 1);
    bench_free(bench);
}

static unsigned syncs_for_a_flushed_append(struct bench *bench)
{
    unsigned before = bench->device.syncs;
    bench_append(bench, 1, 0);
    fake_complete(&bench->device, 0);
    bench_barrier(bench);
    fake_complete_all(&bench->device);
    assert_false(bench->barrier_waits);
    return bench->device.syncs - before;
}

static void a_flush_after_each_record_becomes_a_habit(void **state)
{
    struct bench *bench = bench_new(1);
    unsigned syncs = 0;
    for (unsigned i = 0; i < 5; i++)
        syncs += syncs_for_a_flushed_append(bench);
    assert_true(syncs >= 4);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(syncs_for_a_flushed_append(bench), 0);
    bench_append(bench, 1, 0); /* still written durably */
    fake_complete(&bench->device, 0);
    bench_append(bench, 1, 0); /* nobody flushed: the habit is over */
    fake_complete(&bench->device, 0);
    assert_int_equal(syncs_for_a_flushed_append(bench), 1);
    bench_free(bench);
}

static void a_full_ring_has_no_room_until_a_superblock_with_the_new_tail_is_durable(void **state)
{
    struct bench *bench = bench_new(1);
    while (bench_append(bench, 8, 0))
        fake_complete_all(&bench->device);
    assert_false(jnl_reserve(bench->journal, BLOCK));
    bench_barrier(bench);
    fake_complete_all(&bench->device);
    bench_release(bench);
    bench_release(bench);
    assert_false(jnl_reserve(bench->journal, 8 * BLOCK));
    assert_true(bench->device.pending_count > 0);
    while (bench->released < bench->appended)
        bench_release(bench);
    fake_complete_all(&bench->device);
    assert_true(jnl_reserve(bench->journal, 8 * BLOCK));
    bench_free(bench);
}

/* Everything in the part, in order, from another process's point of view. */
static void expect_part(struct bench *bench, const struct jnl_part *part, uint64_t first,
                        uint64_t end)
{
    uint8_t *memory = aligned_alloc(JNL_BLOCK, JNL_RECORD_BYTES_MAX);
    struct jnl_superblock superblock;
    struct jnl_reader reader;
    assert_int_equal(jnl_peek(&bench->device.port, &superblock), JNL_OPEN_OK);
    superblock.tail_offset = part->tail_offset;
    superblock.tail_seq = part->tail_seq;
    superblock.tail_prev_crc = part->tail_prev_crc;
    jnl_reader_init(&reader, &bench->device.port, &superblock, memory);
    while (reader.seq <= part->end_seq) {
        assert_int_equal(jnl_reader_next(&reader), JNL_READING_RECORD);
        for (unsigned i = 0; i < reader.header.entry_count; i++, first++)
            assert_int_equal(get_le64(jnl_reader_payload(&reader, i)), first);
    }
    assert_int_equal(first, end);
    free(memory);
}

static void append_until_full(struct bench *bench)
{
    for (unsigned i = 0; i < 1000; i++) {
        bench_append(bench, 8, 0);
        bench_barrier(bench);
        fake_complete_all(&bench->device);
        bench_release(bench);
    }
    assert_false(bench_append(bench, 8, 0));
}

static void what_is_held_can_be_read_though_all_of_it_is_clean(void **state)
{
    struct bench *bench = bench_new(1);
    struct jnl_part part;
    for (unsigned i = 0; i < 200; i++) { /* some laps, so that the tail is somewhere */
        bench_append(bench, 8, 0);
        bench_barrier(bench);
        fake_complete_all(&bench->device);
        if (i >= 3)
            bench_release(bench);
    }
    uint64_t first = bench->released, end = bench->appended;
    assert_true(end > first + 1);
    jnl_hold(bench->journal, &part);
    append_until_full(bench);
    assert_int_equal(bench->released, bench->appended);
    expect_part(bench, &part, first, end);
    jnl_release(bench->journal);
    fake_complete_all(&bench->device);
    assert_true(bench_append(bench, 8, 0));
    bench_free(bench);
}

static void an_empty_journal_holds_nothing(void **state)
{
    struct bench *bench = bench_new(1);
    struct jnl_part part;
    jnl_hold(bench->journal, &part);
    assert_true(part.end_seq < part.tail_seq);
    bench_free(bench);
}

static void a_failed_write_fails_the_journal_for_good(void **state)
{
    struct bench *bench = bench_new(1);
    bench_append(bench, 1, 0);
    bench_append(bench, 1, 0);
    bench_barrier(bench);
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
    bench_append(bench, 1, 0);
    fake_complete(&bench->device, 0);
    bench_barrier(bench);
    bench->device.fail_next = -EIO;
    fake_complete(&bench->device, 0);
    assert_int_equal(bench->failure, -EIO);
    assert_int_equal(bench->barrier_error, -EIO);
    unsigned syncs = bench->device.syncs;
    bench_barrier(bench);
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
    enum jnl_open_error error = jnl_open(&bench_config, &copy->port, &bench->clock.port,
                                         &bench_events, bench, bench_on_recovered, &journal, NULL);
    jnl_free(journal);
    free(copy);
    return error;
}

/* Fails the write under way, and then `count` copies of superblocks. */
static void fail_writes(struct bench *bench, unsigned count)
{
    bench_append(bench, 1, 0);
    for (unsigned i = 0; i <= count; i++) {
        bench->device.fail_next = -EIO;
        fake_complete(&bench->device, 0);
    }
}

static void a_failed_journal_is_marked_so_that_no_start_replays_it(void **state)
{
    struct bench *bench = bench_new(1);
    bench_append(bench, 1, 0);
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
        assert_int_equal(bench->device.pending_count, 1); /* the other copy may be the last good */
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
    bench_append(bench, 8, 0);
    fake_complete_all(&bench->device);
    struct jnl_entry *entry = bench->items[0].append.entry;
    struct loaded loaded = {.load = {.entry = entry, .data = data, .done = load_done}};
    jnl_load(bench->journal, &loaded.load);
    fake_complete_all(&bench->device);
    assert_true(loaded.done);
    assert_int_equal(loaded.error, 0);
    assert_memory_equal(data, bench->items[0].payload, 4096);

    bench->device.visible[JNL_RING_OFFSET + jnl_entry_place(entry) + 100] ^= 4;
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
    jnl_set_lun_blocks(bench->journal, UINT64_C(1) << 40); /* is noted at once */
    assert_int_equal(bench->device.pending_count, 2);
    jnl_fail(bench->journal, -EIO);
    fake_complete_all(&bench->device);
    assert_int_equal(bench->marked, 0);
    assert_int_equal(open_again(bench), JNL_OPEN_FAILED_STATE);
    bench_free(bench);
}

/* What the daemon that ends here acknowledged is nowhere else. */
static void a_failure_at_the_close_leaves_the_ring_to_the_next_start(void **state)
{
    struct bench *bench = bench_new(1);
    bench_append(bench, 8, 0);
    bench_barrier(bench);
    fake_complete_all(&bench->device);
    bench->marked = 1;
    jnl_close(bench->journal, note_closed);
    bench->device.fail_next = -EIO;
    fake_complete_all(&bench->device);
    assert_int_equal(bench->failure, -EIO);
    assert_int_equal(bench->marked, 1);
    assert_int_equal(open_again(bench), JNL_OPEN_OK);
    assert_int_equal(bench->recovered_count, 1);
    bench_free(bench);
}

static void a_drained_journal_is_closed_empty(void **state)
{
    struct bench *bench = bench_new(1);
    struct jnl_superblock superblock;
    bench_append(bench, 8, 0);
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
        bench_append(bench, 8, 0);
        bench_barrier(bench);
        fake_complete_all(&bench->device);
    }
    bench->device.visible[JNL_RING_OFFSET + jnl_entry_place(bench->items[1].append.entry)] ^= 1;
    static uint8_t before[sizeof bench->device.visible];
    memcpy(before, bench->device.visible, sizeof before);
    jnl_free(bench->journal);
    bench->journal = NULL;
    assert_int_equal(bench_open(bench), JNL_OPEN_CORRUPT);
    assert_memory_equal(before, bench->device.visible, sizeof before);
    bench_free(bench);
}

static void what_cannot_be_read_is_not_taken_for_the_end(void **state)
{
    struct bench *bench = bench_new(1);
    bench_append(bench, 1, 0);
    fake_complete_all(&bench->device);
    bench_append(bench, 2, 0);
    fake_complete_all(&bench->device);
    fake_process_crash(&bench->device);
    const uint64_t second = JNL_RING_OFFSET + 2 * JNL_BLOCK;
    static const unsigned blocks[] = {0, 1}; /* header, payload */
    for (unsigned i = 0; i < 2; i++) {
        uint8_t *before = malloc(sizeof bench->device.visible);
        memcpy(before, bench->device.visible, sizeof bench->device.visible);
        jnl_free(bench->journal);
        bench->device.unreadable = second + blocks[i] * JNL_BLOCK;
        assert_int_equal(bench_open(bench), JNL_OPEN_IO);
        assert_memory_equal(before, bench->device.visible, sizeof bench->device.visible);
        bench->device.unreadable = 0;
        assert_int_equal(bench_open(bench), JNL_OPEN_OK);
        assert_int_equal(bench->recovered_count, 2);
        free(before);
    }
    bench_free(bench);
}

static void a_bad_sector_behind_the_records_hides_none_of_them(void **state)
{
    struct bench *bench = bench_new(1);
    for (unsigned i = 0; i < 3; i++) {
        bench_append(bench, 8, 0);
        bench_barrier(bench);
        fake_complete_all(&bench->device);
    }
    /* Each record is a header and 8 blocks of 512; then there might be a header. */
    bench->device.unreadable = JNL_RING_OFFSET + (3 * 2 + 1) * JNL_BLOCK;
    jnl_free(bench->journal);
    assert_int_equal(bench_open(bench), JNL_OPEN_OK);
    assert_int_equal(bench->recovered_count, 3);
    bench_free(bench);
}

/* The device lost both copies of the newest; the one before knows nothing of this run. */
static void an_older_superblock_is_not_believed_against_newer_records(void **state)
{
    struct bench *bench = bench_new(1);
    bench_append(bench, 1, 0); /* the only one, and nobody says that it is durable */
    fake_complete_all(&bench->device);
    fake_process_crash(&bench->device);
    jnl_free(bench->journal);
    bench->journal = NULL;
    for (unsigned copy = 0; copy < 2; copy++)
        memset(bench->device.visible +
                   jnl_superblock_offset(bench->device.port.size_bytes, 2, copy),
               0, JNL_BLOCK);
    assert_int_equal(bench_open(bench), JNL_OPEN_CORRUPT);
    bench_free(bench);
}

static void three_of_four_superblock_copies_may_rot(void **state)
{
    struct bench *bench = bench_new(1);
    bench_append(bench, 8, 0);
    bench_barrier(bench);
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
            memcmp(bench->device.visible + JNL_RING_OFFSET + jnl_entry_place(entry), item->payload,
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
            bench_append(bench, 1 + fake_random(&bench->device, 12),
                         fake_random(&bench->device, 8) == 0 ? JNL_ENTRY_FUA : 0);
        else if (roll < 65 && bench->device.pending_count > 0)
            fake_complete(&bench->device, fake_random(&bench->device, bench->device.pending_count));
        else if (roll < 75)
            bench_barrier(bench);
        else if (roll < 90)
            bench_release(bench);
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
        cmocka_unit_test(a_flush_after_each_record_becomes_a_habit),
        cmocka_unit_test(a_full_ring_has_no_room_until_a_superblock_with_the_new_tail_is_durable),
        cmocka_unit_test(what_is_held_can_be_read_though_all_of_it_is_clean),
        cmocka_unit_test(an_empty_journal_holds_nothing),
        cmocka_unit_test(a_failed_write_fails_the_journal_for_good),
        cmocka_unit_test(a_failed_sync_is_not_tried_again),
        cmocka_unit_test(a_failed_journal_is_marked_so_that_no_start_replays_it),
        cmocka_unit_test(marking_is_tried_until_it_works),
        cmocka_unit_test(a_superblock_on_its_way_does_not_hide_the_mark),
        cmocka_unit_test(a_payload_is_read_back_and_bit_rot_is_noticed),
        cmocka_unit_test(a_failure_at_the_close_leaves_the_ring_to_the_next_start),
        cmocka_unit_test(a_drained_journal_is_closed_empty),
        cmocka_unit_test(damage_to_what_had_been_durable_is_refused_untouched),
        cmocka_unit_test(what_cannot_be_read_is_not_taken_for_the_end),
        cmocka_unit_test(a_bad_sector_behind_the_records_hides_none_of_them),
        cmocka_unit_test(an_older_superblock_is_not_believed_against_newer_records),
        cmocka_unit_test(three_of_four_superblock_copies_may_rot),
        cmocka_unit_test(what_had_to_survive_survives_random_crashes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
