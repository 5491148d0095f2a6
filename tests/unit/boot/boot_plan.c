#include "boot/boot_plan.h"

#include <string.h>

#include "tests/unit/boot/table.h"
#include "tests/unit/unit.h"

#define OTHER "iqn.2026-11.test:other"

static struct boot_found found;
static struct boot_parameters result;
static struct fault fault;
static char conf[32768];

/* A machine that iPXE booted, with that command line. */
static void machine(const char *line)
{
    struct table_bytes table;
    static const struct boot_found nothing;
    found = nothing;
    table_load(&table, "ibft-efi-virtio-chap.bin");
    assert_int_equal(ibft_parse(table.at, table.bytes, &found.ibft, &fault), 0);
    found.has_ibft = true;
    boot_file_init(&found.file);
    found.dhcp.source = "DHCP's root path";
    fault_set(&found.dhcp_fault, 0, "no lease");
    if (kernel_command_line_parse(line, &found.line, &fault) != 0)
        fail_msg("%s", fault.text);
}

static void add_dhcp(const char *target)
{
    found.has_dhcp = true;
    strcpy(found.dhcp.lun.target, target);
    strcpy(found.dhcp.lun.portals[0].host, "10.0.2.9");
    found.dhcp.lun.portal_count = 1;
}

static void resolves(const char *target, const char *from)
{
    if (boot_plan_resolve(&found, &result, &fault) != 0)
        fail_msg("refused: %s", fault.text);
    assert_string_equal(result.lun.target, target);
    assert_string_equal(result.lun_from, from);
}

static void refuses(const char *part)
{
    if (boot_plan_resolve(&found, &result, &fault) == 0)
        fail_msg("accepted; expected: %s", part);
    if (!strstr(fault.text, part))
        fail_msg("the line '%s' lacks '%s'", fault.text, part);
}

static void the_ibft_when_it_is_asked_for(void **state)
{
    machine("holdfast=ibft");
    resolves("iqn.2026-11.test:chap", "the iBFT");
    assert_string_equal(result.chap.secret, "secretsecret12");
    found.has_ibft = false;
    fault_set(&found.ibft_fault, 0, "this machine has no iBFT");
    refuses("the iBFT is asked for: this machine has no iBFT");
    found.has_ibft = true;
    found.ibft.target_count = 0;
    refuses("the iBFT is asked for: the iBFT names no target");
}

static void a_clone_that_names_the_other_machines_lun_is_refused(void **state)
{
    machine("holdfast=iscsi://10.0.2.2/" OTHER "/1");
    refuses("holdfast= on the kernel command line says '" OTHER "'");
    machine("holdfast=iscsi://10.0.2.2/" OTHER "/1 holdfast.ignore=ibft");
    resolves(OTHER, "holdfast= on the kernel command line");
    assert_string_equal(result.chap.user, "");
}

static void a_choice_does_not_look_at_the_other_source(void **state)
{
    machine("holdfast=ibft");
    add_dhcp(OTHER);
    resolves("iqn.2026-11.test:chap", "the iBFT");
    machine("holdfast=dhcp");
    add_dhcp(OTHER);
    resolves(OTHER, "DHCP's root path");
    found.has_dhcp = false;
    refuses("DHCP's root path is asked for: no lease");
}

static void without_a_choice_both_have_to_agree(void **state)
{
    machine("iscsi_target_name=iqn.2026-11.test:chap");
    add_dhcp("iqn.2026-11.test:chap");
    resolves("iqn.2026-11.test:chap", "ISCSI_... on the kernel command line");
    assert_string_equal(result.portals_from, "the iBFT");
    add_dhcp(OTHER);
    refuses("DHCP's root path says '" OTHER "'");
    found.line.ignores_dhcp = true;
    resolves("iqn.2026-11.test:chap", "ISCSI_... on the kernel command line");
}

static void the_file_can_ask(void **state)
{
    machine("quiet");
    assert_int_equal(boot_plan_choice(&found), BOOT_NOT_ASKED);
    found.file.choice = BOOT_IBFT;
    assert_int_equal(boot_plan_choice(&found), BOOT_IBFT);
    machine("holdfast=no");
    found.file.choice = BOOT_IBFT;
    assert_int_equal(boot_plan_choice(&found), BOOT_OFF);
}

