/* In a child of its own; needs the right to make a mount namespace. */
#include "os/private_root.h"

#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/unit.h"

static char place[64];

/* Runs it in a child that has entered; true when it returns true there. */
static bool holds_inside(bool (*look)(void))
{
    int status;
    pid_t child = fork();
    if (child == 0)
        _exit(private_root_enter(place) == 0 && look() ? 0 : 1);
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool root_has_four_folders(void)
{
    unsigned seen = 0, others = 0;
    DIR *root = opendir("/");
    for (struct dirent *entry; root && (entry = readdir(root));) {
        if (entry->d_name[0] == '.')
            continue;
        bool known = strstr("dev proc run sys", entry->d_name) != NULL;
        seen += known;
        others += !known;
    }
    return seen == 4 && others == 0;
}

static void only_the_four_folders_of_the_system_are_there(void **state)
{
    assert_true(holds_inside(root_has_four_folders));
}

static bool system_works(void)
{
    char path[80];
    struct stat status;
    snprintf(path, sizeof path, "%s-seen", place);
    return access("/proc/self/fd", F_OK) == 0 && access("/sys/block", F_OK) == 0 &&
           stat("/dev/null", &status) == 0 && S_ISCHR(status.st_mode) && mkdir(path, 0700) == 0;
}

static void they_are_those_of_the_system(void **state)
{
    char path[80];
    snprintf(path, sizeof path, "%s-seen", place);
    assert_true(holds_inside(system_works));
    assert_int_equal(rmdir(path), 0); /* what was made in /run inside is there outside */
}

static bool working_directory_is_the_root(void)
{
    char path[64];
    return getcwd(path, sizeof path) && strcmp(path, "/") == 0;
}

static void nothing_holds_on_to_the_place_before(void **state)
{
    assert_true(holds_inside(working_directory_is_the_root));
}

static void outside_nothing_is_to_be_seen_of_it(void **state)
{
    assert_true(holds_inside(root_has_four_folders));
    assert_int_equal(rmdir(place), 0); /* empty, and no mount */
}

static int drop_rights_and_enter(void)
{
    return setuid(65534) == 0 ? private_root_enter(place) : -1;
}

static void without_the_right_it_is_refused(void **state)
{
    int status;
    pid_t child = fork();
    if (child == 0)
        _exit(drop_rights_and_enter() == -EPERM ? 0 : 1);
    waitpid(child, &status, 0);
    assert_int_equal(WEXITSTATUS(status), 0);
}

static bool may_try(void)
{
    int status;
    pid_t child = fork();
    if (child == 0)
        _exit(unshare(CLONE_NEWNS) == 0 ? 0 : 1);
    waitpid(child, &status, 0);
    return geteuid() == 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_four_folders_of_the_system_are_there),
        cmocka_unit_test(they_are_those_of_the_system),
        cmocka_unit_test(nothing_holds_on_to_the_place_before),
        cmocka_unit_test(outside_nothing_is_to_be_seen_of_it),
        cmocka_unit_test(without_the_right_it_is_refused),
    };
    snprintf(place, sizeof place, "/run/holdfast-test-%d", (int)getpid());
    if (!may_try()) {
        puts("SKIP: needs the right to make a mount namespace");
        return 77;
    }
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    rmdir(place);
    return failures;
}
