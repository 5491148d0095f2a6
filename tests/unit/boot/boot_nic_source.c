#include <errno.h>
#include <string.h>

#include "boot/boot_nic.h"
#include "tests/unit/unit.h"

static struct fault fault;
static char lines[256];

static void the_loop_device_leads_to_ourselves(void **state)
{
    const struct url_portal portal = {"127.0.0.1", 3260};
    assert_int_equal(boot_nic_find(&portal, lines, sizeof lines, &fault), 0);
    assert_string_equal(lines, "lo 00:00:00:00:00:00\n");
}

static void a_name_is_not_looked_up(void **state)
{
    const struct url_portal portal = {"localhost", 3260};
    assert_int_equal(boot_nic_find(&portal, lines, sizeof lines, &fault), -EINVAL);
    assert_non_null(strstr(fault.text, "'localhost' is no address"));
}

static void no_way_is_said(void **state)
{
    const struct url_portal portal = {"fe80::1", 3260}; /* link-local, and no link is named */
    assert_true(boot_nic_find(&portal, lines, sizeof lines, &fault) < 0);
    assert_non_null(strstr(fault.text, "fe80::1"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_loop_device_leads_to_ourselves),
        cmocka_unit_test(a_name_is_not_looked_up),
        cmocka_unit_test(no_way_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
