#include "os/random_os.h"

#include "tests/unit/unit.h"

static void two_generators_draw_different_numbers(void **state)
{
    struct random_os one, other;
    random_os_init(&one);
    random_os_init(&other);
    unsigned same = 0;
    for (int i = 0; i < 64; i++)
        same += one.port.next(&one.port) == other.port.next(&other.port);
    assert_true(same < 4);
}

static void the_numbers_spread_over_their_range(void **state)
{
    struct random_os random;
    random_os_init(&random);
    unsigned buckets[16] = {0};
    for (int i = 0; i < 16000; i++)
        buckets[port_random_below(&random.port, 16)]++;
    for (int i = 0; i < 16; i++)
        assert_in_range(buckets[i], 700, 1300); /* 10 standard deviations */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_generators_draw_different_numbers),
        cmocka_unit_test(the_numbers_spread_over_their_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