static void the_machines_own_initiator_is_the_last_resort(void **state)
{
    machine("holdfast=ibft");
    found.machine.is_default = true;
    strcpy(found.machine.initiator, "iqn.2026-11.test:uuid");
    resolves("iqn.2026-11.test:chap", "the iBFT");
    assert_string_equal(result.initiator, "iqn.2026-11.test:guest1");
    found.ibft.initiator[0] = '\0';
    resolves("iqn.2026-11.test:chap", "the iBFT");
    assert_string_equal(result.initiator, "iqn.2026-11.test:uuid");
}

static void a_person_in_the_emergency_shell_has_the_last_word(void **state)
{
    machine("netroot=iscsi:10.0.2.8::::iqn.2026-11.test:netroot holdfast=ibft");
    add_dhcp("iqn.2026-11.test:dhcp");
    assert_int_equal(boot_plan_take_word(&found, "iscsi://10.0.2.9/" OTHER "/4", &fault), 0);
    resolves(OTHER, "the word given to `holdfast boot`");
    assert_int_equal(result.lun.lun, 4);
    assert_string_equal(result.lun.portals[0].host, "10.0.2.9");
    assert_string_equal(result.chap.user, "");
    assert_int_equal(boot_plan_take_word(&found, "ibft", &fault), 0);
    resolves("iqn.2026-11.test:chap", "the iBFT");
    assert_int_equal(boot_plan_take_word(&found, "dhcp", &fault), 0);
    resolves("iqn.2026-11.test:dhcp", "DHCP's root path");
    assert_int_not_equal(boot_plan_take_word(&found, "what", &fault), 0);
}

static int print(const char *secret)
{
    const struct boot_secret_paths paths = {secret, ""};
    assert_int_equal(boot_plan_resolve(&found, &result, &fault), 0);
    return boot_plan_print_conf(&found, &result, &paths, conf, sizeof conf, &fault);
}

static void the_configuration_has_no_secret_in_it(void **state)
{
    machine("holdfast=ibft");
    strcpy(found.file.rest, "memory = 64M\n");
    assert_int_equal(print("/run/holdfast/root.secret"), 0);
    assert_null(strstr(conf, "secretsecret12"));
    assert_non_null(strstr(conf, "\nchap_user = joe\n"));
    assert_non_null(strstr(conf, "\nchap_secret_file = /run/holdfast/root.secret\n"));
    assert_non_null(strstr(conf, "\ntarget = iqn.2026-11.test:chap\nlun = 1\n"));
    assert_non_null(strstr(conf, "\nportal = 10.0.2.2:3291\n"));
    assert_non_null(strstr(conf, "\ninitiator = iqn.2026-11.test:guest1\n"));
    assert_non_null(strstr(conf, "\ndevice = nbd\nsupervise = yes\nroot = yes\n"));
    assert_non_null(strstr(conf, "\nmemory = 64M\n"));
}

static void what_the_file_says_is_not_given_twice(void **state)
{
    machine("holdfast=ibft");
    strcpy(found.file.rest, "device = /dev/nbd3\nsupervise = no\n");
    assert_int_equal(print("/s"), 0);
    assert_null(strstr(conf, "device = nbd\n"));
    assert_null(strstr(conf, "supervise = yes\n"));
}

static void a_user_cannot_write_further_lines(void **state)
{
    machine("holdfast=ibft");
    strcpy(found.ibft.targets[0].chap.user, "joe ; comment");
    assert_int_not_equal(print("/s"), 0);
    assert_non_null(strstr(fault.text, "cannot carry"));
}

static void a_configuration_that_does_not_fit_is_refused(void **state)
{
    const struct boot_secret_paths paths = {"/s", ""};
    machine("holdfast=ibft");
    assert_int_equal(boot_plan_resolve(&found, &result, &fault), 0);
    assert_int_not_equal(boot_plan_print_conf(&found, &result, &paths, conf, 100, &fault), 0);
    assert_non_null(strstr(fault.text, "too long"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_ibft_when_it_is_asked_for),
        cmocka_unit_test(a_clone_that_names_the_other_machines_lun_is_refused),
        cmocka_unit_test(a_choice_does_not_look_at_the_other_source),
        cmocka_unit_test(without_a_choice_both_have_to_agree),
        cmocka_unit_test(the_file_can_ask),
        cmocka_unit_test(the_machines_own_initiator_is_the_last_resort),
        cmocka_unit_test(a_person_in_the_emergency_shell_has_the_last_word),
        cmocka_unit_test(the_configuration_has_no_secret_in_it),
        cmocka_unit_test(what_the_file_says_is_not_given_twice),
        cmocka_unit_test(a_user_cannot_write_further_lines),
        cmocka_unit_test(a_configuration_that_does_not_fit_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
