#include "tests/unit/boot/plan.h"

static void one_machine_meets_each_class(void **state)
{
    unsigned classes = 0;
    write_plan(netboot_kea, &example);
    for (const char *at = written; (at = strstr(at, "\"test\": \"")); at++) {
        static const char expected[] = "\"test\": \"pkt4.mac == 0x525400aabb01 and ";
        assert_memory_equal(at, expected, sizeof expected - 1);
        classes++;
    }
    assert_int_equal(classes, 4);
    has("{ \"hw-address\": \"52:54:00:aa:bb:01\", \"ip-address\": \"10.77.0.128\" }");
}

static void any_machine_meets_them_too(void **state)
{
    struct netboot_plan plan = example;
    plan.mac = NULL;
    write_plan(netboot_kea, &plan);
    lacks("pkt4.mac");
    lacks("reservations");
    has("// ANY machine");
    has("\"test\": \"substring(option[77].hex,0,4) == 'iPXE'\"");
}

static void who_asks_decides_what_is_sent(void **state)
{
    write_plan(netboot_kea, &example);
    has("== 'iPXE'\",\n          \"boot-file-name\": \"boot.ipxe\"");
    has("option[93].hex == 0x0000\",\n          \"boot-file-name\": \"undionly.kpxe\"");
    has("option[93].hex == 0x0009)\",\n          \"boot-file-name\": \"snponly.efi\"");
    has("not option[93].exists\",\n          \"option-data\": [\n"
        "              { \"name\": \"root-path\", \"data\": \"" EXAMPLE_PATH "\" }");
}

static void the_network_is_that_of_the_plan(void **state)
{
    struct netboot_plan plan = example;
    write_plan(netboot_kea, &plan);
    has("\"interfaces\": [ \"eth1\" ]");
    has("\"subnet\": \"10.77.0.0/24\"");
    has("\"next-server\": \"10.77.0.1\"");
    has("\"pool\": \"10.77.0.128 - 10.77.0.191\"");
    lacks("routers");
    plan.interface = NULL;
    plan.router = 0x0a4d00fe;
    write_plan(netboot_kea, &plan);
    has("\"interfaces\": [ \"*\" ]");
    has("{ \"name\": \"routers\", \"data\": \"10.77.0.254\" }");
}

static void secrets_are_asked_for_not_told(void **state)
{
    struct netboot_plan plan = with_chap(example);
    write_plan(netboot_kea, &plan);
    has("\"boot-file-name\": \"login.ipxe\"");
    lacks(SECRET);
    lacks("mutualsecret");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_machine_meets_each_class),
        cmocka_unit_test(any_machine_meets_them_too),
        cmocka_unit_test(who_asks_decides_what_is_sent),
        cmocka_unit_test(the_network_is_that_of_the_plan),
        cmocka_unit_test(secrets_are_asked_for_not_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
