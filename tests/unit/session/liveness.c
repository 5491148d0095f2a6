#include "tests/unit/session/fixture.h"

static void pong(struct fixture *f)
{
    f->link.port.events->pong(f->link.port.owner);
}

/* Seconds pass; every ping is answered. */
static void live(struct fixture *f, unsigned seconds)
{
    unsigned answered = f->link.pings;
    for (unsigned i = 0; i < seconds * 10; i++) {
        fake_timer_advance_ms(&f->timer, 100);
        if (f->link.open && f->link.pings > answered) {
            answered = f->link.pings;
            pong(f);
        }
    }
}

static void silence_is_asked_about(void **state)
{
    struct fixture *f = *state;
    fixture_become_ready(f);
    fake_timer_advance_ms(&f->timer, 4999);
    assert_int_equal(f->link.pings, 0);
    fake_timer_advance_ms(&f->timer, 1);
    assert_int_equal(f->link.pings, 1);
}

static void an_answer_to_anything_is_a_sign_of_life(void **state)
{
    struct fixture *f = *state;
    fixture_become_ready(f);
    for (unsigned i = 0; i < 20; i++) {
        fake_timer_advance_ms(&f->timer, 3000);
        fixture_submit(f, SES_READ, 0, 1);
        fixture_good(f);
    }
    assert_int_equal(f->link.pings, 0);
}

static void one_ping_at_a_time(void **state)
{
    struct fixture *f = *state;
    fixture_become_ready(f);
    fake_timer_advance_ms(&f->timer, 9999);
    assert_int_equal(f->link.pings, 1);
    assert_int_equal(fixture_state(f), SES_READY);
    pong(f);
    fake_timer_advance_ms(&f->timer, 5000);
    assert_int_equal(f->link.pings, 2);
}

static void an_unanswered_ping_ends_the_session(void **state)
{
    struct fixture *f = *state;
    fixture_become_ready(f);
    struct ses_command *read = fixture_submit(f, SES_READ, 0, 1);
    fake_timer_advance_ms(&f->timer, 10000);
    assert_int_equal(fixture_look(f).last_loss, LINK_LOSS_SILENT);
    assert_int_equal(read->result, SES_LOST);
    assert_int_equal(f->traced[TRACE_SESSION_SILENT], 1);
    assert_int_equal(f->last[TRACE_SESSION_SILENT].a, 10000);
    fixture_expect_events(f, "dN");
}

static void a_target_that_only_ignores_pings_is_alive(void **state)
{
    struct fixture *f = *state;
    fixture_become_ready(f);
    for (unsigned i = 0; i < 15; i++) {
        fake_timer_advance_ms(&f->timer, i == 0 ? 6000 : 4000);
        fixture_submit(f, SES_READ, 0, 1);
        fixture_good(f);
    }
    assert_int_equal(f->link.pings, 1);
    assert_int_equal(fixture_state(f), SES_READY);
}

static void a_ping_of_the_old_session_is_forgotten(void **state)
{
    struct fixture *f = *state;
    fixture_become_ready(f);
    fake_timer_advance_ms(&f->timer, 6000);
    assert_int_equal(f->link.pings, 1);
    fixture_lose(f);
    fake_timer_advance_ms(&f->timer, 0);
    fixture_log_in(f);
    fake_timer_advance_ms(&f->timer, 9999);
    assert_int_equal(f->link.pings, 2);
    assert_int_equal(fixture_state(f), SES_READY);
}

static void an_unanswered_command_ends_the_session_at_its_deadline(void **state)
{
    struct fixture *f = *state;
    fixture_become_ready(f);
    struct ses_command *write = fixture_submit(f, SES_WRITE, 0, 1);
    live(f, 29);
    assert_int_equal(fixture_state(f), SES_READY);
    live(f, 2);
    assert_int_equal(fixture_look(f).last_loss, LINK_LOSS_DEADLINE);
    assert_int_equal(write->result, SES_LOST);
    assert_int_equal(f->last[TRACE_SESSION_DEADLINE].a, SES_WRITE);
    assert_in_range(f->last[TRACE_SESSION_DEADLINE].b, 30000, 31000);
}

static void a_waiting_command_has_no_deadline(void **state)
{
    struct fixture *f = *state;
    fixture_become_ready(f);
    fixture_submit(f, SES_WRITE, 0, 1);
    for (unsigned i = 0; i < 100; i++) {
        fixture_status(f, 0x08);
        live(f, 1);
    }
    assert_int_equal(f->traced[TRACE_SESSION_DEADLINE], 0);
}

/* How long the one command that is never answered is waited for, in seconds. */
static uint64_t seconds_to_deadline(struct fixture *f)
{
    unsigned before = f->traced[TRACE_SESSION_DEADLINE];
    fixture_submit(f, SES_UNMAP, 0, 1000);
    for (unsigned i = 0; i < 400 && f->traced[TRACE_SESSION_DEADLINE] == before; i++)
        live(f, 1);
    assert_int_equal(f->traced[TRACE_SESSION_DEADLINE], before + 1);
    assert_int_equal(fixture_state(f), SES_CONNECTING); /* at once */
    fixture_log_in(f);
    return f->last[TRACE_SESSION_DEADLINE].b / 1000;
}

static void the_deadline_doubles_up_to_eight_times(void **state)
{
    static const uint64_t expected[] = {30, 60, 120, 240, 240};
    struct fixture *f = *state;
    fixture_become_ready(f);
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++)
        assert_int_equal(seconds_to_deadline(f), expected[i]);
}

