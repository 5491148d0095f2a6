#include "boot/kernel_command_line.h"

#include <string.h>

#include "tests/unit/unit.h"

#define IQN "iqn.2026-11.org.example:disk"

static struct kernel_command_line line;
static struct fault fault;

static void accepts(const char *text)
{
    if (kernel_command_line_parse(text, &line, &fault) != 0)
        fail_msg("'%s' was refused: %s", text, fault.text);
}

static void refuses(const char *text, const char *part)
{
    if (kernel_command_line_parse(text, &line, &fault) == 0)
        fail_msg("'%s' was accepted", text);
    if (!strstr(fault.text, part))
        fail_msg("'%s': the line '%s' lacks '%s'", text, fault.text, part);
    if (strncmp(fault.text, "kernel command line: ", 21) != 0)
        fail_msg("'%s' does not say where", fault.text);
}

static void a_line_that_does_not_ask(void **state)
{
    accepts("BOOT_IMAGE=/vmlinuz root=UUID=1-2 ro quiet ip=dhcp\n");
    assert_int_equal(line.choice, BOOT_NOT_ASKED);
    assert_true(line.has_root);
    assert_string_equal(line.ip, "dhcp");
    accepts("");
    assert_int_equal(line.choice, BOOT_NOT_ASKED);
    assert_false(line.has_root);
}

static void the_words_of_holdfast(void **state)
{
    accepts("holdfast=ibft");
    assert_int_equal(line.choice, BOOT_IBFT);
    accepts("quiet holdfast=dhcp ro");
    assert_int_equal(line.choice, BOOT_DHCP);
    accepts("holdfast=no");
    assert_int_equal(line.choice, BOOT_OFF);
    accepts("holdfast=iscsi:192.0.2.7:::1:" IQN);
    assert_int_equal(line.choice, BOOT_NAMED);
    assert_string_equal(line.holdfast.lun.target, IQN);
    accepts("holdfast=iscsi://joe@192.0.2.7:3261/" IQN "/5");
    assert_int_equal(line.holdfast.lun.lun, 5);
    assert_string_equal(line.holdfast.chap.user, "joe");
    refuses("holdfast=yes", "'yes' is not understood");
    refuses("holdfast=iscsi:joe:secret@h::::" IQN, "everybody");
}

static void of_a_word_given_twice_the_last_counts(void **state)
{
    accepts("holdfast=ibft holdfast=dhcp");
    assert_int_equal(line.choice, BOOT_DHCP);
    accepts("ISCSI_INITIATOR=iqn.2026-11.a:1 iscsi_initiator=iqn.2026-11.a:2");
    assert_string_equal(line.variables.initiator, "iqn.2026-11.a:2");
}

static void netroot_of_ours(void **state)
{
    accepts("netroot=holdfast:ibft");
    assert_int_equal(line.choice, BOOT_IBFT);
    accepts("root=/dev/nbd0 netroot=holdfast:iscsi://192.0.2.7/" IQN "/1");
    assert_int_equal(line.choice, BOOT_NAMED);
    assert_int_equal(line.holdfast.lun.lun, 1);
    assert_true(line.has_root);
}

static void variables_in_both_cases(void **state)
{
    accepts("ISCSI_INITIATOR=iqn.2026-11.test:me ISCSI_TARGET_NAME=" IQN
            " ISCSI_TARGET_IP=192.0.2.7 ISCSI_TARGET_PORT=3261 ISCSI_TARGET_GROUP=1 "
            "ISCSI_TARGET_LUN=12 ISCSI_USERNAME=joe");
    assert_int_equal(line.choice, BOOT_NAMED);
    assert_string_equal(line.variables.initiator, "iqn.2026-11.test:me");
    assert_string_equal(line.variables.lun.target, IQN);
    assert_string_equal(line.variables.lun.portals[0].host, "192.0.2.7");
    assert_int_equal(line.variables.lun.portals[0].port, 3261);
    assert_int_equal(line.variables.lun.lun, 12);
    assert_string_equal(line.variables.chap.user, "joe");
    assert_false(line.has_secret);
    accepts("iscsi_target_name=" IQN " iscsi_target_ip=192.0.2.7");
    assert_int_equal(line.choice, BOOT_NAMED);
    assert_false(line.variables.lun.lun_is_given);
    assert_int_equal(line.variables.lun.portals[0].port, 3260);
}

static void secrets_are_taken_and_noted(void **state)
{
    accepts("ISCSI_USERNAME=joe ISCSI_PASSWORD=s1 ISCSI_IN_USERNAME=tgt ISCSI_IN_PASSWORD=s2");
    assert_string_equal(line.variables.chap.secret, "s1");
    assert_string_equal(line.variables.chap.mutual_user, "tgt");
    assert_string_equal(line.variables.chap.mutual_secret, "s2");
    assert_true(line.has_secret);
    accepts("rd.iscsi.in.password=x");
    assert_true(line.has_secret);
}

static void several_addresses(void **state)
{
    accepts("ISCSI_TARGET_IP=\"192.0.2.7 [2001:db8::1]:3262\" ISCSI_TARGET_PORT=3261");
    assert_int_equal(line.variables.lun.portal_count, 2);
    assert_int_equal(line.variables.lun.portals[0].port, 3261);
    assert_string_equal(line.variables.lun.portals[1].host, "2001:db8::1");
    assert_int_equal(line.variables.lun.portals[1].port, 3262);
    refuses("ISCSI_TARGET_IP=1,2,3,4,5,6,7,8,9", "more than 8");
    refuses("ISCSI_TARGET_IP=192.0.2.7 ISCSI_TARGET_PORT=0", "port");
}

