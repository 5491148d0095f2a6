#include "daemon/options.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

#define URL "iscsi://192.0.2.7/iqn.2026-11.org.example:disk/3"

static struct options options;
static struct fault fault;

static int fresh(void **state)
{
    options_init(&options);
    memset(&fault, 0, sizeof fault);
    return 0;
}

static void sets(const char *list)
{
    if (options_set_list(&options, list, &fault) != 0)
        fail_msg("'%s' was refused: %s", list, fault.text);
}

static void refuses(const char *list, const char *part)
{
    if (options_set_list(&options, list, &fault) == 0)
        fail_msg("'%s' was accepted", list);
    if (!strstr(fault.text, part))
        fail_msg("'%s': the line '%s' lacks '%s'", list, fault.text, part);
}

static void completes(void)
{
    if (options_complete(&options, &fault) != 0)
        fail_msg("refused: %s", fault.text);
}

static void is_incomplete(const char *part)
{
    if (options_complete(&options, &fault) == 0)
        fail_msg("accepted");
    if (!strstr(fault.text, part))
        fail_msg("the line '%s' lacks '%s'", fault.text, part);
}

static void every_row_of_the_table_is_sound(void **state)
{
    for (const struct option *option = option_table; option->key; option++) {
        assert_non_null(option->help);
        assert_non_null(option->value);
        assert_true(option->offset + option->bytes <= sizeof options);
        assert_ptr_equal(option_find(option->key), option);
        assert_true(option->help[strlen(option->help) - 1] != '.');
    }
}

static void the_defaults_of_the_table_are_set(void **state)
{
    assert_true(options.memory == 32u << 20);
    assert_true(options.stop_timeout == 10000);
    assert_int_equal(options.on_full, FULL_WAIT);
    assert_int_equal(options.header_digest, DIGEST_NONE);
    assert_true(options.fuse_mode == 0600);
    assert_false(options_was_given(&options, "memory"));
}

static void a_list_sets_several_keys(void **state)
{
    sets("stop_timeout=3s,read_only,on_full=error,header_digest=CRC32C");
    assert_true(options.stop_timeout == 3000);
    assert_true(options.read_only);
    assert_int_equal(options.on_full, FULL_ERROR);
    assert_int_equal(options.header_digest, DIGEST_CRC32C);
    assert_true(options_was_given(&options, "stop_timeout"));
}

static void a_comma_in_a_value_is_escaped(void **state)
{
    sets("fuse=/srv/a\\,b,read_only=yes");
    assert_string_equal(options.fuse.items[0], "/srv/a,b");
    assert_true(options.read_only);
}

static void an_unknown_key_is_named_and_the_nearest_suggested(void **state)
{
    refuses("conect_timeout=3s", "unknown key 'conect_timeout'; did you mean 'connect_timeout'?");
    refuses("xyzzy=1", "unknown key 'xyzzy'; holdfast.conf(5) lists them all");
    refuses("=1", "unknown key ''");
    refuses("", "unknown key ''");
    refuses("read_only,", "unknown key ''");
}

static void bad_values_name_the_key_and_the_reason(void **state)
{
    refuses("stop_timeout=10", "stop_timeout: '10' lacks a unit");
    refuses("stop_timeout=2h", "stop_timeout: has to be from 0 to 1h");
    refuses("memory=1M", "memory: has to be from 4M to 1T");
    refuses("memory=", "memory: '' is no size");
    refuses("memory", "memory: the value is missing; write memory=SIZE");
    refuses("on_full=panic", "on_full: 'panic' is not one of wait|error");
    refuses("on_full=wai", "on_full: 'wai' is not one of");
    refuses("fuse_mode=1777", "fuse_mode: has to be from 00 to 0777");
    refuses("read_only=perhaps", "read_only: 'perhaps' is neither yes nor no");
    refuses("url=nonsense", "url: 'nonsense' is no iSCSI URL");
    refuses("name=../etc", "name: the name '../etc' does not begin with");
    refuses("name=a/b", "contains '/'");
    refuses("initiator=bob", "initiator: 'bob' is no iSCSI name");
    refuses("nbd=/tmp/sock", "write unix:PATH or tcp:HOST:PORT");
    refuses("fuse=", "fuse: the value is empty");
    refuses("chap_user=a\nb", "control character");
    refuses("tcp_congestion=../x", "'../x' is no congestion control");
    refuses("tcp_congestion=abcdefghijklmnop", "is longer than 15 bytes");
    refuses("device=/dev/sda", "device: '/dev/sda' is no nbd device");
}

static void a_refused_value_changes_nothing(void **state)
{
    refuses("stop_timeout=10", "unit");
    assert_true(options.stop_timeout == 10000);
    assert_false(options_was_given(&options, "stop_timeout"));
}

