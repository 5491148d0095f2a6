#include "os/process.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>

#include "tests/unit/unit.h"

static void the_librarys_variables_are_forgotten_and_others_kept(void **state)
{
    setenv("LIBISCSI_CHAP_PASSWORD", "secret", 1);
    setenv("LIBISCSI_DEBUG", "9", 1);
    setenv("NOT_LIBISCSI_DEBUG", "1", 1);
    os_process_init();
    assert_null(getenv("LIBISCSI_CHAP_PASSWORD"));
    assert_null(getenv("LIBISCSI_DEBUG"));
    assert_string_equal(getenv("NOT_LIBISCSI_DEBUG"), "1");
}

static void sigpipe_does_not_kill(void **state)
{
    os_process_init();
    assert_int_equal(raise(SIGPIPE), 0);
}

static void a_process_is_called_as_it_was_told(void **state)
{
    char name[16];
    os_process_name("holdfast-worker");
    assert_int_equal(prctl(PR_GET_NAME, name), 0);
    assert_string_equal(name, "holdfast-worker");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_librarys_variables_are_forgotten_and_others_kept),
        cmocka_unit_test(sigpipe_does_not_kill),
        cmocka_unit_test(a_process_is_called_as_it_was_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
