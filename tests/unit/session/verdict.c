#include <errno.h>
#include <string.h>

#include "tests/unit/session/fixture.h"

static struct ses_command *submit_and_fail(struct fixture *f, enum ses_op op, uint8_t key,
                                           uint8_t asc, uint8_t ascq)
{
    struct ses_command *command = fixture_submit(f, op, 5, 1);
    fixture_check_condition(f, key, asc, ascq);
    return command;
}

/* After `ms` the command goes again, not before. */
static void assert_again_after(struct fixture *f, uint64_t ms)
{
    assert_int_equal(f->link.count, 0);
    fake_timer_advance_ms(&f->timer, ms - 1);
    assert_int_equal(f->link.count, 0);
    fake_timer_advance_ms(&f->timer, 1);
    assert_int_equal(f->link.count, 1);
}

static void busy_is_retried_with_doubling_pauses_for_ever(void **state)
{
    static const uint64_t pauses[] = {4, 8, 16, 32, 64, 128, 256, 512, 1000, 1000, 1000};
    struct fixture *f = *state;
    fixture_become_ready(f);
    struct ses_command *read = fixture_submit(f, SES_READ, 0, 1);
    for (size_t i = 0; i < sizeof pauses / sizeof pauses[0]; i++) {
        fixture_status(f, 0x08);
        assert_again_after(f, pauses[i]);
    }
    fixture_good(f);
    assert_int_equal(read->result, SES_OK);
    fixture_expect_events(f, "d");
    assert_int_equal(f->traced[TRACE_SESSION_WAITING], 1);
    assert_int_equal(f->last[TRACE_SESSION_WAITING].b, 0x08);
}

static void what_passes_by_itself_is_retried_soon(void **state)
{
    struct fixture *f = *state;
    fixture_become_ready(f);
    struct ses_command *write = fixture_submit(f, SES_WRITE, 0, 1);
    fixture_status(f, 0x40); /* TASK ABORTED */
    assert_again_after(f, 4);
    fixture_check_condition(f, 0xb, 0x47, 0x03); /* ABORTED COMMAND */
    assert_again_after(f, 8);
    fixture_check_condition(f, 0x2, 0x04, 0x01); /* becoming ready */
    assert_again_after(f, 16);
    fake_link_first(&f->link)->status = 0x02; /* CHECK CONDITION without sense */
    fake_link_done(&f->link, 0);
    assert_again_after(f, 32);
    fake_link_first(&f->link)->response = 1; /* target failure, "status" GOOD */
    fake_link_done(&f->link, 0);
    assert_again_after(f, 64);
    fake_link_first(&f->link)->residual_kind = LINK_RESIDUAL_OVERFLOW;
    fake_link_first(&f->link)->residual_bytes = 512;
    fake_link_done(&f->link, 0);
    assert_again_after(f, 128);
    fixture_good(f);
    assert_int_equal(write->result, SES_OK);
}

static void a_short_read_is_never_success(void **state)
{
    struct fixture *f = *state;
    fixture_become_ready(f);
    struct ses_command *read = fixture_submit(f, SES_READ, 0, 1);
    fake_link_good(&f->link, 0, f->block, 511);
    assert_int_equal(f->done_count, 0);
    fake_timer_advance_ms(&f->timer, 4);
    fake_link_good(&f->link, 0, f->block, 512);
    assert_int_equal(read->result, SES_OK);
}

static void answer_with_a_residual(struct fixture *f)
{
    fake_link_first(&f->link)->residual_kind = LINK_RESIDUAL_UNDERFLOW;
    fake_link_first(&f->link)->residual_bytes = 24;
    fake_link_done(&f->link, 0);
}

static void an_unmap_is_believed_though_tgt_counts_its_list_as_residual(void **state)
{
    struct fixture *f = *state;
    fixture_become_ready(f);
    struct ses_command *unmap = fixture_submit(f, SES_UNMAP, 0, 8);
    answer_with_a_residual(f);
    assert_int_equal(unmap->result, SES_OK);
    assert_int_equal(f->done_count, 1);

    fixture_submit(f, SES_WRITE_SAME, 0, 8);
    answer_with_a_residual(f);
    assert_int_equal(f->done_count, 1); /* zeros that may be missing: again */
}

