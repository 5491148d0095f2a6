#include <string.h>

#include "cli/verb.h"

#include "tests/unit/unit.h"

static const struct verb_option options[] = {
    {"json", NULL, "x"}, {"timeout", "TIME", "x"}, {"o", "KEY=VALUE", "x"}, {0}};
static const struct verb verb = {"test", "NAME", 1, 2, "x", options, false, NULL};
static struct arguments arguments;

/* The words behind "test", separated by blanks. */
static int parse(const char *line)
{
    static char copy[512];
    char *words[40] = {(char[]){"test"}};
    int count = 1;
    strcpy(copy, line);
    for (char *word = strtok(copy, " "); word; word = strtok(NULL, " "))
        words[count++] = word;
    return arguments_parse(&arguments, &verb, count, words);
}

static void operands_and_options_mix(void **state)
{
    assert_int_equal(parse("a --json b --timeout 5s -o x=1"), EXIT_DONE);
    assert_int_equal(arguments.positional_count, 2);
    assert_string_equal(arguments.positional[1], "b");
    assert_string_equal(arguments_get(&arguments, "json"), "");
    assert_string_equal(arguments_get(&arguments, "timeout"), "5s");
    assert_string_equal(arguments_get(&arguments, "o"), "x=1");
    assert_null(arguments_get(&arguments, "help"));
}

static void values_may_be_glued_on(void **state)
{
    assert_int_equal(parse("a --timeout=5s -ox=1"), EXIT_DONE);
    assert_string_equal(arguments_get(&arguments, "timeout"), "5s");
    assert_string_equal(arguments_get(&arguments, "o"), "x=1");
    assert_int_equal(parse("a --timeout="), EXIT_DONE);
    assert_string_equal(arguments_get(&arguments, "timeout"), "");
}

static void a_value_may_look_like_an_option(void **state)
{
    assert_int_equal(parse("a --timeout --json"), EXIT_DONE);
    assert_string_equal(arguments_get(&arguments, "timeout"), "--json");
    assert_null(arguments_get(&arguments, "json"));
}

static void the_last_of_several_counts_and_all_are_kept(void **state)
{
    assert_int_equal(parse("a -o x=1 -o x=2"), EXIT_DONE);
    assert_string_equal(arguments_get(&arguments, "o"), "x=2");
    assert_int_equal(arguments.option_count, 2);
    assert_string_equal(arguments.options[0].value, "x=1");
}

static void two_dashes_end_the_options(void **state)
{
    assert_int_equal(parse("-- --json"), EXIT_DONE);
    assert_string_equal(arguments.positional[0], "--json");
    assert_null(arguments_get(&arguments, "json"));
}

static void wrong_use_is_refused(void **state)
{
    static const char *const wrong[] = {"",     "a b c", "a --jsn", "a --json=1", "a --timeout",
                                        "a -o", "a -x",  "a --o x", "a -json",    "a --=x"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        if (parse(wrong[i]) != EXIT_USAGE)
            fail_msg("'%s' was accepted", wrong[i]);
    }
}

static void help_needs_no_operands(void **state)
{
    assert_int_equal(parse("--help"), EXIT_DONE);
    assert_non_null(arguments_get(&arguments, "help"));
}

static void options_are_bounded(void **state)
{
    char line[512] = "a";
    for (unsigned i = 0; i < ARGUMENTS_OPTIONS; i++)
        strcat(line, " --json");
    assert_int_equal(parse(line), EXIT_DONE);
    assert_int_equal(parse(strcat(line, " --json")), EXIT_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(operands_and_options_mix),
        cmocka_unit_test(values_may_be_glued_on),
        cmocka_unit_test(a_value_may_look_like_an_option),
        cmocka_unit_test(the_last_of_several_counts_and_all_are_kept),
        cmocka_unit_test(two_dashes_end_the_options),
        cmocka_unit_test(wrong_use_is_refused),
        cmocka_unit_test(help_needs_no_operands),
        cmocka_unit_test(options_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
