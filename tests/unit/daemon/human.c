#include "daemon/human.h"

#include "tests/unit/unit.h"

static char text[HUMAN_BYTES];

static void times(void **state)
{
    assert_string_equal(human_time(0, text), "0 ms");
    assert_string_equal(human_time(999, text), "999 ms");
    assert_string_equal(human_time(21449, text), "21.4 s");
    assert_string_equal(human_time(60000, text), "1 min");
    assert_string_equal(human_time(61000, text), "1 min 1 s");
    assert_string_equal(human_time(3599999, text), "59 min 59 s");
    assert_string_equal(human_time(7500000, text), "2 h 5 min");
    assert_string_equal(human_time(86400000ull * 3 + 3600000, text), "3 d 1 h");
}

static void sizes(void **state)
{
    assert_string_equal(human_size(0, text), "0 B");
    assert_string_equal(human_size(1023, text), "1023 B");
    assert_string_equal(human_size(49152, text), "48 KiB");
    assert_string_equal(human_size(1536, text), "1.5 KiB");
    assert_string_equal(human_size(1ull << 40, text), "1 TiB");
    assert_string_equal(human_size((1ull << 40) - 1, text), "1023 GiB");
    assert_string_equal(human_size(UINT64_MAX, text), "15.9 EiB");
}

static void one_thing_has_no_plural(void **state)
{
    assert_string_equal(human_plural(0), "s");
    assert_string_equal(human_plural(1), "");
    assert_string_equal(human_plural(2), "s");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times),
        cmocka_unit_test(sizes),
        cmocka_unit_test(one_thing_has_no_plural),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
