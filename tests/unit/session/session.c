#include "tests/unit/session/fixture.h"

#include <string.h>

static void turn(struct fixture *f)
{
    fake_timer_advance_ms(&f->timer, 0);
}

static void a_good_day_goes_from_idle_to_ready(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(fixture_state(f), SES_IDLE);
    assert_null(ses_lun(f->session));
    assert_null(ses_identity(f->session));
    ses_start(f->session);
    assert_int_equal(fixture_state(f), SES_CONNECTING);
    assert_string_equal(fixture_reason(f), "connecting");
    static const enum ses_state states[] = {SES_FENCING, SES_SETTLING, SES_IDENTIFYING, SES_SYNCING,
                                            SES_READY};
    fake_link_opened(&f->link);
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++)
        fixture_run_until(f, states[i]);
    fixture_expect_events(f, "R");
    assert_string_equal(fixture_reason(f), "");
    assert_non_null(ses_lun(f->session));
    assert_non_null(ses_identity(f->session));
    assert_int_equal(ses_limits(f->session)->max_write_bytes, 65536);
}

static void the_lun_stays_known_while_the_session_is_down(void **state)
{
    struct fixture *f = *state;
    fixture_become_ready(f);
    fixture_lose(f);
    assert_int_equal(ses_lun(f->session)->blocks, FIXTURE_BLOCKS);
    assert_int_equal(ses_room(f->session), 0);
}

static void an_idle_ready_session_says_goodbye(void **state)
{
    struct fixture *f = *state;
    fixture_become_ready(f);
    ses_stop(f->session);
    assert_int_equal(f->link.logouts, 1);
    assert_int_equal(fixture_state(f), SES_LOGGING_OUT);
    assert_int_equal(ses_room(f->session), 0);
    fixture_expect_events(f, "");
    f->link.logged_out(f->link.port.owner);
    fixture_expect_events(f, "S");
    assert_int_equal(fixture_state(f), SES_STOPPED);
}

static void a_session_with_commands_hangs_up_and_hands_them_back(void **state)
{
    struct fixture *f = *state;
    fixture_become_ready(f);
    fixture_submit(f, SES_WRITE, 0, 1);
    fixture_submit(f, SES_WRITE, 1, 1);
    fake_link_answer(&f->link, 1, 0x08, 0, 0, 0);
    ses_stop(f->session);
    assert_false(f->link.open);
    fixture_expect_events(f, ""); /* nothing from inside the call */
    turn(f);
    fixture_expect_events(f, "ddS");
    assert_int_equal(f->commands[0].result, SES_LOST);
    assert_int_equal(f->commands[1].result, SES_LOST);
    assert_int_equal(f->link.logouts, 0);
}

/* The session is brought to a state by `go`, and stopped there. */
static void assert_stops(struct fixture *f, enum ses_state state)
{
    assert_int_equal(fixture_state(f), state);
    f->event_count = 0;
    ses_stop(f->session);
    ses_stop(f->session); /* once more does nothing */
    fixture_expect_events(f, "");
    turn(f);
    fixture_expect_events(f, "S");
    assert_int_equal(fixture_state(f), SES_STOPPED);
    assert_false(f->link.open);
    fake_timer_advance_ms(&f->timer, 60000);
    fixture_expect_events(f, "");
}

static void it_stops_before_it_was_started(void **state)
{
    assert_stops(*state, SES_IDLE);
}

static void it_stops_in_every_state_of_the_setup(void **state)
{
    static const enum ses_state states[] = {SES_FENCING, SES_SETTLING, SES_IDENTIFYING,
                                            SES_SYNCING};
    struct fixture *f = *state;
    ses_start(f->session);
    assert_stops(f, SES_CONNECTING);
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        fixture_renew(f);
        ses_start(f->session);
        fake_link_opened(&f->link);
        fixture_run_until(f, states[i]);
        assert_stops(f, states[i]);
    }
}

static void it_stops_while_it_waits(void **state)
{
    struct fixture *f = *state;
    ses_start(f->session);
    fake_link_lost(&f->link, LINK_LOSS_CONNECT, NULL);
    assert_stops(f, SES_WAITING);
}

static void it_stops_after_it_gave_up(void **state)
{
    struct fixture *f = *state;
    ses_start(f->session);
    fake_link_lost(&f->link, LINK_LOSS_LOGIN_AUTH, NULL);
    assert_stops(f, SES_REFUSED);

    fixture_renew(f);
    fixture_become_ready(f);
    fixture_submit(f, SES_WRITE, 0, 1);
    fixture_status(f, 0x18);
    assert_stops(f, SES_FENCED);
}

static void it_stops_in_front_of_a_wrong_lun(void **state)
{
    struct fixture *f = *state;
    struct lun_identity other = {.serial = "other"};
    ses_bind(f->session, &other);
    ses_start(f->session);
    fake_link_opened(&f->link);
    fixture_run_setup(f);
    assert_stops(f, SES_WRONG_LUN);
}

