#include <errno.h>
#include <string.h>

#include "cli/boot.h"
#include "tests/unit/boot/tree.h"
#include "tests/unit/unit.h"

static struct tree tree;
static char node[64];

static int make(void **state)
{
    tree_make(&tree);
    tree_put(&tree, "/sda/size", "1000\n");
    tree_put(&tree, "/nbd0/size", "0\n");
    return 0;
}

static int clear(void **state)
{
    tree_remove(&tree);
    return 0;
}

static int find(const char *name)
{
    return boot_find_node(tree.top, name, node, sizeof node);
}

static void a_disk_that_is_ours_has_a_node(void **state)
{
    assert_int_equal(find("root"), -ENOENT);
    tree_put(&tree, "/nbd3/backend", "holdfast:root:naa.6001\n");
    tree_put(&tree, "/nbd3/size", "2048\n");
    assert_int_equal(find("root"), 0);
    assert_string_equal(node, "/dev/nbd3");
}

static void a_disk_without_a_size_is_not_ready(void **state)
{
    tree_put(&tree, "/nbd3/backend", "holdfast:root:naa.6001\n");
    tree_put(&tree, "/nbd3/size", "0\n");
    assert_int_equal(find("root"), -ENOENT);
}

static void a_disk_of_another_daemon_is_not_ours(void **state)
{
    tree_put(&tree, "/nbd3/backend", "holdfast:root2:naa.6001\n");
    tree_put(&tree, "/nbd3/size", "2048\n");
    tree_put(&tree, "/nbd4/backend", "other:root:x\n");
    tree_put(&tree, "/nbd4/size", "2048\n");
    assert_int_equal(find("root"), -ENOENT);
    assert_int_equal(find("root2"), 0);
}

static void a_journal_that_is_there_is_not_waited_for(void **state)
{
    struct fault fault;
    char path[128];
    assert_int_equal(boot_await_journal("", 0, &fault), 0);
    snprintf(path, sizeof path, "%s/nbd0/size", tree.top);
    assert_int_equal(boot_await_journal(path, 0, &fault), 0);
    snprintf(path, sizeof path, "%s/journal", tree.top);
    assert_int_equal(boot_await_journal(path, 1, &fault), -ENOENT);
    assert_non_null(strstr(fault.text, "is its driver in the image?"));
}

static void no_sysfs_is_an_error(void **state)
{
    assert_int_equal(boot_find_node("/nonexistent", "root", node, sizeof node), -ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_disk_that_is_ours_has_a_node, make, clear),
        cmocka_unit_test_setup_teardown(a_disk_without_a_size_is_not_ready, make, clear),
        cmocka_unit_test_setup_teardown(a_disk_of_another_daemon_is_not_ours, make, clear),
        cmocka_unit_test_setup_teardown(a_journal_that_is_there_is_not_waited_for, make, clear),
        cmocka_unit_test(no_sysfs_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
