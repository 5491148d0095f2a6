#include "tests/unit/session/fixture.h"

#include <string.h>

static void fail_attempt(struct fixture *f)
{
    assert_int_equal(fixture_state(f), SES_CONNECTING);
    fake_link_lost(&f->link, LINK_LOSS_CONNECT, "Connection refused");
}

/* Milliseconds until the next attempt. */
static uint64_t pause_ms(struct fixture *f)
{
    assert_int_equal(fixture_state(f), SES_WAITING);
    uint64_t begin = f->timer.now_us;
    while (fixture_state(f) == SES_WAITING) {
        f->timer.now_us = timer_queue_next_us(&f->timer.queue);
        timer_queue_run(&f->timer.queue, f->timer.now_us);
    }
    return (f->timer.now_us - begin) / 1000;
}

static void after_a_good_session_the_first_retry_comes_at_once(void **state)
{
    struct fixture *f = *state;
    fixture_become_ready(f);
    fake_timer_advance_ms(&f->timer, 1000);
    fixture_lose(f);
    assert_int_equal(fixture_state(f), SES_WAITING);
    fixture_expect_events(f, "N");
    assert_string_equal(fixture_reason(f), "the target closed the connection: reset by peer");
    assert_int_equal(pause_ms(f), 0);
    fixture_log_in(f);
    fixture_expect_events(f, "R");
}

static void after_a_short_session_there_is_a_pause(void **state)
{
    struct fixture *f = *state;
    fixture_become_ready(f);
    fake_timer_advance_ms(&f->timer, 900);
    fixture_lose(f);
    assert_int_equal(pause_ms(f), 100);
}

static void pauses_double_up_to_the_limit(void **state)
{
    struct fixture *f = *state;
    static const uint64_t expected[] = {100, 200, 400, 800, 1600, 2000, 2000};
    ses_start(f->session);
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        fail_attempt(f);
        assert_int_equal(pause_ms(f), expected[i]);
    }
    assert_int_equal(fixture_look(f).attempts, 8);
    assert_string_equal(fixture_reason(f), "cannot connect: Connection refused");
    fixture_log_in(f);
    assert_int_equal(fixture_look(f).attempts, 0);
    assert_string_equal(fixture_reason(f), "");
}

static void short_sessions_that_repeat_do_not_reset_the_pause(void **state)
{
    struct fixture *f = *state;
    fixture_become_ready(f);
    fixture_lose(f);
    assert_int_equal(pause_ms(f), 100);
    fixture_log_in(f);
    fixture_lose(f);
    assert_int_equal(pause_ms(f), 200);
}

static void the_pause_is_no_longer_than_the_session_that_was_ready_lasted(void **state)
{
    struct fixture *f = *state;
    fixture_become_ready(f);
    for (int i = 0; i < 6; i++) { /* a cutter that cuts every second */
        fake_timer_advance_ms(&f->timer, 300);
        fixture_lose(f);
        assert_in_range(pause_ms(f), 100, 300);
        fixture_log_in(f);
    }
    fake_timer_advance_ms(&f->timer, 99); /* it may have been the login itself that ended it */
    fixture_lose(f);
    assert_int_equal(pause_ms(f), 2000);
}

static void portals_are_tried_in_turn_without_a_pause_inside_a_round(void **state)
{
    struct fixture *f = *state;
    f->config.portal_count = 3;
    fixture_renew(f);
    ses_start(f->session);
    static const struct {
        unsigned portal;
        uint64_t pause;
    } expected[] = {{0, 0}, {1, 0}, {2, 100}, {0, 0}, {1, 0}, {2, 200}, {0, 0}};
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        assert_int_equal(f->link.portal, expected[i].portal);
        fail_attempt(f);
        assert_int_equal(pause_ms(f), expected[i].pause);
    }
}

static void after_a_good_session_its_portal_is_tried_first(void **state)
{
    struct fixture *f = *state;
    f->config.portal_count = 2;
    fixture_renew(f);
    ses_start(f->session);
    fail_attempt(f);
    assert_int_equal(pause_ms(f), 0);
    fixture_log_in(f);
    assert_int_equal(fixture_look(f).portal_index, 1);
    fake_timer_advance_ms(&f->timer, 2000);
    fixture_lose(f);
    assert_int_equal(pause_ms(f), 0);
    assert_int_equal(f->link.portal, 1);
    fail_attempt(f);
    assert_int_equal(pause_ms(f), 0); /* the other portal, in the same round */
    assert_int_equal(f->link.portal, 0);
    fail_attempt(f);
    assert_int_equal(pause_ms(f), 100);
}

