#include "tests/unit/session/fixture.h"

#include <string.h>

static void run_to(struct fixture *f, enum ses_state state)
{
    ses_start(f->session);
    fake_link_opened(&f->link);
    fixture_run_until(f, state);
}

static void unit_attentions_are_eaten_while_settling(void **state)
{
    struct fixture *f = *state;
    run_to(f, SES_SETTLING);
    uint64_t generation = ses_generation(f->session);
    for (unsigned i = 0; i < 5; i++) {
        fixture_check_condition(f, 0x6, 0x29, (uint8_t)i);
        assert_int_equal(fixture_operation(f), 0x00);
    }
    assert_int_equal(ses_generation(f->session), generation); /* as after every login */
    fixture_run_setup(f);
    assert_int_equal(fixture_state(f), SES_READY);
}

static void unit_attentions_without_end_end_the_attempt(void **state)
{
    struct fixture *f = *state;
    run_to(f, SES_SETTLING);
    for (unsigned i = 0; i < 64; i++)
        fixture_check_condition(f, 0x6, 0x3f, 0x0e);
    assert_int_equal(fixture_state(f), SES_SETTLING);
    fixture_check_condition(f, 0x6, 0x3f, 0x0e);
    assert_int_equal(fixture_state(f), SES_WAITING);
    assert_int_equal(fixture_look(f).last_loss, LINK_LOSS_SETUP_FAILED);
}

static void a_reset_while_identifying_is_a_new_generation_and_starts_over(void **state)
{
    struct fixture *f = *state;
    run_to(f, SES_IDENTIFYING);
    uint64_t generation = ses_generation(f->session);
    fixture_check_condition(f, 0x6, 0x29, 0x03);
    assert_int_equal(ses_generation(f->session), generation + 1);
    assert_int_equal(fixture_state(f), SES_SETTLING);
    fixture_expect_events(f, ""); /* the owner was never told of a session */
    fixture_run_setup(f);
    assert_int_equal(fixture_state(f), SES_READY);
}

static void a_change_under_the_identification_starts_it_over(void **state)
{
    struct fixture *f = *state;
    run_to(f, SES_IDENTIFYING);
    while (fixture_operation(f) != 0x1a) /* the capacity was read already */
        fixture_answer_setup(f);
    f->target.blocks = FIXTURE_BLOCKS * 2;
    fixture_check_condition(f, 0x6, 0x2a, 0x09);
    assert_int_equal(fixture_state(f), SES_SETTLING);
    fixture_run_setup(f);
    assert_int_equal(ses_lun(f->session)->blocks, FIXTURE_BLOCKS * 2);
}

static void busy_is_waited_out_for_as_long_as_it_takes(void **state)
{
    struct fixture *f = *state;
    run_to(f, SES_SETTLING);
    for (unsigned i = 0; i < 1000; i++) {
        fixture_status(f, 0x08);
        assert_int_equal(f->link.count, 0);
        fake_timer_advance_ms(&f->timer, 1000);
        assert_int_equal(f->link.count, 1);
    }
    assert_int_equal(fixture_state(f), SES_SETTLING);
    assert_non_null(strstr(fixture_reason(f), "not ready (status 08h"));
    fixture_run_setup(f);
    assert_int_equal(fixture_state(f), SES_READY);
}

static void a_lun_that_becomes_ready_is_waited_for(void **state)
{
    struct fixture *f = *state;
    run_to(f, SES_SETTLING);
    fixture_check_condition(f, 0x2, 0x04, 0x01);
    fake_timer_advance_ms(&f->timer, 19);
    assert_int_equal(f->link.count, 0);
    fake_timer_advance_ms(&f->timer, 1);
    assert_int_equal(f->link.count, 1);
    assert_int_equal(f->traced[TRACE_SESSION_WAITING], 0);
}

