#include "cli/progress.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

#define MIB (1024u * 1024)

static struct progress progress;
static char *printed;
static size_t printed_bytes;
static size_t seen; /* of it: compared already */
static FILE *to;

static int set_up(void **state)
{
    to = open_memstream(&printed, &printed_bytes);
    progress_begin(&progress, to, "drained", 100 * MIB, 1000);
    progress.terminal = false;
    seen = 0;
    return 0;
}

static int tear_down(void **state)
{
    fclose(to);
    free(printed);
    return 0;
}

static void is_printed(const char *expected)
{
    fflush(to);
    assert_string_equal(printed + seen, expected);
    seen = printed_bytes;
}

static void elsewhere_each_tenth_is_a_line(void **state)
{
    progress_left(&progress, 95 * MIB, 2000);
    is_printed("");
    progress_left(&progress, 90 * MIB, 3000);
    progress_left(&progress, 89 * MIB, 3100);
    is_printed("10 % drained (10 MiB), remaining 18.0 s\n");
}

static void the_end_has_no_time_left(void **state)
{
    progress_left(&progress, 0, 3000);
    progress_end(&progress);
    is_printed("100 % drained (100 MiB)\n");
}

static void on_a_terminal_there_is_a_bar(void **state)
{
    progress.terminal = true;
    progress_left(&progress, 50 * MIB, 2000);
    is_printed("\r\033[K[###############---------------]  50 %, 50 MiB drained, remaining 1.0 s");
    progress_end(&progress);
    progress_end(&progress);
    is_printed("\n");
}

static void what_is_left_may_grow(void **state)
{
    progress_left(&progress, 200 * MIB, 2000);
    progress_left(&progress, 100 * MIB, 2500);
    is_printed("50 % drained (100 MiB), remaining 1.5 s\n");
}

static void a_standstill_says_nothing_about_the_speed(void **state)
{
    progress_left(&progress, 100 * MIB, 1000);
    progress_left(&progress, 100 * MIB, 60000); /* the target was away */
    progress_left(&progress, 80 * MIB, 61000);
    is_printed("20 % drained (20 MiB), remaining 4.0 s\n");
}

static void nothing_to_do_is_no_division_by_zero(void **state)
{
    progress_begin(&progress, to, "drained", 0, 1000);
    progress_left(&progress, 0, 2000);
    is_printed("");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(elsewhere_each_tenth_is_a_line),
        TEST(the_end_has_no_time_left),
        TEST(on_a_terminal_there_is_a_bar),
        TEST(what_is_left_may_grow),
        TEST(a_standstill_says_nothing_about_the_speed),
        TEST(nothing_to_do_is_no_division_by_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
