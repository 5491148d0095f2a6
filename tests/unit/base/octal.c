#include "base/octal.h"

#include <stdio.h>

#include "tests/unit/unit.h"

static const char *unescaped(const char *text)
{
    static char plain[64];
    snprintf(plain, sizeof plain, "%s", text);
    octal_unescape(plain);
    return plain;
}

static void blanks_and_backslashes_come_back(void **state)
{
    assert_string_equal(unescaped("/srv/my\\040disk\\134x"), "/srv/my disk\\x");
    assert_string_equal(unescaped("\\012"), "\n");
    assert_string_equal(unescaped("/plain"), "/plain");
    assert_string_equal(unescaped(""), "");
}

static void what_is_cut_short_is_left_as_it_is(void **state)
{
    assert_string_equal(unescaped("x\\04"), "x\\04");
    assert_string_equal(unescaped("x\\"), "x\\");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blanks_and_backslashes_come_back),
        cmocka_unit_test(what_is_cut_short_is_left_as_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
