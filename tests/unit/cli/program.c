#include "cli/program.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "tests/unit/unit.h"

static char output[16];
static int status;

static int read_shell(const char *script)
{
    const char *const words[] = {"sh", "-c", script, NULL};
    return program_read(words, output, sizeof output, &status);
}

static void the_exit_status_is_that_of_the_program(void **state)
{
    const char *const words[] = {"sh", "-c", "exit 32", NULL};
    assert_int_equal(program_run(words, &status), 0);
    assert_int_equal(status, 32);
}

static void a_signal_is_told_as_shells_do(void **state)
{
    assert_int_equal(read_shell("kill -9 $$"), 0);
    assert_int_equal(status, 128 + SIGKILL);
}

static void a_program_that_is_not_there_is_an_error(void **state)
{
    const char *const words[] = {"holdfast-no-such-program", NULL};
    assert_int_equal(program_run(words, &status), -ENOENT);
    assert_int_equal(program_read(words, output, sizeof output, &status), -ENOENT);
}

static void output_is_read_without_its_last_line_end(void **state)
{
    assert_int_equal(read_shell("echo one; echo two"), 0);
    assert_string_equal(output, "one\ntwo");
    assert_int_equal(read_shell("echo lost >&2"), 0);
    assert_string_equal(output, "");
}

static void more_output_than_room_stops_nobody(void **state)
{
    assert_int_equal(read_shell("yes | head -c 300000; exit 5"), 0);
    assert_int_equal(status, 5);
    assert_int_equal(strlen(output), sizeof output - 1);
}

/* Ours is ignored; a program that inherits that writes into a closed pipe for ever. */
static void sigpipe_kills_the_program(void **state)
{
    signal(SIGPIPE, SIG_IGN);
    assert_int_equal(read_shell("kill -PIPE $$; exit 0"), 0);
    assert_int_equal(status, 128 + SIGPIPE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_exit_status_is_that_of_the_program),
        cmocka_unit_test(a_signal_is_told_as_shells_do),
        cmocka_unit_test(a_program_that_is_not_there_is_an_error),
        cmocka_unit_test(output_is_read_without_its_last_line_end),
        cmocka_unit_test(more_output_than_room_stops_nobody),
        cmocka_unit_test(sigpipe_kills_the_program),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
