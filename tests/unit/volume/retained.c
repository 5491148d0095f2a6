#include "volume/retained.h"

#include <stdlib.h>
#include <string.h>

#include "journal/internal.h"
#include "tests/unit/unit.h"

#define BLOCK 512u
#define SPACE 64u
#define JOBS  8u

struct bench {
    struct retained retained;
    struct buffer_pool *pool;
    struct retained_job jobs[JOBS];
};

static int set_up(void **state)
{
    struct bench *bench = calloc(1, sizeof *bench);
    bench->pool = buffer_pool_new(BUFFER_BYTES_MAX);
    retained_init(&bench->retained, 512);
    for (unsigned i = 0; i < JOBS; i++)
        list_init(&bench->jobs[i].extents);
    bench->retained.block_bytes = BLOCK;
    *state = bench;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;
    retained_drop(&bench->retained, 0, SPACE);
    assert_true(retained_is_empty(&bench->retained));
    assert_int_equal(bench->retained.free_count, 512);
    assert_int_equal(bench->retained.data_blocks, 0);
    assert_int_equal(bench->retained.dirty_blocks, 0);
    assert_int_equal(buffer_pool_used(bench->pool), 0);
    retained_done(&bench->retained);
    buffer_pool_free(bench->pool);
    free(bench);
    return 0;
}

/* Puts `blocks` blocks, the i-th filled with first + i. */
static void put(struct bench *bench, uint64_t lba, uint64_t blocks, uint8_t first, bool dirty)
{
    struct buffer *buffer = buffer_get(bench->pool, (uint32_t)(blocks + 1) * BLOCK);
    for (uint64_t i = 0; i < blocks; i++)
        memset(buffer->data + (i + 1) * BLOCK, (int)(first + i), BLOCK);
    const struct retained_content content = {.buffer = buffer, .buffer_offset = BLOCK};
    retained_put(&bench->retained, lba, blocks, &content, dirty);
    buffer_unref(buffer);
}

/* Takes the oldest one, alone, for the first job that is free. */
static struct retained_extent *take(struct bench *bench)
{
    for (unsigned i = 0; i < JOBS; i++)
        if (list_is_empty(&bench->jobs[i].extents))
            return retained_take_dirty(&bench->retained, &bench->jobs[i], 0);
    fail_msg("too many jobs");
    return NULL;
}

static void rewritten(struct bench *bench, uint64_t lba, uint64_t blocks)
{
    for (unsigned i = 0; i < JOBS; i++)
        retained_rewritten(&bench->retained, &bench->jobs[i], lba, blocks);
}

static void put_zeros(struct bench *bench, uint64_t lba, uint64_t blocks, bool dirty)
{
    const struct retained_content content = {.kind = RETAINED_ZERO};
    retained_put(&bench->retained, lba, blocks, &content, dirty);
}

static void expect(struct bench *bench, uint64_t lba, int value)
{
    uint8_t data[BLOCK];
    memset(data, 0xee, sizeof data);
    retained_patch(&bench->retained, lba, 1, data);
    assert_int_equal(data[0], value < 0 ? 0xee : value);
    assert_int_equal(data[BLOCK - 1], data[0]);
    assert_int_equal(retained_covers(&bench->retained, lba, 1), value >= 0);
}

static void the_newest_wins_and_splits_the_older(void **state)
{
    struct bench *bench = *state;
    put(bench, 10, 5, 1, false);
    put(bench, 12, 1, 90, false);
    static const int values[] = {-1, 1, 2, 90, 4, 5, -1};
    for (unsigned i = 0; i < 7; i++)
        expect(bench, 9 + i, values[i]);
    assert_int_equal(bench->retained.map.count, 3);
    assert_int_equal(bench->retained.data_blocks, 5);
}

