#include "boot/boot_file.h"

#include <string.h>

#include "tests/unit/unit.h"

static struct boot_file file;
static struct fault fault;

static void accepts(const char *text)
{
    if (boot_file_parse(text, &file, &fault) != 0)
        fail_msg("refused: %s", fault.text);
}

static void refuses(const char *text, const char *part)
{
    if (boot_file_parse(text, &file, &fault) == 0)
        fail_msg("'%s' was accepted", text);
    if (!strstr(fault.text, part))
        fail_msg("the line '%s' lacks '%s'", fault.text, part);
}

static void an_empty_file_asks_for_nothing(void **state)
{
    accepts("\n# a comment\n; another\n[section]\n");
    assert_int_equal(file.choice, BOOT_NOT_ASKED);
    assert_string_equal(file.rest, "");
    assert_true(file.facts.is_default);
}

static void it_can_ask_as_the_command_line_does(void **state)
{
    accepts("url = ibft\n");
    assert_int_equal(file.choice, BOOT_IBFT);
    accepts("url=dhcp");
    assert_int_equal(file.choice, BOOT_DHCP);
    accepts("url: iscsi://192.0.2.7/iqn.2026-11.test:a/3\r\n");
    assert_int_equal(file.choice, BOOT_NAMED);
    assert_int_equal(file.facts.lun.lun, 3);
    refuses("\nurl = yes\n", "boot.conf line 2: url: 'yes' is not understood");
}

static void it_can_name_the_lun_in_parts(void **state)
{
    accepts("target = iqn.2026-11.test:a\nlun = 10\nportal = 192.0.2.7\nportal = [::1]:3261\n");
    assert_int_equal(file.choice, BOOT_NAMED);
    assert_int_equal(file.facts.lun.lun, 10);
    assert_int_equal(file.facts.lun.portal_count, 2);
    assert_int_equal(file.facts.lun.portals[1].port, 3261);
    refuses("target = disk\n", "no iSCSI name");
    refuses("lun = x\n", "lun: LUN 'x'");
}

static void who_we_are_is_kept_from_the_other_lines(void **state)
{
    accepts("initiator = iqn.2026-11.test:me\nchap_user = joe\n"
            "chap_secret_file = /etc/holdfast/s\nmutual_chap_user = t\n"
            "mutual_chap_secret_file = /etc/holdfast/m\nname = disk\n");
    assert_string_equal(file.facts.initiator, "iqn.2026-11.test:me");
    assert_string_equal(file.facts.chap.user, "joe");
    assert_string_equal(file.facts.chap.secret_file, "/etc/holdfast/s");
    assert_string_equal(file.facts.chap.mutual_user, "t");
    assert_string_equal(file.facts.chap.mutual_secret_file, "/etc/holdfast/m");
    assert_string_equal(file.name, "disk");
    assert_string_equal(file.rest, "");
    assert_int_equal(file.choice, BOOT_NOT_ASKED);
}

static void other_lines_pass_as_they_stand(void **state)
{
    accepts("journal = /dev/disk/by-partlabel/holdfast\n  memory=64M ; more\nnonsense\n");
    assert_string_equal(file.rest, "journal = /dev/disk/by-partlabel/holdfast\n"
                                   "  memory=64M ; more\nnonsense\n");
    assert_false(boot_file_has(&file, "device"));
    assert_true(boot_file_has(&file, "memory"));
    assert_true(boot_file_has(&file, "nonsense"));
    assert_false(boot_file_has(&file, "mem"));
    assert_string_equal(file.journal, "/dev/disk/by-partlabel/holdfast");
    accepts("name = a;b ; c\njournal = /dev/sda5\t; comment\n");
    assert_string_equal(file.journal, "/dev/sda5");
    assert_string_equal(file.name, "a;b");
    accepts("journal = memory\n");
    assert_string_equal(file.journal, "");
    accepts("device = /dev/nbd3\n");
    assert_true(boot_file_has(&file, "device"));
}

static void nothing_is_cut(void **state)
{
    static char text[BOOT_FILE_BYTES * 2];
    char line[3000] = "memory = ";
    memset(line + 9, '1', 2100);
    refuses(line, "boot.conf line 1: the line is longer");
    for (size_t i = 0; i < BOOT_FILE_BYTES / 8 + 1; i++)
        memcpy(text + i * 8, "abcd=ef\n", 8);
    refuses(text, "longer than");
    char name[200] = "name = ";
    memset(name + 7, 'a', 65);
    refuses(name, "name: longer than 64 bytes");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_file_asks_for_nothing),
        cmocka_unit_test(it_can_ask_as_the_command_line_does),
        cmocka_unit_test(it_can_name_the_lun_in_parts),
        cmocka_unit_test(who_we_are_is_kept_from_the_other_lines),
        cmocka_unit_test(other_lines_pass_as_they_stand),
        cmocka_unit_test(nothing_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
