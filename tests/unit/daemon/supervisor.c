/* Workers that crash, end and are told to: real processes, a few milliseconds each. */
#include "daemon/supervisor.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/unit.h"

/* What all workers of a test share. */
struct story {
    struct supervision *shared;
    int starts;
    int crash_until; /* the workers before this one crash */
    int end_with;
    pid_t supervisor;
    pid_t pid;
    char listen_pid[16];
};

static struct story *begin(void)
{
    struct story *story =
        mmap(NULL, sizeof *story, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(story, MAP_FAILED);
    memset(story, 0, sizeof *story);
    story->shared = supervision_new();
    story->supervisor = getpid();
    assert_non_null(story->shared);
    if (!freopen("/dev/null", "w", stderr)) /* what the supervisor says */
        abort();
    return story;
}

static int crash_then_end(void *owner)
{
    struct story *story = owner;
    story->starts++;
    if (story->starts < story->crash_until)
        raise(SIGKILL);
    return story->end_with;
}

static void a_worker_that_ends_well_is_not_started_again(void **state)
{
    struct story *story = begin();
    story->shared->lun_seen = true;
    assert_int_equal(supervise("t", story->shared, crash_then_end, story), 0);
    assert_int_equal(story->starts, 1);
}

static void a_start_that_fails_is_final(void **state)
{
    struct story *story = begin();
    story->end_with = 1;
    assert_int_equal(supervise("t", story->shared, crash_then_end, story), 1);
    assert_int_equal(story->starts, 1);
}

static void a_crash_is_followed_by_another_start(void **state)
{
    struct story *story = begin();
    story->crash_until = 4;
    assert_int_equal(supervise("t", story->shared, crash_then_end, story), 0);
    assert_int_equal(story->starts, 4);
}

static int fail_until_the_third(void *owner)
{
    struct story *story = owner;
    return ++story->starts < 3 ? 1 : 0;
}

static void an_end_by_itself_after_the_lun_was_seen_is_a_crash(void **state)
{
    struct story *story = begin();
    story->shared->lun_seen = true;
    assert_int_equal(supervise("t", story->shared, fail_until_the_third, story), 0);
    assert_int_equal(story->starts, 3);
}

static int end_when_asked(void *owner)
{
    struct story *story = owner;
    sigset_t set;
    int number;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    story->starts++;
    kill(story->supervisor, story->end_with);
    sigwait(&set, &number);
    story->shared->stopping = true;
    return 7;
}

static void a_signal_reaches_the_worker_and_its_status_is_ours(void **state)
{
    struct story *story = begin();
    story->shared->lun_seen = true;
    story->end_with = SIGTERM;
    assert_int_equal(supervise("t", story->shared, end_when_asked, story), 7);
    story->end_with = SIGHUP; /* also means the end */
    assert_int_equal(supervise("t", story->shared, end_when_asked, story), 7);
    assert_int_equal(story->starts, 2);
}

static int crash_when_asked(void *owner)
{
    struct story *story = owner;
    story->starts++;
    story->shared->stopping = true;
    raise(SIGKILL);
    return 0;
}

static void a_crash_in_the_end_is_the_end(void **state)
{
    struct story *story = begin();
    story->shared->lun_seen = true;
    assert_int_equal(supervise("t", story->shared, crash_when_asked, story), 1);
    assert_int_equal(story->starts, 1);
}

static int tell_before_it_can_hear(void *owner)
{
    struct story *story = owner;
    story->starts++;
    kill(story->supervisor, SIGTERM);
    pause();
    return 3;
}

static void told_to_end_before_it_was_ready_is_no_crash(void **state)
{
    struct story *story = begin();
    assert_int_equal(supervise("t", story->shared, tell_before_it_can_hear, story), 0);
    assert_int_equal(story->starts, 1);
}

static int note_environment(void *owner)
{
    struct story *story = owner;
    story->pid = getpid();
    snprintf(story->listen_pid, sizeof story->listen_pid, "%s", getenv("LISTEN_PID"));
    return getpgrp() == getpid() ? 0 : 1;
}

static void what_a_manager_passed_to_us_is_passed_on(void **state)
{
    struct story *story = begin();
    char pid[16];
    snprintf(pid, sizeof pid, "%d", (int)getpid());
    setenv("LISTEN_PID", pid, 1);
    assert_int_equal(supervise("t", story->shared, note_environment, story), 0);
    assert_int_equal(atoi(story->listen_pid), story->pid);
    setenv("LISTEN_PID", "1", 1);
    assert_int_equal(supervise("t", story->shared, note_environment, story), 0);
    assert_string_equal(story->listen_pid, "1");
    unsetenv("LISTEN_PID");
}

static void pauses_grow_and_are_bounded(void **state)
{
    assert_int_equal(supervisor_pause_ms(1), 0);
    assert_int_equal(supervisor_pause_ms(2), 100);
    assert_int_equal(supervisor_pause_ms(3), 200);
    assert_int_equal(supervisor_pause_ms(7), 3200);
    assert_int_equal(supervisor_pause_ms(8), 5000);
    assert_int_equal(supervisor_pause_ms(4000000000u), 5000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_worker_that_ends_well_is_not_started_again),
        cmocka_unit_test(a_start_that_fails_is_final),
        cmocka_unit_test(a_crash_is_followed_by_another_start),
        cmocka_unit_test(an_end_by_itself_after_the_lun_was_seen_is_a_crash),
        cmocka_unit_test(a_signal_reaches_the_worker_and_its_status_is_ours),
        cmocka_unit_test(a_crash_in_the_end_is_the_end),
        cmocka_unit_test(told_to_end_before_it_was_ready_is_no_crash),
        cmocka_unit_test(what_a_manager_passed_to_us_is_passed_on),
        cmocka_unit_test(pauses_grow_and_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