static void a_sync_frees_only_what_came_before_it(void **state)
{
    struct bench *bench = *state;
    put(bench, 0, 2, 1, false);
    uint64_t time = retained_now(&bench->retained);
    put(bench, 4, 1, 9, false);
    put(bench, 0, 1, 5, false); /* newer than the SYNC, over older data */
    retained_synced(&bench->retained, time);
    expect(bench, 0, 5);
    expect(bench, 1, -1);
    expect(bench, 4, 9);
}

static void a_sync_does_not_free_what_the_target_may_have_lost(void **state)
{
    struct bench *bench = *state;
    put(bench, 0, 2, 1, false);
    retained_revert(&bench->retained);
    assert_int_equal(bench->retained.dirty_blocks, 2);
    retained_synced(&bench->retained, retained_now(&bench->retained));
    expect(bench, 0, 1);

    struct retained_extent *extent = take(bench);
    assert_non_null(extent);
    assert_null(take(bench));
    retained_synced(&bench->retained, retained_now(&bench->retained));
    expect(bench, 0, 1);

    rewritten(bench, 0, 2);
    assert_int_equal(bench->retained.dirty_blocks, 0);
    retained_synced(&bench->retained, retained_now(&bench->retained));
    expect(bench, 0, -1);
}

static void a_rewritten_extent_is_covered_only_by_a_later_sync(void **state)
{
    struct bench *bench = *state;
    put(bench, 0, 1, 1, true);
    struct retained_extent *extent = take(bench);
    uint64_t time = retained_now(&bench->retained);
    assert_non_null(extent);
    rewritten(bench, 0, 1);
    retained_synced(&bench->retained, time);
    expect(bench, 0, 1);
}

static void what_cannot_be_written_again_stays_dirty(void **state)
{
    struct bench *bench = *state;
    put(bench, 0, 4, 1, true);
    assert_non_null(take(bench));
    put(bench, 1, 1, 50, false); /* splits the one under way */
    retained_not_rewritten(&bench->retained, &bench->jobs[0], 0, 4);
    assert_int_equal(bench->retained.dirty_blocks, 3);
    assert_int_equal(take(bench)->extent.start, 0);
    assert_int_equal(take(bench)->extent.start, 2);
}

static void only_what_was_taken_for_it_is_rewritten(void **state)
{
    struct bench *bench = *state;
    put(bench, 0, 8, 1, true);
    assert_non_null(take(bench));
    put(bench, 2, 2, 50, true); /* newer, and not sent yet */
    struct retained_extent *first = retained_job_first(&bench->jobs[0]);
    assert_int_equal(first->extent.start, 0);
    assert_int_equal(first->extent.length, 2);
    rewritten(bench, 0, 2);
    assert_int_equal(retained_job_first(&bench->jobs[0])->extent.start, 4);
    rewritten(bench, 0, 8);
    assert_int_equal(bench->retained.dirty_blocks, 2);
    retained_synced(&bench->retained, retained_now(&bench->retained));
    expect(bench, 1, -1);
    expect(bench, 2, 50);
}

static void neighbours_go_together_up_to_a_limit(void **state)
{
    struct bench *bench = *state;
    struct retained_job *job = &bench->jobs[0];
    put(bench, 10, 2, 1, true);
    put(bench, 12, 2, 3, true);
    put(bench, 8, 2, 5, true);
    put(bench, 4, 4, 7, true);     /* would be too much */
    put(bench, 15, 1, 11, true);   /* does not border on them */
    put_zeros(bench, 14, 1, true); /* no payload */
    put(bench, 40, 1, 12, true);
    put(bench, 41, 1, 13, false); /* is on the target */
    assert_int_equal(retained_take_dirty(&bench->retained, job, 8)->extent.start, 10);
    assert_int_equal(retained_job_first(job)->extent.start, 8);
    assert_int_equal(retained_job_at(job, 12)->extent.length, 2);
    assert_null(retained_job_at(job, 4));
    assert_null(retained_job_at(job, 14));
    put(bench, 10, 1, 20, true); /* newer than what is on its way */
    assert_null(retained_job_at(job, 10));
    assert_int_equal(retained_job_at(job, 11)->extent.length, 1);
    retained_rewritten(&bench->retained, job, 8, 6);
    assert_true(list_is_empty(&job->extents));
    assert_int_equal(bench->retained.destaged_blocks, 1 + 5);
    assert_int_equal(take(bench)->extent.start, 4);
    retained_not_rewritten(&bench->retained, job, 4, 4);
}

