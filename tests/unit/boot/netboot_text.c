#include "boot/netboot_text.h"

#include <errno.h>
#include <string.h>

#include "tests/unit/unit.h"

static void pieces_follow_each_other(void **state)
{
    char bytes[16];
    struct netboot_text text;
    netboot_text_init(&text, bytes, sizeof bytes);
    assert_string_equal(bytes, "");
    netboot_put(&text, "%s-%d", "one", 2);
    netboot_put(&text, "!");
    assert_string_equal(bytes, "one-2!");
    assert_int_equal(text.used, 6);
    assert_int_equal(netboot_text_error(&text), 0);
}

static void the_last_byte_is_for_the_end(void **state)
{
    char bytes[4];
    struct netboot_text text;
    netboot_text_init(&text, bytes, sizeof bytes);
    netboot_put(&text, "abc");
    assert_int_equal(netboot_text_error(&text), 0);
    netboot_text_init(&text, bytes, sizeof bytes);
    netboot_put(&text, "abcd");
    assert_int_equal(netboot_text_error(&text), -EFBIG);
}

static void what_was_cut_stays_cut(void **state)
{
    char bytes[8];
    struct netboot_text text;
    netboot_text_init(&text, bytes, sizeof bytes);
    netboot_put(&text, "longer than that");
    netboot_put(&text, "%s", "");
    netboot_put(&text, "more");
    assert_int_equal(netboot_text_error(&text), -EFBIG);
    assert_int_equal(strlen(bytes), 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_follow_each_other),
        cmocka_unit_test(the_last_byte_is_for_the_end),
        cmocka_unit_test(what_was_cut_stays_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