static void what_needs_a_repair_is_told_once_and_retried_slowly(void **state)
{
    static const uint64_t pauses[] = {500, 1000, 2000, 2000};
    struct fixture *f = *state;
    fixture_become_ready(f);
    fixture_submit(f, SES_WRITE, 0, 1);
    for (size_t i = 0; i < sizeof pauses / sizeof pauses[0]; i++) {
        fixture_check_condition(f, 0x4, 0x44, 0x00);
        assert_again_after(f, pauses[i]);
    }
    assert_int_equal(f->traced[TRACE_SESSION_WAITING], 1);
    assert_int_equal(f->last[TRACE_SESSION_WAITING].c, 0x044400);
    fixture_check_condition(f, 0x2, 0x04, 0x03);
    assert_int_equal(f->traced[TRACE_SESSION_WAITING], 2);
}

static void task_set_full_halves_the_window_once_and_good_lets_it_grow(void **state)
{
    struct fixture *f = *state;
    fixture_become_ready(f);
    fake_timer_advance_ms(&f->timer, 10);
    for (unsigned i = 0; i < 8; i++)
        fixture_submit(f, SES_READ, i, 1);
    fake_timer_advance_ms(&f->timer, 1);
    fake_link_answer(&f->link, 7, 0x28, 0, 0, 0);
    assert_int_equal(fixture_look(f).window, 4);
    fake_link_answer(&f->link, 6, 0x28, 0, 0, 0); /* sent into the same fullness */
    assert_int_equal(fixture_look(f).window, 4);
    assert_int_equal(ses_room(f->session), 0);
    fake_timer_advance_ms(&f->timer, 100);
    assert_int_equal(f->link.count, 6); /* no room for the two to go again */
    for (unsigned i = 0; i < 4; i++)
        fixture_good(f);
    assert_int_equal(fixture_look(f).window, 5);
    assert_int_equal(f->link.count, 4); /* now they went */
}

static void the_window_never_shuts(void **state)
{
    struct fixture *f = *state;
    fixture_become_ready(f);
    struct ses_command *read = fixture_submit(f, SES_READ, 0, 1);
    for (unsigned i = 0; i < 5; i++) {
        fixture_status(f, 0x28);
        fake_timer_advance_ms(&f->timer, 1000);
    }
    assert_int_equal(fixture_look(f).window, 1);
    fixture_good(f);
    assert_int_equal(read->result, SES_OK);
    assert_int_equal(ses_room(f->session), 2);
}

static void a_reset_is_told_before_anything_of_the_new_generation_completes(void **state)
{
    struct fixture *f = *state;
    fixture_become_ready(f);
    uint64_t generation = ses_generation(f->session);
    fixture_submit(f, SES_WRITE, 0, 1);
    struct ses_command *other = fixture_submit(f, SES_WRITE, 1, 1);
    fixture_check_condition(f, 0x6, 0x29, 0x00);
    assert_int_equal(ses_generation(f->session), generation + 1);
    fixture_expect_events(f, "GN");
    assert_int_equal(f->last[TRACE_SESSION_GENERATION].a, generation + 1);
    assert_int_equal(f->last[TRACE_SESSION_GENERATION].b, 0x29);
    fixture_good(f);
    assert_int_equal(other->result, SES_OK);
    assert_int_equal(other->generation, generation); /* the owner can tell */
    fixture_run_setup(f);
    fixture_expect_events(f, "dR");
}

static void the_owner_has_no_room_while_it_hears_of_a_reset(void **state)
{
    struct fixture *f = *state;
    fixture_become_ready(f);
    fixture_submit(f, SES_WRITE, 0, 1);
    f->watch_room = true;
    fixture_check_condition(f, 0x6, 0x29, 0x00);
    fixture_expect_events(f, "GN");
    assert_int_equal(f->room_seen, 0);
    f->watch_room = false;
    fixture_run_setup(f);
    assert_true(ses_room(f->session) > 0);
}

