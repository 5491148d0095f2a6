#include "daemon/url.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/unit.h"

#define IQN "iqn.2026-11.org.example:disk"

static struct url_target target;
static struct fault fault;

static void accepts(const char *text)
{
    fault.text[0] = '\0';
    if (url_parse(text, &target, &fault) != 0)
        fail_msg("'%s' was refused: %s", text, fault.text);
}

/* Refused, and the line contains `part`. */
static void refuses(const char *text, const char *part)
{
    struct url_target before = target;
    if (url_parse(text, &target, &fault) == 0)
        fail_msg("'%s' was accepted", text);
    if (!strstr(fault.text, part))
        fail_msg("'%s': the line '%s' lacks '%s'", text, fault.text, part);
    assert_memory_equal(&before, &target, sizeof target);
}

static void the_plain_form(void **state)
{
    accepts("iscsi://192.0.2.7/" IQN "/1");
    assert_int_equal(target.portal_count, 1);
    assert_string_equal(target.portals[0].host, "192.0.2.7");
    assert_int_equal(target.portals[0].port, 3260);
    assert_string_equal(target.target, IQN);
    assert_true(target.lun_is_given);
    assert_int_equal(target.lun, 1);
    assert_string_equal(target.user, "");
}

static void several_portals_names_and_ports(void **state)
{
    accepts("iscsi://a.example:3261,[2001:db8::1]:3262,[::1],b/" IQN "/0");
    assert_int_equal(target.portal_count, 4);
    assert_string_equal(target.portals[0].host, "a.example");
    assert_int_equal(target.portals[0].port, 3261);
    assert_string_equal(target.portals[1].host, "2001:db8::1");
    assert_int_equal(target.portals[1].port, 3262);
    assert_string_equal(target.portals[2].host, "::1");
    assert_int_equal(target.portals[2].port, 3260);
    assert_string_equal(target.portals[3].host, "b");
}

static void a_link_local_address_keeps_its_scope(void **state)
{
    accepts("iscsi://[fe80::1%25eth0]/" IQN "/0");
    assert_string_equal(target.portals[0].host, "fe80::1%eth0");
}

static void a_user_may_contain_an_at_sign(void **state)
{
    accepts("iscsi://bob@example@192.0.2.7/" IQN "/0");
    assert_string_equal(target.user, "bob@example");
    accepts("iscsi://bob%40example@192.0.2.7/" IQN "/0");
    assert_string_equal(target.user, "bob@example");
}

static void a_secret_in_the_url_is_refused_with_the_mend(void **state)
{
    refuses("iscsi://bob:hunter2hunter2@192.0.2.7/" IQN "/0", "chap_secret_file=PATH");
    refuses("iscsi://bob%hunter2hunter2@192.0.2.7/" IQN "/0", "chap_secret_file=PATH");
    /* Begins like an escape, and is none that a user has to write. */
    refuses("iscsi://bob%deadbeefdead@192.0.2.7/" IQN "/0", "chap_secret_file=PATH");
    assert_null(strstr(fault.text, "deadbeef"));
}

static void escapes_in_the_target(void **state)
{
    accepts("iscsi://h/iqn.2026-11.org.example%3Adisk/0");
    assert_string_equal(target.target, IQN);
    refuses("iscsi://h/iqn.2026-11.org.example%3/0", "two hex digits");
    refuses("iscsi://h/iqn.2026%00-11/0", "control character");
}

static void luns_reach_from_0_to_16383(void **state)
{
    accepts("iscsi://h/" IQN "/16383");
    assert_int_equal(target.lun, 16383);
    refuses("iscsi://h/" IQN "/16384", "the largest is 16383");
    refuses("iscsi://h/" IQN "/-1", "is no number");
    refuses("iscsi://h/" IQN "/ 1", "is no number");
    refuses("iscsi://h/" IQN "/1x", "is no number");
    refuses("iscsi://h/" IQN "/a", "is no number");
    refuses("iscsi://h/" IQN "/99999999999999999999999", "too large");
}

static void what_is_missing_is_named(void **state)
{
    refuses("iscsi://h", "target's name is missing");
    refuses("iscsi://h/", "target's name is missing");
    refuses("iscsi://h/" IQN, "LUN's number is missing");
    refuses("iscsi://h/" IQN "/", "LUN's number is missing");
    refuses("iscsi:///" IQN "/0", "host is missing");
    refuses("iscsi://,a/" IQN "/0", "host is missing");
    refuses("http://h/" IQN "/0", "no iSCSI URL");
    refuses("", "no iSCSI URL");
}

