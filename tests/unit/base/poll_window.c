#include "base/poll_window.h"

#include "tests/unit/unit.h"

static void it_starts_closed_and_opens_while_events_come_soon(void **state)
{
    struct poll_window window = {.max_us = 100};
    static const uint32_t expected[] = {8, 16, 32, 64, 64, 64};
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        poll_window_event(&window, 60);
        assert_int_equal(window.us, expected[i]);
    }
}

static void it_opens_no_wider_than_it_may(void **state)
{
    struct poll_window window = {.max_us = 100};
    for (int i = 0; i < 10; i++)
        poll_window_event(&window, 100);
    assert_int_equal(window.us, 100);
}

static void it_closes_when_nothing_comes_in_time(void **state)
{
    struct poll_window window = {.max_us = 100, .us = 100};
    static const uint32_t expected[] = {50, 25, 12, 0, 0};
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        poll_window_event(&window, 101);
        assert_int_equal(window.us, expected[i]);
    }
}

static void without_a_greatest_length_it_stays_closed(void **state)
{
    struct poll_window window = {0};
    poll_window_event(&window, 0);
    poll_window_event(&window, 5);
    assert_int_equal(window.us, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_starts_closed_and_opens_while_events_come_soon),
        cmocka_unit_test(it_opens_no_wider_than_it_may),
        cmocka_unit_test(it_closes_when_nothing_comes_in_time),
        cmocka_unit_test(without_a_greatest_length_it_stays_closed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
