#include "journal/ring.h"

#include "tests/unit/unit.h"

#define RING_BYTES (64u * JNL_BLOCK)

static const struct jnl_tail start = {.offset = 0, .seq = 10, .prev_crc = 77};
static struct jnl_ring ring;

static int set_up(void **state)
{
    return jnl_ring_init(&ring, RING_BYTES, 32, &start);
}

static int tear_down(void **state)
{
    jnl_ring_done(&ring);
    return 0;
}

static struct jnl_record *place(uint32_t blocks, uint32_t live)
{
    struct jnl_record *record = jnl_ring_place(&ring, blocks);
    jnl_ring_seal(&ring, record, (uint32_t)record->seq * 3);
    record->written = true;
    record->live = live;
    return record;
}

static void expect_tail(uint64_t seq, uint64_t offset, uint32_t prev_crc)
{
    struct jnl_tail tail;
    jnl_ring_tail(&ring, &tail);
    assert_int_equal(tail.seq, seq);
    assert_int_equal(tail.offset, offset);
    assert_int_equal(tail.prev_crc, prev_crc);
}

static void records_follow_each_other_and_chain(void **state)
{
    struct jnl_record *first = place(2, 1), *second = place(3, 1);
    assert_int_equal(first->seq, 10);
    assert_int_equal(first->prev_crc, 77);
    assert_int_equal(second->offset, 2 * JNL_BLOCK);
    assert_int_equal(second->prev_crc, 30);
    expect_tail(10, 0, 77);
}

static void the_tail_stops_at_the_first_record_that_is_needed(void **state)
{
    struct jnl_record *first = place(2, 1);
    place(2, 0);
    assert_false(jnl_ring_advance(&ring, 100));
    first->live = 0;
    assert_false(jnl_ring_advance(&ring, 9)); /* not durable yet */
    assert_true(jnl_ring_advance(&ring, 11));
    expect_tail(12, 4 * JNL_BLOCK, 33);
}

static void a_held_ring_passes_nothing(void **state)
{
    place(2, 0);
    ring.held = true;
    assert_false(jnl_ring_advance(&ring, 100));
    expect_tail(10, 0, 77);
    ring.held = false;
    assert_true(jnl_ring_advance(&ring, 100));
    expect_tail(11, 2 * JNL_BLOCK, 30);
}

static void a_dead_entry_holds_its_record_until_the_superseder_is_durable(void **state)
{
    struct jnl_record *old = place(2, 0);
    struct jnl_record *newer = place(2, 1);
    old->dead_until = newer->seq;
    assert_false(jnl_ring_advance(&ring, old->seq));
    assert_true(jnl_ring_advance(&ring, newer->seq));
    expect_tail(newer->seq, newer->offset, newer->prev_crc);
}

static void passed_space_is_free_only_when_the_tail_is_stable(void **state)
{
    uint64_t all = jnl_ring_free_bytes(&ring);
    place(8, 0);
    assert_int_equal(jnl_ring_free_bytes(&ring), all - 8 * JNL_BLOCK);
    assert_true(jnl_ring_advance(&ring, 100));
    assert_int_equal(jnl_ring_free_bytes(&ring), all - 8 * JNL_BLOCK);
    assert_int_equal(ring.passed_bytes, 8 * JNL_BLOCK);
    jnl_ring_tail_is_stable(&ring, 10);
    assert_int_equal(ring.passed_bytes, 8 * JNL_BLOCK);
    jnl_ring_tail_is_stable(&ring, 11);
    assert_int_equal(jnl_ring_free_bytes(&ring), all);
    assert_int_equal(ring.passed_bytes, 0);
}

static void the_head_wraps_and_never_overtakes_the_tail(void **state)
{
    for (unsigned lap = 0; lap < 100; lap++) {
        uint32_t blocks = 1 + lap % 7;
        uint32_t to_end = jnl_ring_blocks_to_end(&ring);
        struct jnl_record *record = place(blocks < to_end ? blocks : to_end, 0);
        assert_true(record->offset + (uint64_t)record->blocks * JNL_BLOCK <= RING_BYTES);
        jnl_ring_advance(&ring, record->seq);
        jnl_ring_tail_is_stable(&ring, record->seq + 1);
        assert_int_equal(ring.used, 0);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(records_follow_each_other_and_chain),
        TEST(the_tail_stops_at_the_first_record_that_is_needed),
        TEST(a_held_ring_passes_nothing),
        TEST(a_dead_entry_holds_its_record_until_the_superseder_is_durable),
        TEST(passed_space_is_free_only_when_the_tail_is_stable),
        TEST(the_head_wraps_and_never_overtakes_the_tail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
