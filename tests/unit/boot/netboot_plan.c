#include <errno.h>
#include <string.h>

#include "boot/netboot.h"
#include "tests/unit/unit.h"

static uint32_t ip(const char *text)
{
    uint32_t address;
    assert_true(netboot_parse_ipv4(text, &address));
    return address;
}

static struct netboot_plan plan_at(const char *server, unsigned prefix, const char *portal)
{
    return (struct netboot_plan){
        .target = "iqn.2026-11.org.example:root",
        .lun = 1,
        .portal_count = 1,
        .portals = {{portal, 3260}},
        .server = ip(server),
        .prefix = prefix,
    };
}

static void assert_root_path(const struct netboot_plan *plan, const char *expected)
{
    char path[NETBOOT_ROOT_PATH_BYTES];
    netboot_root_path(plan, 0, path);
    assert_string_equal(path, expected);
}

static void a_root_path_leaves_out_what_is_the_default(void **state)
{
    struct netboot_plan plan = plan_at("192.0.2.1", 24, "192.0.2.7");
    assert_root_path(&plan, "iscsi:192.0.2.7:::1:iqn.2026-11.org.example:root");
    plan.portals[0].port = 3261;
    assert_root_path(&plan, "iscsi:192.0.2.7::3261:1:iqn.2026-11.org.example:root");
}

static void its_lun_is_hexadecimal_and_flat_beyond_255(void **state)
{
    struct netboot_plan plan = plan_at("192.0.2.1", 24, "192.0.2.7");
    plan.lun = 26;
    assert_root_path(&plan, "iscsi:192.0.2.7:::1a:iqn.2026-11.org.example:root");
    plan.lun = 255;
    assert_root_path(&plan, "iscsi:192.0.2.7:::ff:iqn.2026-11.org.example:root");
    plan.lun = 256;
    assert_root_path(&plan, "iscsi:192.0.2.7:::4100:iqn.2026-11.org.example:root");
    plan.lun = 16383;
    assert_root_path(&plan, "iscsi:192.0.2.7:::7fff:iqn.2026-11.org.example:root");
}

static void its_ipv6_address_has_brackets(void **state)
{
    struct netboot_plan plan = plan_at("192.0.2.1", 24, "2001:db8::7");
    assert_root_path(&plan, "iscsi:[2001:db8::7]:::1:iqn.2026-11.org.example:root");
}

static void the_longest_root_path_has_room(void **state)
{
    char target[224], path[NETBOOT_ROOT_PATH_BYTES];
    struct netboot_plan plan = plan_at("192.0.2.1", 24, "fe80:1111:2222:3333:4444:5555:6666:7777");
    memset(target, 'x', sizeof target);
    target[sizeof target - 1] = '\0';
    plan.target = target;
    plan.portals[0].port = 65535;
    plan.lun = 16383;
    netboot_root_path(&plan, 0, path);
    assert_string_equal(path + strlen(path) - 223, target);
}

static void addresses_are_read_whole_or_not_at_all(void **state)
{
    static const char *const wrong[] = {"",
                                        "1.2.3",
                                        "1.2.3.4.5",
                                        "1.2.3.256",
                                        "1.2.3.-1",
                                        "1.2.3.4 ",
                                        " 1.2.3.4",
                                        "1.2..4",
                                        "1.2.3.4/8",
                                        "a.b.c.d",
                                        "1.2.3.0004",
                                        "::1",
                                        "1.2.3.99999999999999999999"};
    char text[NETBOOT_IPV4_BYTES];
    uint32_t address = 7;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(netboot_parse_ipv4(wrong[i], &address));
    assert_int_equal(address, 7);
    assert_int_equal(ip("192.0.2.1"), 0xc0000201);
    assert_string_equal(netboot_ipv4(0xfffefdfc, text), "255.254.253.252");
}

