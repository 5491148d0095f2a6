#include "daemon/fill_rate.h"

#include "tests/unit/unit.h"

#define S 1000000ull

static void one_sample_says_nothing(void **state)
{
    struct fill_rate rate = {0};
    assert_int_equal(fill_rate_until_full_us(&rate, 1000, 1000), 0);
    fill_rate_sample(&rate, S, 100);
    assert_int_equal(fill_rate_until_full_us(&rate, 1000, 1000), 0);
}

static void a_steady_rate_is_carried_on(void **state)
{
    struct fill_rate rate = {0};
    for (unsigned i = 0; i <= 5; i++)
        fill_rate_sample(&rate, i * S, i * 100);
    assert_int_equal(fill_rate_until_full_us(&rate, 1000, 1500), 10 * S);
}

static void only_the_latest_samples_count(void **state)
{
    struct fill_rate rate = {0};
    for (unsigned i = 0; i < 10; i++)
        fill_rate_sample(&rate, i * S, 900);
    for (unsigned i = 0; i < FILL_SAMPLES; i++)
        fill_rate_sample(&rate, (10 + i) * S, 10 * i);
    assert_int_equal(fill_rate_until_full_us(&rate, 1000, 10 * (FILL_SAMPLES - 1) + 50), 5 * S);
}

static void what_does_not_grow_is_never_full(void **state)
{
    struct fill_rate rate = {0};
    fill_rate_sample(&rate, S, 500);
    fill_rate_sample(&rate, 2 * S, 500);
    assert_int_equal(fill_rate_until_full_us(&rate, 1000, 1000), 0);
    fill_rate_sample(&rate, 3 * S, 600);
    assert_true(fill_rate_until_full_us(&rate, 600, 1000) > 0);
    assert_int_equal(fill_rate_until_full_us(&rate, 599, 1000), 0); /* it is being drained */
    fill_rate_sample(&rate, 3 * S, 400);
    assert_int_equal(fill_rate_until_full_us(&rate, 1000, 1000), 0);
    fill_rate_sample(&rate, 4 * S, 1000);
    assert_int_equal(fill_rate_until_full_us(&rate, 1000, 1000), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_sample_says_nothing),
        cmocka_unit_test(a_steady_rate_is_carried_on),
        cmocka_unit_test(only_the_latest_samples_count),
        cmocka_unit_test(what_does_not_grow_is_never_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
