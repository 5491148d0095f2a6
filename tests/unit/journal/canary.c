/* Canaries: what ends them, what a start believes of them (the claim at the head of canary.c). */
#include <errno.h>

#include "tests/unit/journal/bench.h"

#define PLACE 4000u /* far from what the bench appends by itself: its ids */

static bool note_at(struct bench *bench, unsigned index, uint64_t lba, uint32_t crc)
{
    jnl_canary_watch(bench->journal, lba, 8);
    return jnl_canary_note(bench->journal, index, crc);
}

static void store(struct bench *bench)
{
    jnl_canaries_store(bench->journal);
    fake_complete_all(&bench->device);
}

static bool is_noted(const struct bench *bench, unsigned index)
{
    return jnl_canary(bench->journal, index)->blocks > 0;
}

/* Appends zeros there, and lets them become WRITTEN. */
static struct jnl_entry *change(struct bench *bench, struct item *item, uint64_t lba,
                                uint32_t blocks)
{
    assert_true(jnl_reserve(bench->journal, 0));
    item->append = (struct jnl_append){
        .op = JNL_ZERO, .lba = lba, .blocks = blocks, .done = bench_append_done};
    jnl_append(bench->journal, &item->append);
    fake_complete_all(&bench->device);
    return item->append.entry;
}

static void restart(struct bench *bench)
{
    jnl_free(bench->journal);
    fake_process_crash(&bench->device);
    bench->recovered_count = 0;
    assert_int_equal(bench_open(bench), JNL_OPEN_OK);
}

/* Something that has to be replayed, elsewhere. */
static void leave_something(struct bench *bench)
{
    bench_append(bench, 1, 0);
    bench_barrier(bench);
    fake_complete_all(&bench->device);
}

static void a_stored_one_is_there_after_a_crash(void **state)
{
    struct bench *bench = bench_new(1);
    assert_true(note_at(bench, 3, PLACE, 0x1234));
    assert_int_equal(jnl_canary_count(bench->journal), 1);
    store(bench);
    leave_something(bench);
    restart(bench);
    const struct jnl_canary *canary = jnl_canary(bench->journal, 3);
    assert_int_equal(canary->lba, PLACE);
    assert_int_equal(canary->blocks, 8);
    assert_int_equal(canary->crc, 0x1234);
    assert_int_equal(jnl_canary_count(bench->journal), 1);
    restart(bench); /* and after another one that came to nothing */
    assert_true(is_noted(bench, 3));
    bench_free(bench);
}

static void one_superblock_stores_all_that_are_new(void **state)
{
    struct bench *bench = bench_new(1);
    note_at(bench, 0, PLACE, 1);
    note_at(bench, 1, PLACE + 8, 2);
    assert_int_equal(bench->device.pending_count, 0);
    jnl_canaries_store(bench->journal);
    assert_int_equal(bench->device.pending_count, 2); /* its copies */
    fake_complete_all(&bench->device);
    jnl_canaries_store(bench->journal); /* nothing new */
    assert_int_equal(bench->device.pending_count, 0);
    bench_free(bench);
}

static void an_append_ends_what_it_overlaps(void **state)
{
    static struct item items[3];
    struct bench *bench = bench_new(1);
    note_at(bench, 0, PLACE, 1);
    note_at(bench, 1, PLACE + 8, 2);
    note_at(bench, 2, PLACE + 16, 3);
    change(bench, &items[0], PLACE + 7, 2);
    assert_false(is_noted(bench, 0));
    assert_false(is_noted(bench, 1));
    assert_true(is_noted(bench, 2));
    change(bench, &items[1], PLACE + 24, 1); /* beside it */
    assert_true(is_noted(bench, 2));
    change(bench, &items[2], 0, UINT32_MAX);
    assert_int_equal(jnl_canary_count(bench->journal), 0);
    bench_free(bench);
}

