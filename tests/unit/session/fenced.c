#include <errno.h>
#include <string.h>

#include "tests/unit/session/fixture.h"

/* PERSISTENT RESERVE IN, READ RESERVATION: generation, length 16, key, scope and type. */
static const uint8_t holder[24] = {0, 0, 0, 7,    0,    0, 0, 16, 0, 0, 0,
                                   0, 0, 0, 0xab, 0xcd, 0, 0, 0,  0, 0, 5};

static void a_conflict_stops_writing_for_good_and_names_the_holder(void **state)
{
    struct fixture *f = *state;
    fixture_become_ready(f);
    struct ses_command *first = fixture_submit(f, SES_WRITE, 0, 1);
    struct ses_command *busy = fixture_submit(f, SES_WRITE, 1, 1);
    struct ses_command *silent = fixture_submit(f, SES_READ, 2, 1);
    fake_link_answer(&f->link, 1, 0x08, 0, 0, 0);
    fixture_status(f, 0x18);
    assert_int_equal(fixture_state(f), SES_FENCED);
    assert_int_equal(ses_room(f->session), 0);
    fixture_expect_events(f, "d");
    assert_int_equal(first->error, -EIO);
    assert_int_equal(f->room_in_done, 0);

    assert_int_equal(f->link.commands[1]->cdb[0], 0x5e);
    fake_link_good(&f->link, 1, holder, sizeof holder);
    fixture_expect_events(f, "ddNU");
    assert_int_equal(busy->error, -EIO);
    assert_int_equal(silent->error, -EIO);
    assert_false(f->link.open);
    assert_int_equal(f->last[TRACE_SESSION_RESERVATION_CONFLICT].a, 0xabcd);
    assert_non_null(strstr(fixture_reason(f), "key 0xabcd"));

    fake_timer_advance_ms(&f->timer, 600000);
    f->link.port.events->network_changed(f->link.port.owner);
    assert_int_equal(f->link.opens, 1);
}

static void answers_under_way_still_count(void **state)
{
    struct fixture *f = *state;
    fixture_become_ready(f);
    fixture_submit(f, SES_WRITE, 0, 1);
    struct ses_command *good = fixture_submit(f, SES_READ, 1, 1);
    struct ses_command *busy = fixture_submit(f, SES_WRITE, 2, 1);
    fixture_status(f, 0x18);
    fixture_good(f);
    fixture_status(f, 0x08);
    assert_int_equal(good->result, SES_OK);
    assert_int_equal(busy->error, -EIO);
}

static void a_holder_that_cannot_be_learned_is_no_reason_to_wait(void **state)
{
    struct fixture *f = *state;
    fixture_become_ready(f);
    fixture_submit(f, SES_WRITE, 0, 1);
    fixture_status(f, 0x18);
    fake_timer_advance_ms(&f->timer, 10000);
    fixture_expect_events(f, "dNU");
    assert_int_equal(f->last[TRACE_SESSION_RESERVATION_CONFLICT].a, 0);
    assert_false(f->link.open);
}

static void a_loss_while_asking_ends_it_too(void **state)
{
    struct fixture *f = *state;
    fixture_become_ready(f);
    fixture_submit(f, SES_WRITE, 0, 1);
    fixture_status(f, 0x18);
    fixture_lose(f);
    assert_int_equal(fixture_state(f), SES_FENCED);
    fixture_expect_events(f, "dNU");
}

static void a_short_answer_names_nobody(void **state)
{
    struct fixture *f = *state;
    fixture_become_ready(f);
    fixture_submit(f, SES_WRITE, 0, 1);
    fixture_status(f, 0x18);
    fake_link_good(&f->link, 0, holder, 8);
    assert_int_equal(f->last[TRACE_SESSION_RESERVATION_CONFLICT].a, 0);
}

static void a_conflict_in_the_setup_fences_as_well(void **state)
{
    struct fixture *f = *state;
    ses_start(f->session);
    fake_link_opened(&f->link);
    fixture_run_until(f, SES_SETTLING);
    fixture_status(f, 0x18);
    assert_int_equal(fixture_state(f), SES_FENCED);
    fake_link_good(&f->link, 0, holder, sizeof holder);
    fixture_expect_events(f, "U");
}

static void a_conflict_while_looking_again_does_without_the_holder(void **state)
{
    struct fixture *f = *state;
    fixture_become_ready(f);
    fixture_submit(f, SES_READ, 0, 1);
    fixture_submit(f, SES_WRITE, 0, 1);
    fixture_check_condition(f, 0x6, 0x2a, 0x01);
    assert_int_equal(fixture_state(f), SES_SETTLING);
    fixture_status(f, 0x18);
    assert_int_equal(fixture_state(f), SES_FENCED);
    fixture_good(f); /* the answer to our own question changes nothing */
    fake_timer_advance_ms(&f->timer, 0);
    fixture_expect_events(f, "NddU");
}

static void an_observer_just_sees_the_error(void **state)
{
    struct fixture *f = *state;
    f->config.observe_only = true;
    fixture_renew(f);
    ses_start(f->session);
    fake_link_opened(&f->link);
    fixture_status(f, 0x18); /* TEST UNIT READY */
    fixture_run_setup(f);
    fixture_expect_events(f, "R");
    struct ses_command *read = fixture_submit(f, SES_READ, 0, 1);
    fixture_status(f, 0x18);
    assert_int_equal(read->error, -EIO);
    assert_int_equal(fixture_state(f), SES_READY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_conflict_stops_writing_for_good_and_names_the_holder),
        TEST(answers_under_way_still_count),
        TEST(a_holder_that_cannot_be_learned_is_no_reason_to_wait),
        TEST(a_loss_while_asking_ends_it_too),
        TEST(a_short_answer_names_nobody),
        TEST(a_conflict_in_the_setup_fences_as_well),
        TEST(a_conflict_while_looking_again_does_without_the_holder),
        TEST(an_observer_just_sees_the_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