static void a_lun_that_needs_a_repair_is_told_once_and_waited_for(void **state)
{
    struct fixture *f = *state;
    run_to(f, SES_SETTLING);
    for (unsigned i = 0; i < 10; i++) {
        fixture_check_condition(f, 0x2, 0x04, 0x03);
        fake_timer_advance_ms(&f->timer, 2000);
    }
    assert_int_equal(f->traced[TRACE_SESSION_WAITING], 1);
    assert_int_equal(f->last[TRACE_SESSION_WAITING].c, 0x020403);
    assert_int_equal(fixture_state(f), SES_SETTLING);
}

static void answer_standby(struct fixture *f, unsigned times)
{
    for (unsigned i = 0; i < times; i++) {
        fixture_check_condition(f, 0x2, 0x04, 0x0b);
        if (i + 1 < times)
            fake_timer_advance_ms(&f->timer, 2000);
    }
}

/* Two controllers, of which one serves the LUN. */
static void a_portal_that_stays_not_ready_is_left_for_another(void **state)
{
    struct fixture *f = *state;
    f->config.portal_count = 2;
    fixture_renew(f);
    run_to(f, SES_SETTLING);
    answer_standby(f, 3);
    assert_int_equal(fixture_state(f), SES_SETTLING);
    fake_timer_advance_ms(&f->timer, 2000);
    answer_standby(f, 1);
    assert_int_equal(fixture_look(f).last_loss, LINK_LOSS_SETUP_FAILED);
    assert_non_null(strstr(fixture_reason(f), "sense 2h/04h/0bh"));
    fake_timer_advance_ms(&f->timer, 0);
    assert_int_equal(f->link.portal, 1);
    fixture_log_in(f);
}

/* The controllers change roles. */
static void so_is_one_that_ceases_to_be_ready(void **state)
{
    struct fixture *f = *state;
    f->config.portal_count = 2;
    fixture_renew(f);
    fixture_become_ready(f);
    fake_timer_advance_ms(&f->timer, 2000);
    struct ses_command *read = fixture_submit(f, SES_READ, 0, 1);
    answer_standby(f, 3);
    assert_int_equal(fixture_state(f), SES_SETTLING);
    answer_standby(f, 4);
    assert_int_equal(read->result, SES_LOST);
    fake_timer_advance_ms(&f->timer, 0);
    assert_int_equal(fixture_state(f), SES_CONNECTING);
    assert_int_equal(f->link.portal, 1);
}

static void an_unanswered_question_ends_the_attempt(void **state)
{
    static const enum ses_state states[] = {SES_SETTLING, SES_IDENTIFYING};
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        fixture_renew(f);
        run_to(f, states[i]);
        fake_timer_advance_ms(&f->timer, 9999);
        assert_int_equal(fixture_state(f), states[i]);
        fake_timer_advance_ms(&f->timer, 1);
        assert_int_equal(fixture_state(f), SES_WAITING);
        assert_int_equal(fixture_look(f).last_loss, LINK_LOSS_SETUP_TIMEOUT);
        assert_false(f->link.open);
    }
}

static void a_lost_connection_ends_every_step(void **state)
{
    static const enum ses_state states[] = {SES_FENCING, SES_SETTLING, SES_IDENTIFYING,
                                            SES_SYNCING};
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        fixture_renew(f);
        run_to(f, states[i]);
        fixture_lose(f);
        assert_int_equal(fixture_state(f), SES_WAITING);
        fixture_expect_events(f, "");
        fake_timer_advance_ms(&f->timer, 100);
        fixture_log_in(f);
        fixture_expect_events(f, "R");
    }
}

static void a_refusal_without_sense_is_understood_after_a_few_tries(void **state)
{
    struct fixture *f = *state;
    run_to(f, SES_IDENTIFYING);
    while (fake_link_first(&f->link)->cdb[2] != 0xb2)
        fixture_answer_setup(f);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(fake_link_first(&f->link)->cdb[2], 0xb2);
        fake_link_first(&f->link)->status = 0x02;
        fake_link_done(&f->link, 0);
        fake_timer_advance_ms(&f->timer, 1000);
    }
    assert_int_equal(fixture_operation(f), 0x9e);
    fixture_run_setup(f);
    assert_false(ses_lun(f->session)->unmap);
}

