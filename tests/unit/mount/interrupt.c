#include "mount/interrupt.h"

#include <errno.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/unit.h"

static void a_signal_is_noted_and_ends_nobody(void **state)
{
    const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        interrupt_catch();
        assert_false(interrupt_came());
        raise(signals[i]);
        assert_true(interrupt_came());
    }
}

static void what_waits_is_woken(void **state)
{
    const struct timespec long_time = {.tv_sec = 30};
    interrupt_catch();
    pid_t child = fork();
    if (child == 0) {
        for (;;) { /* until the parent has seen it: the first may come too early */
            const struct timespec pause = {.tv_nsec = 20000000};
            nanosleep(&pause, NULL);
            kill(getppid(), SIGINT);
        }
    }
    assert_int_equal(nanosleep(&long_time, NULL), -1);
    assert_int_equal(errno, EINTR);
    kill(child, SIGKILL);
    assert_true(interrupt_came());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_signal_is_noted_and_ends_nobody),
        cmocka_unit_test(what_waits_is_woken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