static void a_raised_deadline_falls_again_after_a_while(void **state)
{
    struct fixture *f = *state;
    fixture_become_ready(f);
    assert_int_equal(seconds_to_deadline(f), 30);
    assert_int_equal(seconds_to_deadline(f), 60);
    live(f, 40 * 30);
    assert_int_equal(seconds_to_deadline(f), 30);
}

static void an_idle_session_hardly_wakes(void **state)
{
    struct fixture *f = *state;
    fixture_become_ready(f);
    f->timer.wakes = 0;
    live(f, 600);
    assert_in_range(f->timer.wakes, 1, 300);
    assert_int_equal(fixture_state(f), SES_READY);
}

static void a_busy_session_wakes_no_more_than_once_a_second(void **state)
{
    struct fixture *f = *state;
    fixture_become_ready(f);
    f->timer.wakes = 0;
    for (unsigned i = 0; i < 6000; i++) {
        f->command_count = 0;
        f->done_count = f->event_count = 0;
        fixture_submit(f, SES_READ, 0, 1);
        fake_timer_advance_ms(&f->timer, 10);
        fixture_good(f);
    }
    assert_in_range(f->timer.wakes, 0, 60);
}

static void silence_while_looking_again_is_noticed(void **state)
{
    struct fixture *f = *state;
    fixture_become_ready(f);
    struct ses_command *read = fixture_submit(f, SES_READ, 0, 1);
    fixture_check_condition(f, 0x6, 0x2a, 0x09);
    fake_timer_advance_ms(&f->timer, 10000);
    assert_int_equal(read->result, SES_LOST);
    assert_int_equal(fixture_state(f), SES_CONNECTING);
}

/* It would wait for the window behind the commands that fill it: no answer is missing. */
static void a_ping_that_cannot_leave_is_no_silence(void **state)
{
    struct fixture *f = *state;
    fixture_become_ready(f);
    f->link.window_is_shut = true;
    struct ses_command *write = fixture_submit(f, SES_WRITE, 0, 1);
    fake_timer_advance_ms(&f->timer, 29999);
    assert_int_equal(fixture_state(f), SES_READY);
    assert_int_equal(f->link.pings, 0);
    fake_timer_advance_ms(&f->timer, 1001);
    assert_int_equal(fixture_look(f).last_loss, LINK_LOSS_DEADLINE);
    assert_int_equal(write->result, SES_LOST);
}

static void it_leaves_when_the_window_is_open_again(void **state)
{
    struct fixture *f = *state;
    fixture_become_ready(f);
    f->link.window_is_shut = true;
    fake_timer_advance_ms(&f->timer, 12000);
    f->link.window_is_shut = false;
    fake_timer_advance_ms(&f->timer, 3000);
    assert_int_equal(f->link.pings, 1);
    fake_timer_advance_ms(&f->timer, 4999);
    assert_int_equal(fixture_state(f), SES_READY);
    fake_timer_advance_ms(&f->timer, 1);
    assert_int_equal(fixture_look(f).last_loss, LINK_LOSS_SILENT);
}

static void run_to_sync(struct fixture *f)
{
    fake_link_opened(&f->link);
    fixture_run_until(f, SES_SYNCING);
}

/* After an outage the target may have much to write. */
static void the_sync_of_the_setup_has_the_time_of_a_command(void **state)
{
    struct fixture *f = *state;
    ses_start(f->session);
    run_to_sync(f);
    live(f, 29);
    assert_int_equal(fixture_state(f), SES_SYNCING);
    live(f, 1);
    assert_int_equal(fixture_look(f).last_loss, LINK_LOSS_DEADLINE);
    assert_int_equal(f->last[TRACE_SESSION_DEADLINE].a, SES_SYNC);
    fake_timer_advance_ms(&f->timer, 200);
    run_to_sync(f);
    live(f, 59);
    assert_int_equal(fixture_state(f), SES_SYNCING);
    fixture_good(f);
    assert_int_equal(fixture_state(f), SES_READY);
}

static void silence_in_it_is_noticed(void **state)
{
    struct fixture *f = *state;
    ses_start(f->session);
    run_to_sync(f);
    fake_timer_advance_ms(&f->timer, 9999);
    assert_int_equal(fixture_state(f), SES_SYNCING);
    fake_timer_advance_ms(&f->timer, 1);
    assert_int_equal(fixture_look(f).last_loss, LINK_LOSS_SILENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(silence_is_asked_about),
        TEST(an_answer_to_anything_is_a_sign_of_life),
        TEST(one_ping_at_a_time),
        TEST(an_unanswered_ping_ends_the_session),
        TEST(a_target_that_only_ignores_pings_is_alive),
        TEST(a_ping_of_the_old_session_is_forgotten),
        TEST(an_unanswered_command_ends_the_session_at_its_deadline),
        TEST(a_waiting_command_has_no_deadline),
        TEST(the_deadline_doubles_up_to_eight_times),
        TEST(a_raised_deadline_falls_again_after_a_while),
        TEST(an_idle_session_hardly_wakes),
        TEST(a_busy_session_wakes_no_more_than_once_a_second),
        TEST(silence_while_looking_again_is_noticed),
        TEST(a_ping_that_cannot_leave_is_no_silence),
        TEST(it_leaves_when_the_window_is_open_again),
        TEST(the_sync_of_the_setup_has_the_time_of_a_command),
        TEST(silence_in_it_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
