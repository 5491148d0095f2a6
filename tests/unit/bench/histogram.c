#include "bench/histogram.h"

#include <string.h>

#include "tests/unit/unit.h"

static struct histogram histogram;

static void near(double value, double expected)
{
    if (value < expected * 0.984 || value > expected * 1.016)
        fail_msg("%f is not near %f", value, expected);
}

static int forget(void **state)
{
    memset(&histogram, 0, sizeof histogram);
    return 0;
}

static void nothing_is_zero(void **state)
{
    assert_true(histogram_at(&histogram, 0.5) == 0);
}

static void one_value_is_all_percentiles(void **state)
{
    static const uint64_t values[] = {0, 1, 63, 64, 65, 127, 128, 1000, 123456789, UINT64_MAX};
    for (unsigned i = 0; i < sizeof values / sizeof *values; i++) {
        forget(NULL);
        histogram_add(&histogram, values[i]);
        near(histogram_at(&histogram, 0), (double)values[i]);
        near(histogram_at(&histogram, 0.5), (double)values[i]);
        near(histogram_at(&histogram, 1), (double)values[i]);
        assert_true(histogram.max == values[i]);
    }
}

static void percentiles_are_right_to_one_and_a_half_percent(void **state)
{
    for (uint64_t value = 1; value <= 100000; value++)
        histogram_add(&histogram, value * 7);
    assert_int_equal(histogram.count, 100000);
    near(histogram_at(&histogram, 0.01), 7000);
    near(histogram_at(&histogram, 0.5), 350000);
    near(histogram_at(&histogram, 0.99), 693000);
}

static void a_rare_one_is_not_the_median(void **state)
{
    for (unsigned i = 0; i < 99; i++)
        histogram_add(&histogram, 10);
    histogram_add(&histogram, 1000000);
    near(histogram_at(&histogram, 0.5), 10);
    near(histogram_at(&histogram, 0.99), 10);
    near(histogram_at(&histogram, 1), 1000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(nothing_is_zero, forget),
        cmocka_unit_test_setup(one_value_is_all_percentiles, forget),
        cmocka_unit_test_setup(percentiles_are_right_to_one_and_a_half_percent, forget),
        cmocka_unit_test_setup(a_rare_one_is_not_the_median, forget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
