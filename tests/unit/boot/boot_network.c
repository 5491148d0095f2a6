#include "boot/boot_network.h"

#include <string.h>

#include "tests/unit/unit.h"

static struct ibft_nic nic;
static char text[BOOT_NETWORK_BYTES];

static int a_nic(void **state)
{
    nic = (struct ibft_nic){.address = "10.0.2.15",
                            .prefix = 24,
                            .origin = IBFT_ORIGIN_MANUAL,
                            .gateway = "10.0.2.2",
                            .dns = {"10.0.2.3", "10.0.2.4"},
                            .mac = {0x52, 0x54, 0, 0x12, 0x34, 0xab},
                            .hostname = "my-host.example"};
    return 0;
}

static void ipv4_as_the_kernels_ip_parameter(void **state)
{
    boot_network_print(&nic, text, sizeof text);
    assert_string_equal(text, "HOLDFAST_BOOTIF='01-52-54-00-12-34-ab'\n"
                              "HOLDFAST_IP='10.0.2.15::10.0.2.2:255.255.255.0:my-host.example::off:"
                              "10.0.2.3:10.0.2.4'\n");
}

static void what_is_missing_is_left_empty(void **state)
{
    *nic.gateway = *nic.dns[0] = *nic.dns[1] = *nic.hostname = '\0';
    nic.prefix = 0;
    boot_network_print(&nic, text, sizeof text);
    assert_non_null(strstr(text, "HOLDFAST_IP='10.0.2.15:::0.0.0.0:::off'\n"));
    *nic.address = '\0';
    boot_network_print(&nic, text, sizeof text);
    assert_string_equal(text, "HOLDFAST_BOOTIF='01-52-54-00-12-34-ab'\n");
}

static void masks_of_all_lengths(void **state)
{
    nic.prefix = 32;
    boot_network_print(&nic, text, sizeof text);
    assert_non_null(strstr(text, ":255.255.255.255:"));
    nic.prefix = 17;
    boot_network_print(&nic, text, sizeof text);
    assert_non_null(strstr(text, ":255.255.128.0:"));
}

static void ipv6_a_vlan_and_a_lease(void **state)
{
    strcpy(nic.address, "2001:db8::2");
    strcpy(nic.gateway, "2001:db8::1");
    nic.prefix = 64;
    nic.vlan = 5;
    nic.origin = IBFT_ORIGIN_DHCP;
    boot_network_print(&nic, text, sizeof text);
    assert_string_equal(text, "HOLDFAST_BOOTIF='01-52-54-00-12-34-ab'\n"
                              "HOLDFAST_IP6='2001:db8::2/64'\nHOLDFAST_GATEWAY6='2001:db8::1'\n"
                              "HOLDFAST_VLAN='5'\nHOLDFAST_DHCP='yes'\n");
}

static void a_name_cannot_break_out_of_its_quotes(void **state)
{
    strcpy(nic.hostname, "'; reboot; '");
    boot_network_print(&nic, text, sizeof text);
    assert_null(strstr(text, "reboot"));
    strcpy(nic.hostname, "a:b");
    boot_network_print(&nic, text, sizeof text);
    assert_null(strstr(text, "a:b"));
}

static void ipv6_has_no_room_between_the_colons(void **state)
{
    strcpy(nic.gateway, "2001:db8::1");
    strcpy(nic.dns[0], "2001:db8::3");
    boot_network_print(&nic, text, sizeof text);
    assert_null(strstr(text, "2001"));
    assert_non_null(strstr(text, "::off:10.0.2.4'"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(ipv4_as_the_kernels_ip_parameter, a_nic),
        cmocka_unit_test_setup(what_is_missing_is_left_empty, a_nic),
        cmocka_unit_test_setup(masks_of_all_lengths, a_nic),
        cmocka_unit_test_setup(ipv6_a_vlan_and_a_lease, a_nic),
        cmocka_unit_test_setup(a_name_cannot_break_out_of_its_quotes, a_nic),
        cmocka_unit_test_setup(ipv6_has_no_room_between_the_colons, a_nic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