static void repeatable_keys_are_bounded_and_distinct(void **state)
{
    sets("portal=a,portal=b:99");
    assert_int_equal(options.portal.count, 2);
    refuses("portal=a", "'a' is given twice");
    sets("portal=c,portal=d,portal=e,portal=f,portal=g,portal=h");
    refuses("portal=i", "more than 8 times");
}

static void a_url_names_the_daemon_when_nobody_else_does(void **state)
{
    sets("url=" URL);
    completes();
    assert_string_equal(options.name, "disk-3");
    assert_string_equal(options.run_dir, "/run/holdfast/disk-3");
}

/* What is beside it is shared with other daemons: their locks, for one. */
static void a_run_directory_has_no_slash_at_its_end(void **state)
{
    sets("url=" URL ",run_dir=/run/other/disk//");
    completes();
    assert_string_equal(options.run_dir, "/run/other/disk");
}

static void a_derived_name_is_always_a_valid_one(void **state)
{
    sets("url=iscsi://h/"
         "iqn.2026-11.org.example:-root%7Efs+very-long-name-that-goes-on-and-on-and-on-"
         "for-ever-and-a-day-and-a-night/16383");
    completes();
    assert_int_equal(options_check_name(options.name, &fault), 0);
    assert_int_equal(options.name[0], 'x');
}

static void the_parts_may_be_given_one_by_one(void **state)
{
    sets("target=iqn.2026-11.org.example:disk,lun=7,portal=[::1]:3261,portal=b,name=root");
    completes();
    assert_int_equal(options.url.portal_count, 2);
    assert_int_equal(options.url.lun, 7);
    assert_string_equal(options.url.target, "iqn.2026-11.org.example:disk");
    assert_string_equal(options.name, "root");
}

static void contradictions_and_gaps_are_refused(void **state)
{
    is_incomplete("no LUN is named");
    sets("target=iqn.2026-11.org.example:disk");
    is_incomplete("lun: the number of the LUN is missing");
    sets("lun=16384");
    is_incomplete("lun: LUN 16384 is too large");
    sets("lun=1");
    is_incomplete("portal: the address of the target is missing");
    sets("url=" URL);
    is_incomplete("target: the URL names it already");
}

static void chap_needs_both_halves(void **state)
{
    sets("url=" URL ",chap_user=bob");
    is_incomplete("the secret is missing");
    sets("chap_secret_file=/x,mutual_chap_user=target");
    is_incomplete("give both or neither");
    sets("mutual_chap_secret_file=/y");
    completes();
    fresh(NULL);
    sets("url=" URL ",chap_secret_file=/x");
    is_incomplete("whose secret?");
    fresh(NULL);
    sets("url=" URL ",mutual_chap_user=t,mutual_chap_secret_file=/y");
    is_incomplete("needs CHAP");
}

static void the_user_of_the_url_is_the_chap_user(void **state)
{
    sets("url=iscsi://bob@h/iqn.2026-11.org.example:disk/0,chap_secret_file=/x");
    completes();
    assert_string_equal(options.chap_user, "bob");
    sets("chap_user=eve");
    is_incomplete("is not the user of the URL");
}

static void retained_writes_leave_room_for_requests(void **state)
{
    sets("url=" URL ",memory=8M,retain=5M");
    is_incomplete("retain: more than half of memory");
    sets("retain=4M,memory=8193K");
    is_incomplete("multiple of 1M");
}

static void the_help_has_a_line_for_every_key(void **state)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *to = open_memstream(&text, &bytes);
    options_print_help(to);
    fclose(to);
    for (const struct option *option = option_table; option->key; option++)
        assert_non_null(strstr(text, option->key));
    assert_non_null(strstr(text, "stop_timeout=TIME"));
    free(text);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, fresh)
    const struct CMUnitTest tests[] = {
        TEST(every_row_of_the_table_is_sound),
        TEST(the_defaults_of_the_table_are_set),
        TEST(a_list_sets_several_keys),
        TEST(a_comma_in_a_value_is_escaped),
        TEST(an_unknown_key_is_named_and_the_nearest_suggested),
        TEST(bad_values_name_the_key_and_the_reason),
        TEST(a_refused_value_changes_nothing),
        TEST(repeatable_keys_are_bounded_and_distinct),
        TEST(a_url_names_the_daemon_when_nobody_else_does),
        TEST(a_run_directory_has_no_slash_at_its_end),
        TEST(a_derived_name_is_always_a_valid_one),
        TEST(the_parts_may_be_given_one_by_one),
        TEST(contradictions_and_gaps_are_refused),
        TEST(chap_needs_both_halves),
        TEST(the_user_of_the_url_is_the_chap_user),
        TEST(retained_writes_leave_room_for_requests),
        TEST(the_help_has_a_line_for_every_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
