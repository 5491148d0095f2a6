#include "boot/root_path.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/unit.h"

#define IQN "iqn.2026-11.org.example:disk"

static struct boot_facts facts;
static struct fault fault;

static void accepts(const char *text, enum root_path_form form)
{
    memset(&facts, 0, sizeof facts);
    if (root_path_parse(text, form, &facts, &fault) != 0)
        fail_msg("'%s' was refused: %s", text, fault.text);
}

static void refuses(const char *text, enum root_path_form form, const char *part)
{
    struct boot_facts before = facts;
    if (root_path_parse(text, form, &facts, &fault) == 0)
        fail_msg("'%s' was accepted", text);
    if (!strstr(fault.text, part))
        fail_msg("'%s': the line '%s' lacks '%s'", text, fault.text, part);
    assert_memory_equal(&before, &facts, sizeof facts);
}

static void all_fields(void **state)
{
    accepts("iscsi:192.0.2.7:6:3261:2:" IQN, ROOT_PATH_RFC4173);
    assert_string_equal(facts.lun.portals[0].host, "192.0.2.7");
    assert_int_equal(facts.lun.portals[0].port, 3261);
    assert_int_equal(facts.lun.lun, 2);
    assert_true(facts.lun.lun_is_given);
    assert_string_equal(facts.lun.target, IQN);
}

static void empty_fields(void **state)
{
    accepts("iscsi:san.example::::" IQN, ROOT_PATH_RFC4173);
    assert_string_equal(facts.lun.portals[0].host, "san.example");
    assert_int_equal(facts.lun.portals[0].port, 3260);
    assert_int_equal(facts.lun.lun, 0);
    assert_true(facts.lun.lun_is_given);
}

static void an_empty_server_is_left_open(void **state)
{
    accepts("iscsi::::1:" IQN, ROOT_PATH_RFC4173);
    assert_string_equal(facts.lun.portals[0].host, "");
    assert_int_equal(facts.lun.portal_count, 1);
    assert_int_equal(facts.lun.lun, 1);
}

static void ipv6_in_brackets(void **state)
{
    accepts("iscsi:[2001:db8::1]:::1:" IQN, ROOT_PATH_RFC4173);
    assert_string_equal(facts.lun.portals[0].host, "2001:db8::1");
    accepts("iscsi:[2001:db8::1]:6:3261:1:" IQN, ROOT_PATH_RFC4173);
    assert_int_equal(facts.lun.portals[0].port, 3261);
    refuses("iscsi:2001:db8::1:::1:" IQN, ROOT_PATH_RFC4173, "a part too many");
    refuses("iscsi:[2001:db8::1:::1:" IQN, ROOT_PATH_RFC4173, "a part too few");
    refuses("iscsi:[2001:db8::1]x:::1:" IQN, ROOT_PATH_RFC4173, "a part too few");
}

static void a_target_may_contain_everything(void **state)
{
    accepts("iscsi:h::::iqn.2026-11.test:a:b::iqn.c", ROOT_PATH_RFC4173);
    assert_string_equal(facts.lun.target, "iqn.2026-11.test:a:b::iqn.c");
    accepts("iscsi:h::::eui.02004567A425678D", ROOT_PATH_RFC4173);
    accepts("iscsi:h::::naa.52004567BA64678D", ROOT_PATH_RFC4173);
    accepts("ISCSI:h::::IQN.2026-11.test:A", ROOT_PATH_RFC4173);
}

static void the_lun_is_hexadecimal_in_up_to_four_groups(void **state)
{
    static const struct {
        const char *text;
        uint32_t lun;
    } rows[] = {{"", 0},       {"0", 0},        {"a", 10},         {"10", 16},
                {"fF", 255},   {"100", 256},    {"3fff", 16383},   {"1-0-0-0", 1},
                {"0001-0", 1}, {"4123", 0x123}, {"4001-0-0-0", 1}, {"0001-0000-0000-0000", 1}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char path[128];
        snprintf(path, sizeof path, "iscsi:h:::%s:" IQN, rows[i].text);
        accepts(path, ROOT_PATH_RFC4173);
        assert_int_equal(facts.lun.lun, rows[i].lun);
    }
}

static void luns_that_are_none(void **state)
{
    refuses("iscsi:h:::g:" IQN, ROOT_PATH_RFC4173, "not hexadecimal");
    refuses("iscsi:h:::-1:" IQN, ROOT_PATH_RFC4173, "not hexadecimal");
    refuses("iscsi:h:::1-:" IQN, ROOT_PATH_RFC4173, "not hexadecimal");
    refuses("iscsi:h::: 1:" IQN, ROOT_PATH_RFC4173, "not hexadecimal");
    refuses("iscsi:h:::0x1:" IQN, ROOT_PATH_RFC4173, "not hexadecimal");
    refuses("iscsi:h:::12345:" IQN, ROOT_PATH_RFC4173, "not hexadecimal");
    refuses("iscsi:h:::1-0-0-0-0:" IQN, ROOT_PATH_RFC4173, "not hexadecimal");
    refuses("iscsi:h:::1-7:" IQN, ROOT_PATH_RFC4173, "second level");
    refuses("iscsi:h:::c001:" IQN, ROOT_PATH_RFC4173, "flat");
}

