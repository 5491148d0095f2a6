#include "daemon/run_dir.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/unit.h"

static char base[] = "/tmp/holdfast-unit-run-XXXXXX";
static char one[64], two[64];
static struct fault fault;

static int make_base(void **state)
{
    if (!mkdtemp(base))
        return -1;
    snprintf(one, sizeof one, "%s/a/one", base);
    snprintf(two, sizeof two, "%s/a/two", base);
    return 0;
}

static int remove_base(void **state)
{
    char command[100];
    snprintf(command, sizeof command, "rm -rf -- %s", base);
    return system(command);
}

static void the_directory_is_ours_alone(void **state)
{
    struct run_dir run_dir;
    struct stat status;
    assert_int_equal(run_dir_holder(one), 0);
    assert_int_equal(run_dir_take(&run_dir, one, &fault), 0);
    assert_int_equal(stat(one, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0700);
    assert_int_equal(run_dir_holder(one), getpid());
    run_dir_release(&run_dir);
    assert_int_equal(run_dir_holder(one), 0);
}

static void a_second_daemon_is_refused_with_the_pid_of_the_first(void **state)
{
    struct run_dir first, second, third;
    char pid[32];
    snprintf(pid, sizeof pid, "(pid %d)", (int)getpid());
    assert_int_equal(run_dir_take(&first, one, &fault), 0);
    assert_int_equal(run_dir_take(&second, one, &fault), -EBUSY);
    assert_non_null(strstr(fault.text, pid));
    assert_int_equal(run_dir_take(&third, two, &fault), 0);
    run_dir_release(&second); /* a refused one may be released too */
    run_dir_release(&first);
    run_dir_release(&third);
    assert_int_equal(run_dir_take(&second, one, &fault), 0);
    run_dir_release(&second);
}

static void one_lun_has_one_daemon(void **state)
{
    struct run_dir first, second;
    assert_int_equal(run_dir_take(&first, one, &fault), 0);
    assert_int_equal(run_dir_take(&second, two, &fault), 0);
    assert_int_equal(run_dir_claim_lun(&first, "iqn.a", 1, &fault), 0);
    assert_int_equal(run_dir_claim_lun(&second, "iqn.a", 1, &fault), -EBUSY);
    assert_non_null(strstr(fault.text, "LUN 1 of iqn.a is served already"));
    assert_int_equal(run_dir_claim_lun(&second, "iqn.a", 2, &fault), 0);
    run_dir_release(&second);
    run_dir_release(&first);
    assert_int_equal(run_dir_take(&second, two, &fault), 0);
    assert_int_equal(run_dir_claim_lun(&second, "iqn.a", 1, &fault), 0);
    run_dir_release(&second);
}

static void a_killed_daemon_leaves_no_lock(void **state)
{
    struct run_dir run_dir;
    int ready[2];
    char byte;
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        if (run_dir_take(&run_dir, one, &fault) == 0 && write(ready[1], "x", 1) == 1)
            pause();
        _exit(1);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(run_dir_holder(one), child);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    assert_int_equal(run_dir_holder(one), 0);
    assert_int_equal(run_dir_take(&run_dir, one, &fault), 0);
    run_dir_release(&run_dir);
    close(ready[0]);
    close(ready[1]);
}

static void an_open_directory_is_closed_and_a_strange_one_refused(void **state)
{
    struct run_dir run_dir;
    struct stat status;
    assert_int_equal(chmod(one, 0755), 0);
    assert_int_equal(run_dir_take(&run_dir, one, &fault), 0);
    run_dir_release(&run_dir);
    assert_int_equal(stat(one, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0700);

    char link[80];
    snprintf(link, sizeof link, "%s/link", base);
    assert_int_equal(symlink(one, link), 0);
    assert_int_equal(run_dir_take(&run_dir, link, &fault), -EPERM);
    assert_int_equal(run_dir_take(&run_dir, "relative", &fault), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_directory_is_ours_alone),
        cmocka_unit_test(a_second_daemon_is_refused_with_the_pid_of_the_first),
        cmocka_unit_test(one_lun_has_one_daemon),
        cmocka_unit_test(a_killed_daemon_leaves_no_lock),
        cmocka_unit_test(an_open_directory_is_closed_and_a_strange_one_refused),
    };
    return cmocka_run_group_tests(tests, make_base, remove_base);
}
