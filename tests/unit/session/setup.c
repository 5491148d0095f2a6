#include "tests/unit/session/fixture.h"

#include <string.h>

static void reset_done(struct fixture *f, uint8_t response)
{
    f->link.port.events->reset_done(f->link.port.owner, response);
}

static void reconnect(struct fixture *f)
{
    fake_timer_advance_ms(&f->timer, 2000);
    fixture_lose(f);
    fake_timer_advance_ms(&f->timer, 0);
    fake_link_opened(&f->link);
}

static void the_first_thing_after_the_first_login_is_a_lun_reset(void **state)
{
    struct fixture *f = *state;
    uint64_t generation = ses_generation(f->session);
    ses_start(f->session);
    fake_link_opened(&f->link);
    assert_int_equal(fixture_state(f), SES_FENCING);
    assert_int_equal(f->link.resets, 1);
    assert_int_equal(f->link.submits, 0);
    assert_int_equal(ses_generation(f->session), generation + 1);
    reset_done(f, 0);
    assert_int_equal(f->traced[TRACE_SESSION_FENCED_OLD_NEXUS], 1);
    assert_int_equal(fixture_operation(f), 0x00);
}

static void nothing_unanswered_needs_no_fence(void **state)
{
    struct fixture *f = *state;
    fixture_become_ready(f);
    fixture_submit(f, SES_WRITE, 0, 1);
    fixture_good(f);
    reconnect(f);
    assert_int_equal(fixture_state(f), SES_SETTLING);
    assert_int_equal(f->link.resets, 1);
}

static void an_unanswered_command_needs_a_fence_until_a_reset_is_done(void **state)
{
    struct fixture *f = *state;
    fixture_become_ready(f);
    fixture_submit(f, SES_WRITE, 0, 1);
    reconnect(f);
    fixture_run_setup(f); /* the short look, then the reset, and so on */
    assert_int_equal(f->link.resets, 2);
    assert_int_equal(fixture_state(f), SES_READY);
}

static void a_fence_that_got_no_answer_is_repeated(void **state)
{
    struct fixture *f = *state;
    ses_start(f->session);
    fake_link_opened(&f->link);
    fake_timer_advance_ms(&f->timer, 10000);
    assert_int_equal(fixture_state(f), SES_WAITING);
    assert_int_equal(fixture_look(f).last_loss, LINK_LOSS_SETUP_TIMEOUT);
    fake_timer_advance_ms(&f->timer, 100);
    fake_link_opened(&f->link);
    assert_int_equal(fixture_state(f), SES_FENCING);
    assert_int_equal(f->link.resets, 2);
}

static void a_refused_reset_is_replaced_by_a_quarantine(void **state)
{
    struct fixture *f = *state;
    ses_start(f->session);
    fake_link_opened(&f->link);
    reset_done(f, 5);
    assert_int_equal(f->last[TRACE_SESSION_FENCED_OLD_NEXUS].a, 5);
    assert_non_null(strstr(fixture_reason(f), "refuses LOGICAL UNIT RESET (response 5)"));
    fake_timer_advance_ms(&f->timer, 4999);
    assert_int_equal(fixture_state(f), SES_FENCING);
    assert_int_equal(f->link.submits, 0);
    fake_timer_advance_ms(&f->timer, 1);
    assert_int_equal(fixture_state(f), SES_SETTLING);
}

static void a_reset_of_no_lun_means_that_there_is_none(void **state)
{
    struct fixture *f = *state;
    ses_start(f->session);
    fake_link_opened(&f->link);
    reset_done(f, 2);
    assert_int_equal(fixture_state(f), SES_REFUSED);
}

static void a_known_lun_is_looked_at_before_it_is_reset(void **state)
{
    struct fixture *f = *state;
    fixture_become_ready(f);
    fixture_submit(f, SES_WRITE, 0, 1);
    reconnect(f);
    assert_int_equal(fixture_state(f), SES_FENCING);
    assert_int_equal(fixture_operation(f), 0x12);
    assert_int_equal(f->link.resets, 1);
    for (unsigned i = 0; i < 3; i++)
        fixture_answer_setup(f);
    assert_int_equal(f->link.resets, 2);
    assert_int_equal(fixture_state(f), SES_FENCING);
}

static void a_bound_session_does_not_reset_another_lun(void **state)
{
    struct fixture *f = *state;
    struct lun_identity identity = {.serial = "somebody else"};
    ses_bind(f->session, &identity);
    ses_start(f->session);
    fake_link_opened(&f->link);
    fixture_run_setup(f);
    assert_int_equal(fixture_state(f), SES_WRONG_LUN);
    assert_int_equal(f->link.resets, 0);
    assert_null(ses_lun(f->session));
    fixture_expect_events(f, "");
}

