#include "daemon/root_disk.h"

#include <errno.h>
#include <string.h>

#include "tests/unit/unit.h"

static int check(const char *url, const char *more, struct fault *fault)
{
    static struct options options;
    options_init(&options);
    assert_int_equal(options_set(&options, "url", url, fault), 0);
    if (more)
        assert_int_equal(options_set_list(&options, more, fault), 0);
    return root_disk_check(&options, fault);
}

#define URL(host) "iscsi://" host "/iqn.2026-11.org.example:root/1"

static void addresses_are_fine(void **state)
{
    struct fault fault;
    assert_int_equal(check(URL("192.0.2.7"), "root,device=nbd", &fault), 0);
    assert_int_equal(check(URL("[2001:db8::7]:3261"), "root", &fault), 0);
    assert_int_equal(check(URL("192.0.2.7,192.0.2.8"), "root", &fault), 0);
}

static void names_need_a_resolver_and_are_refused(void **state)
{
    struct fault fault;
    assert_int_equal(check(URL("192.0.2.7,storage.example.org"), "root", &fault), -EINVAL);
    assert_non_null(strstr(fault.text, "'storage.example.org'"));
}

static void a_file_that_nobody_would_see_is_refused(void **state)
{
    struct fault fault;
    assert_int_equal(check(URL("192.0.2.7"), "root,fuse=/srv/x", &fault), -EINVAL);
}

static void without_the_key_all_is_allowed(void **state)
{
    struct fault fault;
    assert_int_equal(check(URL("storage.example.org"), "fuse=/srv/x", &fault), 0);
    assert_int_equal(check(URL("storage.example.org"), "root=no", &fault), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_fine),
        cmocka_unit_test(names_need_a_resolver_and_are_refused),
        cmocka_unit_test(a_file_that_nobody_would_see_is_refused),
        cmocka_unit_test(without_the_key_all_is_allowed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
