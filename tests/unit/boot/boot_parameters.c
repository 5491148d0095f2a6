#include "boot/boot_parameters.h"

#include <string.h>

#include "tests/unit/unit.h"

#define A "iqn.2026-11.test:a"
#define B "iqn.2026-11.test:b"

static struct boot_facts line, ibft, dhcp, file;
static struct boot_parameters result;
static struct fault fault;

static void say_lun(struct boot_facts *facts, const char *target, int lun, const char *host)
{
    strcpy(facts->lun.target, target);
    facts->lun.lun_is_given = lun >= 0;
    facts->lun.lun = lun >= 0 ? (uint32_t)lun : 0;
    facts->lun.portal_count = host ? 1 : 0;
    if (host)
        strcpy(facts->lun.portals[0].host, host);
}

static int silence(void **state)
{
    line = (struct boot_facts){.source = "the line"};
    ibft = (struct boot_facts){.source = "the iBFT"};
    dhcp = (struct boot_facts){.source = "DHCP"};
    file = (struct boot_facts){.source = "the file", .is_default = true};
    return 0;
}

static int merge(void)
{
    const struct boot_facts *const sources[] = {&line, &ibft, &dhcp, &file};
    return boot_parameters_merge(sources, 4, &result, &fault);
}

static void agrees(void)
{
    if (merge() != 0)
        fail_msg("refused: %s", fault.text);
}

static void refuses(const char *first, const char *second)
{
    struct boot_parameters before = result;
    if (merge() == 0)
        fail_msg("accepted; expected '%s' and '%s'", first, second);
    if (!strstr(fault.text, first) || !strstr(fault.text, second))
        fail_msg("the line '%s' lacks '%s' or '%s'", fault.text, first, second);
    assert_memory_equal(&before, &result, sizeof result);
}

static void one_source_alone(void **state)
{
    say_lun(&ibft, A, 3, "192.0.2.7");
    agrees();
    assert_string_equal(result.lun.target, A);
    assert_int_equal(result.lun.lun, 3);
    assert_string_equal(result.lun.portals[0].host, "192.0.2.7");
    assert_string_equal(result.lun_from, "the iBFT");
    assert_string_equal(result.portals_from, "the iBFT");
    assert_null(result.initiator_from);
    assert_string_equal(result.chap.user, "");
}

static void no_source_at_all(void **state)
{
    refuses("no source names a target", "holdfast=iscsi://");
}

static void what_one_leaves_open_the_next_fills_in(void **state)
{
    say_lun(&line, A, -1, NULL);
    say_lun(&ibft, A, 3, "192.0.2.7");
    strcpy(dhcp.initiator, "iqn.2026-11.test:me");
    strcpy(line.chap.user, "joe");
    strcpy(file.chap.secret_file, "/etc/holdfast/secret");
    agrees();
    assert_int_equal(result.lun.lun, 3);
    assert_string_equal(result.lun_from, "the line");
    assert_string_equal(result.portals_from, "the iBFT");
    assert_string_equal(result.initiator_from, "DHCP");
    assert_string_equal(result.chap.user, "joe");
    assert_string_equal(result.chap.secret_file, "/etc/holdfast/secret");
    assert_string_equal(result.secret_from, "the file");
}

static void the_portals_of_the_first_win(void **state)
{
    say_lun(&line, A, 1, "192.0.2.1");
    say_lun(&ibft, A, 1, "192.0.2.2");
    agrees();
    assert_int_equal(result.lun.portal_count, 1);
    assert_string_equal(result.lun.portals[0].host, "192.0.2.1");
}

static void names_are_compared_without_case(void **state)
{
    say_lun(&line, "IQN.2026-11.test:A", 1, "192.0.2.1");
    say_lun(&ibft, A, 1, "192.0.2.2");
    agrees();
    assert_string_equal(result.lun.target, "IQN.2026-11.test:A");
}

static void two_targets_are_refused_with_both_names(void **state)
{
    say_lun(&line, A, 1, "192.0.2.1");
    say_lun(&ibft, B, 1, "192.0.2.2");
    refuses("the line says '" A "'", "the iBFT says '" B "'");
    refuses("about the target", "holdfast.ignore=ibft");
}

static void two_luns_are_refused_with_both_numbers(void **state)
{
    say_lun(&ibft, A, 1, "192.0.2.1");
    say_lun(&dhcp, A, 2, "192.0.2.1");
    refuses("the iBFT says 1", "DHCP says 2");
}

static void two_initiators_and_two_users_are_refused(void **state)
{
    say_lun(&ibft, A, 1, "192.0.2.1");
    strcpy(line.initiator, "iqn.2026-11.test:x");
    strcpy(ibft.initiator, "iqn.2026-11.test:y");
    refuses("initiator's name: the line says 'iqn.2026-11.test:x'", "iqn.2026-11.test:y");
    strcpy(ibft.initiator, "iqn.2026-11.test:X");
    strcpy(line.chap.user, "joe");
    strcpy(ibft.chap.user, "Joe");
    refuses("CHAP user", "'Joe'");
}