static void only_an_illegal_request_is_a_refusal(void **state)
{
    /* Else a medium error would make us forget who the LUN is. */
    struct fixture *f = *state;
    run_to(f, SES_IDENTIFYING);
    fixture_answer_setup(f);
    assert_int_equal(fake_link_first(&f->link)->cdb[2], 0x80);
    fixture_check_condition(f, 0x3, 0x11, 0x00);
    fake_timer_advance_ms(&f->timer, 500);
    assert_int_equal(fake_link_first(&f->link)->cdb[2], 0x80);
    fixture_run_setup(f);
    assert_string_equal(ses_lun(f->session)->identity.serial, "serial-1");
}

static void a_write_protected_lun_need_not_synchronise(void **state)
{
    struct fixture *f = *state;
    run_to(f, SES_SYNCING);
    fixture_check_condition(f, 0x7, 0x27, 0x00);
    fixture_check_condition(f, 0x7, 0x27, 0x00);
    assert_int_equal(fixture_state(f), SES_READY);
}

static void a_lun_that_is_not_supported_is_missing(void **state)
{
    struct fixture *f = *state;
    run_to(f, SES_SETTLING);
    fixture_check_condition(f, 0x5, 0x25, 0x00);
    assert_int_equal(fixture_state(f), SES_REFUSED);
    assert_string_equal(fixture_reason(f), "not found: the target has no LUN 1");
}

static void a_sync_that_fails_keeps_readers_out(void **state)
{
    struct fixture *f = *state;
    run_to(f, SES_SYNCING);
    fixture_check_condition(f, 0x3, 0x0c, 0x02);
    fake_timer_advance_ms(&f->timer, 2000);
    assert_int_equal(fixture_state(f), SES_SYNCING);
    fixture_expect_events(f, "");
    fixture_good(f);
    fixture_expect_events(f, "R");
}

/* What it could not write, the target may have dropped: its retry would succeed all the same. */
static void a_sync_that_fails_on_a_live_session_is_a_new_generation(void **state)
{
    struct fixture *f = *state;
    fixture_become_ready(f);
    fixture_submit(f, SES_READ, 0, 1);
    fixture_check_condition(f, 0x6, 0x2a, 0x01); /* have a second look */
    fixture_run_until(f, SES_SYNCING);
    uint64_t generation = ses_generation(f->session);
    fixture_check_condition(f, 0x4, 0x44, 0x00);
    assert_int_equal(ses_generation(f->session), generation + 1);
    fixture_expect_events(f, "NG");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(unit_attentions_are_eaten_while_settling),
        TEST(unit_attentions_without_end_end_the_attempt),
        TEST(a_reset_while_identifying_is_a_new_generation_and_starts_over),
        TEST(a_change_under_the_identification_starts_it_over),
        TEST(busy_is_waited_out_for_as_long_as_it_takes),
        TEST(a_lun_that_becomes_ready_is_waited_for),
        TEST(a_lun_that_needs_a_repair_is_told_once_and_waited_for),
        TEST(a_portal_that_stays_not_ready_is_left_for_another),
        TEST(so_is_one_that_ceases_to_be_ready),
        TEST(an_unanswered_question_ends_the_attempt),
        TEST(a_lost_connection_ends_every_step),
        TEST(a_refusal_without_sense_is_understood_after_a_few_tries),
        TEST(only_an_illegal_request_is_a_refusal),
        TEST(a_write_protected_lun_need_not_synchronise),
        TEST(a_lun_that_is_not_supported_is_missing),
        TEST(a_sync_that_fails_keeps_readers_out),
        TEST(a_sync_that_fails_on_a_live_session_is_a_new_generation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
