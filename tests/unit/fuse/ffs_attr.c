#include "fuse/ffs_attr.h"

#include "tests/unit/unit.h"

static const struct vol_geometry disk = {
    .size_bytes = 10u << 20,
    .block_bytes = 512,
    .physical_block_bytes = 4096,
};

static struct ffs_attributes attributes(void)
{
    return (struct ffs_attributes){
        .mode = 0640, .uid = 7, .gid = 8, .atime = {1, 2}, .mtime = {3, 4}, .ctime = {5, 6}};
}

static void the_file_is_as_large_as_the_disk(void **state)
{
    const struct ffs_attributes from = attributes();
    struct stat found;
    ffs_attr_of_file(&from, &disk, 42, &found);
    assert_int_equal(found.st_ino, 42);
    assert_int_equal(found.st_mode, S_IFREG | 0640);
    assert_int_equal(found.st_nlink, 1);
    assert_int_equal(found.st_uid, 7);
    assert_int_equal(found.st_gid, 8);
    assert_int_equal(found.st_size, 10 << 20);
    assert_int_equal(found.st_blocks, 20480);
    assert_int_equal(found.st_blksize, 128 << 10);
    assert_int_equal(found.st_mtim.tv_sec, 3);
    assert_int_equal(found.st_mtim.tv_nsec, 4);
}

static void who_may_read_the_file_may_search_the_directory(void **state)
{
    const struct ffs_attributes from = attributes();
    struct stat found;
    ffs_attr_of_directory(&from, 1, &found);
    assert_int_equal(found.st_mode, S_IFDIR | 0550);
    assert_int_equal(found.st_nlink, 2);
}

static void only_what_is_named_is_set(void **state)
{
    const struct timespec now = {100, 200};
    struct ffs_attributes to = attributes();
    struct ffs_call call = {.set = FFS_SET_UID | FFS_SET_MTIME};
    call.to.st_mode = 0777;
    call.to.st_uid = 11;
    call.to.st_gid = 12;
    call.to.st_atim.tv_sec = 13;
    call.to.st_mtim.tv_sec = 14;
    ffs_attr_set(&to, &call, &now);
    assert_int_equal(to.mode, 0640);
    assert_int_equal(to.uid, 11);
    assert_int_equal(to.gid, 8);
    assert_int_equal(to.atime.tv_sec, 1);
    assert_int_equal(to.mtime.tv_sec, 14);
    assert_int_equal(to.ctime.tv_sec, 100);

    call.set = FFS_SET_MODE | FFS_SET_GID | FFS_SET_ATIME;
    call.to.st_mode = S_IFREG | S_ISUID | 0604;
    ffs_attr_set(&to, &call, &now);
    assert_int_equal(to.mode, 0604);
    assert_int_equal(to.gid, 12);
    assert_int_equal(to.atime.tv_sec, 13);
}

static void the_file_system_has_the_blocks_of_the_disk_once_it_is_known(void **state)
{
    struct statvfs found;
    ffs_attr_of_mount(&disk, &found);
    assert_int_equal(found.f_bsize, 4096);
    assert_int_equal(found.f_blocks, 2560);
    assert_int_equal(found.f_bfree, 0);
    ffs_attr_of_mount(NULL, &found);
    assert_int_equal(found.f_blocks, 0);
    assert_true(found.f_bsize > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_file_is_as_large_as_the_disk),
        cmocka_unit_test(who_may_read_the_file_may_search_the_directory),
        cmocka_unit_test(only_what_is_named_is_set),
        cmocka_unit_test(the_file_system_has_the_blocks_of_the_disk_once_it_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