static void an_attempt_that_takes_too_long_is_given_up(void **state)
{
    struct fixture *f = *state;
    ses_start(f->session);
    fake_timer_advance_ms(&f->timer, 4999);
    assert_int_equal(fixture_state(f), SES_CONNECTING);
    fake_timer_advance_ms(&f->timer, 1);
    assert_int_equal(fixture_state(f), SES_WAITING);
    assert_int_equal(fixture_look(f).last_loss, LINK_LOSS_CONNECT_TIMEOUT);
    assert_false(f->link.open);
}

static void a_first_login_refused_for_good_is_final(void **state)
{
    static const enum link_loss reasons[] = {LINK_LOSS_LOGIN_AUTH, LINK_LOSS_LOGIN_REFUSED,
                                             LINK_LOSS_MUTUAL_CHAP, LINK_LOSS_LOGIN_NOT_FOUND};
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
        fixture_renew(f);
        ses_start(f->session);
        fake_link_lost(&f->link, reasons[i], NULL);
        assert_int_equal(fixture_state(f), SES_REFUSED);
        assert_int_equal(fixture_look(f).last_loss, reasons[i]);
        fixture_expect_events(f, "U");
        fake_timer_advance_ms(&f->timer, 60000);
        assert_int_equal(f->link.opens, 1);
    }
}

static void who_knows_its_lun_waits_for_it_whatever_the_first_answer(void **state)
{
    static const enum link_loss reasons[] = {LINK_LOSS_LOGIN_AUTH, LINK_LOSS_LOGIN_REFUSED,
                                             LINK_LOSS_MUTUAL_CHAP, LINK_LOSS_LOGIN_NOT_FOUND};
    static const struct lun_identity identity = {.serial = "a journal's"};
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
        fixture_renew(f);
        ses_bind(f->session, &identity);
        ses_start(f->session);
        fake_link_lost(&f->link, reasons[i], NULL);
        assert_int_equal(fixture_state(f), SES_WAITING);
        fixture_expect_events(f, "");
        pause_ms(f);
        assert_int_equal(f->link.opens, 2);
    }
}

static void a_first_refusal_is_final_even_after_an_outage(void **state)
{
    struct fixture *f = *state;
    ses_start(f->session);
    fail_attempt(f);
    pause_ms(f);
    fake_link_lost(&f->link, LINK_LOSS_LOGIN_AUTH, "Authentication failure");
    assert_int_equal(fixture_state(f), SES_REFUSED);
    assert_string_equal(fixture_reason(f),
                        "the target refuses our name or secret: Authentication failure");
}

static void not_found_right_after_an_outage_has_a_grace(void **state)
{
    struct fixture *f = *state;
    ses_start(f->session);
    fail_attempt(f);
    pause_ms(f);
    uint64_t begin = f->timer.now_us;
    while (fixture_state(f) == SES_CONNECTING) {
        fake_link_lost(&f->link, LINK_LOSS_LOGIN_NOT_FOUND, NULL);
        if (fixture_state(f) == SES_WAITING)
            pause_ms(f);
    }
    assert_int_equal(fixture_state(f), SES_REFUSED);
    assert_in_range((f->timer.now_us - begin) / 1000, 30000, 32100);
    fixture_expect_events(f, "U");
}

static void once_the_lun_was_seen_nothing_is_final(void **state)
{
    struct fixture *f = *state;
    fixture_become_ready(f);
    fake_timer_advance_ms(&f->timer, 2000);
    fixture_lose(f);
    assert_int_equal(pause_ms(f), 0);
    static const enum link_loss reasons[] = {LINK_LOSS_LOGIN_AUTH, LINK_LOSS_LOGIN_REFUSED,
                                             LINK_LOSS_MUTUAL_CHAP};
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
        fake_link_lost(&f->link, reasons[i], NULL);
        assert_int_equal(pause_ms(f), 2000); /* an account may get locked: slowly */
    }
    fake_link_lost(&f->link, LINK_LOSS_LOGIN_NOT_FOUND, NULL);
    pause_ms(f);
    fixture_expect_events(f, "N");
    fixture_log_in(f);
}

static void a_missing_lun_is_like_a_missing_target(void **state)
{
    struct fixture *f = *state;
    f->target.peripheral = 0x7f;
    ses_start(f->session);
    fake_link_opened(&f->link);
    fixture_run_setup(f);
    assert_int_equal(fixture_state(f), SES_REFUSED);
    assert_string_equal(fixture_reason(f), "not found: the target has no LUN 1");
    assert_false(f->link.open);
    fixture_expect_events(f, "U");
}

static void a_lun_that_vanishes_under_a_live_session_is_waited_for(void **state)
{
    struct fixture *f = *state;
    fixture_become_ready(f);
    fake_timer_advance_ms(&f->timer, 2000);
    struct ses_command *read = fixture_submit(f, SES_READ, 0, 1);
    fixture_check_condition(f, 0x5, 0x25, 0x00);
    assert_int_equal(fixture_state(f), SES_WAITING);
    assert_int_equal(read->result, SES_LOST);
    fixture_expect_events(f, "dN");
    assert_int_equal(pause_ms(f), 0);
    fixture_log_in(f);
}

