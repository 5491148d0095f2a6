#include "mount/probe_blkid.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/unit.h"

#define DISK_BYTES (4u << 20)
#define SUPERBLOCK 1024u /* of ext2 and its successors */

static int disk;
static struct fault fault;
static struct probe_place place;
static char type[PROBE_TYPE_BYTES];

static int set_up(void **state)
{
    char path[] = "/tmp/holdfast-probe-XXXXXX";
    disk = mkstemp(path);
    unlink(path);
    return ftruncate(disk, DISK_BYTES);
}

static int tear_down(void **state)
{
    return close(disk);
}

static void put(uint64_t at, const void *data, size_t bytes)
{
    assert_int_equal(pwrite(disk, data, bytes, (off_t)at), bytes);
}

/* As much of an ext2 superblock as libblkid wants to see. */
static void put_ext2(uint64_t at)
{
    static const uint8_t magic[] = {0x53, 0xef}, revision[] = {1, 0, 0, 0};
    static const uint8_t count[] = {0, 1, 0, 0};
    put(at + SUPERBLOCK + 0, count, 4); /* inodes */
    put(at + SUPERBLOCK + 4, count, 4); /* blocks */
    put(at + SUPERBLOCK + 0x38, magic, 2);
    put(at + SUPERBLOCK + 0x4c, revision, 4);
    put(at + SUPERBLOCK + 0x68, "0123456789abcdef", 16); /* UUID */
}

static void put_swap(uint64_t at)
{
    static const uint8_t version[] = {1, 0, 0, 0}, last_page[] = {100, 0, 0, 0};
    put(at + 1024, version, 4);
    put(at + 1028, last_page, 4);
    put(at + 4096 - 10, "SWAPSPACE2", 10);
}

/* An MBR with one Linux partition, number `part` of 4; sectors of 512. */
static void put_mbr(unsigned part, uint32_t start, uint32_t sectors)
{
    uint8_t entry[16] = {[4] = 0x83};
    static const uint8_t mark[] = {0x55, 0xaa};
    for (unsigned i = 0; i < 4; i++) {
        entry[8 + i] = (uint8_t)(start >> 8 * i);
        entry[12 + i] = (uint8_t)(sectors >> 8 * i);
    }
    put(446 + 16 * (part - 1), entry, sizeof entry);
    put(510, mark, 2);
}

static int find(unsigned part, unsigned block_bytes)
{
    int error = probe_partition(disk, block_bytes, part, &place, &fault);
    return error ? error : probe_type(disk, &place, block_bytes, type, &fault);
}

static void expect_fault(int error, const char *words)
{
    assert_int_equal(error, -ENODATA);
    if (!strstr(fault.text, words))
        fail_msg("'%s' is not said, but: %s", words, fault.text);
}

static void a_file_system_on_all_of_the_disk(void **state)
{
    put_ext2(0);
    assert_int_equal(find(0, 512), 0);
    assert_string_equal(type, "ext2");
    assert_int_equal(place.offset, 0);
    assert_int_equal(place.bytes, 0);
}

static void a_file_system_on_a_partition(void **state)
{
    put_mbr(2, 2048, 4096);
    put_ext2(1 << 20);
    assert_int_equal(find(2, 512), 0);
    assert_string_equal(type, "ext2");
    assert_int_equal(place.offset, 1 << 20);
    assert_int_equal(place.bytes, 2 << 20);
}

static void a_type_that_was_found_is_not_looked_for_beyond_the_partition(void **state)
{
    put_mbr(1, 2048, 2048);
    put_ext2(2 << 20);
    expect_fault(find(1, 512), "no file system was found");
}

static void a_partition_that_is_not_there(void **state)
{
    put_mbr(2, 2048, 4096);
    assert_int_equal(find(1, 512), -ENOENT);
    assert_non_null(strstr(fault.text, "no partition 1; there are 2"));
    assert_int_equal(find(5, 512), -ENOENT);
}

static void a_partition_of_a_disk_without_a_table(void **state)
{
    put_ext2(0);
    assert_int_equal(find(1, 512), -ENOENT);
    assert_non_null(strstr(fault.text, "leave part= out"));
}

static void a_disk_with_a_table_wants_a_number(void **state)
{
    put_mbr(2, 2048, 4096);
    put_ext2(1 << 20);
    expect_fault(find(0, 512), "(dos); say which one with part=N");
}

static void nothing_at_all(void **state)
{
    expect_fault(find(0, 512), "no file system was found");
}

static void what_is_no_file_system_is_named(void **state)
{
    put_swap(0);
    expect_fault(find(0, 512), "no file system, but swap is there");
}

/* mkfs over an old file system: which one is the newer, nobody can tell. */
static void two_of_them_are_not_guessed_between(void **state)
{
    put((64 << 10) + 64, "_BHRfS_M", 8); /* btrfs */
    put_ext2(0);
    expect_fault(find(0, 512), "more than one");
}

static void a_disk_that_cannot_be_read(void **state)
{
    int closed = open("/dev/null", O_WRONLY);
    assert_int_equal(probe_partition(closed, 512, 1, &place, &fault), -EIO);
    close(closed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_file_system_on_all_of_the_disk, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_system_on_a_partition, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_type_that_was_found_is_not_looked_for_beyond_the_partition, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_partition_that_is_not_there, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_partition_of_a_disk_without_a_table, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_disk_with_a_table_wants_a_number, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nothing_at_all, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_no_file_system_is_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(two_of_them_are_not_guessed_between, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_disk_that_cannot_be_read, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
