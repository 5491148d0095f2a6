#include <errno.h>
#include <string.h>

#include "attach/device.h"
#include "tests/unit/unit.h"

static void a_backend_names_the_daemon_and_the_disk(void **state)
{
    char backend[ATT_BACKEND_BYTES];
    att_backend("root", "naa.6001405deadbeef", backend);
    assert_string_equal(backend, "holdfast:root:naa.6001405deadbeef");
}

static void odd_characters_of_an_identity_become_underscores(void **state)
{
    char backend[ATT_BACKEND_BYTES];
    att_backend("a", "IET  VIRTUAL-DISK\n\xe9':$", backend);
    assert_string_equal(backend, "holdfast:a:IET__VIRTUAL-DISK_____");
}

static void an_identity_that_is_too_long_is_cut(void **state)
{
    char backend[ATT_BACKEND_BYTES], identity[2 * ATT_BACKEND_BYTES];
    memset(identity, 'x', sizeof identity - 1);
    identity[sizeof identity - 1] = '\0';
    att_backend("name", identity, backend);
    assert_int_equal(strlen(backend), ATT_BACKEND_BYTES - 1);
}

static void a_backend_belongs_to_its_name_and_to_no_other(void **state)
{
    assert_true(att_backend_is_of("holdfast:root:naa.1", "root"));
    assert_false(att_backend_is_of("holdfast:root2:naa.1", "root"));
    assert_false(att_backend_is_of("holdfast:roo:naa.1", "root"));
    assert_false(att_backend_is_of("other:root:naa.1", "root"));
    assert_false(att_backend_is_of("", "root"));
}

static void nbd_means_any_device(void **state)
{
    uint32_t index = 7;
    assert_int_equal(att_parse_device("nbd", &index), 0);
    assert_int_equal(index, ATT_ANY);
}

static void a_node_means_its_index(void **state)
{
    uint32_t index;
    assert_int_equal(att_parse_device("/dev/nbd0", &index), 0);
    assert_int_equal(index, 0);
    assert_int_equal(att_parse_device("/dev/nbd40", &index), 0);
    assert_int_equal(index, 40);
}

static void what_is_no_nbd_device_is_refused(void **state)
{
    static const char *const bad[] = {"",
                                      "nbd0",
                                      "/dev/sda",
                                      "/dev/nbd",
                                      "/dev/nbd0p1",
                                      "/dev/nbd-1",
                                      "/dev/nbd00",
                                      "/dev/nbd 1",
                                      "/dev/nbd1x",
                                      "/dev/nbd1048576",
                                      "/dev/nbd99999999999999999999"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        uint32_t index = 7;
        assert_int_equal(att_parse_device(bad[i], &index), -EINVAL);
        assert_int_equal(index, 7);
    }
}

static void every_state_has_a_name(void **state)
{
    for (enum att_state s = ATT_IDLE; s <= ATT_OFF; s++)
        assert_true(strlen(att_state_name(s)) > 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_backend_names_the_daemon_and_the_disk),
        cmocka_unit_test(odd_characters_of_an_identity_become_underscores),
        cmocka_unit_test(an_identity_that_is_too_long_is_cut),
        cmocka_unit_test(a_backend_belongs_to_its_name_and_to_no_other),
        cmocka_unit_test(nbd_means_any_device),
        cmocka_unit_test(a_node_means_its_index),
        cmocka_unit_test(what_is_no_nbd_device_is_refused),
        cmocka_unit_test(every_state_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