static void network_cards_are_read_with_colons_or_hyphens(void **state)
{
    static const char *const wrong[] = {"",
                                        "any",
                                        "52:54:00:aa:bb",
                                        "52:54:00:aa:bb:0",
                                        "52:54:00:aa:bb:01:02",
                                        "52.54.00.aa.bb.01",
                                        "52:54:00:aa:bb:0g",
                                        "01:00:5e:00:00:01",
                                        "ff:ff:ff:ff:ff:ff"};
    char mac[NETBOOT_MAC_BYTES];
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(netboot_parse_mac(wrong[i], mac));
    assert_true(netboot_parse_mac("52-54-00-AA-bb-01", mac));
    assert_string_equal(mac, "52:54:00:aa:bb:01");
}

static void clients_get_addresses_where_nobody_known_lives(void **state)
{
    struct netboot_plan plan = plan_at("10.77.0.1", 24, "10.77.0.2");
    assert_int_equal(netboot_choose_range(&plan), 0);
    assert_int_equal(plan.first, ip("10.77.0.128"));
    assert_int_equal(plan.last, ip("10.77.0.191"));
    plan = plan_at("10.77.0.130", 24, "10.77.0.2");
    assert_int_equal(netboot_choose_range(&plan), 0);
    assert_int_equal(plan.first, ip("10.77.0.192"));
    assert_int_equal(plan.last, ip("10.77.0.254"));
    plan = plan_at("10.77.0.130", 24, "10.77.0.200");
    plan.router = ip("10.77.0.64");
    assert_int_equal(netboot_choose_range(&plan), 0);
    assert_int_equal(plan.first, ip("10.77.0.1"));
    assert_int_equal(plan.last, ip("10.77.0.63"));
}

static void a_wide_network_gives_a_hundred(void **state)
{
    struct netboot_plan plan = plan_at("10.1.0.1", 8, "10.1.0.1");
    assert_int_equal(netboot_choose_range(&plan), 0);
    assert_int_equal(plan.first, ip("10.128.0.0"));
    assert_int_equal(plan.last - plan.first + 1, NETBOOT_RANGE_ADDRESSES);
}

static void a_network_without_room_gives_none(void **state)
{
    struct netboot_plan plan = plan_at("10.1.0.1", 29, "10.1.0.3");
    plan.portals[1] = (struct netboot_portal){"10.1.0.4", 3260};
    plan.portals[2] = (struct netboot_portal){"10.1.0.6", 3260};
    plan.portal_count = 3;
    assert_int_equal(netboot_choose_range(&plan), -ENOSPC);
    plan = plan_at("10.1.0.1", 30, "10.1.0.1");
    assert_int_equal(netboot_choose_range(&plan), -ENOSPC);
}

static void a_portal_elsewhere_needs_a_router(void **state)
{
    struct netboot_plan plan = plan_at("10.1.0.1", 24, "10.1.0.9");
    assert_null(netboot_unreachable(&plan));
    plan.portals[1] = (struct netboot_portal){"10.1.1.9", 3260};
    plan.portal_count = 2;
    assert_ptr_equal(netboot_unreachable(&plan), &plan.portals[1]);
    plan.router = ip("10.1.0.2");
    assert_null(netboot_unreachable(&plan));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_root_path_leaves_out_what_is_the_default),
        cmocka_unit_test(its_lun_is_hexadecimal_and_flat_beyond_255),
        cmocka_unit_test(its_ipv6_address_has_brackets),
        cmocka_unit_test(the_longest_root_path_has_room),
        cmocka_unit_test(addresses_are_read_whole_or_not_at_all),
        cmocka_unit_test(network_cards_are_read_with_colons_or_hyphens),
        cmocka_unit_test(clients_get_addresses_where_nobody_known_lives),
        cmocka_unit_test(a_wide_network_gives_a_hundred),
        cmocka_unit_test(a_network_without_room_gives_none),
        cmocka_unit_test(a_portal_elsewhere_needs_a_router),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
