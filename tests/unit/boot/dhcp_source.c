/* Where the leases are looked for. */
#include <errno.h>
#include <string.h>

#include "boot/boot_search.h"
#include "tests/unit/boot/tree.h"
#include "tests/unit/unit.h"

#define ISCSI "iscsi:10.77.0.1:::1:iqn.2026-11.test:boot"

static struct fault fault;

/* Looks at a machine with these two files; the second may be NULL. */
static int look(const char *path, const char *text, const char *path2, const char *text2,
                const char *expected_place)
{
    struct boot_facts facts = {0};
    struct tree tree;
    char place[BOOT_PATH_BYTES] = "";
    tree_make(&tree);
    tree_put(&tree, path, text);
    if (path2)
        tree_put(&tree, path2, text2);
    int error = dhcp_source_read(tree.top, &facts, place, sizeof place, &fault);
    if (!error) {
        assert_string_equal(facts.lun.target, "iqn.2026-11.test:boot");
        assert_non_null(strstr(place, expected_place));
    }
    tree_remove(&tree);
    return error;
}

static void the_files_of_three_clients(void **state)
{
    static const char *const rows[][2] = {
        {"/run/net-eth0.conf", "ROOTPATH='" ISCSI "'\n"},
        {"/tmp/dhclient.eth0.dhcpopts", "new_root_path='" ISCSI "'\n"},
        {"/run/systemd/netif/leases/2", "ROOT_PATH=" ISCSI "\n"},
    };
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(look(rows[i][0], rows[i][1], NULL, NULL, rows[i][0]), 0);
}

static void a_nic_without_a_root_path_is_passed_over(void **state)
{
    assert_int_equal(look("/run/net-eth0.conf", "ROOTPATH=''\n", "/run/net-eth1.conf",
                          "ROOTPATH='" ISCSI "'\n", "net-eth1"),
                     0);
    assert_int_equal(look("/run/net-eth0.conf", "ROOTPATH='10.77.0.1:/nfs'\n",
                          "/run/systemd/netif/leases/3", "ROOT_PATH=" ISCSI "\n", "leases/3"),
                     0);
}

static void none_is_enoent_with_the_places(void **state)
{
    assert_int_equal(look("/run/other", "", NULL, NULL, NULL), -ENOENT);
    assert_non_null(strstr(fault.text, "/run/net-*.conf"));
}

static void a_broken_one_is_not_passed_over(void **state)
{
    assert_int_equal(look("/run/net-eth0.conf", "ROOTPATH='iscsi:x'\n", "/run/net-eth1.conf",
                          "ROOTPATH='" ISCSI "'\n", ""),
                     -EINVAL);
    assert_non_null(strstr(fault.text, "DHCP's root path"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_files_of_three_clients),
        cmocka_unit_test(a_nic_without_a_root_path_is_passed_over),
        cmocka_unit_test(none_is_enoent_with_the_places),
        cmocka_unit_test(a_broken_one_is_not_passed_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
