#include "tests/unit/session/fixture.h"

static void a_good_day_goes_from_idle_to_ready(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(fixture_state(f), SES_IDLE);
    assert_null(ses_lun(f->session));
    ses_start(f->session);
    assert_int_equal(fixture_state(f), SES_CONNECTING);
    fake_link_opened(&f->link);
    assert_int_equal(fixture_state(f), SES_FENCING);
    assert_int_equal(f->link.resets, 1);
    f->link.port.events->reset_done(f->link.port.owner, 0);
    assert_int_equal(fixture_state(f), SES_SETTLING);
    fixture_run_setup(f);
    assert_int_equal(fixture_state(f), SES_READY);
    fixture_expect_events(f, "R");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_good_day_goes_from_idle_to_ready, fixture_setup,
                                        fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
