#include "mount/call.h"

#include <errno.h>
#include <string.h>

#include "tests/unit/unit.h"

static struct mount_call call;
static struct fault fault;

/* mount.holdfast S D -o LIST */
static int take(const char *list)
{
    const char *words[] = {"mount.holdfast", "S", "D", "-o", list, NULL};
    return mount_call_parse(&call, 5, (char **)words, &fault);
}

static void accepted(const char *list, const char *file_system, const char *keys)
{
    if (take(list) != 0)
        fail_msg("'%s' is refused: %s", list, fault.text);
    assert_string_equal(call.file_system, file_system);
    assert_string_equal(call.keys, keys);
}

static void refused(const char *list, const char *words)
{
    if (take(list) != -EINVAL)
        fail_msg("'%s' is accepted", list);
    if (!strstr(fault.text, words))
        fail_msg("'%s': '%s' is not said, but: %s", list, words, fault.text);
}

static void options_are_split_into_three_kinds(void **state)
{
    accepted("rw,noatime", "rw,noatime", "");
    accepted("ro,nosuid,nodev,memory=64M,_netdev,nofail,user,exec", "ro,nosuid,nodev,_netdev,exec",
             "memory = 64M");
    accepted("", "", "");
    accepted(",,rw,", "rw", "");
    accepted("portal=192.0.2.8,retain=1M,portal=192.0.2.9", "",
             "portal = 192.0.2.8\nretain = 1M\nportal = 192.0.2.9");
    accepted("read_only", "", "read_only = yes");
}

/* All that reached a fake helper when util-linux 2.38 was given everything. */
static void what_mount_says_to_itself_goes_no_further(void **state)
{
    accepted("defaults,auto,noauto,nofail,user,user=joe,nouser,users,owner,group,comment=x", "",
             "");
    accepted("x-systemd.automount,x-systemd.requires=a.service,X-mount.mkdir=0755", "", "");
    accepted("uhelper=holdfast,helper=holdfast,rw", "rw", "");
}

/* A nofail that reached mount(8) would make it pass over a device that is not there. */
static void netdev_is_kept_for_the_records_of_mount(void **state)
{
    accepted("_netdev,nofail", "_netdev", "");
}

static void an_option_of_btrfs_is_not_the_daemons(void **state)
{
    accepted("device=/dev/sdb,subvol=a", "device=/dev/sdb,subvol=a", "");
}

static void quotes_keep_commas_together(void **state)
{
    accepted("context=\"system_u:object_r:tmp_t:s0:c127,c456\",noexec",
             "context=\"system_u:object_r:tmp_t:s0:c127,c456\",noexec", "");
    accepted("chap_secret_file=\"/etc/a,b\"", "", "chap_secret_file = /etc/a,b");
    refused("context=\"a,b", "quote is not closed");
}

static void our_own_are_taken(void **state)
{
    accepted("part=3,fstype=xfs,via=loop,mount_timeout=90s", "", "");
    assert_int_equal(call.part, 3);
    assert_string_equal(call.type, "xfs");
    assert_int_equal(call.via, VIA_LOOP);
    assert_int_equal(call.timeout_ms, 90000);
    accepted("mount_timeout=0", "", "");
    assert_int_equal(call.timeout_ms, 0);
    accepted("", "", "");
    assert_int_equal(call.timeout_ms, 60000);
    assert_int_equal(call.part, 0);
}

static void who_waits_for_ever_waits_so_for_others(void **state)
{
    accepted("mount_timeout=0", "", "");
    assert_int_equal(mount_call_lock_timeout(&call), 0);
    accepted("mount_timeout=5s", "", "");
    assert_int_equal(mount_call_lock_timeout(&call), 65000);
}

static void nonsense_is_refused_with_the_mend(void **state)
{
    refused("part", "part: the number");
    refused("part=0", "1 to 128");
    refused("part=129", "1 to 128");
    refused("part=-1", "1 to 128");
    refused("part=1x", "1 to 128");
    refused("fstype=", "the type of the file system is missing");
    refused("fstype=../x", "no type of a file system");
    refused("fstype=holdfast", "leave it out");
    refused("via=iscsi", "auto, nbd or loop");
    refused("mount_timeout=5", "mount_timeout: '5' lacks a unit");
    refused("mount_timeout=400d", "more than a year");
    refused("memory=1", "memory");
    refused("run_dir=/tmp", "leave it");
    refused("memory=64M,memory=32M", "memory: given a second time");
    refused("chap_user=a ;b", "before a ';'");
    refused("initiator= iqn.x", "blanks at its ends");
}

static void long_lists_are_bounded(void **state)
{
    static char list[3 * MOUNT_OPTIONS_BYTES];
    memset(list, 'a', 2500);
    refused(list, "is too long");
    list[0] = '\0';
    while (strlen(list) < MOUNT_OPTIONS_BYTES + 10)
        strcat(list, "noatime,");
    refused(list, "longer than");
}

static void remount_and_read_only_are_seen_and_passed_on(void **state)
{
    accepted("rw,remount", "rw,remount", "");
    assert_true(call.remount);
    assert_false(call.read_only);
    accepted("rw,ro", "rw,ro", "");
    assert_true(call.read_only);
    assert_false(call.remount);
}

