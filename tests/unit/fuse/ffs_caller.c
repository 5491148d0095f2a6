#include "fuse/ffs_caller.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/unit.h"

static void sigkill_among_the_pending_signals_is_a_kill(void **state)
{
    assert_true(ffs_caller_status_shows_kill("Name:\tx\nSigPnd:\t0000000000000100\nShdPnd:\t0\n"));
    assert_true(ffs_caller_status_shows_kill("Name:\tx\nSigPnd:\t0\nShdPnd:\t0000000000004102\n"));
}

static void other_pending_signals_are_not(void **state)
{
    assert_false(ffs_caller_status_shows_kill(
        "Name:\tx\nSigPnd:\t0000000000002000\nShdPnd:\t0000000000000080\n"));
    assert_false(ffs_caller_status_shows_kill("Name:\tSigPnd:100\n"));
    assert_false(ffs_caller_status_shows_kill(""));
}

static void who_cannot_be_seen_is_not_being_killed(void **state)
{
    assert_false(ffs_caller_is_killed(0));
    assert_false(ffs_caller_is_killed(-1));
    assert_false(ffs_caller_is_killed(0x7ffffffe));
    assert_false(ffs_caller_is_killed(gettid()));
}

/* A pending SIGKILL lasts for an instant, but a blocked fatal signal does not even show as one. */
static void a_blocked_signal_is_not_a_kill(void **state)
{
    sigset_t mask, old;
    sigemptyset(&mask);
    sigaddset(&mask, SIGTERM);
    sigprocmask(SIG_BLOCK, &mask, &old);
    raise(SIGTERM);
    assert_false(ffs_caller_is_killed(gettid()));
    int signal;
    sigwait(&mask, &signal);
    sigprocmask(SIG_SETMASK, &old, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sigkill_among_the_pending_signals_is_a_kill),
        cmocka_unit_test(other_pending_signals_are_not),
        cmocka_unit_test(who_cannot_be_seen_is_not_being_killed),
        cmocka_unit_test(a_blocked_signal_is_not_a_kill),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
