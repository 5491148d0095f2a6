#include "mount/owner.h"

#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "tests/unit/unit.h"

/* A /sys of our own: real files and links in a folder. */
static char sysfs[64];
static struct mountinfo info;
static struct owner owner;

static void shell(const char *format, const char *a, const char *b)
{
    char command[1024];
    snprintf(command, sizeof command, "cd %s && { d=%s; t='%s'; %s; }", sysfs, a, b, format);
    assert_int_equal(system(command), 0);
}

static void attribute(const char *path, const char *text)
{
    shell("mkdir -p $(dirname $d) && printf '%s\\n' \"$t\" >$d", path, text);
}

/* number: as in dev/block; device: below block/ */
static void device(const char *number, const char *device)
{
    shell("mkdir -p block/$d dev/block && ln -s ../../block/$d dev/block/$t", device, number);
}

static int set_up(void **state)
{
    static char text[] = "1 0 0:40 / /run/holdfast/a/disk rw - fuse.holdfast holdfast:a rw\n"
                         "2 0 0:41 / /srv/folder rw - fuse.holdfast holdfast:b-1.x rw\n"
                         "3 0 0:42 / /srv/other rw - fuse.sshfs holdfast:c rw\n"
                         "4 0 0:43 / /mnt rw - btrfs /dev/null rw\n";
    FILE *file = fmemopen(text, strlen(text), "r");
    assert_int_equal(mountinfo_parse(file, &info), 0);
    fclose(file);
    strcpy(sysfs, "/tmp/holdfast-owner-XXXXXX");
    assert_non_null(mkdtemp(sysfs));
    shell("mkdir block", "", "");
    return 0;
}

static int tear_down(void **state)
{
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", sysfs);
    mountinfo_done(&info);
    return system(command);
}

static void a_loop_device_is_known_by_its_file(void **state)
{
    device("7:3", "loop9993");
    attribute("block/loop9993/loop/backing_file", "/run/holdfast/a/disk");
    attribute("block/loop9993/loop/offset", "1048576");
    assert_true(owner_of_device(sysfs, &info, makedev(7, 3), &owner));
    assert_string_equal(owner.name, "a");
    assert_string_equal(owner.disk, "loop9993");
    assert_int_equal(owner.offset, 1048576);
}

static void the_file_may_lie_in_a_mounted_folder(void **state)
{
    device("7:3", "loop9993");
    attribute("block/loop9993/loop/backing_file", "/srv/folder/disk");
    assert_true(owner_of_device(sysfs, &info, makedev(7, 3), &owner));
    assert_string_equal(owner.name, "b-1.x");
}

static void partitions_of_a_loop_device_add_up(void **state)
{
    device("7:3", "loop9993");
    device("259:1", "loop9993/loop9993p2");
    attribute("block/loop9993/loop/backing_file", "/run/holdfast/a/disk");
    attribute("block/loop9993/loop/offset", "4096");
    attribute("block/loop9993/loop9993p2/partition", "2");
    attribute("block/loop9993/loop9993p2/start", "8");
    assert_true(owner_of_device(sysfs, &info, makedev(259, 1), &owner));
    assert_int_equal(owner.offset, 2 * 4096);
    assert_string_equal(owner.disk, "loop9993");
}

static void an_nbd_device_is_known_by_its_backend(void **state)
{
    device("43:0", "nbd0");
    device("43:1", "nbd0/nbd0p1");
    attribute("block/nbd0/backend", "holdfast:root:naa.600140512345");
    attribute("block/nbd0/nbd0p1/partition", "1");
    attribute("block/nbd0/nbd0p1/start", "2048");
    assert_true(owner_of_device(sysfs, &info, makedev(43, 1), &owner));
    assert_string_equal(owner.name, "root");
    assert_string_equal(owner.disk, "nbd0");
    assert_int_equal(owner.offset, 1048576);
}

static void strangers_are_not_taken_for_ours(void **state)
{
    device("7:0", "loop9990");
    device("7:1", "loop9991");
    device("43:0", "nbd0");
    device("43:2", "nbd2");
    device("8:0", "sda");
    attribute("block/loop9990/loop/backing_file", "/srv/other");
    attribute("block/loop9991/loop/backing_file", "/home/disk.img");
    attribute("block/nbd0/backend", "qemu:root");
    attribute("block/nbd2/backend", "holdfast:");
    const dev_t strangers[] = {makedev(7, 0),  makedev(7, 1), makedev(43, 0),
                               makedev(43, 2), makedev(8, 0), makedev(9, 9)};
    for (size_t i = 0; i < sizeof strangers / sizeof *strangers; i++)
        assert_false(owner_of_device(sysfs, &info, strangers[i], &owner));
}

static void a_hidden_device_is_looked_for_by_the_source(void **state)
{
    /* /dev/null is no block device: nothing is found, and nothing breaks. */
    assert_false(owner_of_mount(sysfs, &info, mountinfo_at(&info, "/mnt"), &owner));
}

static void a_disk_is_used_while_a_loop_device_has_it(void **state)
{
    attribute("block/loop9991/loop/backing_file", "/home/disk.img");
    attribute("block/sda/size", "1");
    assert_false(owner_is_used(sysfs, &info, "a", NULL));
    attribute("block/loop9993/loop/backing_file", "/run/holdfast/a/disk");
    assert_true(owner_is_used(sysfs, &info, "a", NULL));
    assert_true(owner_is_used(sysfs, &info, "a", "loop9991"));
    assert_false(owner_is_used(sysfs, &info, "a", "loop9993"));
    assert_false(owner_is_used(sysfs, &info, "b-1.x", NULL));
}

static void who_cannot_look_takes_it_for_used(void **state)
{
    assert_true(owner_is_used("/nonexistent", &info, "a", NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_loop_device_is_known_by_its_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_file_may_lie_in_a_mounted_folder, set_up, tear_down),
        cmocka_unit_test_setup_teardown(partitions_of_a_loop_device_add_up, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_nbd_device_is_known_by_its_backend, set_up, tear_down),
        cmocka_unit_test_setup_teardown(strangers_are_not_taken_for_ours, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_hidden_device_is_looked_for_by_the_source, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_disk_is_used_while_a_loop_device_has_it, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(who_cannot_look_takes_it_for_used, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
