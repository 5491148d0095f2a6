#include "tests/unit/journal/bench.h"

/* Entries that are CLEAN still lie in the ring, behind one that is not, and a scan takes them. */
static void what_lies_in_the_ring_is_never_more_than_a_start_can_take(void **state)
{
    size_t usual = bench_config.entry_count;
    bench_config.entry_count = 200;
    struct bench *bench = bench_new(1);
    bench_append(bench, 1, 0);
    fake_complete_all(&bench->device);
    for (unsigned count = 1; count > 0;) {
        struct item zeros[100] = {0};
        for (count = 0; count < 100 && jnl_reserve(bench->journal, 0); count++) {
            zeros[count].append = (struct jnl_append){
                .op = JNL_ZERO, .lba = 1, .blocks = 1, .done = bench_append_done};
            jnl_append(bench->journal, &zeros[count].append);
        }
        bench_barrier(bench);
        fake_complete_all(&bench->device);
        for (unsigned i = 0; i < count; i++)
            jnl_entry_unref(bench->journal, zeros[i].append.entry);
        fake_complete_all(&bench->device);
    }
    jnl_free(bench->journal);
    fake_process_crash(&bench->device);
    assert_int_equal(bench_open(bench), JNL_OPEN_OK);
    assert_in_range(bench->recovered_count, 190, 200);
    bench_config.entry_count = usual;
    bench_free(bench);
}

/* Sent again, it would take the LUN back behind what it shows already. */
static void an_epoch_begins_only_when_no_start_replays_earlier_ones(void **state)
{
    struct bench *bench = bench_new(1);
    bench_append(bench, 1, 0);
    bench_append(bench, 1, 0);
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

/* Three entries of one request want as many slots for records: there are four, one less than that
 * takes, but not few enough for a superblock by themselves. Nothing else is under way that would
 * ever bring one (simulator, seed 5025619). */
static void whoever_finds_no_room_gets_a_superblock(void **state)
{
    size_t usual = bench_config.record_count;
    bench_config.record_count = 16;
    struct bench *bench = bench_new(1);
    for (unsigned i = 0; i < 12; i++) {
        assert_true(bench_append(bench, 1, 0));
        fake_complete_all(&bench->device);
    }
    bench_barrier(bench);
    fake_complete_all(&bench->device);
    for (unsigned i = 0; i < 3; i++)
        bench_release(bench);
    assert_int_equal(bench->device.pending_count, 0);

    assert_true(jnl_reserve(bench->journal, BLOCK));
    assert_true(jnl_reserve(bench->journal, BLOCK));
    assert_false(jnl_reserve(bench->journal, BLOCK));
    jnl_unreserve(bench->journal, BLOCK);
    jnl_unreserve(bench->journal, BLOCK);
    assert_int_equal(bench->device.pending_count, 2); /* both copies */
    fake_complete_all(&bench->device);
    for (unsigned i = 0; i < 3; i++)
        assert_true(jnl_reserve(bench->journal, BLOCK));
    assert_int_equal(bench->device.pending_count, 0); /* and not one after the other */
    bench_config.record_count = usual;
    bench_free(bench);
}

/* With nothing to be had from it, a refused request costs no superblock. */
static void a_full_ring_that_frees_nothing_gets_none(void **state)
{
    struct bench *bench = bench_new(1);
    while (bench_append(bench, 8, 0))
        fake_complete_all(&bench->device);
    bench_barrier(bench);
    fake_complete_all(&bench->device);
    assert_false(jnl_reserve(bench->journal, 8 * BLOCK));
    assert_int_equal(bench->device.pending_count, 0);
    bench_release(bench);
    assert_int_equal(bench->device.pending_count, 2);
    bench_free(bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_lies_in_the_ring_is_never_more_than_a_start_can_take),
        cmocka_unit_test(an_epoch_begins_only_when_no_start_replays_earlier_ones),
        cmocka_unit_test(whoever_finds_no_room_gets_a_superblock),
        cmocka_unit_test(a_full_ring_that_frees_nothing_gets_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
