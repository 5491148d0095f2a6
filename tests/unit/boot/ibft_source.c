/* Where the table is looked for. */
#include <errno.h>
#include <string.h>

#include "boot/boot_search.h"
#include "tests/unit/boot/table.h"
#include "tests/unit/boot/tree.h"
#include "tests/unit/unit.h"

static struct tree tree;
static struct table_bytes table;
static struct ibft ibft;
static struct fault fault;
static char place[BOOT_PATH_BYTES];

static int make(void **state)
{
    tree_make(&tree);
    table_load(&table, "ibft-bios-e1000-chap.bin");
    return 0;
}

static int clear(void **state)
{
    tree_remove(&tree);
    return 0;
}

static int look(void)
{
    return ibft_source_read(tree.top, &ibft, place, sizeof place, &fault);
}

static void acpi_in_three_spellings(void **state)
{
    static const char *const names[] = {"iBFT", "IBFT", "BIFT"};
    for (unsigned i = 0; i < 3; i++) {
        struct tree one;
        char path[64];
        tree_make(&one);
        snprintf(path, sizeof path, "/sys/firmware/acpi/tables/%s", names[i]);
        tree_put_at(&one, path, 0, table.at, table.bytes);
        assert_int_equal(ibft_source_read(one.top, &ibft, place, sizeof place, &fault), 0);
        assert_non_null(strstr(place, path));
        tree_remove(&one);
    }
}

static void the_memory_of_a_bios_machine(void **state)
{
    tree_put_at(&tree, "/dev/mem", 0x9e620, table.at, table.bytes);
    assert_int_equal(look(), 0);
    assert_non_null(strstr(place, "/dev/mem at 0x9e620"));
    assert_int_equal(ibft.target_count, 1);
    tree_put_at(&tree, "/dev/mem", 0xffdb0, table.at, table.bytes); /* to the last byte */
    assert_int_equal(look(), 0);
}

static void not_the_screens_memory_and_not_between_the_borders(void **state)
{
    static const long elsewhere[] = {0x7fff0, 0xa0000, 0xb8000, 0x9e628, 0xffdc0, 0x100000};
    for (size_t i = 0; i < sizeof elsewhere / sizeof *elsewhere; i++) {
        tree_put_at(&tree, "/dev/mem", elsewhere[i], table.at, table.bytes);
        assert_int_equal(look(), -ENOENT);
        assert_non_null(strstr(fault.text, "none in memory (searched)"));
    }
}

static void a_broken_table_in_memory_is_said(void **state)
{
    table.at[100]++;
    tree_put_at(&tree, "/dev/mem", 0xe0000, table.at, table.bytes);
    assert_int_equal(look(), -EINVAL);
    assert_non_null(strstr(fault.text, "checksum"));
}

static void a_whole_table_behind_a_broken_one_is_found(void **state)
{
    uint8_t both[2048];
    memcpy(both, table.at, 1024);
    memcpy(both + 1024, table.at, 1024);
    both[100]++;
    tree_put_at(&tree, "/dev/mem", 0xe0000, both, sizeof both);
    assert_int_equal(look(), 0);
    assert_non_null(strstr(place, "0xe0400"));
}

static void without_memory_the_kernels_view(void **state)
{
    tree_put(&tree, "/sys/firmware/ibft/initiator/initiator-name", "iqn.2026-11.test:k\n");
    assert_int_equal(look(), 0);
    assert_string_equal(ibft.initiator, "iqn.2026-11.test:k");
    assert_non_null(strstr(place, "/sys/firmware/ibft"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(acpi_in_three_spellings, make, clear),
        cmocka_unit_test_setup_teardown(the_memory_of_a_bios_machine, make, clear),
        cmocka_unit_test_setup_teardown(not_the_screens_memory_and_not_between_the_borders, make,
                                        clear),
        cmocka_unit_test_setup_teardown(a_broken_table_in_memory_is_said, make, clear),
        cmocka_unit_test_setup_teardown(a_whole_table_behind_a_broken_one_is_found, make, clear),
        cmocka_unit_test_setup_teardown(without_memory_the_kernels_view, make, clear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
