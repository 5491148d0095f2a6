#include "os/read_canary.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

#define CANARY UINT64_C(0x0123456789abcdef)

static uint8_t buffer[5 * 4096];

static void data_that_came_whole_miss_nothing(void **state)
{
    const struct iovec iov[] = {{buffer, 4096 * 2}, {buffer + 4096 * 2, 512}};
    read_canary_plant(iov, 2, CANARY);
    memset(buffer, 0, sizeof buffer);
    assert_int_equal(read_canary_missing(iov, 2, CANARY), 0);
}

static void nothing_came_is_all_missing(void **state)
{
    const struct iovec iov[] = {{buffer, 4096 * 2}, {buffer + 4096 * 2, 512}};
    read_canary_plant(iov, 2, CANARY);
    assert_int_equal(read_canary_missing(iov, 2, CANARY), 4096 * 2 + 512);
}

/* Wherever the data end, as long as one whole block is missing. */
static void a_missing_tail_of_any_length_is_noticed(void **state)
{
    const struct iovec iov[] = {{buffer, 1536}, {buffer + 1536, 4096 * 3}, {buffer + 13824, 2560}};
    const size_t whole = 1536 + 4096 * 3 + 2560;
    for (size_t came = 0; came < whole; came++) {
        read_canary_plant(iov, 3, CANARY);
        memset(buffer, 0x5a, came);
        uint32_t missing = read_canary_missing(iov, 3, CANARY);
        if (whole - came >= 8)
            assert_true(missing > 0);
        assert_true(missing <= whole - came + 4096);
    }
}

static void a_page_missing_in_the_middle_is_noticed(void **state)
{
    const struct iovec iov[] = {{buffer, sizeof buffer}};
    read_canary_plant(iov, 1, CANARY);
    memset(buffer, 0, 4096 * 2);
    memset(buffer + 4096 * 3, 0, 4096 * 2);
    assert_int_equal(read_canary_missing(iov, 1, CANARY), 4096);
}

static void pieces_too_short_for_a_canary_are_left_alone(void **state)
{
    uint8_t small[16];
    memset(small, 7, sizeof small);
    const struct iovec iov[] = {{small, 3}, {small + 3, 0}, {small + 4, 7}};
    read_canary_plant(iov, 3, CANARY);
    for (size_t i = 0; i < sizeof small; i++)
        assert_int_equal(small[i], 7);
    assert_int_equal(read_canary_missing(iov, 3, CANARY), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(data_that_came_whole_miss_nothing),
        cmocka_unit_test(nothing_came_is_all_missing),
        cmocka_unit_test(a_missing_tail_of_any_length_is_noticed),
        cmocka_unit_test(a_page_missing_in_the_middle_is_noticed),
        cmocka_unit_test(pieces_too_short_for_a_canary_are_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
