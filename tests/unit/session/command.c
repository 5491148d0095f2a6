#include "tests/unit/session/fixture.h"

#include <string.h>

#include "base/bytes.h"

static void what_is_submitted_goes_to_the_link_at_once(void **state)
{
    struct fixture *f = *state;
    fixture_become_ready(f);
    struct ses_command *read = fixture_submit(f, SES_READ, 7, 4);
    const struct link_command *link = fake_link_first(&f->link);
    assert_ptr_equal(link, &read->link);
    assert_int_equal(link->cdb[0], 0x88);
    assert_int_equal(get_be64(link->cdb + 2), 7);
    assert_int_equal(get_be32(link->cdb + 10), 4);
    assert_int_equal(link->direction, LINK_DATA_IN);
    assert_int_equal(link->data_bytes, 2048);
    assert_ptr_equal(link->iov, read->iov);
    fixture_good(f);
    assert_int_equal(read->result, SES_OK);
    assert_int_equal(read->generation, ses_generation(f->session));
    fixture_expect_events(f, "d");
}

static void every_operation_has_its_cdb_and_direction(void **state)
{
    static const struct {
        enum ses_op op;
        uint8_t cdb0, cdb1;
        enum link_direction direction;
        uint32_t bytes;
    } rows[] = {
        {SES_READ, 0x88, 0, LINK_DATA_IN, 1024},
        {SES_WRITE, 0x8a, 0, LINK_DATA_OUT, 1024},
        {SES_SYNC, 0x91, 0, LINK_NO_DATA, 0},
        {SES_UNMAP, 0x42, 0, LINK_DATA_OUT, 24},
        {SES_WRITE_SAME, 0x93, 0, LINK_DATA_OUT, 512},
        {SES_LBA_STATUS, 0x9e, 0x12, LINK_DATA_IN, 128},
    };
    struct fixture *f = *state;
    fixture_become_ready(f);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        fixture_submit(f, rows[i].op, 3, 2);
        const struct link_command *link = fake_link_first(&f->link);
        assert_int_equal(link->cdb[0], rows[i].cdb0);
        assert_int_equal(link->cdb[1], rows[i].cdb1);
        assert_int_equal(link->direction, rows[i].direction);
        assert_int_equal(link->data_bytes, rows[i].bytes);
        fixture_good(f);
    }
}

static void flags_become_bits_of_the_cdb(void **state)
{
    struct fixture *f = *state;
    fixture_become_ready(f);
    struct ses_command *write = fixture_submit(f, SES_WRITE, 0, 1);
    fixture_good(f);
    write->flags = SES_FUA;
    ses_submit(f->session, write);
    assert_int_equal(fake_link_first(&f->link)->cdb[1], 0x08);
    fixture_good(f);
    struct ses_command *same = fixture_submit(f, SES_WRITE_SAME, 0, 1);
    fixture_good(f);
    same->flags = SES_WRITE_SAME_UNMAP;
    ses_submit(f->session, same);
    assert_int_equal(fake_link_first(&f->link)->cdb[1], 0x08);
}

static void unmap_carries_its_range_as_parameters(void **state)
{
    struct fixture *f = *state;
    fixture_become_ready(f);
    fixture_submit(f, SES_UNMAP, 9, 5);
    const uint8_t *parameters = fake_link_first(&f->link)->iov[0].iov_base;
    assert_int_equal(get_be64(parameters + 8), 9);
    assert_int_equal(get_be32(parameters + 16), 5);
}

static void lba_status_says_how_much_came(void **state)
{
    struct fixture *f = *state;
    uint8_t data[24] = {0};
    fixture_become_ready(f);
    struct ses_command *status = fixture_submit(f, SES_LBA_STATUS, 0, 0);
    fake_link_good(&f->link, 0, data, sizeof data);
    assert_int_equal(status->result, SES_OK);
    assert_int_equal(status->data_bytes, 24);
}

static void there_is_room_for_a_window_of_commands_and_one_slot_stays_free(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(ses_room(f->session), 0);
    fixture_become_ready(f);
    assert_int_equal(ses_room(f->session), LINK_COMMANDS - 1);
    for (unsigned i = 0; i < LINK_COMMANDS - 1; i++)
        fixture_submit(f, SES_READ, i, 1);
    assert_int_equal(ses_room(f->session), 0);
    fixture_check_condition(f, 0x6, 0x2a, 0x09); /* and the session can still ask its question */
    assert_int_equal(f->link.count, LINK_COMMANDS - 1);
    fixture_run_setup(f);
    assert_int_equal(fixture_state(f), SES_READY);
    assert_int_equal(f->link.count, LINK_COMMANDS - 1);
}

static void a_waiting_command_takes_room_too(void **state)
{
    struct fixture *f = *state;
    fixture_become_ready(f);
    fixture_submit(f, SES_READ, 0, 1);
    fixture_status(f, 0x08);
    assert_int_equal(f->link.count, 0);
    assert_int_equal(ses_room(f->session), LINK_COMMANDS - 2);
    assert_int_equal(fixture_look(f).in_flight, 1);
}

