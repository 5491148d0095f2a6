/* Who uses a device: against files that look like those of /proc, and a device that is none. */
#include "attach/usage.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/attach/folder.h"
#include "tests/unit/unit.h"

static void a_partition_is_a_part_of_its_device(void **state)
{
    assert_true(att_is_part_of("/dev/nbd1", "/dev/nbd1"));
    assert_true(att_is_part_of("/dev/nbd1p3", "/dev/nbd1"));
    assert_true(att_is_part_of("/dev/nbd1p12 (deleted)", "/dev/nbd1"));
}

static void another_device_is_not(void **state)
{
    assert_false(att_is_part_of("/dev/nbd11", "/dev/nbd1"));
    assert_false(att_is_part_of("/dev/nbd1p", "/dev/nbd1"));
    assert_false(att_is_part_of("/dev/nbd1p1x", "/dev/nbd1"));
    assert_false(att_is_part_of("/dev/nbd", "/dev/nbd1"));
}

#define MOUNTS                                                                                     \
    "22 1 0:21 / /proc rw,nosuid shared:5 - proc proc rw\n"                                        \
    "30 1 43:32 / /srv/a rw,relatime shared:9 - ext4 /dev/nbd10 rw\n"                              \
    "31 1 43:1 / /mnt\\040x rw - ext4 /dev/nbd1p2 rw,errors=remount-ro\n"                          \
    "nonsense\n"                                                                                   \
    "32 1 - ext4\n"

static void a_mount_of_a_partition_is_found(void **state)
{
    char where[64] = "";
    folder_write("mountinfo", MOUNTS);
    assert_true(att_find_mount("mountinfo", "/dev/nbd1", where, sizeof where));
    assert_string_equal(where, "/mnt\\040x");
    assert_true(att_find_mount("mountinfo", "/dev/nbd10", where, sizeof where));
    assert_string_equal(where, "/srv/a");
}

static void what_is_not_mounted_is_not_found(void **state)
{
    char where[64] = "";
    folder_write("mountinfo", MOUNTS);
    assert_false(att_find_mount("mountinfo", "/dev/nbd2", where, sizeof where));
    assert_false(att_find_mount("nowhere", "/dev/nbd1", where, sizeof where));
}

static void swap_is_found(void **state)
{
    folder_write("swaps", "Filename\tType\tSize\n/dev/nbd3p1 partition 1048572 0 -2\n");
    assert_true(att_find_swap("swaps", "/dev/nbd3"));
    assert_false(att_find_swap("swaps", "/dev/nbd0"));
    assert_false(att_find_swap("nowhere", "/dev/nbd3"));
}

static void a_device_that_is_not_there_cannot_be_claimed(void **state)
{
    char reason[256] = "";
    int fd = -1;
    assert_int_equal(att_claim("/nonexistent/nbd0", &fd, reason, sizeof reason), -ENOENT);
    assert_int_equal(fd, -1);
    assert_non_null(strstr(reason, "/nonexistent/nbd0"));
}

/* Not where this test is kept from other processes: then nothing is known to be closed. */
static bool sees_all(void)
{
    char target[16];
    return readlink("/proc/1/fd/0", target, sizeof target) >= 0 || errno == ENOENT;
}

/* A file in the place of a device: O_EXCL means nothing there, but openers are found alike. */
static void who_has_it_open_is_named(void **state)
{
    char path[128], reason[256] = "", expected[64];
    int ends[2], fd = -1;
    if (!sees_all())
        skip();
    snprintf(path, sizeof path, "%s/nbd0", (char *)*state);
    folder_write("nbd0", "");
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        int own = open("nbd0", O_RDWR);
        char byte = 'x';
        if (own >= 0 && write(ends[1], &byte, 1) == 1)
            pause();
        _exit(1);
    }
    char byte;
    assert_int_equal(read(ends[0], &byte, 1), 1);
    assert_int_equal(att_claim(path, &fd, reason, sizeof reason), -EBUSY);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    snprintf(expected, sizeof expected, "is open in process %d (", (int)child);
    assert_non_null(strstr(reason, expected));
    assert_int_equal(att_claim(path, &fd, reason, sizeof reason), 0);
    close(fd);
    close(ends[0]);
    close(ends[1]);
}

static void drop_ptrace(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2];
    if (syscall(SYS_capget, &header, data) != 0)
        abort();
    data[0].effective &= ~(1u << CAP_SYS_PTRACE);
    data[0].permitted &= ~(1u << CAP_SYS_PTRACE);
    if (syscall(SYS_capset, &header, data) != 0)
        abort();
}

/* As under a service manager that gives it few rights: root, and yet blind. */
static void who_cannot_be_looked_into_may_have_it_open(void **state)
{
    char path[128], reason[256] = "";
    int status, fd = -1;
    if (geteuid() != 0 || prctl(PR_CAPBSET_READ, CAP_SYS_PTRACE) != 1)
        skip();
    snprintf(path, sizeof path, "%s/nbd0", (char *)*state);
    folder_write("nbd0", "");
    int own = open("nbd0", O_RDWR);
    pid_t child = fork();
    if (child == 0) {
        close(own);
        drop_ptrace();
        int error = att_claim(path, &fd, reason, sizeof reason);
        _exit(error == -EBUSY && strstr(reason, "may be open in process ") ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    close(own);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_partition_is_a_part_of_its_device, folder_make,
                                        folder_remove),
        cmocka_unit_test_setup_teardown(another_device_is_not, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(a_mount_of_a_partition_is_found, folder_make,
                                        folder_remove),
        cmocka_unit_test_setup_teardown(what_is_not_mounted_is_not_found, folder_make,
                                        folder_remove),
        cmocka_unit_test_setup_teardown(swap_is_found, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(a_device_that_is_not_there_cannot_be_claimed, folder_make,
                                        folder_remove),
        cmocka_unit_test_setup_teardown(who_has_it_open_is_named, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(who_cannot_be_looked_into_may_have_it_open, folder_make,
                                        folder_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