static void put_epoch(struct bench *bench, uint64_t lba, uint64_t blocks, uint64_t epoch)
{
    static struct jnl_record records[16];
    static struct jnl_entry entries[16];
    struct jnl_entry *entry = &entries[epoch];
    records[epoch] = (struct jnl_record){.seq = 1, .live = 100};
    *entry = (struct jnl_entry){.record = &records[epoch], .references = 100};
    const struct retained_content content = {.kind = RETAINED_ZERO, .entry = entry, .epoch = epoch};
    retained_put(&bench->retained, lba, blocks, &content, true);
}

/* Sends all that may be sent now; returns how many extents that were. */
static unsigned send_all(struct bench *bench)
{
    unsigned count = 0;
    while (take(bench))
        count++;
    rewritten(bench, 0, SPACE);
    return count;
}

static void in_order_no_epoch_is_sent_before_the_one_in_front_is_clean(void **state)
{
    struct bench *bench = *state;
    bench->retained.ordered = true;
    bench->retained.journal_given_up = true; /* all may be sent; there is no journal here */
    put_epoch(bench, 0, 8, 1);
    put_epoch(bench, 2, 2, 1); /* supersedes inside its epoch */
    put_epoch(bench, 4, 2, 2); /* the older version has to be sent all the same */
    put_epoch(bench, 20, 1, 2);
    assert_int_equal(send_all(bench), 4); /* 0-1, 4-5 (a shadow), 6-7, 2-3 */
    assert_true(retained_epoch_is_sent(&bench->retained));
    assert_int_equal(send_all(bench), 0);

    retained_revert(&bench->retained); /* lost: the first epoch has to go again */
    assert_int_equal(send_all(bench), 4);
    assert_int_equal(send_all(bench), 0);
    retained_synced(&bench->retained, retained_now(&bench->retained));
    assert_int_equal(send_all(bench), 2);
    assert_false(retained_epoch_is_sent(&bench->retained));
    retained_synced(&bench->retained, retained_now(&bench->retained));
    assert_true(retained_is_empty(&bench->retained));
}

static void once_the_journal_is_given_up_no_superseded_version_is_sent_any_more(void **state)
{
    struct bench *bench = *state;
    bench->retained.ordered = true;
    put_epoch(bench, 0, 4, 1);
    bench->retained.journal_given_up = true; /* all may be sent; there is no journal here */
    struct retained_extent *on_its_way = take(bench);
    put_epoch(bench, 0, 4, 2);
    put_epoch(bench, 0, 4, 3);
    assert_true(on_its_way->is_shadow);
    retained_give_up_journal(&bench->retained);
    assert_int_equal(bench->retained.dirty_blocks, 4 + 4); /* it, and the newest */
    retained_not_rewritten(&bench->retained, &bench->jobs[0], 0, 4);
    assert_int_equal(bench->retained.dirty_blocks, 4);
    assert_int_equal(take(bench)->content.epoch, 3);
    put_epoch(bench, 0, 4, 4); /* leaves none behind either */
    assert_int_equal(bench->retained.dirty_blocks, 4);
}

/* A loss of power would lose them in the ring, and the next start replay older ones. */
static void of_a_failed_journal_only_what_is_durable_may_be_sent(void **state)
{
    struct bench *bench = *state;
    struct journal journal = {.durable_seq = 0};
    bench->retained.journal = &journal;
    put_epoch(bench, 0, 4, 1); /* its record has the number 1 */
    bench->retained.journal_failed = true;
    assert_null(take(bench));
    journal.durable_seq = 1;
    assert_non_null(take(bench));
    retained_not_rewritten(&bench->retained, &bench->jobs[0], 0, 4);
    journal.durable_seq = 0;
    bench->retained.journal_given_up = true;
    assert_non_null(take(bench));
    bench->retained.journal = NULL;
}