static void broken_parts_are_refused(void **state)
{
    refuses("iscsi://h:0/" IQN "/0", "1 to 65535");
    refuses("iscsi://h:65536/" IQN "/0", "1 to 65535");
    refuses("iscsi://h:/" IQN "/0", "1 to 65535");
    refuses("iscsi://h:12x/" IQN "/0", "1 to 65535");
    refuses("iscsi://[::1/" IQN "/0", "without ']'");
    refuses("iscsi://[host]/" IQN "/0", "no IPv6 address");
    refuses("iscsi://[::1]x/" IQN "/0", "may follow");
    refuses("iscsi://ho st/" IQN "/0", "not allowed in a host");
    refuses("iscsi://h/disk/0", "no iSCSI name");
    refuses("iscsi://h/iqn.a b/0", "not allowed");
    refuses("iscsi://h/" IQN "/0?header_digest", "-o KEY=VALUE");
}

static void bounds_of_lengths_and_counts(void **state)
{
    char url[1200];
    char long_name[400];
    memset(long_name, 'a', sizeof long_name);
    long_name[sizeof long_name - 1] = '\0';
    snprintf(url, sizeof url, "iscsi://h/iqn.%s/0", long_name);
    refuses(url, "longer than 223 bytes");
    snprintf(url, sizeof url, "iscsi://%s/" IQN "/0", long_name);
    refuses(url, "longer than 255 bytes");
    refuses("iscsi://1,2,3,4,5,6,7,8,9/" IQN "/0", "more than 8 portals");
    accepts("iscsi://1,2,3,4,5,6,7,8/" IQN "/0");
}

static void rfc_4173_root_paths(void **state)
{
    accepts("iscsi:192.0.2.7:6:3261:1f:" IQN);
    assert_string_equal(target.portals[0].host, "192.0.2.7");
    assert_int_equal(target.portals[0].port, 3261);
    assert_int_equal(target.lun, 0x1f);
    assert_string_equal(target.target, IQN);
    accepts("iscsi:192.0.2.7::::" IQN);
    assert_int_equal(target.portals[0].port, 3260);
    assert_int_equal(target.lun, 0);
    accepts("iscsi:[2001:db8::1]:6::2:" IQN);
    assert_string_equal(target.portals[0].host, "2001:db8::1");
    assert_int_equal(target.lun, 2);
    refuses("iscsi:192.0.2.7:17:3260:0:" IQN, "protocol is not 6");
    refuses("iscsi:192.0.2.7:6:3260", "lacks a part");
    refuses("iscsi:[::1]x:6:3260:0:" IQN, "lacks a part");
    refuses("iscsi:192.0.2.7:6:3260:8000:" IQN, "too large");
    refuses("iscsi:192.0.2.7:6:3260:04100:" IQN, "too large");
}

static void a_root_path_may_have_its_lun_in_the_flat_form_of_the_wire(void **state)
{
    accepts("iscsi:192.0.2.7:::4100:" IQN);
    assert_int_equal(target.lun, 256);
    accepts("iscsi:192.0.2.7:::7FFF:" IQN);
    assert_int_equal(target.lun, 16383);
    accepts("iscsi:192.0.2.7:::3fff:" IQN);
    assert_int_equal(target.lun, 16383);
}

static void what_is_a_url_and_what_is_a_name(void **state)
{
    assert_true(url_is_url("iscsi://h/x/0"));
    assert_true(url_is_url("ISCSI:h::::x"));
    assert_true(url_is_url("http://x")); /* so that it is refused as a URL */
    assert_false(url_is_url("root"));
    assert_false(url_is_url("iscsi-root"));
}

static void portals_alone(void **state)
{
    struct url_portal portal;
    char text[URL_PORTAL_TEXT_BYTES];
    assert_int_equal(url_parse_portal("2001:db8::1", &portal, &fault), 0);
    url_print_portal(&portal, text, sizeof text);
    assert_string_equal(text, "[2001:db8::1]:3260");
    assert_int_equal(url_parse_portal("host:99", &portal, &fault), 0);
    url_print_portal(&portal, text, sizeof text);
    assert_string_equal(text, "host:99");
    assert_true(url_parse_portal("", &portal, &fault) < 0);
    assert_true(url_parse_portal("a:b:c", &portal, &fault) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_plain_form),
        cmocka_unit_test(several_portals_names_and_ports),
        cmocka_unit_test(a_link_local_address_keeps_its_scope),
        cmocka_unit_test(a_user_may_contain_an_at_sign),
        cmocka_unit_test(a_secret_in_the_url_is_refused_with_the_mend),
        cmocka_unit_test(escapes_in_the_target),
        cmocka_unit_test(luns_reach_from_0_to_16383),
        cmocka_unit_test(what_is_missing_is_named),
        cmocka_unit_test(broken_parts_are_refused),
        cmocka_unit_test(bounds_of_lengths_and_counts),
        cmocka_unit_test(rfc_4173_root_paths),
        cmocka_unit_test(a_root_path_may_have_its_lun_in_the_flat_form_of_the_wire),
        cmocka_unit_test(what_is_a_url_and_what_is_a_name),
        cmocka_unit_test(portals_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
