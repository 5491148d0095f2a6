#include "daemon/values.h"

#include <errno.h>

#include "tests/unit/unit.h"

static uint64_t duration(const char *text)
{
    struct fault fault;
    uint64_t ms = UINT64_MAX;
    return value_duration(text, &ms, &fault) == 0 ? ms : UINT64_MAX;
}

static uint64_t size(const char *text)
{
    struct fault fault;
    uint64_t bytes = UINT64_MAX;
    return value_size(text, &bytes, &fault) == 0 ? bytes : UINT64_MAX;
}

static void durations_have_units(void **state)
{
    assert_true(duration("500ms") == 500);
    assert_true(duration("10s") == 10000);
    assert_true(duration("5m") == 300000);
    assert_true(duration("2h") == 7200000);
    assert_true(duration("1d") == 86400000);
    assert_true(duration("0") == 0);
}

static void a_duration_without_a_unit_is_refused_with_the_mend(void **state)
{
    struct fault fault;
    uint64_t ms = 77;
    assert_int_equal(value_duration("10", &ms, &fault), -EINVAL);
    assert_string_equal(fault.text, "'10' lacks a unit; write 10s for seconds, 10m for minutes");
    assert_true(ms == 77);
}

static void nonsense_is_no_duration(void **state)
{
    static const char *const nonsense[] = {"",
                                           "s",
                                           "-1s",
                                           "+1s",
                                           " 1s",
                                           "1 s",
                                           "1s ",
                                           "1x",
                                           "1.5s",
                                           "0x10s",
                                           "99999999999999999999s",
                                           "18446744073709551615d"};
    for (size_t i = 0; i < sizeof nonsense / sizeof *nonsense; i++)
        assert_true(duration(nonsense[i]) == UINT64_MAX);
}

static void sizes_have_binary_units_or_none(void **state)
{
    assert_true(size("4096") == 4096);
    assert_true(size("4K") == 4096);
    assert_true(size("4k") == 4096);
    assert_true(size("32M") == 32ull << 20);
    assert_true(size("1G") == 1ull << 30);
    assert_true(size("2T") == 2ull << 40);
    assert_true(size("4KB") == UINT64_MAX);
    assert_true(size("-4K") == UINT64_MAX);
    assert_true(size("") == UINT64_MAX);
    assert_true(size("16777216T") == UINT64_MAX); /* 2^64 */
}

static void numbers_and_modes(void **state)
{
    struct fault fault;
    uint64_t number = 0;
    assert_int_equal(value_number("16", 10, &number, &fault), 0);
    assert_true(number == 16);
    assert_int_equal(value_number("0640", 8, &number, &fault), 0);
    assert_true(number == 0640);
    assert_int_equal(value_number("0688", 8, &number, &fault), -EINVAL);
    assert_int_equal(value_number("16x", 10, &number, &fault), -EINVAL);
    assert_int_equal(value_number("-1", 10, &number, &fault), -EINVAL);
}

static void switches_are_yes_or_no_in_several_words(void **state)
{
    struct fault fault;
    bool on = false;
    static const char *const yes[] = {"yes", "true", "on", "1", "YES"};
    static const char *const no[] = {"no", "false", "off", "0", "No"};
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(value_switch(yes[i], &on, &fault), 0);
        assert_true(on);
        assert_int_equal(value_switch(no[i], &on, &fault), 0);
        assert_false(on);
    }
    assert_int_equal(value_switch("maybe", &on, &fault), -EINVAL);
    assert_string_equal(fault.text, "'maybe' is neither yes nor no");
}

static void printing_takes_the_largest_unit_that_is_exact(void **state)
{
    char text[32];
    value_print_duration(90000, text, sizeof text);
    assert_string_equal(text, "90s");
    value_print_duration(120000, text, sizeof text);
    assert_string_equal(text, "2m");
    value_print_duration(1500, text, sizeof text);
    assert_string_equal(text, "1500ms");
    value_print_duration(0, text, sizeof text);
    assert_string_equal(text, "0");
    value_print_size(33554432, text, sizeof text);
    assert_string_equal(text, "32M");
    value_print_size(1025, text, sizeof text);
    assert_string_equal(text, "1025");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations_have_units),
        cmocka_unit_test(a_duration_without_a_unit_is_refused_with_the_mend),
        cmocka_unit_test(nonsense_is_no_duration),
        cmocka_unit_test(sizes_have_binary_units_or_none),
        cmocka_unit_test(numbers_and_modes),
        cmocka_unit_test(switches_are_yes_or_no_in_several_words),
        cmocka_unit_test(printing_takes_the_largest_unit_that_is_exact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
