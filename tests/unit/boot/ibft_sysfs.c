/* The kernel's view of the table. */
#include <errno.h>
#include <string.h>

#include "boot/boot_search.h"
#include "tests/unit/boot/tree.h"
#include "tests/unit/unit.h"

static struct tree tree;
static struct ibft ibft;
static struct fault fault;

static int make(void **state)
{
    tree_make(&tree);
    tree_put(&tree, "/initiator/initiator-name", "iqn.2026-11.test:guest1\n");
    tree_put(&tree, "/ethernet0/flags", "3\n");
    tree_put(&tree, "/ethernet0/ip-addr", "10.0.2.15\n");
    tree_put(&tree, "/ethernet0/prefix-len", "24\n");
    tree_put(&tree, "/ethernet0/origin", "3\n");
    tree_put(&tree, "/ethernet0/gateway", "10.0.2.2\n");
    tree_put(&tree, "/ethernet0/primary-dns", "0.0.0.0\n");
    tree_put(&tree, "/ethernet0/vlan", "0\n");
    tree_put(&tree, "/ethernet0/mac", "52:54:00:12:34:05\n");
    tree_put(&tree, "/target0/flags", "3\n");
    tree_put(&tree, "/target0/ip-addr", "10.0.2.2\n");
    tree_put(&tree, "/target0/port", "3291\n");
    tree_put(&tree, "/target0/lun", "01000000\n");
    tree_put(&tree, "/target0/chap-type", "1\n");
    tree_put(&tree, "/target0/nic-assoc", "0\n");
    tree_put(&tree, "/target0/target-name", "iqn.2026-11.test:chap\n");
    tree_put(&tree, "/target0/chap-name", "joe\n");
    tree_put(&tree, "/target0/chap-secret", "secretsecret12\n");
    return 0;
}

static int clear(void **state)
{
    tree_remove(&tree);
    return 0;
}

static void refuses(const char *part)
{
    assert_int_not_equal(ibft_sysfs_read(tree.top, &ibft, &fault), 0);
    if (!strstr(fault.text, part))
        fail_msg("the line '%s' lacks '%s'", fault.text, part);
    assert_int_equal(ibft.target_count, 0);
}

static void as_the_kernel_shows_a_table_of_ipxe(void **state)
{
    assert_int_equal(ibft_sysfs_read(tree.top, &ibft, &fault), 0);
    assert_string_equal(ibft.initiator, "iqn.2026-11.test:guest1");
    assert_int_equal(ibft.nic_count, 1);
    assert_string_equal(ibft.nics[0].address, "10.0.2.15");
    assert_string_equal(ibft.nics[0].dns[0], "");
    assert_int_equal(ibft.nics[0].prefix, 24);
    assert_int_equal(ibft.nics[0].mac[5], 5);
    assert_true(ibft.nics[0].is_boot);
    assert_int_equal(ibft.target_count, 1);
    assert_int_equal(ibft.targets[0].port, 3291);
    assert_string_equal(ibft.targets[0].chap.user, "joe");
    assert_string_equal(ibft.targets[0].chap.secret, "secretsecret12");
    assert_string_equal(ibft.targets[0].chap.mutual_user, "");
}

/* The kernel prints the bytes 00 01 00 ... as "0" "1" "0" ...: the second one is the LUN. */
static void the_lun_byte_by_byte(void **state)
{
    tree_put(&tree, "/target0/lun", "0f000000");
    assert_int_equal(ibft_sysfs_read(tree.top, &ibft, &fault), 0);
    assert_int_equal(ibft.targets[0].lun, 15);
}

static void a_lun_with_two_readings_is_refused(void **state)
{
    tree_put(&tree, "/target0/lun", "010000000");
    refuses("more than one reading");
    tree_put(&tree, "/target0/lun", "");
    refuses("more than one reading");
    tree_put(&tree, "/target0/lun", "00010000");
    refuses("second level");
}

static void entries_marked_invalid_are_left_out(void **state)
{
    tree_put(&tree, "/target0/flags", "0");
    tree_put(&tree, "/ethernet0/flags", "2");
    assert_int_equal(ibft_sysfs_read(tree.top, &ibft, &fault), 0);
    assert_int_equal(ibft.target_count + ibft.nic_count, 0);
}

static void fields_that_cannot_be_true(void **state)
{
    tree_put(&tree, "/target0/port", "70000");
    refuses("port: '70000' cannot be true");
    tree_put(&tree, "/target0/port", "3260");
    tree_put(&tree, "/target0/ip-addr", "10.0.2");
    refuses("'10.0.2' is no address");
    tree_put(&tree, "/target0/ip-addr", "10.0.2.2");
    tree_put(&tree, "/ethernet0/prefix-len", "33");
    refuses("prefix of 33");
    tree_put(&tree, "/ethernet0/prefix-len", "24");
    tree_put(&tree, "/ethernet0/mac", "hello");
    refuses("mac: 'hello'");
    tree_put(&tree, "/ethernet0/mac", "52:54:00:12:34:05");
    tree_put(&tree, "/initiator/initiator-name", "me");
    refuses("no iSCSI name");
}

static void no_folder_is_no_table(void **state)
{
    assert_int_equal(ibft_sysfs_read("/nonexistent", &ibft, &fault), -ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(as_the_kernel_shows_a_table_of_ipxe, make, clear),
        cmocka_unit_test_setup_teardown(the_lun_byte_by_byte, make, clear),
        cmocka_unit_test_setup_teardown(a_lun_with_two_readings_is_refused, make, clear),
        cmocka_unit_test_setup_teardown(entries_marked_invalid_are_left_out, make, clear),
        cmocka_unit_test_setup_teardown(fields_that_cannot_be_true, make, clear),
        cmocka_unit_test(no_folder_is_no_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
