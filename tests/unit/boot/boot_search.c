#include "boot/boot_search.h"

#include <errno.h>
#include <string.h>

#include "tests/unit/boot/table.h"
#include "tests/unit/boot/tree.h"
#include "tests/unit/unit.h"

static struct tree tree;
static struct boot_found found;
static struct fault fault;

static int make(void **state)
{
    tree_make(&tree);
    tree_put(&tree, "/proc/cmdline", "root=/dev/nbd0 holdfast=ibft\n");
    return 0;
}

static int clear(void **state)
{
    tree_remove(&tree);
    return 0;
}

static void search(void)
{
    if (boot_search(tree.top, &found, &fault) != 0)
        fail_msg("%s", fault.text);
}

static void refuses(const char *part)
{
    assert_int_not_equal(boot_search(tree.top, &found, &fault), 0);
    if (!strstr(fault.text, part))
        fail_msg("the line '%s' lacks '%s'", fault.text, part);
}

static void a_machine_that_has_only_a_command_line(void **state)
{
    search();
    assert_int_equal(found.line.choice, BOOT_IBFT);
    assert_false(found.has_ibft);
    assert_non_null(strstr(found.ibft_fault.text, "this machine has no iBFT"));
    assert_false(found.has_dhcp);
    assert_non_null(strstr(found.dhcp_fault.text, "option 17"));
    assert_string_equal(found.image.initiator, "");
    assert_string_equal(found.machine.initiator, "");
    assert_string_equal(found.file.facts.source, "boot.conf in the image");
}

static void a_machine_that_has_everything(void **state)
{
    struct table_bytes table;
    table_load(&table, "ibft-efi-virtio-chap.bin");
    tree_put_at(&tree, "/sys/firmware/acpi/tables/iBFT", 0, table.at, table.bytes);
    tree_put(&tree, "/run/net-eth0.conf", "ROOTPATH='iscsi:10.0.2.2:::1:iqn.2026-11.test:x'\n");
    tree_put(&tree, "/etc/holdfast/boot.conf", "name = disk\nmemory = 64M\n");
    tree_put(&tree, "/etc/iscsi/initiatorname.iscsi", "# x\nInitiatorName=iqn.2026-11.test:me\n");
    tree_put(&tree, "/sys/class/dmi/id/product_uuid", "1B4E28BA-2FA1-11D2-883F-0016D3CCA427\n");
    search();
    assert_true(found.has_ibft && found.has_dhcp);
    assert_string_equal(found.ibft.targets[0].name, "iqn.2026-11.test:chap");
    assert_non_null(strstr(found.ibft_place, "/sys/firmware/acpi/tables/iBFT"));
    assert_string_equal(found.dhcp.lun.target, "iqn.2026-11.test:x");
    assert_non_null(strstr(found.dhcp_place, "/run/net-eth0.conf"));
    assert_string_equal(found.file.name, "disk");
    assert_string_equal(found.image.initiator, "iqn.2026-11.test:me");
    assert_string_equal(found.machine.initiator,
                        "iqn.2026-11.org.holdfast:uuid-1b4e28ba-2fa1-11d2-883f-0016d3cca427");
    assert_true(found.image.is_default && found.machine.is_default);
}

static void secrets_can_be_forgotten(void **state)
{
    a_machine_that_has_everything(state);
    boot_found_wipe(&found);
    for (size_t i = 0; i + 14 <= sizeof found; i++)
        assert_int_not_equal(memcmp((char *)&found + i, "secretsecret12", 14), 0);
}

static void uuids_that_are_the_same_everywhere_are_none(void **state)
{
    tree_put(&tree, "/sys/class/dmi/id/product_uuid", "00000000-0000-0000-0000-000000000000\n");
    search();
    assert_string_equal(found.machine.initiator, "");
    tree_put(&tree, "/sys/class/dmi/id/product_uuid", "To be filled by O.E.M., thank you..!\n");
    search();
    assert_string_equal(found.machine.initiator, "");
}

static void what_people_wrote_wrongly_is_a_fault(void **state)
{
    tree_put(&tree, "/etc/holdfast/boot.conf", "name = a/b\n");
    refuses("contains '/'");
    tree_put(&tree, "/etc/holdfast/boot.conf", "url = yes\n");
    refuses("boot.conf line 1");
    tree_put(&tree, "/etc/holdfast/boot.conf", "");
    tree_put(&tree, "/etc/iscsi/initiatorname.iscsi", "InitiatorName=me\n");
    refuses("initiatorname.iscsi");
    tree_put(&tree, "/proc/cmdline", "holdfast=what");
    refuses("kernel command line");
}

static void a_broken_ibft_and_a_foreign_root_path_are_noted(void **state)
{
    tree_put(&tree, "/sys/firmware/acpi/tables/iBFT", "iBFT");
    tree_put(&tree, "/run/net-eth0.conf", "ROOTPATH='10.0.2.2:/srv/nfs'\n");
    search();
    assert_false(found.has_ibft || found.has_dhcp);
    assert_non_null(strstr(found.ibft_fault.text, "broken"));
    assert_non_null(strstr(found.dhcp_fault.text, "'10.0.2.2:/srv/nfs'"));
}

static void no_proc_is_said(void **state)
{
    struct tree empty;
    tree_make(&empty);
    assert_int_equal(boot_search(empty.top, &found, &fault), -ENOENT);
    assert_non_null(strstr(fault.text, "is /proc mounted?"));
    tree_remove(&empty);
}

static void files_are_read_whole_or_not_at_all(void **state)
{
    char path[128], bytes[8];
    tree_put(&tree, "/eight", "12345678");
    snprintf(path, sizeof path, "%s/eight", tree.top);
    assert_int_equal(boot_read_file(path, bytes, 8), 8);
    assert_memory_equal(bytes, "12345678", 8);
    assert_int_equal(boot_read_file(path, bytes, 7), -EFBIG);
    tree_put_at(&tree, "/eight", 0, "a\0b\n", 4);
    assert_int_equal(boot_read_text(path, bytes, sizeof bytes), -EINVAL);
    tree_put(&tree, "/eight", "ab\r\n");
    assert_int_equal(boot_read_text(path, bytes, sizeof bytes), 0);
    assert_string_equal(bytes, "ab");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_machine_that_has_only_a_command_line, make, clear),
        cmocka_unit_test_setup_teardown(a_machine_that_has_everything, make, clear),
        cmocka_unit_test_setup_teardown(secrets_can_be_forgotten, make, clear),
        cmocka_unit_test_setup_teardown(uuids_that_are_the_same_everywhere_are_none, make, clear),
        cmocka_unit_test_setup_teardown(what_people_wrote_wrongly_is_a_fault, make, clear),
        cmocka_unit_test_setup_teardown(a_broken_ibft_and_a_foreign_root_path_are_noted, make,
                                        clear),
        cmocka_unit_test(no_proc_is_said),
        cmocka_unit_test_setup_teardown(files_are_read_whole_or_not_at_all, make, clear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
