#include "nbd-server/export.h"

#include <string.h>

#include "nbd-server/protocol.h"
#include "tests/unit/unit.h"

static void strings_are_utf8_of_bounded_length(void **state)
{
    static const char *const good[] = {
        "",
        "root",
        "\xc2\x80",
        "\xc3\xa9t\xc3\xa9",
        "\xe0\xa0\x80",
        "\xed\x9f\xbf",
        "\xef\xbf\xbf",
        "\xf0\x90\x80\x80",
        "\xf4\x8f\xbf\xbf",
    };
    static const char *const bad[] = {
        "\x80",         "\xc0\x80",     "\xc1\xbf",         "\xc3",         "\xc3(",
        "\xe0\x9f\xbf", "\xed\xa0\x80", "\xe2\x82",         "a\xe2\x82",    "\xf0\x8f\xbf\xbf",
        "\xf5\x80",     "\xff",         "\xf4\x90\x80\x80", "\xf0\x90\x80",
    };
    for (unsigned i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(nsrv_string_is_valid(good[i]));
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(nsrv_string_is_valid(bad[i]));
    char text[NSRV_STRING_BYTES_MAX + 2];
    memset(text, 'x', sizeof text);
    text[NSRV_STRING_BYTES_MAX] = 0;
    assert_true(nsrv_string_is_valid(text));
    text[NSRV_STRING_BYTES_MAX] = 'x';
    text[NSRV_STRING_BYTES_MAX + 1] = 0;
    assert_false(nsrv_string_is_valid(text));
}

static bool has_name(const struct nsrv_export *export, const char *name)
{
    return nsrv_export_has_name(export, (const uint8_t *)name, strlen(name));
}

static void answers_to_its_name_and_to_the_empty_one(void **state)
{
    const struct nsrv_export export = {.name = "root"};
    assert_true(has_name(&export, "root"));
    assert_true(has_name(&export, ""));
    assert_false(has_name(&export, "roo"));
    assert_false(has_name(&export, "roots"));
    assert_false(nsrv_export_has_name(&export, (const uint8_t *)"root", 5)); /* with its NUL */
}

static void flags_promise_what_the_disk_can_do(void **state)
{
    const unsigned always =
        NSRV_HAS_FLAGS | NSRV_SEND_FLUSH | NSRV_SEND_FUA | NSRV_SEND_CACHE | NSRV_CAN_MULTI_CONN;
    struct vol_geometry geometry = {0};
    assert_int_equal(nsrv_export_flags(&geometry, false), always | NSRV_SEND_WRITE_ZEROES);
    geometry.can_trim = true;
    assert_int_equal(nsrv_export_flags(&geometry, true),
                     always | NSRV_SEND_WRITE_ZEROES | NSRV_SEND_TRIM | NSRV_SEND_DF);
    geometry.can_fast_zero = true;
    assert_int_equal(nsrv_export_flags(&geometry, false),
                     always | NSRV_SEND_WRITE_ZEROES | NSRV_SEND_TRIM | NSRV_SEND_FAST_ZERO);
    geometry.read_only = true;
    assert_int_equal(nsrv_export_flags(&geometry, false), always | NSRV_READ_ONLY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strings_are_utf8_of_bounded_length),
        cmocka_unit_test(answers_to_its_name_and_to_the_empty_one),
        cmocka_unit_test(flags_promise_what_the_disk_can_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
