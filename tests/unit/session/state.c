#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "session/internal.h"
#include "tests/unit/unit.h"

/* True when the transition ends in our own assertion. */
static bool aborts(enum ses_state from, enum ses_state to)
{
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct session session = {.state = from};
        const struct rlimit no_core = {0, 0};
        setrlimit(RLIMIT_CORE, &no_core);
        signal(SIGABRT, SIG_DFL);
        close(STDERR_FILENO);
        session_enter(&session, to);
        _exit(session.state == to ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void the_way_to_ready_and_back_is_declared(void **state)
{
    static const enum ses_state way[] = {
        SES_IDLE,  SES_CONNECTING, SES_FENCING,    SES_SETTLING, SES_IDENTIFYING, SES_SYNCING,
        SES_READY, SES_WAITING,    SES_CONNECTING, SES_SETTLING, SES_LOGGING_OUT, SES_STOPPED};
    struct session session = {.state = SES_IDLE};
    for (size_t i = 1; i < sizeof way / sizeof way[0]; i++) {
        session_enter(&session, way[i]);
        assert_int_equal(session.state, way[i]);
    }
}

static void what_is_not_declared_is_a_bug(void **state)
{
    assert_true(aborts(SES_CONNECTING, SES_READY));
    assert_true(aborts(SES_FENCING, SES_READY));
    assert_true(aborts(SES_WRONG_LUN, SES_READY));
    assert_true(aborts(SES_FENCED, SES_CONNECTING));
    assert_true(aborts(SES_FENCED, SES_READY));
    assert_true(aborts(SES_REFUSED, SES_CONNECTING));
    assert_true(aborts(SES_STOPPED, SES_CONNECTING));
    assert_true(aborts(SES_READY, SES_READY));
    assert_false(aborts(SES_READY, SES_WAITING));
}

static void a_reason_is_cut_to_its_room(void **state)
{
    struct session session = {0};
    char text[400];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    session_reason(&session, "%s", text);
    assert_int_equal(strlen(session.reason), sizeof session.reason - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_way_to_ready_and_back_is_declared),
        cmocka_unit_test(what_is_not_declared_is_a_bug),
        cmocka_unit_test(a_reason_is_cut_to_its_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
