#include "tests/unit/boot/plan.h"

static void the_firmware_gets_ipxe_and_ipxe_the_script(void **state)
{
    write_plan(netboot_dnsmasq, &example);
    has("\ndhcp-boot=tag:machine,tag:!ipxe,tag:bios,undionly.kpxe\n");
    has("\ndhcp-boot=tag:machine,tag:!ipxe,tag:efi64,snponly.efi\n");
    has("\ndhcp-boot=tag:machine,tag:ipxe,boot.ipxe\n");
    has("\ntftp-root=/srv/boot/tftp\n");
}

static void the_others_get_the_root_path_and_all_the_name(void **state)
{
    write_plan(netboot_dnsmasq, &example);
    has("\ndhcp-option=tag:machine,tag:!ipxe,option:root-path,\"" EXAMPLE_PATH "\"\n");
    has("\ndhcp-option=tag:machine,203,\"iqn.2026-11.org.holdfast:root\"\n");
}

static void one_machine_alone_gets_the_lun(void **state)
{
    struct netboot_plan plan = example;
    write_plan(netboot_dnsmasq, &plan);
    has("\ndhcp-host=52:54:00:aa:bb:01,set:machine,10.77.0.128,infinite\n");
    plan.mac = NULL;
    write_plan(netboot_dnsmasq, &plan);
    lacks("tag:machine");
    lacks("dhcp-host");
    has("# ANY machine");
    has("\ndhcp-boot=tag:!ipxe,tag:bios,undionly.kpxe\n");
}

static void the_network_is_that_of_the_plan(void **state)
{
    struct netboot_plan plan = example;
    write_plan(netboot_dnsmasq, &plan);
    has("\ninterface=eth1\n");
    has("\ndhcp-range=10.77.0.128,10.77.0.191,255.255.255.0,infinite\n");
    has("\ndhcp-option=option:router\n");
    plan.interface = NULL;
    plan.router = 0x0a4d00fe;
    write_plan(netboot_dnsmasq, &plan);
    lacks("interface=");
    has("\ndhcp-option=option:router,10.77.0.254\n");
}

static void secrets_are_asked_for_not_told(void **state)
{
    struct netboot_plan plan = with_chap(example);
    write_plan(netboot_dnsmasq, &plan);
    has("\ndhcp-boot=tag:machine,tag:ipxe,login.ipxe\n");
    lacks(SECRET);
    lacks("mutualsecret");
    lacks("joe");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_firmware_gets_ipxe_and_ipxe_the_script),
        cmocka_unit_test(the_others_get_the_root_path_and_all_the_name),
        cmocka_unit_test(one_machine_alone_gets_the_lun),
        cmocka_unit_test(the_network_is_that_of_the_plan),
        cmocka_unit_test(secrets_are_asked_for_not_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