static void quotes_as_the_kernel_has_them(void **state)
{
    accepts("\"holdfast=ibft\" foo=\"a holdfast=dhcp b\" quiet");
    assert_int_equal(line.choice, BOOT_IBFT);
    accepts("foo=\"unclosed holdfast=dhcp");
    assert_int_equal(line.choice, BOOT_NOT_ASKED);
}

static void netroot_and_root_of_dracut_and_open_iscsi(void **state)
{
    accepts("netroot=iscsi:joe:s3cret@192.0.2.7::3261:2:" IQN
            " rd.iscsi.initiator=iqn.2026-11.a:b");
    assert_int_equal(line.choice, BOOT_NAMED);
    assert_string_equal(line.netroot.lun.target, IQN);
    assert_int_equal(line.netroot.lun.lun, 2);
    assert_string_equal(line.netroot.chap.user, "joe");
    assert_true(line.has_secret);
    assert_string_equal(line.netroot.initiator, "iqn.2026-11.a:b");
    accepts("root=iscsi:192.0.2.7::::" IQN);
    assert_int_equal(line.choice, BOOT_NAMED);
    assert_false(line.has_root);
    accepts("root=iscsi:192.0.2.7::::" IQN " root=LABEL=x");
    assert_true(line.has_root);
}

static void netroot_given_again_is_another_portal(void **state)
{
    accepts("netroot=iscsi:192.0.2.7:::1:" IQN " netroot=iscsi:192.0.2.8:::1:" IQN);
    assert_int_equal(line.netroot.lun.portal_count, 2);
    assert_string_equal(line.netroot.lun.portals[1].host, "192.0.2.8");
    refuses("netroot=iscsi:192.0.2.7:::1:" IQN " netroot=iscsi:192.0.2.8:::2:" IQN,
            "LUN 2 of " IQN " is not LUN 1");
}

static void a_lun_with_two_readings_is_refused(void **state)
{
    refuses("netroot=iscsi:192.0.2.7:::10:" IQN, "hexadecimal by RFC 4173 and decimal by dracut");
    accepts("holdfast=iscsi:192.0.2.7:::10:" IQN);
    assert_int_equal(line.holdfast.lun.lun, 16);
}

static void words_that_mean_the_ibft(void **state)
{
    accepts("rd.iscsi.firmware=1");
    assert_int_equal(line.choice, BOOT_IBFT);
    accepts("iscsi_firmware");
    assert_int_equal(line.choice, BOOT_IBFT);
    accepts("ISCSI_AUTO=true");
    assert_int_equal(line.choice, BOOT_IBFT);
    accepts("rd.iscsi.firmware=0");
    assert_int_equal(line.choice, BOOT_NOT_ASKED);
    accepts("rd.iscsi.firmware=1 iscsi_target_name=" IQN);
    assert_int_equal(line.choice, BOOT_NAMED);
}

static void rd_iscsi_stands_above_netroot(void **state)
{
    accepts("netroot=iscsi:joe:s@h::::" IQN " rd.iscsi.username=jim rd.iscsi.password=t");
    assert_string_equal(line.netroot.chap.user, "jim");
    assert_string_equal(line.netroot.chap.secret, "t");
}

static void what_can_be_left_out(void **state)
{
    accepts("holdfast.ignore=ibft");
    assert_true(line.ignores_ibft);
    assert_false(line.ignores_dhcp);
    accepts("holdfast.ignore=dhcp,ibft holdfast.timeout=10m");
    assert_true(line.ignores_ibft && line.ignores_dhcp);
    assert_string_equal(line.timeout, "10m");
    refuses("holdfast.ignore=dns", "only ibft and dhcp");
}

static void names_that_are_none(void **state)
{
    refuses("ISCSI_INITIATOR=me", "is no iSCSI name");
    refuses("ISCSI_TARGET_NAME=disk", "is no iSCSI name");
    refuses("ISCSI_LUN=x", "LUN 'x' is no number");
}

static void a_long_word_is_not_cut(void **state)
{
    char text[5000] = "holdfast=iscsi://";
    memset(text + 17, 'a', 600);
    strcpy(text + 617, "/" IQN "/1");
    refuses(text, "longer than 511 bytes");
    char other[6000] = "other=";
    memset(other + 6, 'a', 5000);
    strcpy(other + 5006, " holdfast=ibft");
    accepts(other);
    assert_int_equal(line.choice, BOOT_IBFT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_that_does_not_ask),
        cmocka_unit_test(the_words_of_holdfast),
        cmocka_unit_test(of_a_word_given_twice_the_last_counts),
        cmocka_unit_test(netroot_of_ours),
        cmocka_unit_test(variables_in_both_cases),
        cmocka_unit_test(secrets_are_taken_and_noted),
        cmocka_unit_test(several_addresses),
        cmocka_unit_test(quotes_as_the_kernel_has_them),
        cmocka_unit_test(netroot_and_root_of_dracut_and_open_iscsi),
        cmocka_unit_test(netroot_given_again_is_another_portal),
        cmocka_unit_test(a_lun_with_two_readings_is_refused),
        cmocka_unit_test(words_that_mean_the_ibft),
        cmocka_unit_test(rd_iscsi_stands_above_netroot),
        cmocka_unit_test(what_can_be_left_out),
        cmocka_unit_test(names_that_are_none),
        cmocka_unit_test(a_long_word_is_not_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