static void what_is_no_root_path(void **state)
{
    refuses("nfs:host:/path", ROOT_PATH_RFC4173, "names no target");
    refuses("iscsi:192.0.2.7", ROOT_PATH_RFC4173, "names no target");
    refuses("iscsi://192.0.2.7/" IQN "/1", ROOT_PATH_RFC4173, "names no target");
    refuses("iscsi:" IQN, ROOT_PATH_RFC4173, "too few");
    refuses("iscsi:h:" IQN, ROOT_PATH_RFC4173, "too few");
    refuses("iscsi:h:17:::" IQN, ROOT_PATH_RFC4173, "not 6");
    refuses("iscsi:h::0::" IQN, ROOT_PATH_RFC4173, "port");
    refuses("iscsi:h::65536::" IQN, ROOT_PATH_RFC4173, "port");
    refuses("iscsi:h::::iqn.2026-11.test:<x>", ROOT_PATH_RFC4173, "not allowed");
    assert_false(root_path_is_one("iscsi://x"));
    assert_true(root_path_is_one("iscsi:"));
}

static void dracut_writes_credentials(void **state)
{
    accepts("iscsi:joe:secretsecret@192.0.2.7::::" IQN, ROOT_PATH_DRACUT);
    assert_string_equal(facts.chap.user, "joe");
    assert_string_equal(facts.chap.secret, "secretsecret");
    assert_string_equal(facts.chap.mutual_user, "");
    accepts("iscsi:joe:s1:tgt:s2@192.0.2.7:::1:" IQN, ROOT_PATH_DRACUT);
    assert_string_equal(facts.chap.mutual_user, "tgt");
    assert_string_equal(facts.chap.mutual_secret, "s2");
    accepts("iscsi:@192.0.2.7::3260::iqn.2009-01.com.example:testdisk", ROOT_PATH_DRACUT);
    assert_string_equal(facts.chap.user, "");
    refuses("iscsi:a:b:c:d:e@192.0.2.7::::" IQN, ROOT_PATH_DRACUT, "more than");
    refuses("iscsi:joe:secret@192.0.2.7::::" IQN, ROOT_PATH_RFC4173, "read by everybody");
}

static void dracut_names_interfaces(void **state)
{
    accepts("iscsi:192.0.2.7:::default:eth0:3:" IQN, ROOT_PATH_DRACUT);
    assert_int_equal(facts.lun.lun, 3);
    accepts("iscsi:192.0.2.7:::eth0:3:" IQN, ROOT_PATH_DRACUT);
    assert_int_equal(facts.lun.lun, 3);
    refuses("iscsi:192.0.2.7:::default:eth0:3:" IQN, ROOT_PATH_RFC4173, "too many");
    refuses("iscsi:192.0.2.7:::a:b:c:3:" IQN, ROOT_PATH_DRACUT, "too many");
}

static void a_lun_with_two_readings_is_marked(void **state)
{
    accepts("iscsi:h:::9:" IQN, ROOT_PATH_DRACUT);
    assert_false(facts.lun_may_be_decimal);
    accepts("iscsi:h:::10:" IQN, ROOT_PATH_DRACUT);
    assert_true(facts.lun_may_be_decimal);
    accepts("iscsi:h:::a:" IQN, ROOT_PATH_DRACUT);
    assert_false(facts.lun_may_be_decimal);
    accepts("iscsi:h:::10:" IQN, ROOT_PATH_RFC4173);
    assert_false(facts.lun_may_be_decimal);
}

static void a_long_text_is_not_cut(void **state)
{
    char path[2048] = "iscsi:";
    memset(path + 6, 'h', 300);
    strcpy(path + 306, "::::" IQN);
    refuses(path, ROOT_PATH_RFC4173, "too long");
    memset(path + 6, 'h', 1100);
    strcpy(path + 1106, "::::" IQN);
    refuses(path, ROOT_PATH_RFC4173, "longer than");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_fields),
        cmocka_unit_test(empty_fields),
        cmocka_unit_test(an_empty_server_is_left_open),
        cmocka_unit_test(ipv6_in_brackets),
        cmocka_unit_test(a_target_may_contain_everything),
        cmocka_unit_test(the_lun_is_hexadecimal_in_up_to_four_groups),
        cmocka_unit_test(luns_that_are_none),
        cmocka_unit_test(what_is_no_root_path),
        cmocka_unit_test(dracut_writes_credentials),
        cmocka_unit_test(dracut_names_interfaces),
        cmocka_unit_test(a_lun_with_two_readings_is_marked),
        cmocka_unit_test(a_long_text_is_not_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
