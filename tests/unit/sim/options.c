#include "tests/sim/options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

#define SEEDS 3000u

static void expect_settable(const struct options *options)
{
    char *text, why[OPTION_WHY_BYTES], *rest;
    size_t bytes;
    struct options set = {0};
    FILE *to = open_memstream(&text, &bytes);
    assert_non_null(to);
    options_print(options, to);
    fclose(to);
    for (char *word = strtok_r(text, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
        if (options_set(&set, word, why) != 0)
            fail_msg("%s", why);
    free(text);
    assert_memory_equal(&set, options, sizeof set);
}

static void what_is_drawn_may_be_set(void **state)
{
    struct options options;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        options_draw(&options, seed);
        options_fit(&options);
        expect_settable(&options);
        options_make_tiny(&options);
        expect_settable(&options);
    }
}

static void what_an_option_cannot_have_is_refused_with_what_it_can(void **state)
{
    static const char *const wrong[][2] = {
        {"mode=9", "mode=9: it is a number from 0 to 2"},
        {"mode=4294967297", "mode=4294967297: it is a number from 0 to 2"},
        {"mode=", "mode=: it is a number from 0 to 2"},
        {"mode", "mode: it is a number from 0 to 2"},
        {"mode=1x", "mode=1x: it is a number from 0 to 2"},
        {"mode=-1", "mode=-1: it is a number from 0 to 2"},
        {"exec_us=0", "exec_us=0: it is a number from 1 to 4294967295"},
        {"block_bytes=1000", "block_bytes=1000: it is a power of two"},
        {"mod=1", "mod=1: there is no such option"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct options options = {.mode = 1, .block_bytes = 512};
        const struct options before = options;
        char why[OPTION_WHY_BYTES] = "";
        assert_int_equal(options_set(&options, wrong[i][0], why), -EINVAL);
        assert_string_equal(why, wrong[i][1]);
        assert_memory_equal(&options, &before, sizeof before);
    }
}

static void what_was_drawn_gives_way_to_what_was_set(void **state)
{
    char why[OPTION_WHY_BYTES];
    struct options options = {.blocks = 40, .quiet_blocks = 20, .ordered = 1};
    options.w_jdev_rot_data = 5;
    assert_int_equal(options_set(&options, "blocks=8", why), 0);
    options_fit(&options);
    assert_int_equal(options.quiet_blocks, 4);
    assert_int_equal(options.w_jdev_rot_data, 5);
    assert_int_equal(options_set(&options, "mode=1", why), 0);
    options_fit(&options);
    assert_int_equal(options.w_jdev_rot_data, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_drawn_may_be_set),
        cmocka_unit_test(what_an_option_cannot_have_is_refused_with_what_it_can),
        cmocka_unit_test(what_was_drawn_gives_way_to_what_was_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