static void two_secrets_are_refused_without_showing_them(void **state)
{
    say_lun(&ibft, A, 1, "192.0.2.1");
    strcpy(ibft.chap.user, "joe");
    strcpy(ibft.chap.secret, "secret-one");
    strcpy(line.chap.secret, "secret-two");
    refuses("CHAP secret", "the iBFT");
    assert_null(strstr(fault.text, "secret-one"));
    assert_null(strstr(fault.text, "secret-two"));
    strcpy(line.chap.secret, "secret-one");
    agrees();
}

static void a_default_gives_way(void **state)
{
    say_lun(&ibft, A, 1, "192.0.2.1");
    say_lun(&file, B, 9, "192.0.2.9");
    strcpy(ibft.initiator, "iqn.2026-11.test:x");
    strcpy(file.initiator, "iqn.2026-11.test:y");
    agrees();
    assert_string_equal(result.lun.target, A);
    assert_int_equal(result.lun.lun, 1);
    assert_string_equal(result.lun.portals[0].host, "192.0.2.1");
    assert_string_equal(result.initiator, "iqn.2026-11.test:x");
}

static void a_default_for_another_lun_says_nothing_about_ours(void **state)
{
    say_lun(&ibft, A, -1, NULL);
    say_lun(&file, B, 9, "192.0.2.9");
    strcpy(file.chap.user, "joe");
    strcpy(file.chap.secret, "secret");
    refuses("the iBFT names the target " A, "no source gives its address");
    say_lun(&ibft, A, -1, "192.0.2.1");
    agrees();
    assert_string_equal(result.chap.user, "");
    assert_true(result.lun_is_assumed);
    assert_int_equal(result.lun.lun, 0);
}

static void a_default_gives_way_also_from_a_higher_rank(void **state)
{
    say_lun(&line, B, 9, "192.0.2.9");
    strcpy(line.initiator, "iqn.2026-11.test:y");
    line.is_default = true;
    say_lun(&dhcp, A, 1, "192.0.2.1");
    strcpy(dhcp.initiator, "iqn.2026-11.test:x");
    agrees();
    assert_string_equal(result.lun.target, A);
    assert_string_equal(result.lun.portals[0].host, "192.0.2.1");
    assert_string_equal(result.initiator, "iqn.2026-11.test:x");
}

static void an_open_server_is_filled_in_only_from_the_same_target(void **state)
{
    say_lun(&line, A, 1, "");
    say_lun(&ibft, A, 1, "192.0.2.2");
    agrees();
    assert_string_equal(result.lun.portals[0].host, "192.0.2.2");
    say_lun(&ibft, A, 1, "");
    refuses("the line names the target", "no source gives its address");
}

static void a_user_needs_a_secret(void **state)
{
    say_lun(&ibft, A, 1, "192.0.2.1");
    strcpy(line.chap.user, "joe");
    refuses("the line names the CHAP user joe", "chap_secret_file=");
    strcpy(file.chap.user, "jim"); /* the file's secret is somebody else's */
    strcpy(file.chap.secret_file, "/s");
    refuses("the line names the CHAP user joe", "chap_secret_file=");
    strcpy(file.chap.user, "joe");
    agrees();
}

static void mutual_chap_comes_together_too(void **state)
{
    say_lun(&ibft, A, 1, "192.0.2.1");
    strcpy(ibft.chap.user, "joe");
    strcpy(ibft.chap.secret, "secret");
    strcpy(file.chap.mutual_user, "target");
    refuses("prove that it is target", "mutual_chap_secret_file=");
    strcpy(file.chap.mutual_secret_file, "/m");
    agrees();
    assert_string_equal(result.chap.mutual_user, "target");
    assert_string_equal(result.chap.mutual_secret_file, "/m");
}

static void secrets_can_be_forgotten(void **state)
{
    say_lun(&ibft, A, 1, "192.0.2.1");
    strcpy(ibft.chap.user, "joe");
    strcpy(ibft.chap.secret, "secret");
    agrees();
    assert_string_equal(result.chap.secret, "secret");
    boot_parameters_wipe(&result);
    assert_string_equal(result.chap.secret, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(one_source_alone, silence),
        cmocka_unit_test_setup(no_source_at_all, silence),
        cmocka_unit_test_setup(what_one_leaves_open_the_next_fills_in, silence),
        cmocka_unit_test_setup(the_portals_of_the_first_win, silence),
        cmocka_unit_test_setup(names_are_compared_without_case, silence),
        cmocka_unit_test_setup(two_targets_are_refused_with_both_names, silence),
        cmocka_unit_test_setup(two_luns_are_refused_with_both_numbers, silence),
        cmocka_unit_test_setup(two_initiators_and_two_users_are_refused, silence),
        cmocka_unit_test_setup(two_secrets_are_refused_without_showing_them, silence),
        cmocka_unit_test_setup(a_default_gives_way, silence),
        cmocka_unit_test_setup(a_default_gives_way_also_from_a_higher_rank, silence),
        cmocka_unit_test_setup(a_default_for_another_lun_says_nothing_about_ours, silence),
        cmocka_unit_test_setup(an_open_server_is_filled_in_only_from_the_same_target, silence),
        cmocka_unit_test_setup(a_user_needs_a_secret, silence),
        cmocka_unit_test_setup(mutual_chap_comes_together_too, silence),
        cmocka_unit_test_setup(secrets_can_be_forgotten, silence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