static void commands_that_a_reset_swallowed_are_not_waited_for_long(void **state)
{
    struct fixture *f = *state;
    fixture_become_ready(f);
    fixture_submit(f, SES_WRITE, 0, 1);
    struct ses_command *swallowed = fixture_submit(f, SES_WRITE, 1, 1);
    fixture_check_condition(f, 0x6, 0x29, 0x02);
    f->link.count--; /* the first in the queue is `swallowed`: keep the question alone */
    f->link.commands[0] = f->link.commands[1];
    fixture_run_setup(f);
    assert_int_equal(fixture_state(f), SES_READY);
    for (unsigned i = 0; i < 11; i++) {
        fake_timer_advance_ms(&f->timer, 1000);
        if (f->link.pings > 0 && f->link.open)
            f->link.port.events->pong(f->link.port.owner);
    }
    assert_int_equal(fixture_look(f).last_loss, LINK_LOSS_DEADLINE);
    assert_int_equal(swallowed->result, SES_LOST);
}

static void a_deferred_error_is_a_new_generation(void **state)
{
    struct fixture *f = *state;
    fixture_become_ready(f);
    struct ses_command *read = fixture_submit(f, SES_READ, 0, 1);
    struct link_command *link = fake_link_first(&f->link);
    link->status = 0x02;
    fake_link_sense(link, 0x3, 0x0c, 0x00);
    link->sense[0] = 0x71;
    fake_link_done(&f->link, 0);
    fixture_expect_events(f, "GN");
    fixture_run_setup(f);
    fixture_good(f);
    assert_int_equal(read->result, SES_OK); /* the error was not its own */
}

static void a_sync_of_an_older_generation_is_lost_whatever_its_answer(void **state)
{
    struct fixture *f = *state;
    fixture_become_ready(f);
    struct ses_command *sync = fixture_submit(f, SES_SYNC, 0, 0);
    fixture_submit(f, SES_READ, 0, 1);
    fake_link_answer(&f->link, 1, 0x02, 0x6, 0x29, 0x00);
    fixture_good(f);
    assert_int_equal(sync->result, SES_LOST);
    assert_int_equal(sync->error, 0);
}

static void a_sync_that_hears_of_the_reset_itself_is_lost_and_not_repeated(void **state)
{
    struct fixture *f = *state;
    fixture_become_ready(f);
    struct ses_command *sync = submit_and_fail(f, SES_SYNC, 0x6, 0x29, 0x00);
    fixture_expect_events(f, "GN");
    fixture_run_setup(f);
    assert_int_equal(sync->result, SES_LOST);
    assert_int_equal(sync->attempts, 1);
    fixture_expect_events(f, "dR");
}

static void a_sync_that_meets_busy_is_just_repeated(void **state)
{
    struct fixture *f = *state;
    fixture_become_ready(f);
    struct ses_command *sync = fixture_submit(f, SES_SYNC, 0, 0);
    fixture_status(f, 0x08);
    fake_timer_advance_ms(&f->timer, 4);
    fixture_good(f);
    assert_int_equal(sync->result, SES_OK);
    fixture_expect_events(f, "d");
}

static void a_failed_sync_is_a_new_generation(void **state)
{
    struct fixture *f = *state;
    fixture_become_ready(f);
    uint64_t generation = ses_generation(f->session);
    struct ses_command *medium = submit_and_fail(f, SES_SYNC, 0x3, 0x0c, 0x00);
    assert_int_equal(ses_generation(f->session), generation + 1);
    assert_int_equal(medium->error, -EIO);
    fixture_expect_events(f, "Gd");

    struct ses_command *hardware = submit_and_fail(f, SES_SYNC, 0x4, 0x44, 0x00);
    assert_int_equal(ses_generation(f->session), generation + 2);
    fixture_expect_events(f, "G");
    fake_timer_advance_ms(&f->timer, 499);
    fixture_expect_events(f, "");
    fake_timer_advance_ms(&f->timer, 1); /* the owner is not driven into a hot loop */
    fixture_expect_events(f, "d");
    assert_int_equal(hardware->result, SES_LOST);
    assert_int_equal(fixture_state(f), SES_READY);
}

