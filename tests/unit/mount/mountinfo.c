#include "mount/mountinfo.h"

#include <string.h>
#include <sys/sysmacros.h>

#include "tests/unit/unit.h"

static struct mountinfo info;

static void parse(const char *text)
{
    FILE *file = fmemopen((char *)text, strlen(text), "r");
    assert_int_equal(mountinfo_parse(file, &info), 0);
    fclose(file);
}

static int done(void **state)
{
    mountinfo_done(&info);
    return 0;
}

static void a_line_is_taken_apart(void **state)
{
    parse("36 35 7:3 / /srv/data rw,noatime shared:1 master:2 - ext4 /dev/loop3 rw\n");
    assert_int_equal(info.count, 1);
    const struct mount_entry *entry = mountinfo_at(&info, "/srv/data");
    assert_non_null(entry);
    assert_int_equal(major(entry->device), 7);
    assert_int_equal(minor(entry->device), 3);
    assert_string_equal(entry->type, "ext4");
    assert_string_equal(entry->source, "/dev/loop3");
}

static void lines_without_optional_fields_too(void **state)
{
    parse("36 35 0:40 / /f rw - fuse.holdfast holdfast:a rw\n");
    assert_string_equal(mountinfo_at(&info, "/f")->source, "holdfast:a");
}

static void blanks_in_names_are_read(void **state)
{
    parse("36 35 7:3 / /srv/my\\040data\\134x rw - ext4 /dev/loop3 rw\n");
    assert_non_null(mountinfo_at(&info, "/srv/my data\\x"));
}

static void the_last_of_several_is_on_top(void **state)
{
    parse("1 0 7:1 / /mnt rw - ext4 /dev/loop1 rw\n"
          "2 0 7:2 / /mnt rw - xfs /dev/loop2 rw\n"
          "3 0 7:3 / /mnt/x rw - xfs /dev/loop3 rw\n");
    assert_int_equal(info.count, 3);
    assert_string_equal(mountinfo_at(&info, "/mnt")->source, "/dev/loop2");
    assert_null(mountinfo_at(&info, "/mn"));
}

static void nonsense_is_left_out(void **state)
{
    parse("\n1 0\n1 0 x:y / /a rw - ext4 /dev/a rw\n1 0 7:1 / /b rw shared:1\n"
          "1 0 7:1 / /c rw - ext4\n1 0 7:1 / /d rw - ext4 /dev/d rw");
    assert_int_equal(info.count, 1);
    assert_non_null(mountinfo_at(&info, "/d"));
}

static void nothing_is_nothing(void **state)
{
    FILE *file = fopen("/dev/null", "r");
    assert_int_equal(mountinfo_parse(file, &info), 0);
    fclose(file);
    assert_int_equal(info.count, 0);
    assert_null(mountinfo_at(&info, "/"));
}

static void many_lines_are_kept(void **state)
{
    static char text[64 * 1000];
    char *to = text;
    for (int i = 0; i < 1000; i++)
        to += sprintf(to, "%d 0 7:%d / /m%d rw - ext4 /dev/x%d rw\n", i, i, i, i);
    parse(text);
    assert_int_equal(info.count, 1000);
    assert_string_equal(mountinfo_at(&info, "/m999")->source, "/dev/x999");
    assert_string_equal(mountinfo_at(&info, "/m0")->source, "/dev/x0");
}

static void our_own_is_read(void **state)
{
    assert_int_equal(mountinfo_read(&info), 0);
    assert_non_null(mountinfo_at(&info, "/"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_line_is_taken_apart, done),
        cmocka_unit_test_teardown(lines_without_optional_fields_too, done),
        cmocka_unit_test_teardown(blanks_in_names_are_read, done),
        cmocka_unit_test_teardown(the_last_of_several_is_on_top, done),
        cmocka_unit_test_teardown(nonsense_is_left_out, done),
        cmocka_unit_test_teardown(nothing_is_nothing, done),
        cmocka_unit_test_teardown(many_lines_are_kept, done),
        cmocka_unit_test_teardown(our_own_is_read, done),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