static void retries_keep_the_order_of_submission(void **state)
{
    struct fixture *f = *state;
    fixture_become_ready(f);
    for (unsigned i = 0; i < 4; i++)
        fixture_submit(f, SES_READ, i, 1);
    fake_link_answer(&f->link, 2, 0x08, 0, 0, 0);
    fake_link_answer(&f->link, 0, 0x08, 0, 0, 0);
    fake_link_answer(&f->link, 0, 0x08, 0, 0, 0);
    assert_int_equal(f->link.count, 1);
    fake_timer_advance_ms(&f->timer, 4);
    assert_int_equal(f->link.count, 4);
    assert_ptr_equal(f->link.commands[1], &f->commands[0].link);
    assert_ptr_equal(f->link.commands[2], &f->commands[1].link);
    assert_ptr_equal(f->link.commands[3], &f->commands[2].link);
}

static void a_retry_due_while_looking_again_goes_when_that_is_done(void **state)
{
    struct fixture *f = *state;
    fixture_become_ready(f);
    fixture_submit(f, SES_READ, 0, 1);
    struct ses_command *later = fixture_submit(f, SES_READ, 1, 1);
    fake_link_answer(&f->link, 1, 0x08, 0, 0, 0);
    fixture_check_condition(f, 0x6, 0x2a, 0x01);
    fake_timer_advance_ms(&f->timer, 100);
    assert_int_equal(f->link.count, 1); /* our question alone */
    fixture_run_setup(f);
    assert_int_equal(f->link.count, 2);
    assert_int_equal(later->attempts, 2);
}

static void a_retry_not_due_after_looking_again_is_not_forgotten(void **state)
{
    struct fixture *f = *state;
    fixture_become_ready(f);
    struct ses_command *slow = fixture_submit(f, SES_WRITE, 1, 1);
    fixture_check_condition(f, 0x4, 0x44, 0x00); /* again in 500 ms */
    fixture_submit(f, SES_READ, 0, 1);
    fixture_status(f, 0x08);
    fake_timer_advance_ms(&f->timer, 4);
    fixture_check_condition(f, 0x6, 0x2a, 0x01);
    fake_timer_advance_ms(&f->timer, 400);
    fixture_run_setup(f);
    assert_int_equal(slow->attempts, 1);
    fake_timer_advance_ms(&f->timer, 100);
    assert_int_equal(slow->attempts, 2);
}

static void a_resent_command_has_the_new_generation(void **state)
{
    struct fixture *f = *state;
    fixture_become_ready(f);
    struct ses_command *write = fixture_submit(f, SES_WRITE, 0, 1);
    uint64_t generation = ses_generation(f->session);
    fixture_check_condition(f, 0x6, 0x29, 0x00);
    assert_int_equal(ses_generation(f->session), generation + 1);
    assert_int_equal(write->generation, generation);
    fixture_run_setup(f);
    fixture_good(f);
    assert_int_equal(write->result, SES_OK);
    assert_int_equal(write->generation, generation + 1);
}

static void serve_one(struct fixture *f, uint64_t ms)
{
    fixture_submit(f, SES_READ, 0, 1);
    fake_timer_advance_ms(&f->timer, ms);
    fixture_good(f);
}

static void what_answers_take_is_averaged(void **state)
{
    struct fixture *f = *state;
    fixture_become_ready(f);
    assert_int_equal(ses_service_us(f->session), 0);
    serve_one(f, 16);
    assert_int_equal(ses_service_us(f->session), 16000);
    serve_one(f, 32);
    assert_int_equal(ses_service_us(f->session), 17000);
    for (unsigned i = 0; i < 150; i++)
        serve_one(f, 1);
    assert_in_range(ses_service_us(f->session), 1000, 1100);
}

static void a_target_that_was_silent_does_not_spoil_the_average(void **state)
{
    struct fixture *f = *state;
    fixture_become_ready(f);
    serve_one(f, 2000);
    assert_int_equal(ses_service_us(f->session), 1000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_submitted_goes_to_the_link_at_once),
        TEST(every_operation_has_its_cdb_and_direction),
        TEST(flags_become_bits_of_the_cdb),
        TEST(unmap_carries_its_range_as_parameters),
        TEST(lba_status_says_how_much_came),
        TEST(there_is_room_for_a_window_of_commands_and_one_slot_stays_free),
        TEST(a_waiting_command_takes_room_too),
        TEST(retries_keep_the_order_of_submission),
        TEST(a_retry_due_while_looking_again_goes_when_that_is_done),
        TEST(a_retry_not_due_after_looking_again_is_not_forgotten),
        TEST(a_resent_command_has_the_new_generation),
        TEST(what_answers_take_is_averaged),
        TEST(a_target_that_was_silent_does_not_spoil_the_average),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
