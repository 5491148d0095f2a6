/* An oracle that cannot fail is worth nothing: each rule is shown to flag what it forbids. */
#include "tests/sim/oracle.h"

#include "tests/unit/unit.h"

struct fixture {
    struct world world;
    struct oracle oracle;
};

static int setup(void **state)
{
    static struct fixture fixture;
    world_init(&fixture.world, 1, false);
    oracle_init(&fixture.oracle, &fixture.world, 2);
    *state = &fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    oracle_done(&f->oracle);
    world_done(&f->world);
    return 0;
}

static struct oracle_op submitted(struct fixture *f, enum oracle_kind kind, uint64_t write)
{
    struct oracle_op op = {.kind = kind, .write = write, .first = 0, .count = 1};
    oracle_submit(&f->oracle, &op);
    return op;
}

/* A read that comes and is answered now. */
static bool read_is_right(struct fixture *f, uint64_t id)
{
    oracle_read(&f->oracle, 0, oracle_now(&f->oracle), id);
    return !world_failed(&f->world);
}

static void flush(struct fixture *f)
{
    oracle_flushed(&f->oracle, oracle_now(&f->oracle));
}

static void a_read_before_any_write_shows_the_first_contents(void **state)
{
    assert_true(read_is_right(*state, cell_id(1, 0)));
}

static void an_answered_write_replaces_the_old_value(void **state)
{
    struct fixture *f = *state;
    struct oracle_op op = submitted(f, ORACLE_WRITE, 2);
    oracle_answered(&f->oracle, &op, false);
    assert_true(read_is_right(f, cell_id(2, 0)));
    assert_false(read_is_right(f, cell_id(1, 0)));
}

static void a_read_after_an_unanswered_write_waits_for_it(void **state)
{
    struct fixture *f = *state;
    submitted(f, ORACLE_WRITE, 2);
    assert_false(read_is_right(f, cell_id(1, 0)));
}

static void a_read_does_not_see_a_write_submitted_after_it(void **state)
{
    struct fixture *f = *state;
    uint64_t at = oracle_now(&f->oracle);
    submitted(f, ORACLE_WRITE, 2);
    oracle_read(&f->oracle, 0, at, cell_id(1, 0));
    assert_false(world_failed(&f->world));
    oracle_read(&f->oracle, 0, at, cell_id(2, 0));
    assert_true(world_failed(&f->world));
}

static void bytes_of_another_cell_are_wrong(void **state)
{
    assert_false(read_is_right(*state, cell_id(1, 1)));
}

static void garbage_is_wrong(void **state)
{
    assert_false(read_is_right(*state, CELL_GARBAGE));
}

static void after_the_daemons_death_an_unanswered_write_may_show_or_not(void **state)
{
    struct fixture *f = *state;
    submitted(f, ORACLE_WRITE, 2);
    oracle_daemon_died(&f->oracle);
    assert_true(oracle_may_hold(&f->oracle, 0, cell_id(1, 0), UINT64_MAX));
    assert_true(oracle_may_hold(&f->oracle, 0, cell_id(2, 0), UINT64_MAX));
    assert_true(read_is_right(f, cell_id(1, 0)));
    assert_false(read_is_right(f, cell_id(2, 0))); /* seen is seen */
}

static void a_write_that_is_sent_again_may_show_again(void **state)
{
    struct fixture *f = *state;
    struct oracle_op op = submitted(f, ORACLE_WRITE, 2);
    oracle_daemon_died(&f->oracle);
    assert_true(read_is_right(f, cell_id(1, 0)));
    oracle_resubmit(&f->oracle, &op);
    assert_true(read_is_right(f, cell_id(2, 0)));
}

static void a_read_before_the_second_sending_sees_what_the_first_left(void **state)
{
    struct fixture *f = *state;
    struct oracle_op op = submitted(f, ORACLE_WRITE, 2);
    oracle_daemon_died(&f->oracle);
    uint64_t at = oracle_now(&f->oracle);
    oracle_resubmit(&f->oracle, &op);
    oracle_read(&f->oracle, 0, at, cell_id(2, 0));
    assert_false(world_failed(&f->world));
}

static void the_daemons_death_loses_nothing_that_was_answered(void **state)
{
    struct fixture *f = *state;
    struct oracle_op op = submitted(f, ORACLE_WRITE, 2);
    oracle_answered(&f->oracle, &op, false);
    oracle_daemon_died(&f->oracle);
    assert_false(oracle_may_hold(&f->oracle, 0, cell_id(1, 0), UINT64_MAX));
    assert_false(read_is_right(f, cell_id(1, 0)));
}

static void rolling_back_brings_back_what_was_not_flushed(void **state)
{
    struct fixture *f = *state;
    struct oracle_op op = submitted(f, ORACLE_WRITE, 2);
    oracle_answered(&f->oracle, &op, false);
    oracle_daemon_died(&f->oracle);
    assert_true(oracle_rolled_back(&f->oracle, 0, cell_id(1, 0)));
}

