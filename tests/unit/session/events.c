#include "tests/unit/session/fixture.h"

static void network_changed(struct fixture *f)
{
    f->link.port.events->network_changed(f->link.port.owner);
}

static void in_the_pause_a_changed_network_means_now(void **state)
{
    struct fixture *f = *state;
    ses_start(f->session);
    fake_link_lost(&f->link, LINK_LOSS_CONNECT, "Network is unreachable");
    assert_int_equal(fixture_state(f), SES_WAITING);
    network_changed(f);
    assert_int_equal(fixture_state(f), SES_CONNECTING);
    assert_int_equal(f->link.opens, 2);
}

static void a_changed_network_starts_the_pauses_from_the_beginning(void **state)
{
    struct fixture *f = *state;
    ses_start(f->session);
    for (unsigned i = 0; i < 8; i++) {
        fake_link_lost(&f->link, LINK_LOSS_CONNECT, NULL);
        fake_timer_advance_ms(&f->timer, 2000);
    }
    fake_link_lost(&f->link, LINK_LOSS_CONNECT, NULL);
    network_changed(f);
    fake_link_lost(&f->link, LINK_LOSS_CONNECT, NULL);
    fake_timer_advance_ms(&f->timer, 100);
    assert_int_equal(fixture_state(f), SES_CONNECTING);
}

static void a_stale_attempt_is_begun_again_a_fresh_one_is_left_alone(void **state)
{
    struct fixture *f = *state;
    ses_start(f->session);
    fake_timer_advance_ms(&f->timer, 499);
    network_changed(f);
    assert_int_equal(f->link.closes, 0);
    fake_timer_advance_ms(&f->timer, 1);
    network_changed(f);
    assert_int_equal(f->link.closes, 1);
    fake_timer_advance_ms(&f->timer, 0);
    assert_int_equal(fixture_state(f), SES_CONNECTING);
    assert_int_equal(f->link.opens, 2);
}

static void a_ready_session_with_a_late_answer_is_begun_again(void **state)
{
    struct fixture *f = *state;
    fixture_become_ready(f);
    struct ses_command *read = fixture_submit(f, SES_READ, 0, 1);
    fake_timer_advance_ms(&f->timer, 999);
    network_changed(f);
    assert_int_equal(fixture_state(f), SES_READY);
    fake_timer_advance_ms(&f->timer, 1);
    network_changed(f);
    network_changed(f);
    assert_int_equal(f->link.pings, 1);
    fake_timer_advance_ms(&f->timer, 999);
    assert_int_equal(fixture_state(f), SES_READY);
    fake_timer_advance_ms(&f->timer, 1);
    assert_int_equal(read->result, SES_LOST);
    assert_int_equal(fixture_look(f).last_loss, LINK_LOSS_NETWORK_CHANGED);
    fixture_expect_events(f, "dN");
    fake_timer_advance_ms(&f->timer, 0);
    assert_int_equal(fixture_state(f), SES_CONNECTING);
}

/* Containers start, and the target has a cache to write. */
static void a_slow_command_is_no_reason_while_the_target_answers(void **state)
{
    struct fixture *f = *state;
    fixture_become_ready(f);
    fixture_submit(f, SES_SYNC, 0, 0);
    for (unsigned i = 0; i < 12; i++) {
        fake_timer_advance_ms(&f->timer, 2000);
        network_changed(f);
        fake_timer_advance_ms(&f->timer, 100);
        f->link.port.events->pong(f->link.port.owner);
    }
    assert_int_equal(fixture_state(f), SES_READY);
    assert_int_equal(f->link.closes, 0);
}

static void who_cannot_be_asked_is_begun_again_at_once(void **state)
{
    struct fixture *f = *state;
    fixture_become_ready(f);
    fixture_submit(f, SES_READ, 0, 1);
    f->link.window_is_shut = true;
    fake_timer_advance_ms(&f->timer, 1000);
    network_changed(f);
    assert_int_equal(fixture_look(f).last_loss, LINK_LOSS_NETWORK_CHANGED);
}

static void a_session_that_answers_otherwise_is_left_alone(void **state)
{
    struct fixture *f = *state;
    fixture_become_ready(f);
    fixture_submit(f, SES_UNMAP, 0, 1000); /* slow */
    fake_timer_advance_ms(&f->timer, 3000);
    fixture_submit(f, SES_READ, 0, 1);
    fake_link_answer(&f->link, 1, 0, 0, 0, 0);
    network_changed(f);
    assert_int_equal(fixture_state(f), SES_READY);
}

static void an_idle_session_is_left_alone(void **state)
{
    struct fixture *f = *state;
    fixture_become_ready(f);
    fake_timer_advance_ms(&f->timer, 4000);
    network_changed(f);
    assert_int_equal(fixture_state(f), SES_READY);
}

static void an_unanswered_ping_counts_as_a_late_answer(void **state)
{
    struct fixture *f = *state;
    fixture_become_ready(f);
    fake_timer_advance_ms(&f->timer, 5000);
    assert_int_equal(f->link.pings, 1);
    network_changed(f);
    assert_int_equal(fixture_state(f), SES_READY);
    fake_timer_advance_ms(&f->timer, 1000);
    network_changed(f);
    assert_int_equal(fixture_state(f), SES_WAITING);
}

static void a_setup_that_hangs_is_begun_again(void **state)
{
    struct fixture *f = *state;
    ses_start(f->session);
    fake_link_opened(&f->link);
    assert_int_equal(fixture_state(f), SES_FENCING);
    fake_timer_advance_ms(&f->timer, 1000);
    network_changed(f);
    fake_timer_advance_ms(&f->timer, 0);
    assert_int_equal(fixture_state(f), SES_CONNECTING);

    fake_link_opened(&f->link);
    fixture_run_until(f, SES_IDENTIFYING);
    fake_timer_advance_ms(&f->timer, 1000);
    network_changed(f);
    fake_timer_advance_ms(&f->timer, 0);
    assert_int_equal(fixture_state(f), SES_CONNECTING);
    assert_int_equal(f->link.opens, 3);
}

static void states_without_a_connection_do_not_care(void **state)
{
    struct fixture *f = *state;
    network_changed(f);
    assert_int_equal(fixture_state(f), SES_IDLE);
    ses_start(f->session);
    fake_link_lost(&f->link, LINK_LOSS_LOGIN_AUTH, NULL);
    network_changed(f);
    assert_int_equal(fixture_state(f), SES_REFUSED);
    ses_stop(f->session);
    network_changed(f);
    fake_timer_advance_ms(&f->timer, 0);
    network_changed(f);
    assert_int_equal(fixture_state(f), SES_STOPPED);
    assert_int_equal(f->link.opens, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(in_the_pause_a_changed_network_means_now),
        TEST(a_changed_network_starts_the_pauses_from_the_beginning),
        TEST(a_stale_attempt_is_begun_again_a_fresh_one_is_left_alone),
        TEST(a_ready_session_with_a_late_answer_is_begun_again),
        TEST(a_slow_command_is_no_reason_while_the_target_answers),
        TEST(who_cannot_be_asked_is_begun_again_at_once),
        TEST(a_session_that_answers_otherwise_is_left_alone),
        TEST(an_idle_session_is_left_alone),
        TEST(an_unanswered_ping_counts_as_a_late_answer),
        TEST(a_setup_that_hangs_is_begun_again),
        TEST(states_without_a_connection_do_not_care),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
