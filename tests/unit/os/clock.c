#include "os/clock.h"

#include <signal.h>
#include <sys/time.h>

#include "tests/unit/unit.h"

static void a_pause_is_at_least_as_long_as_was_asked(void **state)
{
    uint64_t before_ms = clock_ms();
    clock_pause_ms(30);
    assert_true(clock_ms() - before_ms >= 29); /* both ends are rounded down */
}

static void rings(int number)
{
}

static void a_signal_ends_a_pause(void **state)
{
    const struct sigaction action = {.sa_handler = rings};
    const struct itimerval soon = {.it_value = {.tv_usec = 20000},
                                   .it_interval = {.tv_usec = 20000}};
    const struct itimerval never = {0};
    sigaction(SIGALRM, &action, NULL);
    uint64_t before_ms = clock_ms();
    setitimer(ITIMER_REAL, &soon, NULL);
    clock_pause_ms(3600 * 1000);
    setitimer(ITIMER_REAL, &never, NULL);
    assert_true(clock_ms() - before_ms < 3600 * 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pause_is_at_least_as_long_as_was_asked),
        cmocka_unit_test(a_signal_ends_a_pause),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