static void a_sync_that_nobody_knows_is_a_success(void **state)
{
    struct fixture *f = *state;
    fixture_become_ready(f);
    struct ses_command *sync = submit_and_fail(f, SES_SYNC, 0x5, 0x20, 0x00);
    assert_int_equal(fixture_operation(f), 0x35);
    fixture_check_condition(f, 0x5, 0x20, 0x00);
    assert_int_equal(sync->result, SES_OK);
    fixture_expect_events(f, "d");
}

static void what_waiting_does_not_change_goes_up_as_an_errno(void **state)
{
    static const struct {
        enum ses_op op;
        uint8_t key, asc, ascq;
        int error;
    } rows[] = {
        {SES_READ, 0x3, 0x11, 0x00, -EIO},     {SES_WRITE, 0x3, 0x0c, 0x00, -EIO},
        {SES_READ, 0x8, 0x00, 0x00, -EIO},     {SES_READ, 0x5, 0x21, 0x00, -EINVAL},
        {SES_READ, 0x5, 0x24, 0x00, -EINVAL},  {SES_READ, 0x5, 0x20, 0x00, -EOPNOTSUPP},
        {SES_WRITE, 0xd, 0x00, 0x00, -ENOSPC}, {SES_UNMAP, 0x5, 0x21, 0x00, -EINVAL},
    };
    struct fixture *f = *state;
    fixture_become_ready(f);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct ses_command *command =
            submit_and_fail(f, rows[i].op, rows[i].key, rows[i].asc, rows[i].ascq);
        assert_int_equal(command->result, SES_FAILED);
        assert_int_equal(command->error, rows[i].error);
        assert_int_equal(f->last[TRACE_SESSION_COMMAND_FAILED].a, rows[i].op);
        assert_int_equal(f->last[TRACE_SESSION_COMMAND_FAILED].b, 5);
        fixture_expect_events(f, "d");
    }
}

static void refused_abilities_are_forgotten_for_good(void **state)
{
    struct fixture *f = *state;
    fixture_become_ready(f);
    const struct lun *lun = ses_lun(f->session);
    assert_int_equal(submit_and_fail(f, SES_UNMAP, 0x5, 0x20, 0)->error, -EOPNOTSUPP);
    assert_false(lun->unmap);
    assert_int_equal(submit_and_fail(f, SES_LBA_STATUS, 0x5, 0x24, 0)->error, -EOPNOTSUPP);
    assert_false(lun->lba_status);
    assert_int_equal(submit_and_fail(f, SES_WRITE_SAME, 0x5, 0x20, 0)->error, -EOPNOTSUPP);
    assert_false(lun->write_same);
    assert_true(lun->write_same_unmap);
    fixture_expect_events(f, "LdLdLd");

    fake_timer_advance_ms(&f->timer, 2000);
    fixture_lose(f);
    fake_timer_advance_ms(&f->timer, 0);
    fixture_log_in(f);
    assert_false(lun->unmap || lun->lba_status || lun->write_same);
    assert_true(lun->write_same_unmap);
}

static void write_same_with_unmap_is_an_ability_of_its_own(void **state)
{
    struct fixture *f = *state;
    fixture_become_ready(f);
    struct ses_command *same = fixture_submit(f, SES_WRITE_SAME, 0, 1);
    fixture_good(f);
    same->flags = SES_WRITE_SAME_UNMAP;
    ses_submit(f->session, same);
    fixture_check_condition(f, 0x5, 0x24, 0x00);
    assert_int_equal(same->error, -EOPNOTSUPP);
    assert_true(ses_lun(f->session)->write_same);
    assert_false(ses_lun(f->session)->write_same_unmap);
}

static void data_protect_makes_the_lun_read_only(void **state)
{
    struct fixture *f = *state;
    fixture_become_ready(f);
    assert_int_equal(submit_and_fail(f, SES_WRITE, 0x7, 0x27, 0x00)->error, -EPERM);
    assert_true(ses_lun(f->session)->read_only);
    fixture_expect_events(f, "Ld");
    submit_and_fail(f, SES_WRITE, 0x7, 0x27, 0x00);
    fixture_expect_events(f, "d"); /* that is no news */
}