static void a_bound_session_takes_its_own_lun(void **state)
{
    struct fixture *f = *state;
    fixture_become_ready(f);
    struct lun_identity identity = ses_lun(f->session)->identity;
    fixture_renew(f);
    ses_bind(f->session, &identity);
    fixture_become_ready(f);
}

static void an_observer_resets_and_writes_nothing(void **state)
{
    struct fixture *f = *state;
    f->config.observe_only = true;
    fixture_renew(f);
    ses_start(f->session);
    fake_link_opened(&f->link);
    while (fixture_state(f) != SES_READY) {
        assert_int_not_equal(fixture_operation(f), 0x91);
        assert_true(fixture_answer_setup(f));
    }
    assert_int_equal(f->link.resets, 0);
    fixture_submit(f, SES_READ, 0, 1);
    reconnect(f);
    assert_int_equal(fixture_state(f), SES_SETTLING);
}

static void every_attach_ends_with_a_sync(void **state)
{
    struct fixture *f = *state;
    ses_start(f->session);
    fake_link_opened(&f->link);
    fixture_run_until(f, SES_SYNCING);
    assert_int_equal(fixture_operation(f), 0x91);
    fixture_expect_events(f, "");
    fixture_good(f);
    fixture_expect_events(f, "R");

    reconnect(f);
    fixture_run_until(f, SES_SYNCING);
    assert_int_equal(fixture_operation(f), 0x91);
}

static void a_lun_with_other_blocks_or_fewer_of_them_is_another_lun(void **state)
{
    struct fixture *f = *state;
    fixture_become_ready(f);
    f->target.blocks = FIXTURE_BLOCKS - 1;
    reconnect(f);
    fixture_run_setup(f);
    assert_int_equal(fixture_state(f), SES_WRONG_LUN);
    assert_non_null(strstr(fixture_reason(f), "2047 blocks, expected 2048 or more"));

    f->target.blocks = FIXTURE_BLOCKS;
    f->target.block_bytes = 4096;
    fake_timer_advance_ms(&f->timer, 3000);
    fake_link_opened(&f->link);
    fixture_run_setup(f);
    assert_int_equal(fixture_state(f), SES_WRONG_LUN);
    assert_non_null(strstr(fixture_reason(f), "blocks of 4096 bytes, expected 512"));
}

static void growth_over_an_outage_is_told(void **state)
{
    struct fixture *f = *state;
    fixture_become_ready(f);
    f->target.blocks = FIXTURE_BLOCKS * 2;
    reconnect(f);
    fixture_run_setup(f);
    fixture_expect_events(f, "NR");
    assert_int_equal(ses_lun(f->session)->blocks, FIXTURE_BLOCKS * 2);
    assert_int_equal(f->last[TRACE_SESSION_CAPACITY].a, FIXTURE_BLOCKS);
    assert_int_equal(f->last[TRACE_SESSION_CAPACITY].b, FIXTURE_BLOCKS * 2);
}

static void growth_on_a_live_session_is_told(void **state)
{
    struct fixture *f = *state;
    fixture_become_ready(f);
    uint64_t generation = ses_generation(f->session);
    struct ses_command *asks = fixture_submit(f, SES_READ, 0, 1);
    struct ses_command *stays = fixture_submit(f, SES_READ, 1, 1);
    f->target.blocks = FIXTURE_BLOCKS * 2;
    fixture_check_condition(f, 0x6, 0x2a, 0x09);
    assert_int_equal(fixture_state(f), SES_SETTLING);
    assert_int_equal(ses_room(f->session), 0);
    fixture_expect_events(f, "N");

    fixture_good(f); /* a command that was under way is answered in between */
    assert_int_equal(stays->result, SES_OK);
    fixture_expect_events(f, "d");
    fixture_run_setup(f);
    fixture_expect_events(f, "RL");
    assert_int_equal(ses_lun(f->session)->blocks, FIXTURE_BLOCKS * 2);
    assert_int_equal(fixture_operation(f), 0x88); /* the one that asked goes again */
    fixture_good(f);
    assert_int_equal(asks->result, SES_OK);
    assert_int_equal(ses_generation(f->session), generation);
    assert_int_equal(fixture_look(f).sessions, 1);
    assert_int_equal(f->traced[TRACE_SESSION_READY], 1);
}