static void it_stops_while_it_looks_again(void **state)
{
    struct fixture *f = *state;
    fixture_become_ready(f);
    fixture_submit(f, SES_READ, 0, 1);
    fixture_check_condition(f, 0x6, 0x2a, 0x09);
    f->event_count = 0;
    ses_stop(f->session);
    turn(f);
    fixture_expect_events(f, "dS");
}

static void an_owner_may_stop_it_from_inside_any_callback(void **state)
{
    struct fixture *f = *state;
    static const char events[] = {'R', 'G', 'N', 'd'};
    for (size_t i = 0; i < sizeof events; i++) {
        fixture_renew(f);
        f->event_count = 0;
        f->stop_at = events[i];
        ses_start(f->session);
        fake_link_opened(&f->link);
        fixture_run_setup(f);
        if (fixture_state(f) == SES_READY) {
            fixture_submit(f, SES_WRITE, 0, 1);
            fixture_submit(f, SES_WRITE, 1, 1);
            fixture_check_condition(f, 0x6, 0x29, 0x00);
        }
        if (f->link.open && f->link.count > 0 && fixture_state(f) != SES_LOGGING_OUT)
            fixture_lose(f);
        f->stop_at = 0;
        if (f->link.logouts > 0)
            f->link.logged_out(f->link.port.owner);
        turn(f);
        assert_int_equal(fixture_state(f), SES_STOPPED);
        assert_int_equal(fixture_look(f).in_flight, 0);
        assert_int_equal(f->events[f->event_count - 1], 'S');
    }
}

static void a_reconnect_hangs_up_from_the_loop_and_comes_back_at_once(void **state)
{
    struct fixture *f = *state;
    fixture_become_ready(f);
    fake_timer_advance_ms(&f->timer, 2000);
    fixture_submit(f, SES_WRITE, 0, 1);
    ses_reconnect(f->session);
    fixture_expect_events(f, "");
    assert_int_equal(fixture_state(f), SES_READY);
    turn(f);
    fixture_expect_events(f, "dN");
    assert_int_equal(fixture_state(f), SES_CONNECTING);
    fixture_log_in(f);
    fixture_expect_events(f, "R");
}

static void a_reconnect_cuts_a_pause_short(void **state)
{
    struct fixture *f = *state;
    ses_start(f->session);
    fake_link_lost(&f->link, LINK_LOSS_CONNECT, NULL);
    ses_reconnect(f->session);
    turn(f);
    assert_int_equal(fixture_state(f), SES_CONNECTING);
}

static void a_reconnect_means_nothing_where_there_is_nothing_to_connect(void **state)
{
    struct fixture *f = *state;
    ses_reconnect(f->session);
    turn(f);
    assert_int_equal(fixture_state(f), SES_IDLE);
    ses_start(f->session);
    fake_link_lost(&f->link, LINK_LOSS_LOGIN_AUTH, NULL);
    ses_reconnect(f->session);
    turn(f);
    assert_int_equal(fixture_state(f), SES_REFUSED);
}

static void a_reconnect_means_nothing_while_it_says_goodbye(void **state)
{
    struct fixture *f = *state;
    fixture_become_ready(f);
    ses_stop(f->session);
    ses_reconnect(f->session);
    turn(f);
    assert_int_equal(fixture_state(f), SES_LOGGING_OUT);
    f->link.logged_out(f->link.port.owner);
    ses_reconnect(f->session);
    turn(f);
    assert_int_equal(fixture_state(f), SES_STOPPED);
}

static void it_can_be_freed_in_any_state(void **state)
{
    static const enum ses_state states[] = {SES_FENCING, SES_SETTLING, SES_IDENTIFYING, SES_SYNCING,
                                            SES_READY};
    struct fixture *f = *state;
    ses_free(NULL);
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        fixture_renew(f);
        ses_start(f->session);
        fake_link_opened(&f->link);
        fixture_run_until(f, states[i]);
        ses_free(f->session);
        f->session = NULL;
        assert_false(f->link.open);
        assert_true(timer_queue_next_us(&f->timer.queue) == UINT64_MAX);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_good_day_goes_from_idle_to_ready),
        TEST(the_lun_stays_known_while_the_session_is_down),
        TEST(an_idle_ready_session_says_goodbye),
        TEST(a_session_with_commands_hangs_up_and_hands_them_back),
        TEST(it_stops_before_it_was_started),
        TEST(it_stops_in_every_state_of_the_setup),
        TEST(it_stops_while_it_waits),
        TEST(it_stops_after_it_gave_up),
        TEST(it_stops_in_front_of_a_wrong_lun),
        TEST(it_stops_while_it_looks_again),
        TEST(an_owner_may_stop_it_from_inside_any_callback),
        TEST(a_reconnect_hangs_up_from_the_loop_and_comes_back_at_once),
        TEST(a_reconnect_cuts_a_pause_short),
        TEST(a_reconnect_means_nothing_where_there_is_nothing_to_connect),
        TEST(a_reconnect_means_nothing_while_it_says_goodbye),
        TEST(it_can_be_freed_in_any_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
