#include "tests/unit/boot/plan.h"

static void one_machine_has_a_host_of_its_own(void **state)
{
    write_plan(netboot_dhcpd, &example);
    has("\nsubnet 10.77.0.0 netmask 255.255.255.0 {\n    range 10.77.0.129 10.77.0.191;\n");
    const char *host = strstr(written, "\nhost holdfast-root {\n");
    assert_non_null(host);
    assert_non_null(strstr(host, "    hardware ethernet 52:54:00:aa:bb:01;\n"));
    assert_non_null(strstr(host, "    fixed-address 10.77.0.128;\n"));
    assert_non_null(strstr(host, "option root-path \"" EXAMPLE_PATH "\";\n"));
    assert_ptr_equal(strstr(written, "root-path"), strstr(host, "root-path"));
}

static void any_machine_has_the_subnet_s(void **state)
{
    struct netboot_plan plan = example;
    plan.mac = NULL;
    write_plan(netboot_dhcpd, &plan);
    lacks("\nhost ");
    has("    range 10.77.0.128 10.77.0.191;\n");
    has("# ANY machine");
    has("option root-path");
}

static void who_asks_decides_what_is_sent(void **state)
{
    write_plan(netboot_dhcpd, &example);
    has("option user-class = \"iPXE\" {\n        filename \"boot.ipxe\";\n    } else {\n"
        "        option root-path");
    has("(option client-arch = 7 or option client-arch = 9) {\n"
        "            filename \"snponly.efi\";\n        } else {\n"
        "            filename \"undionly.kpxe\";\n");
    has("    next-server 10.77.0.1;\n");
    has("    option iscsi-initiator-iqn \"iqn.2026-11.org.holdfast:root\";\n");
}

static void a_router_is_told_where_there_is_one(void **state)
{
    struct netboot_plan plan = example;
    write_plan(netboot_dhcpd, &plan);
    lacks("routers");
    plan.router = 0x0a4d00fe;
    write_plan(netboot_dhcpd, &plan);
    has("    option routers 10.77.0.254;\n");
}

static void secrets_are_asked_for_not_told(void **state)
{
    struct netboot_plan plan = with_chap(example);
    write_plan(netboot_dhcpd, &plan);
    has("filename \"login.ipxe\";");
    lacks(SECRET);
    lacks("mutualsecret");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_machine_has_a_host_of_its_own),
        cmocka_unit_test(any_machine_has_the_subnet_s),
        cmocka_unit_test(who_asks_decides_what_is_sent),
        cmocka_unit_test(a_router_is_told_where_there_is_one),
        cmocka_unit_test(secrets_are_asked_for_not_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