static void a_change_that_a_command_hears_of_meanwhile_is_looked_at_too(void **state)
{
    struct fixture *f = *state;
    fixture_become_ready(f);
    fixture_submit(f, SES_READ, 0, 1);
    fixture_submit(f, SES_READ, 1, 1);
    fixture_check_condition(f, 0x6, 0x2a, 0x09);
    f->target.blocks = FIXTURE_BLOCKS * 2;
    fixture_run_until(f, SES_SYNCING);
    f->target.write_cache = false;
    fixture_check_condition(f, 0x6, 0x2a, 0x01); /* of the other read */
    assert_int_equal(fixture_state(f), SES_SYNCING);
    fixture_check_condition(f, 0x5, 0x20, 0x00); /* our SYNC, refused in both its forms */
    fixture_check_condition(f, 0x5, 0x20, 0x00);
    assert_int_equal(fixture_state(f), SES_SETTLING);
    fixture_expect_events(f, "N");

    fixture_run_setup(f);
    fixture_expect_events(f, "RL"); /* the growth was found in the first round */
    assert_int_equal(ses_lun(f->session)->blocks, FIXTURE_BLOCKS * 2);
    assert_false(ses_lun(f->session)->write_cache);
    assert_true(ses_room(f->session) > 0);
    assert_int_equal(f->link.count, 2);
}

static void another_lun_on_a_live_session_ends_it(void **state)
{
    struct fixture *f = *state;
    fixture_become_ready(f);
    struct ses_command *write = fixture_submit(f, SES_WRITE, 0, 1);
    strcpy(f->target.serial, "serial-2");
    fixture_check_condition(f, 0x6, 0x3f, 0x03);
    fixture_run_setup(f);
    assert_int_equal(fixture_state(f), SES_WRONG_LUN);
    assert_int_equal(write->result, SES_LOST);
    assert_int_equal(write->attempts, 1);
    fixture_expect_events(f, "Nd");
    assert_int_equal(ses_lun(f->session)->blocks, FIXTURE_BLOCKS);
}

static void unsupported_blocks_are_refused_with_a_reason(void **state)
{
    struct fixture *f = *state;
    f->target.block_bytes = 520;
    ses_start(f->session);
    fake_link_opened(&f->link);
    fixture_run_setup(f);
    assert_int_equal(fixture_state(f), SES_REFUSED);
    assert_string_equal(fixture_reason(f),
                        "the LUN has blocks of 520 bytes; only 512 and 4096 are supported");
    assert_int_equal(f->traced[TRACE_SESSION_UNUSABLE], 1);
    assert_int_equal(fixture_look(f).last_loss, LINK_LOSS_SETUP_FAILED);
    fixture_expect_events(f, "U");
}

/* A device that comes up may say anything; whose journal is full waits for the right answer. */
static void a_bound_session_waits_for_better_ones(void **state)
{
    struct fixture *f = *state;
    fixture_become_ready(f);
    struct lun_identity identity = *ses_identity(f->session);
    fixture_renew(f);
    ses_bind(f->session, &identity);
    f->target.block_bytes = 520;
    ses_start(f->session);
    fake_link_opened(&f->link);
    fixture_run_setup(f);
    assert_int_equal(fixture_state(f), SES_WRONG_LUN);
    fixture_expect_events(f, "");
    f->target.block_bytes = 512;
    fake_timer_advance_ms(&f->timer, 4000);
    fixture_log_in(f);
}

static void blocks_of_4096_bytes_are_fine(void **state)
{
    struct fixture *f = *state;
    f->target.block_bytes = 4096;
    fixture_become_ready(f);
    assert_int_equal(ses_lun(f->session)->block_bytes, 4096);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_first_thing_after_the_first_login_is_a_lun_reset),
        TEST(nothing_unanswered_needs_no_fence),
        TEST(an_unanswered_command_needs_a_fence_until_a_reset_is_done),
        TEST(a_fence_that_got_no_answer_is_repeated),
        TEST(a_refused_reset_is_replaced_by_a_quarantine),
        TEST(a_reset_of_no_lun_means_that_there_is_none),
        TEST(a_known_lun_is_looked_at_before_it_is_reset),
        TEST(a_bound_session_does_not_reset_another_lun),
        TEST(a_bound_session_takes_its_own_lun),
        TEST(an_observer_resets_and_writes_nothing),
        TEST(every_attach_ends_with_a_sync),
        TEST(a_lun_with_other_blocks_or_fewer_of_them_is_another_lun),
        TEST(growth_over_an_outage_is_told),
        TEST(growth_on_a_live_session_is_told),
        TEST(a_change_that_a_command_hears_of_meanwhile_is_looked_at_too),
        TEST(another_lun_on_a_live_session_ends_it),
        TEST(unsupported_blocks_are_refused_with_a_reason),
        TEST(a_bound_session_waits_for_better_ones),
        TEST(blocks_of_4096_bytes_are_fine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