static void words_come_in_any_order(void **state)
{
    const char *words[] = {
        "mount.holdfast", "S", "D", "-n", "-f", "-s", "-v", "-N", "42", "-o", "rw", "-o",
        "part=2",         NULL};
    assert_int_equal(mount_call_parse(&call, 13, (char **)words, &fault), 0);
    assert_string_equal(call.source, "S");
    assert_string_equal(call.directory, "D");
    assert_true(call.fake && call.no_mtab && call.sloppy && call.verbose);
    assert_string_equal(call.namespace, "42");
    assert_string_equal(call.file_system, "rw");
    assert_int_equal(call.part, 2);
}

static int parse_type(const char *type)
{
    const char *words[] = {"mount.holdfast", "S", "D", "-t", type, NULL};
    return mount_call_parse(&call, 5, (char **)words, &fault);
}

static void the_type_may_name_the_file_system(void **state)
{
    assert_int_equal(parse_type("holdfast.ext4"), 0);
    assert_string_equal(call.type, "ext4");
    assert_int_equal(parse_type("fuse.holdfast"), 0);
    assert_string_equal(call.type, "");
    assert_int_equal(parse_type("holdfast"), 0);
    assert_string_equal(call.type, "");
}

static void wrong_words_are_refused(void **state)
{
    const char *one[] = {"mount.holdfast", "S", NULL};
    const char *three[] = {"mount.holdfast", "S", "D", "E", NULL};
    const char *unknown[] = {"mount.holdfast", "S", "D", "-q", NULL};
    assert_int_equal(mount_call_parse(&call, 2, (char **)one, &fault), -EINVAL);
    assert_int_equal(mount_call_parse(&call, 4, (char **)three, &fault), -EINVAL);
    assert_int_equal(mount_call_parse(&call, 4, (char **)unknown, &fault), -EINVAL);
    assert_non_null(strstr(fault.text, "usage: mount.holdfast URL|NAME DIR"));
}

static void the_helper_that_was_called_says_how(void **state)
{
    const char *file[] = {"/sbin/mount.fuse.holdfast", "S", NULL};
    const char *nothing[] = {"/sbin/umount.fuse.holdfast", NULL};
    const char *unknown[] = {"umount.holdfast", "D", "-q", NULL};
    assert_int_equal(mount_call_parse(&call, 2, (char **)file, &fault), -EINVAL);
    assert_non_null(strstr(fault.text, "usage: mount.fuse.holdfast URL|NAME FILE"));
    assert_int_equal(umount_call_parse(&call, 1, (char **)nothing, &fault), -EINVAL);
    assert_non_null(strstr(fault.text, "usage: umount.fuse.holdfast FILE"));
    assert_int_equal(umount_call_parse(&call, 3, (char **)unknown, &fault), -EINVAL);
    assert_non_null(strstr(fault.text, "usage: umount.holdfast DIR"));
}

static void umount_has_words_of_its_own(void **state)
{
    const char *words[] = {
        "umount.holdfast", "/mnt", "-n", "-l", "-f", "-v", "-r", "-t", "x.y", NULL};
    const char *none[] = {"umount.holdfast", NULL};
    assert_int_equal(umount_call_parse(&call, 9, (char **)words, &fault), 0);
    assert_string_equal(call.directory, "/mnt");
    assert_true(call.no_mtab && call.lazy && call.force && call.verbose);
    assert_true(call.fall_back_to_read_only);
    assert_int_equal(umount_call_parse(&call, 1, (char **)none, &fault), -EINVAL);
}

static void errors_become_statuses_of_mount(void **state)
{
    assert_int_equal(mount_status(0), 0);
    assert_int_equal(mount_status(-EINVAL), 1);
    assert_int_equal(mount_status(-EPERM), 1);
    assert_int_equal(mount_status(-ENOMEM), 2);
    assert_int_equal(mount_status(-EINTR), 8);
    assert_int_equal(mount_status(-EDEADLK), 16);
    assert_int_equal(mount_status(-ENOENT), 32);
    assert_int_equal(mount_status(-EIO), 32);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_are_split_into_three_kinds),
        cmocka_unit_test(what_mount_says_to_itself_goes_no_further),
        cmocka_unit_test(netdev_is_kept_for_the_records_of_mount),
        cmocka_unit_test(an_option_of_btrfs_is_not_the_daemons),
        cmocka_unit_test(quotes_keep_commas_together),
        cmocka_unit_test(our_own_are_taken),
        cmocka_unit_test(who_waits_for_ever_waits_so_for_others),
        cmocka_unit_test(nonsense_is_refused_with_the_mend),
        cmocka_unit_test(long_lists_are_bounded),
        cmocka_unit_test(remount_and_read_only_are_seen_and_passed_on),
        cmocka_unit_test(words_come_in_any_order),
        cmocka_unit_test(the_type_may_name_the_file_system),
        cmocka_unit_test(wrong_words_are_refused),
        cmocka_unit_test(the_helper_that_was_called_says_how),
        cmocka_unit_test(umount_has_words_of_its_own),
        cmocka_unit_test(errors_become_statuses_of_mount),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
