/* From WRITTEN to DURABLE, on a fake device. */
#include "tests/unit/journal/bench.h"

/* From inside an append's answer: what was written durably needs no sync any more. */
static void who_asks_when_answered_finds_a_durable_record_durable(void **state)
{
    struct bench *bench = bench_new(1);
    bench->barrier_at_answer = true;
    bench_append(bench, 1, JNL_ENTRY_FUA);
    fake_complete(&bench->device, 0);
    assert_false(bench->barrier_waits);
    assert_int_equal(bench->device.syncs + bench->device.pending_count, 0);
    bench_free(bench);
}

static void an_idle_journal_becomes_durable_and_then_sleeps(void **state)
{
    struct bench *bench = bench_new(1);
    bench_append(bench, 1, 0);
    fake_complete_all(&bench->device);
    assert_int_equal(bench->device.syncs, 0);
    fake_clock_advance_ms(&bench->clock, 20);
    fake_complete_all(&bench->device);
    assert_int_equal(bench->device.syncs, 1);
    assert_true(timer_queue_next_us(&bench->clock.queue) == UINT64_MAX);
    bench_free(bench);
}

/* Else it would have to stay in memory until the time is over. */
static void much_that_is_not_durable_is_synced_at_once(void **state)
{
    bench_config.unsynced_bytes = 4ull * 2 * JNL_BLOCK;
    struct bench *bench = bench_new(1);
    for (unsigned i = 0; i < 3; i++) {
        bench_append(bench, 8, 0); /* a block of payload behind its header */
        fake_complete_all(&bench->device);
    }
    assert_int_equal(bench->device.syncs, 0);
    bench_append(bench, 8, 0);
    fake_complete_all(&bench->device);
    assert_int_equal(bench->device.syncs, 1);
    bench_append(bench, 8, 0); /* counts from there */
    fake_complete_all(&bench->device);
    assert_int_equal(bench->device.syncs, 1);
    bench_free(bench);
    bench_config.unsynced_bytes = 0;
}

static void a_durable_record_leaves_nothing_unsynced(void **state)
{
    bench_config.unsynced_bytes = 2ull * 2 * JNL_BLOCK;
    struct bench *bench = bench_new(1);
    bench_append(bench, 8, JNL_ENTRY_FUA);
    fake_complete_all(&bench->device);
    bench_append(bench, 8, 0);
    fake_complete_all(&bench->device);
    assert_int_equal(bench->device.syncs, 0);
    bench_free(bench);
    bench_config.unsynced_bytes = 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_asks_when_answered_finds_a_durable_record_durable),
        cmocka_unit_test(an_idle_journal_becomes_durable_and_then_sleeps),
        cmocka_unit_test(much_that_is_not_durable_is_synced_at_once),
        cmocka_unit_test(a_durable_record_leaves_nothing_unsynced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
