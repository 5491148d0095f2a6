#include "os/journal_place.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "tests/unit/os/scratch.h"
#include "tests/unit/unit.h"

static void copy_on_write_network_and_fuse_file_systems_are_refused(void **state)
{
    const uint32_t unfit[] = {
        BTRFS_SUPER_MAGIC, OVERLAYFS_SUPER_MAGIC, FUSE_SUPER_MAGIC,     NFS_SUPER_MAGIC,
        NILFS_SUPER_MAGIC, SMB2_SUPER_MAGIC,      0x2fc12fc1 /* ZFS */, 0xca451a4e /* bcachefs */};
    for (size_t i = 0; i < sizeof unfit / sizeof unfit[0]; i++)
        assert_non_null(journal_place_objection(unfit[i], false));
    assert_null(journal_place_objection(EXT4_SUPER_MAGIC, false));
    assert_null(journal_place_objection(XFS_SUPER_MAGIC, false));
    assert_null(journal_place_objection(TMPFS_MAGIC, false));
}

static void btrfs_is_taken_without_copy_on_write_and_overlay_is_not(void **state)
{
    assert_null(journal_place_objection(BTRFS_SUPER_MAGIC, true));
    assert_non_null(journal_place_objection(OVERLAYFS_SUPER_MAGIC, true));
}

static void a_file_on_tmpfs_is_in_memory(void **state)
{
    bool memory = false;
    int fd = open("/dev/shm", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_null(journal_place_of_file(fd, &memory));
    assert_true(memory);
    close(fd);
    fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    assert_null(journal_place_of_file(fd, &memory));
    assert_false(memory);
    close(fd);
}

/* --- a sysfs of our own: 8:1 is a partition of 8:0; 253:0 lies on 8:1; 9:0 lies on 253:0 and
 * 8:32; 7:0 is a loop device on a file; 7:1 and 7:2 lie on each other (which never is) --- */

static void shell(const char *folder, const char *script)
{
    char command[4096];
    snprintf(command, sizeof command, "cd '%s' && %s", folder, script);
    assert_int_equal(system(command), 0);
}

static const char sysfs_script[] =
    "mkdir -p dev/block devices/sda/sda1/slaves devices/dm-0/slaves devices/md0/slaves "
    "devices/loop0/loop devices/loop1/slaves devices/loop2/slaves devices/sdc && "
    "echo 8:0 >devices/sda/dev && echo 8:1 >devices/sda/sda1/dev && echo 1 "
    ">devices/sda/sda1/partition && echo 253:0 >devices/dm-0/dev && echo 9:0 >devices/md0/dev && "
    "echo 7:1 >devices/loop1/dev && echo 7:2 >devices/loop2/dev && echo 8:32 >devices/sdc/dev && "
    "ln -s ../../devices/sda dev/block/8:0 && ln -s ../../devices/sda/sda1 dev/block/8:1 && "
    "ln -s ../../devices/dm-0 dev/block/253:0 && ln -s ../../devices/md0 dev/block/9:0 && "
    "ln -s ../../devices/loop0 dev/block/7:0 && ln -s ../../devices/loop1 dev/block/7:1 && "
    "ln -s ../../devices/loop2 dev/block/7:2 && ln -s ../../devices/sdc dev/block/8:32 && "
    "ln -s ../../sda/sda1 devices/dm-0/slaves/sda1 && ln -s ../../dm-0 devices/md0/slaves/dm-0 && "
    "ln -s ../../sdc devices/md0/slaves/sdc && ln -s ../../loop2 devices/loop1/slaves/loop2 && "
    "ln -s ../../loop1 devices/loop2/slaves/loop1 && "
    "touch image && echo \"$PWD/image\" >devices/loop0/loop/backing_file";

static int make_sysfs(void **state)
{
    struct scratch *scratch = calloc(1, sizeof *scratch);
    scratch_make(scratch, SCRATCH_MEMORY);
    shell(scratch->folder, sysfs_script);
    *state = scratch;
    return 0;
}

static int remove_sysfs(void **state)
{
    struct scratch *scratch = *state;
    shell(scratch->folder, "rm -r dev devices image");
    scratch_remove(scratch);
    free(scratch);
    return 0;
}

static bool rests_on(void **state, dev_t device, dev_t other)
{
    struct scratch *scratch = *state;
    const dev_t devices[] = {makedev(200, 200), other};
    return journal_place_rests_on(scratch->folder, device, devices, 2);
}

static void a_device_rests_on_itself_and_on_nothing_when_nothing_is_asked(void **state)
{
    struct scratch *scratch = *state;
    assert_true(rests_on(state, makedev(8, 0), makedev(8, 0)));
    assert_true(
        rests_on(state, makedev(99, 9), makedev(99, 9))); /* not in sysfs: a file system's */
    assert_false(rests_on(state, makedev(99, 9), makedev(99, 8)));
    assert_false(journal_place_rests_on(scratch->folder, makedev(8, 0), NULL, 0));
}

static void a_partition_rests_on_its_disk_but_a_disk_not_on_its_partition(void **state)
{
    assert_true(rests_on(state, makedev(8, 1), makedev(8, 0)));
    assert_false(rests_on(state, makedev(8, 0), makedev(8, 1)));
    assert_false(rests_on(state, makedev(8, 32), makedev(8, 0)));
}

static void layers_are_seen_through(void **state)
{
    assert_true(rests_on(state, makedev(9, 0), makedev(8, 0)));
    assert_true(rests_on(state, makedev(9, 0), makedev(8, 32)));
    assert_true(rests_on(state, makedev(253, 0), makedev(8, 1)));
    assert_false(rests_on(state, makedev(253, 0), makedev(8, 32)));
}

static void a_loop_device_rests_on_the_file_system_of_its_file(void **state)
{
    struct scratch *scratch = *state;
    struct stat folder;
    assert_int_equal(stat(scratch->folder, &folder), 0);
    assert_true(rests_on(state, makedev(7, 0), folder.st_dev));
    assert_false(rests_on(state, makedev(7, 0), folder.st_dev + 1));
}

static void a_circle_ends(void **state)
{
    assert_false(rests_on(state, makedev(7, 1), makedev(8, 0)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copy_on_write_network_and_fuse_file_systems_are_refused),
        cmocka_unit_test(btrfs_is_taken_without_copy_on_write_and_overlay_is_not),
        cmocka_unit_test(a_file_on_tmpfs_is_in_memory),
        cmocka_unit_test(a_device_rests_on_itself_and_on_nothing_when_nothing_is_asked),
        cmocka_unit_test(a_partition_rests_on_its_disk_but_a_disk_not_on_its_partition),
        cmocka_unit_test(layers_are_seen_through),
        cmocka_unit_test(a_loop_device_rests_on_the_file_system_of_its_file),
        cmocka_unit_test(a_circle_ends),
    };
    return cmocka_run_group_tests(tests, make_sysfs, remove_sysfs);
}
