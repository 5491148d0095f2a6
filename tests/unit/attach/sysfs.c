/* Against a folder that looks like /sys/block. */
#include "attach/sysfs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/unit/attach/folder.h"
#include "tests/unit/unit.h"

struct seen {
    unsigned count;
    struct att_node nodes[8];
};

static void visit(void *owner, const struct att_node *node)
{
    struct seen *seen = owner;
    assert_true(seen->count < 8);
    seen->nodes[seen->count++] = *node;
}

static void devices_are_seen_with_their_size_and_backend(void **state)
{
    struct seen seen = {0};
    assert_int_equal(mkdir("nbd12", 0700), 0);
    folder_write("nbd12/size", "2048\n");
    folder_write("nbd12/pid", "4711\n");
    folder_write("nbd12/backend", "holdfast:root:naa.1\n");
    att_sysfs_scan(*state, visit, &seen);
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.nodes[0].index, 12);
    assert_true(seen.nodes[0].bound);
    assert_int_equal(seen.nodes[0].size_bytes, 1048576);
    assert_string_equal(seen.nodes[0].backend, "holdfast:root:naa.1");
}

static void a_free_device_has_neither_pid_nor_backend(void **state)
{
    struct seen seen = {0};
    assert_int_equal(mkdir("nbd0", 0700), 0);
    folder_write("nbd0/size", "0\n");
    att_sysfs_scan(*state, visit, &seen);
    assert_int_equal(seen.count, 1);
    assert_false(seen.nodes[0].bound);
    assert_string_equal(seen.nodes[0].backend, "");
}

static void other_devices_are_passed_over(void **state)
{
    struct seen seen = {0};
    static const char *const names[] = {"sda", "nbd", "nbdx", "nbd1p1", "loop0"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_int_equal(mkdir(names[i], 0700), 0);
    att_sysfs_scan(*state, visit, &seen);
    assert_int_equal(seen.count, 0);
}

static void a_missing_folder_has_no_devices(void **state)
{
    struct seen seen = {0};
    att_sysfs_scan("/nonexistent", visit, &seen);
    assert_int_equal(seen.count, 0);
}

static void a_limit_is_written_into_the_queue(void **state)
{
    char text[16] = "";
    assert_int_equal(mkdir("nbd3", 0700), 0);
    assert_int_equal(mkdir("nbd3/queue", 0700), 0);
    folder_write("nbd3/queue/io_timeout", "30000\n");
    assert_int_equal(att_sysfs_tune(*state, 3, "io_timeout", 1000), 0);
    FILE *file = fopen("nbd3/queue/io_timeout", "r");
    assert_non_null(fgets(text, sizeof text, file));
    fclose(file);
    assert_string_equal(text, "1000\n");
    assert_int_equal(att_sysfs_tune(*state, 4, "io_timeout", 1000), -ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(devices_are_seen_with_their_size_and_backend, folder_make,
                                        folder_remove),
        cmocka_unit_test_setup_teardown(a_free_device_has_neither_pid_nor_backend, folder_make,
                                        folder_remove),
        cmocka_unit_test_setup_teardown(other_devices_are_passed_over, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(a_missing_folder_has_no_devices, folder_make,
                                        folder_remove),
        cmocka_unit_test_setup_teardown(a_limit_is_written_into_the_queue, folder_make,
                                        folder_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
