#include "base/crc32c.h"

#include <string.h>

#include "tests/unit/unit.h"

/* RFC 3720 appendix B.4. */
static void agrees_with_the_standards_examples(void **state)
{
    uint8_t data[32];
    memset(data, 0, sizeof data);
    assert_int_equal(crc32c(0, data, sizeof data), 0x8a9136aa);
    memset(data, 0xff, sizeof data);
    assert_int_equal(crc32c(0, data, sizeof data), 0x62a8ab43);
    for (unsigned i = 0; i < 32; i++)
        data[i] = (uint8_t)i;
    assert_int_equal(crc32c(0, data, sizeof data), 0x46dd794e);
    assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283);
}

static void goes_on_from_an_earlier_result(void **state)
{
    const char *text = "holdfast holds fast";
    uint32_t whole = crc32c(0, text, strlen(text));
    for (size_t cut = 0; cut <= strlen(text); cut++)
        assert_int_equal(crc32c(crc32c(0, text, cut), text + cut, strlen(text) - cut), whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_standards_examples),
        cmocka_unit_test(goes_on_from_an_earlier_result),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