static void a_loss_hands_back_all_commands_in_order_of_submission(void **state)
{
    struct fixture *f = *state;
    fixture_become_ready(f);
    for (unsigned i = 0; i < 5; i++)
        fixture_submit(f, i == 2 ? SES_SYNC : SES_WRITE, i, 1);
    fake_link_answer(&f->link, 1, 0x08, 0, 0, 0); /* BUSY: this one waits */
    uint64_t generation = ses_generation(f->session);
    fixture_lose(f);
    fixture_expect_events(f, "dddddN");
    for (unsigned i = 0; i < 5; i++) {
        assert_ptr_equal(f->done[i], &f->commands[i]);
        assert_int_equal(f->done[i]->result, SES_LOST);
        assert_int_equal(f->done[i]->error, 0);
    }
    assert_int_equal(ses_generation(f->session), generation + 1);
    assert_int_equal(fixture_look(f).in_flight, 0);
    assert_int_equal(f->last[TRACE_SESSION_LOST].b, 5);
}

static void a_failed_attempt_leaves_the_generation_alone(void **state)
{
    struct fixture *f = *state;
    uint64_t generation = ses_generation(f->session);
    ses_start(f->session);
    fail_attempt(f);
    assert_int_equal(ses_generation(f->session), generation);
    assert_int_equal(f->traced[TRACE_SESSION_LOST], 0);
    assert_int_equal(f->traced[TRACE_SESSION_ATTEMPT_FAILED], 1);
    assert_int_equal(f->last[TRACE_SESSION_ATTEMPT_FAILED].c, 100);
}

static void the_outage_is_told_when_it_is_over(void **state)
{
    struct fixture *f = *state;
    fixture_become_ready(f);
    assert_int_equal(f->last[TRACE_SESSION_READY].b, 0);
    fake_timer_advance_ms(&f->timer, 2000);
    fixture_lose(f);
    pause_ms(f);
    fake_timer_advance_ms(&f->timer, 700);
    fixture_log_in(f);
    assert_int_equal(f->last[TRACE_SESSION_READY].b, 700);
    assert_int_equal(fixture_look(f).sessions, 2);
}

static void another_lun_gets_nothing_and_is_looked_at_again(void **state)
{
    struct fixture *f = *state;
    fixture_become_ready(f);
    fixture_submit(f, SES_WRITE, 0, 1);
    fixture_lose(f);
    fixture_expect_events(f, "dN");
    f->target.naa = 2;
    for (unsigned i = 1; i <= 3; i++) {
        fake_timer_advance_ms(&f->timer, 3000);
        unsigned resets = f->link.resets;
        fake_link_opened(&f->link);
        fixture_run_setup(f);
        assert_int_equal(fixture_state(f), SES_WRONG_LUN);
        assert_false(f->link.open);
        assert_int_equal(f->link.resets, resets); /* not even a reset */
    }
    assert_int_equal(f->traced[TRACE_SESSION_WRONG_LUN], 1);
    assert_string_equal(fixture_reason(f), "the target answers with another LUN: "
                                           "naa.6001400500000002, expected naa.6001400500000001");
    f->target.naa = 1;
    fake_timer_advance_ms(&f->timer, 3000);
    fixture_log_in(f);
    assert_int_equal(f->link.resets, 2); /* the fence that was still owed */
    fixture_expect_events(f, "R");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(after_a_good_session_the_first_retry_comes_at_once),
        TEST(after_a_short_session_there_is_a_pause),
        TEST(pauses_double_up_to_the_limit),
        TEST(short_sessions_that_repeat_do_not_reset_the_pause),
        TEST(the_pause_is_no_longer_than_the_session_that_was_ready_lasted),
        TEST(portals_are_tried_in_turn_without_a_pause_inside_a_round),
        TEST(after_a_good_session_its_portal_is_tried_first),
        TEST(an_attempt_that_takes_too_long_is_given_up),
        TEST(a_first_login_refused_for_good_is_final),
        TEST(who_knows_its_lun_waits_for_it_whatever_the_first_answer),
        TEST(a_first_refusal_is_final_even_after_an_outage),
        TEST(not_found_right_after_an_outage_has_a_grace),
        TEST(once_the_lun_was_seen_nothing_is_final),
        TEST(a_missing_lun_is_like_a_missing_target),
        TEST(a_lun_that_vanishes_under_a_live_session_is_waited_for),
        TEST(a_loss_hands_back_all_commands_in_order_of_submission),
        TEST(a_failed_attempt_leaves_the_generation_alone),
        TEST(the_outage_is_told_when_it_is_over),
        TEST(another_lun_gets_nothing_and_is_looked_at_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