static void an_append_under_the_read_ends_it_before_it_is_noted(void **state)
{
    static struct item items[2];
    struct bench *bench = bench_new(1);
    jnl_canary_watch(bench->journal, PLACE, 8);
    change(bench, &items[0], PLACE + 8, 1);
    assert_true(jnl_canary_note(bench->journal, 0, 1));
    jnl_canary_watch(bench->journal, PLACE + 16, 8);
    change(bench, &items[1], PLACE + 23, 1);
    assert_false(jnl_canary_note(bench->journal, 1, 1));
    assert_false(is_noted(bench, 1));
    bench_free(bench);
}

/* The superblock still has it: nobody wrote another one since. */
static void a_record_behind_the_tail_hides_a_stored_one(void **state)
{
    static struct item item;
    struct bench *bench = bench_new(1);
    note_at(bench, 0, PLACE, 1);
    note_at(bench, 1, PLACE + 8, 2);
    store(bench);
    change(bench, &item, PLACE, 1);
    leave_something(bench);
    restart(bench);
    assert_false(is_noted(bench, 0));
    assert_true(is_noted(bench, 1));
    bench_free(bench);
}

/* Its record is below clean_seq of a later one, and is not replayed, but the LUN has it. */
static void a_clean_record_hides_it_all_the_same(void **state)
{
    static struct item item;
    struct bench *bench = bench_new(1);
    note_at(bench, 0, PLACE, 1);
    note_at(bench, 1, PLACE + 8, 2);
    store(bench);
    struct jnl_entry *entry = change(bench, &item, PLACE, 1);
    leave_something(bench);
    jnl_entry_unref(bench->journal, entry);
    leave_something(bench);
    restart(bench);
    assert_int_equal(bench->recovered_count, 2); /* without that one */
    assert_false(is_noted(bench, 0));
    assert_true(is_noted(bench, 1));
    bench_free(bench);
}

/* Another host may have used the LUN rightly meanwhile. */
static void with_nothing_to_replay_they_say_nothing(void **state)
{
    struct bench *bench = bench_new(1);
    note_at(bench, 0, PLACE, 1);
    store(bench);
    jnl_set_foreign(bench->journal, true);
    fake_complete_all(&bench->device);
    restart(bench);
    assert_int_equal(jnl_canary_count(bench->journal), 0);
    assert_false(jnl_is_foreign(bench->journal));
    bench_free(bench);
}

static void a_foreign_writer_is_remembered_until_it_is_said_otherwise(void **state)
{
    struct bench *bench = bench_new(1);
    struct jnl_superblock superblock;
    leave_something(bench);
    jnl_set_foreign(bench->journal, true);
    fake_complete_all(&bench->device);
    assert_int_equal(jnl_peek(&bench->device.port, &superblock), JNL_OPEN_OK);
    assert_int_equal(superblock.state, JNL_STATE_OPEN | JNL_STATE_FOREIGN);
    restart(bench);
    assert_true(jnl_is_foreign(bench->journal));
    restart(bench);
    assert_true(jnl_is_foreign(bench->journal));
    jnl_set_foreign(bench->journal, false);
    fake_complete_all(&bench->device);
    restart(bench);
    assert_false(jnl_is_foreign(bench->journal));
    bench_free(bench);
}

static void a_failed_journal_has_none(void **state)
{
    struct bench *bench = bench_new(1);
    note_at(bench, 0, PLACE, 1);
    bench_append(bench, 1, 0);
    bench->device.fail_next = -EIO;
    fake_complete_all(&bench->device);
    assert_int_not_equal(bench->failure, 0);
    assert_int_equal(jnl_canary_count(bench->journal), 0);
    assert_false(note_at(bench, 0, PLACE, 1));
    bench_free(bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stored_one_is_there_after_a_crash),
        cmocka_unit_test(one_superblock_stores_all_that_are_new),
        cmocka_unit_test(an_append_ends_what_it_overlaps),
        cmocka_unit_test(an_append_under_the_read_ends_it_before_it_is_noted),
        cmocka_unit_test(a_record_behind_the_tail_hides_a_stored_one),
        cmocka_unit_test(a_clean_record_hides_it_all_the_same),
        cmocka_unit_test(with_nothing_to_replay_they_say_nothing),
        cmocka_unit_test(a_foreign_writer_is_remembered_until_it_is_said_otherwise),
        cmocka_unit_test(a_failed_journal_has_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
