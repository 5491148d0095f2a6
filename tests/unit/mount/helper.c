#include "mount/helper.h"

#include "tests/unit/unit.h"

static void helpers_are_found_by_their_names(void **state)
{
    assert_ptr_equal(mount_helper_find("/sbin/mount.holdfast"), mount_holdfast);
    assert_ptr_equal(mount_helper_find("umount.holdfast"), umount_holdfast);
    assert_ptr_equal(mount_helper_find("/usr/sbin/mount.fuse.holdfast"), mount_fuse_holdfast);
    assert_ptr_equal(mount_helper_find("./umount.fuse.holdfast"), umount_fuse_holdfast);
}

static void holdfast_is_no_helper(void **state)
{
    assert_null(mount_helper_find("/usr/sbin/holdfast"));
    assert_null(mount_helper_find("@usr/sbin/holdfast"));
    assert_null(mount_helper_find("/mount.holdfast/holdfast"));
    assert_null(mount_helper_find(""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(helpers_are_found_by_their_names),
        cmocka_unit_test(holdfast_is_no_helper),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
