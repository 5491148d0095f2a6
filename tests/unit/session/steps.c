#include "tests/unit/session/fixture.h"

#include <string.h>

/* Logs in and answers as scripted up to the question with this operation code (and VPD page). */
static void run_to(struct fixture *f, int operation, int page)
{
    if (fixture_state(f) == SES_IDLE)
        ses_start(f->session);
    if (fixture_state(f) == SES_CONNECTING)
        fake_link_opened(&f->link);
    if (fixture_state(f) == SES_FENCING && f->link.count == 0)
        f->link.port.events->reset_done(f->link.port.owner, 0);
    for (;;) {
        const struct link_command *probe = fake_link_first(&f->link);
        assert_non_null(probe);
        if (probe->cdb[0] == operation && (page < 0 || (probe->cdb[1] && probe->cdb[2] == page)))
            return;
        assert_true(fixture_answer_setup(f));
    }
}

static void refuse(struct fixture *f)
{
    fixture_check_condition(f, 0x5, 0x24, 0x00);
}

static const struct lun *finish(struct fixture *f)
{
    fixture_run_setup(f);
    assert_int_equal(fixture_state(f), SES_READY);
    return ses_lun(f->session);
}

static void everything_that_the_target_says_is_kept(void **state)
{
    struct fixture *f = *state;
    fixture_become_ready(f);
    const struct lun *lun = ses_lun(f->session);
    assert_string_equal(lun->identity.serial, "serial-1");
    assert_string_equal(lun->identity.vendor, "IET");
    assert_int_equal(lun->identity.designator_type, 3);
    assert_int_equal(lun->identity.designator_bytes, 8);
    assert_int_equal(lun->blocks, FIXTURE_BLOCKS);
    assert_int_equal(lun->block_bytes, 512);
    assert_int_equal(lun->physical_blocks, 8);
    assert_int_equal(lun->max_unmap_blocks, 4096);
    assert_true(lun->thin && lun->unmap && lun->unmap_zeroes && lun->write_same_unmap);
    assert_true(lun->write_cache && lun->fua && lun->write_same && lun->lba_status);
    assert_false(lun->read_only);
}

static void a_target_without_vpd_pages_is_known_by_its_model(void **state)
{
    struct fixture *f = *state;
    static const int pages[] = {0x80, 0x83, 0x00};
    for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++) {
        run_to(f, 0x12, pages[i]);
        refuse(f);
    }
    const struct lun *lun = finish(f);
    assert_string_equal(lun->identity.serial, "");
    assert_int_equal(lun->identity.designator_bytes, 0);
    assert_false(lun->unmap);
}

static void without_an_inquiry_nothing_goes_on(void **state)
{
    struct fixture *f = *state;
    run_to(f, 0x12, -1);
    refuse(f);
    assert_int_equal(fixture_state(f), SES_WAITING);
    assert_int_equal(fixture_look(f).last_loss, LINK_LOSS_SETUP_FAILED);
    assert_non_null(strstr(fixture_reason(f), "INQUIRY"));
}

static void pages_that_are_not_listed_are_not_asked_for(void **state)
{
    struct fixture *f = *state;
    f->target.thin = false;
    run_to(f, 0x9e, -1);
    /* TUR, INQUIRY, 80, 83, 00, and this one */
    assert_int_equal(f->link.submits, 6);
    assert_false(finish(f)->thin);
}

static void a_refused_limits_page_does_not_hide_the_provisioning_page(void **state)
{
    struct fixture *f = *state;
    run_to(f, 0x12, 0xb0);
    refuse(f);
    const struct lun *lun = finish(f);
    assert_int_equal(lun->max_unmap_blocks, 0);
    assert_true(lun->unmap);
}

static void a_refused_read_capacity_16_is_asked_as_10(void **state)
{
    struct fixture *f = *state;
    static const uint8_t data[] = {0, 0, 0x0f, 0xff, 0, 0, 2, 0};
    run_to(f, 0x9e, -1);
    fixture_check_condition(f, 0x5, 0x20, 0x00);
    assert_int_equal(fixture_operation(f), 0x25);
    fake_link_good(&f->link, 0, data, sizeof data);
    const struct lun *lun = finish(f);
    assert_int_equal(lun->blocks, 4096);
    assert_false(lun->thin || lun->lba_status);
}

static void without_a_capacity_the_attempt_fails_and_is_repeated(void **state)
{
    struct fixture *f = *state;
    run_to(f, 0x9e, -1);
    fixture_check_condition(f, 0x5, 0x20, 0x00);
    fixture_check_condition(f, 0x5, 0x20, 0x00);
    assert_int_equal(fixture_state(f), SES_WAITING);
    assert_int_equal(fixture_look(f).last_loss, LINK_LOSS_SETUP_FAILED);
    assert_non_null(strstr(fixture_reason(f), "READ CAPACITY"));
}