static void a_full_pool_is_waited_for_by_default(void **state)
{
    struct fixture *f = *state;
    fixture_become_ready(f);
    struct ses_command *write = submit_and_fail(f, SES_WRITE, 0x7, 0x27, 0x07);
    assert_again_after(f, 500);
    fixture_good(f);
    assert_int_equal(write->result, SES_OK);
    assert_int_equal(f->traced[TRACE_SESSION_WAITING], 1);
}

static void a_full_pool_is_an_error_when_so_configured(void **state)
{
    struct fixture *f = *state;
    f->config.wait_when_full = false;
    fixture_renew(f);
    fixture_become_ready(f);
    assert_int_equal(submit_and_fail(f, SES_WRITE, 0x7, 0x27, 0x07)->error, -ENOSPC);
    assert_false(ses_lun(f->session)->read_only);
}

static void every_other_unit_attention_looks_again_and_retries(void **state)
{
    static const uint8_t codes[][2] = {{0x2a, 0x09}, {0x2a, 0x01}, {0x3f, 0x0e}, {0x3f, 0x0a},
                                       {0x3f, 0x03}, {0x2a, 0x04}, {0x38, 0x07}};
    struct fixture *f = *state;
    fixture_become_ready(f);
    uint64_t generation = ses_generation(f->session);
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        struct ses_command *read = submit_and_fail(f, SES_READ, 0x6, codes[i][0], codes[i][1]);
        assert_int_equal(fixture_state(f), SES_SETTLING);
        fixture_run_setup(f);
        fixture_good(f);
        assert_int_equal(read->result, SES_OK);
        fixture_expect_events(f, "NRd");
    }
    assert_int_equal(ses_generation(f->session), generation);
}

static void a_unit_attention_for_every_attempt_does_not_spin(void **state)
{
    struct fixture *f = *state;
    fixture_become_ready(f);
    struct ses_command *read = fixture_submit(f, SES_READ, 0, 1);
    for (unsigned i = 0; i < 30; i++) {
        if (f->link.count == 0)
            fake_timer_advance_ms(&f->timer, 1000);
        fixture_check_condition(f, 0x6, 0x3f, 0x0e);
        fixture_run_setup(f);
    }
    assert_int_equal(f->link.count, 0); /* it waits by now */
    fake_timer_advance_ms(&f->timer, 1000);
    fixture_good(f);
    assert_int_equal(read->result, SES_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(busy_is_retried_with_doubling_pauses_for_ever),
        TEST(what_passes_by_itself_is_retried_soon),
        TEST(a_short_read_is_never_success),
        TEST(an_unmap_is_believed_though_tgt_counts_its_list_as_residual),
        TEST(what_needs_a_repair_is_told_once_and_retried_slowly),
        TEST(task_set_full_halves_the_window_once_and_good_lets_it_grow),
        TEST(the_window_never_shuts),
        TEST(a_reset_is_told_before_anything_of_the_new_generation_completes),
        TEST(the_owner_has_no_room_while_it_hears_of_a_reset),
        TEST(commands_that_a_reset_swallowed_are_not_waited_for_long),
        TEST(a_deferred_error_is_a_new_generation),
        TEST(a_sync_of_an_older_generation_is_lost_whatever_its_answer),
        TEST(a_sync_that_hears_of_the_reset_itself_is_lost_and_not_repeated),
        TEST(a_sync_that_meets_busy_is_just_repeated),
        TEST(a_failed_sync_is_a_new_generation),
        TEST(a_sync_that_nobody_knows_is_a_success),
        TEST(what_waiting_does_not_change_goes_up_as_an_errno),
        TEST(refused_abilities_are_forgotten_for_good),
        TEST(write_same_with_unmap_is_an_ability_of_its_own),
        TEST(data_protect_makes_the_lun_read_only),
        TEST(a_full_pool_is_waited_for_by_default),
        TEST(a_full_pool_is_an_error_when_so_configured),
        TEST(every_other_unit_attention_looks_again_and_retries),
        TEST(a_unit_attention_for_every_attempt_does_not_spin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