static void what_is_lost_stays_lost(void **state)
{
    struct bench *bench = *state;
    put(bench, 0, 2, 1, true);
    take(bench);
    retained_poison(&bench->retained, &bench->jobs[0], 0, 2);
    assert_int_equal(retained_find(&bench->retained, 0)->content.kind, RETAINED_POISON);
    assert_null(take(bench));
    retained_revert(&bench->retained);
    assert_null(take(bench));
}

/* The caller holds the range in the gate, and no block beyond it. */
static void what_others_wrote_over_the_range_is_not_its_own(void **state)
{
    struct bench *bench = *state;
    put(bench, 4, 2, 1, true);
    assert_int_equal(take(bench)->extent.start, 4);
    put(bench, 2, 3, 50, true); /* a client's, over a part of it */
    assert_int_equal(retained_job_first(&bench->jobs[0])->extent.start, 5);
    put(bench, 3, 4, 70, true); /* over all of it */
    assert_null(retained_job_first(&bench->jobs[0]));
    assert_int_equal(take(bench)->extent.start, 2);
    assert_int_equal(take(bench)->extent.start, 3);
}

static void zeros_cost_no_payload(void **state)
{
    struct bench *bench = *state;
    put(bench, 0, 4, 7, false);
    put_zeros(bench, 1, 2, false);
    expect(bench, 0, 7);
    expect(bench, 1, 0);
    expect(bench, 2, 0);
    expect(bench, 3, 10);
    assert_int_equal(bench->retained.data_blocks, 2);
}

static void random_puts_and_drops_agree_with_a_naive_model(void **state)
{
    struct bench *bench = *state;
    int model[SPACE];
    memset(model, 0xff, sizeof model);
    srand(3);
    for (unsigned step = 0; step < 4000; step++) {
        uint64_t lba = (uint64_t)rand() % (SPACE - 8), blocks = 1 + (uint64_t)rand() % 8;
        uint8_t value = (uint8_t)(1 + rand() % 100);
        int kind = rand() % 4;
        if (kind == 0)
            retained_drop(&bench->retained, lba, blocks);
        else if (kind == 1)
            put_zeros(bench, lba, blocks, rand() % 2);
        else
            put(bench, lba, blocks, value, rand() % 2);
        for (uint64_t i = 0; i < blocks; i++)
            model[lba + i] = kind == 0 ? -1 : kind == 1 ? 0 : value + (int)i;
        expect(bench, (uint64_t)step % SPACE, model[step % SPACE]);
    }
    for (unsigned lba = 0; lba < SPACE; lba++)
        expect(bench, lba, model[lba]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_newest_wins_and_splits_the_older),
        TEST(a_sync_frees_only_what_came_before_it),
        TEST(a_sync_does_not_free_what_the_target_may_have_lost),
        TEST(a_rewritten_extent_is_covered_only_by_a_later_sync),
        TEST(what_cannot_be_written_again_stays_dirty),
        TEST(what_others_wrote_over_the_range_is_not_its_own),
        TEST(only_what_was_taken_for_it_is_rewritten),
        TEST(neighbours_go_together_up_to_a_limit),
        TEST(in_order_no_epoch_is_sent_before_the_one_in_front_is_clean),
        TEST(once_the_journal_is_given_up_no_superseded_version_is_sent_any_more),
        TEST(of_a_failed_journal_only_what_is_durable_may_be_sent),
        TEST(what_is_lost_stays_lost),
        TEST(zeros_cost_no_payload),
        TEST(random_puts_and_drops_agree_with_a_naive_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
