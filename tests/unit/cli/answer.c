#include "cli/answer.h"

#include <json-c/json.h>

#include "tests/unit/unit.h"

static struct json_object *answer;

static int parse(void **state)
{
    answer = json_tokener_parse("{\"lun\":{\"serial\":\"x\",\"thin\":true,\"null\":null},"
                                "\"left_bytes\":18446744073709551615,\"list\":[1]}");
    return answer ? 0 : -1;
}

static int forget(void **state)
{
    json_object_put(answer);
    return 0;
}

static void what_is_there_is_read(void **state)
{
    struct json_object *lun = answer_part(answer, "lun");
    assert_string_equal(answer_text(lun, "serial"), "x");
    assert_true(answer_is(lun, "thin"));
    assert_int_equal(answer_number(answer, "left_bytes"), UINT64_MAX);
}

static void what_is_missing_reads_as_nothing(void **state)
{
    struct json_object *nowhere = answer_part(answer, "session");
    assert_null(nowhere);
    assert_null(answer_part(nowhere, "x"));
    assert_string_equal(answer_text(nowhere, "reason"), "");
    assert_string_equal(answer_text(answer_part(answer, "lun"), "null"), "");
    assert_int_equal(answer_number(answer, "x"), 0);
    assert_false(answer_is(answer_part(answer, "lun"), "read_only"));
}

static void what_is_no_object_has_no_parts(void **state)
{
    assert_null(answer_part(answer_part(answer, "list"), "x"));
    assert_null(answer_part(answer_part(answer, "left_bytes"), "x"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_there_is_read, parse, forget),
        cmocka_unit_test_setup_teardown(what_is_missing_reads_as_nothing, parse, forget),
        cmocka_unit_test_setup_teardown(what_is_no_object_has_no_parts, parse, forget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
