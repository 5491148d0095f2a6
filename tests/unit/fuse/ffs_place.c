#include "fuse/ffs_place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/unit.h"

static const char mountinfo[] =
    "23 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n"
    "40 23 0:39 / /srv/root.img rw,nosuid - fuse.holdfast holdfast:old rw,user_id=0\n"
    "41 23 0:40 / /srv/with\\040space rw master:1 shared:2 - tmpfs none rw\n"
    "a line that makes no sense - \n"
    "42 23 0:41 / /srv/root.img rw,nosuid - fuse.holdfast holdfast:new\\040name rw\n"
    "43 23 0:42 / /srv/root.img.old rw - xfs /dev/sdb rw\n";

static bool find(const char *path, char *ret_type, char *ret_source)
{
    FILE *text = fmemopen((void *)mountinfo, strlen(mountinfo), "r");
    const bool found = ffs_place_find_mount(text, path, ret_type, 32, ret_source, 32);
    fclose(text);
    return found;
}

static void the_topmost_mount_at_a_path_is_found(void **state)
{
    char type[32], source[32];
    assert_true(find("/srv/root.img", type, source));
    assert_string_equal(type, "fuse.holdfast");
    assert_string_equal(source, "holdfast:new name");
    assert_true(find("/srv/with space", type, source));
    assert_string_equal(type, "tmpfs");
    assert_false(find("/srv", type, source));
    assert_false(find("/srv/root", type, source));
}

/* --- on a real folder --- */

static char folder[] = "/tmp/holdfast-ffs_place-XXXXXX";
static char why[256];

static int make_folder(void **state)
{
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    return rmdir(folder);
}

static const char *in_folder(const char *name)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void a_missing_file_is_made_and_goes_with_the_mount(void **state)
{
    struct ffs_place place;
    assert_int_equal(ffs_place_init(&place, in_folder("disk.img"), why, sizeof why), 0);
    assert_string_equal(place.path, in_folder("disk.img"));
    assert_true(place.is_ours);
    assert_false(place.is_directory);
    assert_int_equal(access(place.path, F_OK), 0);
    ffs_place_done(&place);
    assert_int_equal(access(in_folder("disk.img"), F_OK), -1);
}

static void a_file_that_was_there_stays(void **state)
{
    close(open(in_folder("mine"), O_CREAT | O_WRONLY, 0600));
    struct ffs_place place;
    assert_int_equal(ffs_place_init(&place, in_folder("mine"), why, sizeof why), 0);
    assert_false(place.is_ours);
    ffs_place_done(&place);
    assert_int_equal(unlink(in_folder("mine")), 0);
}

static void a_file_of_ours_that_somebody_wrote_to_stays(void **state)
{
    struct ffs_place place;
    assert_int_equal(ffs_place_init(&place, in_folder("disk.img"), why, sizeof why), 0);
    const int fd = open(place.path, O_WRONLY);
    assert_int_equal(write(fd, "x", 1), 1);
    close(fd);
    ffs_place_done(&place);
    assert_int_equal(unlink(in_folder("disk.img")), 0);
}

static void links_and_slashes_are_resolved(void **state)
{
    struct ffs_place place;
    char target[128];
    snprintf(target, sizeof target, "%s", in_folder("real"));
    assert_int_equal(mkdir(target, 0700), 0);
    assert_int_equal(symlink("real", in_folder("link")), 0);
    assert_int_equal(ffs_place_init(&place, in_folder("link//"), why, sizeof why), 0);
    assert_string_equal(place.path, target);
    assert_true(place.is_directory);
    ffs_place_done(&place);
    unlink(in_folder("link"));
    assert_int_equal(rmdir(target), 0);
}

static void what_cannot_be_mounted_on_is_refused_in_words(void **state)
{
    struct ffs_place place;
    assert_int_equal(ffs_place_init(&place, in_folder("no/such"), why, sizeof why), -ENOENT);
    assert_non_null(strstr(why, "make it first"));
    assert_non_null(strstr(why, in_folder("no")));
    assert_int_equal(ffs_place_init(&place, "/dev/null", why, sizeof why), -EINVAL);
    assert_non_null(strstr(why, "neither a regular file nor a directory"));
    assert_int_equal(ffs_place_init(&place, "", why, sizeof why), -EINVAL);
    assert_int_equal(ffs_place_init(&place, "/proc", why, sizeof why), -EBUSY);
    assert_non_null(strstr(why, "mounted there already"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_topmost_mount_at_a_path_is_found),
        cmocka_unit_test(a_missing_file_is_made_and_goes_with_the_mount),
        cmocka_unit_test(a_file_that_was_there_stays),
        cmocka_unit_test(a_file_of_ours_that_somebody_wrote_to_stays),
        cmocka_unit_test(links_and_slashes_are_resolved),
        cmocka_unit_test(what_cannot_be_mounted_on_is_refused_in_words),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