static void rolling_back_before_a_flush_is_a_loss(void **state)
{
    struct fixture *f = *state;
    struct oracle_op op = submitted(f, ORACLE_WRITE, 2);
    oracle_answered(&f->oracle, &op, false);
    flush(f);
    oracle_daemon_died(&f->oracle);
    assert_false(oracle_rolled_back(&f->oracle, 0, cell_id(1, 0)));
    assert_true(world_failed(&f->world));
}

static void a_flush_does_not_cover_a_write_answered_after_it_was_submitted(void **state)
{
    struct fixture *f = *state;
    struct oracle_op op = submitted(f, ORACLE_WRITE, 2);
    uint64_t at = oracle_now(&f->oracle);
    oracle_answered(&f->oracle, &op, false);
    oracle_flushed(&f->oracle, at);
    oracle_daemon_died(&f->oracle);
    assert_true(oracle_rolled_back(&f->oracle, 0, cell_id(1, 0)));
}

static void rolling_back_before_a_fua_write_is_a_loss(void **state)
{
    struct fixture *f = *state;
    struct oracle_op op = submitted(f, ORACLE_WRITE, 2);
    oracle_answered(&f->oracle, &op, true);
    oracle_daemon_died(&f->oracle);
    assert_false(oracle_rolled_back(&f->oracle, 0, cell_id(1, 0)));
}

static void after_a_trim_the_cell_may_show_anything_of_its_own(void **state)
{
    struct fixture *f = *state;
    struct oracle_op op = submitted(f, ORACLE_TRIM, 2);
    oracle_answered(&f->oracle, &op, false);
    assert_true(read_is_right(f, cell_id(1, 0)));
    assert_true(read_is_right(f, 0));
    assert_true(read_is_right(f, CELL_GARBAGE));
    assert_false(read_is_right(f, cell_id(1, 1)));
}

static void a_write_ends_what_a_trim_left_undefined(void **state)
{
    struct fixture *f = *state;
    struct oracle_op trim = submitted(f, ORACLE_TRIM, 2);
    oracle_answered(&f->oracle, &trim, false);
    struct oracle_op op = submitted(f, ORACLE_WRITE, 3);
    oracle_answered(&f->oracle, &op, false);
    assert_false(read_is_right(f, 0));
}

static void zeroes_must_be_zeros(void **state)
{
    struct fixture *f = *state;
    struct oracle_op op = submitted(f, ORACLE_ZEROES, 2);
    oracle_answered(&f->oracle, &op, false);
    assert_true(read_is_right(f, 0));
    oracle_said_zero(&f->oracle, 0, oracle_now(&f->oracle));
    assert_false(world_failed(&f->world));
    assert_false(read_is_right(f, CELL_GARBAGE));
}

static void block_status_must_not_call_data_zero(void **state)
{
    struct fixture *f = *state;
    oracle_said_zero(&f->oracle, 0, oracle_now(&f->oracle));
    assert_true(world_failed(&f->world));
}

static void a_failed_write_leaves_the_cell_undefined(void **state)
{
    struct fixture *f = *state;
    struct oracle_op op = submitted(f, ORACLE_WRITE, 2);
    oracle_failed(&f->oracle, &op);
    assert_true(read_is_right(f, cell_id(1, 0)));
    assert_true(read_is_right(f, cell_id(2, 0)));
    assert_true(read_is_right(f, cell_id(1, 0)));
    assert_false(read_is_right(f, cell_id(1, 1)));
}

static void a_refused_write_must_not_show(void **state)
{
    struct fixture *f = *state;
    struct oracle_op op = submitted(f, ORACLE_ZEROES, 2);
    oracle_refused(&f->oracle, &op);
    assert_true(read_is_right(f, cell_id(1, 0)));
    assert_false(read_is_right(f, 0));
}

static void a_refused_write_does_not_uncover_what_a_later_one_covers(void **state)
{
    struct fixture *f = *state;
    struct oracle_op op = submitted(f, ORACLE_ZEROES, 2);
    submitted(f, ORACLE_WRITE, 3);
    oracle_refused(&f->oracle, &op);
    assert_false(read_is_right(f, cell_id(1, 0)));
}

static void every_byte_of_a_cell_counts(void **state)
{
    const struct cells cells = {512, 2, {0, 203, 512}};
    uint8_t data[512];
    cell_fill(&cells, 3, cell_id(7, 3), data);
    assert_true(cell_parse(&cells, 3, data) == cell_id(7, 3));
    for (unsigned i = 0; i < cell_bytes(&cells, 3); i++) {
        data[i] ^= 1;
        assert_true(cell_parse(&cells, 3, data) != cell_id(7, 3));
        data[i] ^= 1;
    }
    cell_fill(&cells, 2, 0, data);
    assert_true(cell_parse(&cells, 2, data) == 0);
    data[202] = 1;
    assert_true(cell_parse(&cells, 2, data) == CELL_GARBAGE);
}

