#include "boot/dhcp_lease.h"

#include <string.h>

#include "tests/unit/unit.h"

#define PATH "iscsi:10.77.0.1:::1:iqn.2026-11.test:boot"

static struct dhcp_lease lease;
static struct boot_facts facts;
static struct fault fault;

static void klibc_quotes_its_values(void **state)
{
    dhcp_lease_parse("DEVICE='eth0'\nPROTO='dhcp'\nROOTSERVER='10.77.0.1'\nROOTPATH='" PATH "'\n",
                     &lease);
    assert_string_equal(lease.root_path, PATH);
    assert_string_equal(lease.server, "10.77.0.1");
    assert_true(dhcp_lease_is_iscsi(&lease));
}

static void dracut_and_networkd_have_other_names(void **state)
{
    dhcp_lease_parse("new_root_path=" PATH "\nnew_next_server=10.77.0.2\n", &lease);
    assert_string_equal(lease.root_path, PATH);
    assert_string_equal(lease.server, "10.77.0.2");
    dhcp_lease_parse("# private\nADDRESS=10.77.0.50\nNEXT_SERVER=10.77.0.3\nROOT_PATH=\"" PATH "\"",
                     &lease);
    assert_string_equal(lease.root_path, PATH);
    assert_string_equal(lease.server, "10.77.0.3");
}

static void a_shells_quoting_is_undone_and_nothing_is_run(void **state)
{
    dhcp_lease_parse("ROOTPATH='a'\\''b$(reboot)'\n", &lease);
    assert_string_equal(lease.root_path, "a'b$(reboot)");
    dhcp_lease_parse("ROOTPATH=a\\ b\n", &lease);
    assert_string_equal(lease.root_path, "a b");
}

static void other_lines_are_no_concern(void **state)
{
    dhcp_lease_parse("XROOTPATH='x'\nROOTPATHS='y'\nROOTPATH\n\n=z\n", &lease);
    assert_string_equal(lease.root_path, "");
    dhcp_lease_parse("", &lease);
    assert_string_equal(lease.root_path, "");
    assert_false(dhcp_lease_is_iscsi(&lease));
}

static void a_value_that_is_too_long_is_none(void **state)
{
    char text[700] = "ROOTPATH=iscsi:";
    memset(text + 15, 'a', 600);
    dhcp_lease_parse(text, &lease);
    assert_string_equal(lease.root_path, "");
}

static int take(const char *text)
{
    dhcp_lease_parse(text, &lease);
    memset(&facts, 0, sizeof facts);
    return dhcp_lease_take_facts(&lease, &facts, &fault);
}

static void the_root_path_names_the_lun(void **state)
{
    assert_int_equal(take("ROOTPATH='" PATH "'\nROOTSERVER='10.77.0.9'\n"), 0);
    assert_string_equal(facts.lun.target, "iqn.2026-11.test:boot");
    assert_int_equal(facts.lun.lun, 1);
    assert_string_equal(facts.lun.portals[0].host, "10.77.0.1");
}

static void the_server_stands_in_for_an_empty_one(void **state)
{
    assert_int_equal(take("ROOTPATH='iscsi:::3261:1:iqn.2026-11.test:b'\nROOTSERVER=10.77.0.9"), 0);
    assert_string_equal(facts.lun.portals[0].host, "10.77.0.9");
    assert_int_equal(facts.lun.portals[0].port, 3261);
    assert_int_equal(take("ROOTPATH='iscsi::::1:iqn.2026-11.test:b'\nROOTSERVER=0.0.0.0"), 0);
    assert_string_equal(facts.lun.portals[0].host, "");
}

static void a_root_path_that_is_none_is_refused(void **state)
{
    assert_int_not_equal(take("ROOTPATH='iscsi:foo'"), 0);
    assert_non_null(strstr(fault.text, "DHCP's root path: "));
    assert_int_not_equal(take("ROOTPATH='ibft'"), 0);
    assert_non_null(strstr(fault.text, "names no LUN"));
    assert_int_not_equal(take("ROOTPATH='iscsi::::1:iqn.2026-11.test:b'\nROOTSERVER='a b'"), 0);
    assert_non_null(strstr(fault.text, "DHCP's server"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(klibc_quotes_its_values),
        cmocka_unit_test(dracut_and_networkd_have_other_names),
        cmocka_unit_test(a_shells_quoting_is_undone_and_nothing_is_run),
        cmocka_unit_test(other_lines_are_no_concern),
        cmocka_unit_test(a_value_that_is_too_long_is_none),
        cmocka_unit_test(the_root_path_names_the_lun),
        cmocka_unit_test(the_server_stands_in_for_an_empty_one),
        cmocka_unit_test(a_root_path_that_is_none_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
