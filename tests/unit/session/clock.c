#include "session/internal.h"
#include "tests/unit/fake_timer.h"
#include "tests/unit/unit.h"

static struct fake_timer timer;
static uint32_t draw;
static unsigned due_count;

static uint32_t next(struct random_port *port)
{
    return draw;
}

static struct random_port random_port = {next};

static void due(struct session *session)
{
    due_count++;
}

static struct session begun(void)
{
    fake_timer_init(&timer);
    due_count = 0;
    struct session session = {.timer = &timer.port, .random = &random_port};
    return session;
}

static void what_the_state_waits_for_comes_once(void **state)
{
    struct session session = begun();
    list_init(&session.commands);
    session_clock_init(&session);
    session_due_after(&session, 50, due);
    fake_timer_advance_ms(&timer, 49);
    assert_int_equal(due_count, 0);
    fake_timer_advance_ms(&timer, 1);
    assert_int_equal(due_count, 1);
    fake_timer_advance_ms(&timer, 1000);
    assert_int_equal(due_count, 1);
    assert_true(timer_queue_next_us(&timer.queue) == UINT64_MAX);
}

static void what_is_called_off_does_not_come(void **state)
{
    struct session session = begun();
    list_init(&session.commands);
    session_clock_init(&session);
    session_due_after(&session, 50, due);
    session_due_never(&session);
    fake_timer_advance_ms(&timer, 100);
    assert_int_equal(due_count, 0);
}

static void the_timer_moves_only_forward(void **state)
{
    struct session session = begun();
    list_init(&session.commands);
    session_clock_init(&session);
    session_wake_by(&session, timer.now_us + 500);
    session_wake_by(&session, timer.now_us + 900);
    assert_true(session.clock.at_us == timer.now_us + 500);
    session_wake_by(&session, timer.now_us + 100);
    assert_true(session.clock.at_us == timer.now_us + 100);
    session_wake_by(&session, SESSION_NEVER);
    assert_true(session.clock.at_us == timer.now_us + 100);
    /* A wake that was too early arms the next. */
    session_due_after(&session, 7, due);
    fake_timer_advance_ms(&timer, 7);
    assert_int_equal(due_count, 1);
    assert_int_equal(timer.wakes, 2);
}

static void jitter_is_a_quarter_to_both_sides(void **state)
{
    struct session session = begun();
    draw = 0;
    assert_int_equal(session_jitter(&session, 1000), 750);
    draw = UINT32_MAX;
    assert_int_equal(session_jitter(&session, 1000), 1250);
    assert_int_equal(session_jitter(&session, 1), 1);
    assert_int_equal(session_jitter(&session, 0), 0);
}

static void a_back_off_stays_below_its_limit(void **state)
{
    struct session session = begun();
    draw = UINT32_MAX;
    assert_int_equal(session_backoff(&session, 1, 100, 2000), 125);
    assert_int_equal(session_backoff(&session, 4, 100, 2000), 1000);
    assert_int_equal(session_backoff(&session, 6, 100, 2000), 2000);
    assert_int_equal(session_backoff(&session, UINT32_MAX, 100, 2000), 2000);
    draw = 0;
    assert_int_equal(session_backoff(&session, UINT32_MAX, 100, 2000), 1500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_state_waits_for_comes_once),
        cmocka_unit_test(what_is_called_off_does_not_come),
        cmocka_unit_test(the_timer_moves_only_forward),
        cmocka_unit_test(jitter_is_a_quarter_to_both_sides),
        cmocka_unit_test(a_back_off_stays_below_its_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