static void a_capacity_that_is_too_short_is_not_believed(void **state)
{
    struct fixture *f = *state;
    static const uint8_t data[11] = {0};
    run_to(f, 0x9e, -1);
    fake_link_good(&f->link, 0, data, sizeof data);
    assert_int_equal(fixture_state(f), SES_WAITING);
}

static void a_refused_mode_sense_6_is_asked_as_10(void **state)
{
    struct fixture *f = *state;
    static const uint8_t data[28] = {0, 26, 0, 0x90, 0, 0, 0, 0, 0x08, 0x12, 0x00};
    run_to(f, 0x1a, -1);
    refuse(f);
    assert_int_equal(fixture_operation(f), 0x5a);
    fake_link_good(&f->link, 0, data, sizeof data);
    const struct lun *lun = finish(f);
    assert_true(lun->read_only && lun->fua);
    assert_false(lun->write_cache);
}

static void without_mode_sense_the_cache_is_taken_to_be_on(void **state)
{
    struct fixture *f = *state;
    run_to(f, 0x1a, -1);
    refuse(f);
    refuse(f);
    const struct lun *lun = finish(f);
    assert_true(lun->write_cache);
    assert_false(lun->fua || lun->read_only);
}

static void a_write_protected_lun_is_read_only(void **state)
{
    struct fixture *f = *state;
    f->target.write_protected = true;
    fixture_become_ready(f);
    assert_true(ses_lun(f->session)->read_only);
}

static void what_is_no_disk_is_refused(void **state)
{
    struct fixture *f = *state;
    f->target.peripheral = 0x0c;
    ses_start(f->session);
    fake_link_opened(&f->link);
    fixture_run_setup(f);
    assert_int_equal(fixture_state(f), SES_REFUSED);
    assert_string_equal(fixture_reason(f), "LUN 1 is not a disk (peripheral device type 12)");
}

static void a_disk_that_became_something_else_is_another_lun(void **state)
{
    struct fixture *f = *state;
    fixture_become_ready(f);
    f->target.peripheral = 0x05;
    fixture_lose(f);
    fake_timer_advance_ms(&f->timer, 100);
    fake_link_opened(&f->link);
    fixture_run_setup(f);
    assert_int_equal(fixture_state(f), SES_WRONG_LUN);
}

static void a_refused_sync_16_is_sent_as_10(void **state)
{
    struct fixture *f = *state;
    run_to(f, 0x91, -1);
    fixture_check_condition(f, 0x5, 0x20, 0x00);
    assert_int_equal(fixture_state(f), SES_SYNCING);
    assert_int_equal(fixture_operation(f), 0x35);
    fixture_good(f);
    assert_int_equal(fixture_state(f), SES_READY);
    fixture_submit(f, SES_SYNC, 0, 0);
    assert_int_equal(fixture_operation(f), 0x35);
}

static void a_target_that_knows_no_sync_has_no_cache(void **state)
{
    struct fixture *f = *state;
    run_to(f, 0x91, -1);
    fixture_check_condition(f, 0x5, 0x20, 0x00);
    fixture_check_condition(f, 0x5, 0x20, 0x00);
    assert_int_equal(fixture_state(f), SES_READY);
}

static void bytes_that_did_not_come_are_not_read(void **state)
{
    /* The answer to the page before lies in the buffer: it must not become the serial. */
    struct fixture *f = *state;
    run_to(f, 0x12, 0x80);
    static const uint8_t data[] = {0, 0x80, 0, 8, 'a', 'b'};
    fake_link_good(&f->link, 0, data, sizeof data);
    assert_string_equal(finish(f)->identity.serial, "ab");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(everything_that_the_target_says_is_kept),
        TEST(a_target_without_vpd_pages_is_known_by_its_model),
        TEST(without_an_inquiry_nothing_goes_on),
        TEST(pages_that_are_not_listed_are_not_asked_for),
        TEST(a_refused_limits_page_does_not_hide_the_provisioning_page),
        TEST(a_refused_read_capacity_16_is_asked_as_10),
        TEST(without_a_capacity_the_attempt_fails_and_is_repeated),
        TEST(a_capacity_that_is_too_short_is_not_believed),
        TEST(a_refused_mode_sense_6_is_asked_as_10),
        TEST(without_mode_sense_the_cache_is_taken_to_be_on),
        TEST(a_write_protected_lun_is_read_only),
        TEST(what_is_no_disk_is_refused),
        TEST(a_disk_that_became_something_else_is_another_lun),
        TEST(a_refused_sync_16_is_sent_as_10),
        TEST(a_target_that_knows_no_sync_has_no_cache),
        TEST(bytes_that_did_not_come_are_not_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