#define FOREIGN (ORACLE_FOREIGN + 1)

static void where_nobody_wrote_another_initiators_block_stays(void **state)
{
    struct fixture *f = *state;
    uint64_t under_way = oracle_now(&f->oracle);
    oracle_foreign(&f->oracle, 0, 1, FOREIGN);
    flush(f);
    oracle_read(&f->oracle, 0, under_way, cell_id(1, 0)); /* a read that had begun may see either */
    oracle_read(&f->oracle, 0, under_way, cell_id(FOREIGN, 0));
    assert_true(read_is_right(f, cell_id(FOREIGN, 0)));
    assert_false(read_is_right(f, cell_id(1, 0)));
}

static void where_a_client_wrote_either_may_stay(void **state)
{
    struct fixture *f = *state;
    struct oracle_op op = submitted(f, ORACLE_WRITE, 2);
    oracle_answered(&f->oracle, &op, false);
    oracle_foreign(&f->oracle, 0, 1, FOREIGN);
    assert_true(read_is_right(f, cell_id(2, 0)));
    assert_true(read_is_right(f, cell_id(FOREIGN, 0)));
    assert_true(read_is_right(f, cell_id(2, 0)));
    assert_false(read_is_right(f, cell_id(1, 0)));
}

static void a_later_write_ends_that(void **state)
{
    struct fixture *f = *state;
    struct oracle_op op = submitted(f, ORACLE_WRITE, 2);
    oracle_answered(&f->oracle, &op, false);
    oracle_foreign(&f->oracle, 0, 1, FOREIGN);
    op = submitted(f, ORACLE_WRITE, 3);
    oracle_answered(&f->oracle, &op, false);
    assert_true(read_is_right(f, cell_id(3, 0)));
    assert_false(read_is_right(f, cell_id(FOREIGN, 0)));
}

static void what_is_in_doubt_may_come_until_the_daemon_is_dead(void **state)
{
    struct fixture *f = *state;
    struct oracle_op op = submitted(f, ORACLE_WRITE, 2);
    oracle_in_doubt(&f->oracle, &op);
    assert_true(read_is_right(f, cell_id(1, 0)));
    assert_true(read_is_right(f, cell_id(2, 0)));
    oracle_daemon_died(&f->oracle);
    assert_true(read_is_right(f, cell_id(2, 0)));
    assert_false(read_is_right(f, cell_id(1, 0)));
}

#define FIXTURE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(a_read_before_any_write_shows_the_first_contents),
        FIXTURE_TEST(an_answered_write_replaces_the_old_value),
        FIXTURE_TEST(a_read_after_an_unanswered_write_waits_for_it),
        FIXTURE_TEST(a_read_does_not_see_a_write_submitted_after_it),
        FIXTURE_TEST(bytes_of_another_cell_are_wrong),
        FIXTURE_TEST(garbage_is_wrong),
        FIXTURE_TEST(after_the_daemons_death_an_unanswered_write_may_show_or_not),
        FIXTURE_TEST(a_write_that_is_sent_again_may_show_again),
        FIXTURE_TEST(a_read_before_the_second_sending_sees_what_the_first_left),
        FIXTURE_TEST(the_daemons_death_loses_nothing_that_was_answered),
        FIXTURE_TEST(rolling_back_brings_back_what_was_not_flushed),
        FIXTURE_TEST(rolling_back_before_a_flush_is_a_loss),
        FIXTURE_TEST(a_flush_does_not_cover_a_write_answered_after_it_was_submitted),
        FIXTURE_TEST(rolling_back_before_a_fua_write_is_a_loss),
        FIXTURE_TEST(after_a_trim_the_cell_may_show_anything_of_its_own),
        FIXTURE_TEST(a_write_ends_what_a_trim_left_undefined),
        FIXTURE_TEST(zeroes_must_be_zeros),
        FIXTURE_TEST(block_status_must_not_call_data_zero),
        FIXTURE_TEST(a_failed_write_leaves_the_cell_undefined),
        FIXTURE_TEST(a_refused_write_must_not_show),
        FIXTURE_TEST(a_refused_write_does_not_uncover_what_a_later_one_covers),
        FIXTURE_TEST(where_nobody_wrote_another_initiators_block_stays),
        FIXTURE_TEST(where_a_client_wrote_either_may_stay),
        FIXTURE_TEST(a_later_write_ends_that),
        FIXTURE_TEST(what_is_in_doubt_may_come_until_the_daemon_is_dead),
        cmocka_unit_test(every_byte_of_a_cell_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
