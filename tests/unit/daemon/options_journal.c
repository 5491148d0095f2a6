#include <errno.h>
#include <string.h>

#include "daemon/options.h"
#include "tests/unit/unit.h"

#define URL "url=iscsi://192.0.2.7/iqn.2026-11.org.example:disk/3"

static struct options options;
static struct fault fault;

static int fresh(void **state)
{
    options_init(&options);
    memset(&fault, 0, sizeof fault);
    assert_int_equal(options_set_list(&options, URL, &fault), 0);
    return 0;
}

static void accepts(const char *list)
{
    if (options_set_list(&options, list, &fault) != 0 || options_complete(&options, &fault) != 0)
        fail_msg("'%s' was refused: %s", list, fault.text);
}

static void refuses(const char *list, const char *part)
{
    fresh(NULL);
    if (options_set_list(&options, list, &fault) == 0 && options_complete(&options, &fault) == 0)
        fail_msg("'%s' was accepted", list);
    if (!strstr(fault.text, part))
        fail_msg("'%s': the line '%s' lacks '%s'", list, fault.text, part);
}

static void without_a_word_there_is_no_journal(void **state)
{
    accepts("read_only");
    assert_int_equal(options_journal_kind(&options), JOURNAL_NONE);
}

static void one_in_memory_lies_in_the_run_directory(void **state)
{
    char path[OPTION_PATH_BYTES];
    accepts("journal=memory,run_dir=/run/x");
    assert_int_equal(options_journal_kind(&options), JOURNAL_MEMORY);
    assert_int_equal(options_journal_path(&options, path, sizeof path), 0);
    assert_string_equal(path, "/run/x/journal");
    assert_true(options.journal_size == 64ull << 20);
    assert_true(options.journal_cache == 16ull << 20);
    assert_int_equal(options_journal_path(&options, path, 10), -ENAMETOOLONG);
}

static void a_path_is_a_persistent_one(void **state)
{
    char path[OPTION_PATH_BYTES];
    accepts("journal=/dev/disk/by-partlabel/holdfast");
    assert_int_equal(options_journal_kind(&options), JOURNAL_PATH);
    assert_int_equal(options_journal_path(&options, path, sizeof path), 0);
    assert_string_equal(path, "/dev/disk/by-partlabel/holdfast");
    assert_true(options.journal_size == 1ull << 30);
    assert_true(options.journal_cache == 64ull << 20);
    assert_int_equal(options.journal_engine, ENGINE_AUTO);
}

static void what_was_said_counts(void **state)
{
    accepts("journal=/j,journal_size=4G,journal_cache=8M,journal_engine=thread,destage=ordered");
    accepts("replay=force");
    assert_int_equal(options.replay, REPLAY_FORCE);
    assert_true(options.journal_size == 4ull << 30);
    assert_true(options.journal_cache == 8ull << 20);
    assert_int_equal(options.journal_engine, ENGINE_THREAD);
    assert_int_equal(options.destage, DESTAGE_ORDERED);
}

static void words_that_are_no_place_are_refused(void **state)
{
    refuses("journal=Memory", "journal: 'Memory' is neither none nor memory nor the absolute path");
    refuses("journal=ring.img", "absolute path");
    refuses("journal=", "the value is empty");
    refuses("journal=/j,journal_size=64K", "journal_size: has to be from 5M to 1T");
    refuses("journal=/j,destage=random", "'random' is not one of coalesce|ordered");
    refuses("journal=/j,journal_engine=aio", "not one of auto|uring|thread");
}

static void keys_of_a_journal_need_one(void **state)
{
    refuses("journal_size=1G", "journal_size: there is no journal; give journal=memory");
    refuses("journal_cache=8M", "journal_cache: there is no journal");
    refuses("journal_engine=uring", "journal_engine: there is no journal");
    refuses("destage=coalesce", "destage: there is no journal");
    refuses("on_journal_failure=park", "on_journal_failure: there is no journal");
    refuses("replay=force", "replay: there is no journal");
}

static void contradictions_are_refused(void **state)
{
    refuses("journal=/j,read_only", "read_only writes nothing");
    refuses("journal=/srv/a.img,fuse=/srv/a.img", "the very disk that it is to protect");
    refuses("journal=/srv/a/disk,fuse=/srv/a", "the very disk that it is to protect");
    fresh(NULL);
    accepts("journal=/srv/ab,fuse=/srv/a");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, fresh)
    const struct CMUnitTest tests[] = {
        TEST(without_a_word_there_is_no_journal),  TEST(one_in_memory_lies_in_the_run_directory),
        TEST(a_path_is_a_persistent_one),          TEST(what_was_said_counts),
        TEST(words_that_are_no_place_are_refused), TEST(keys_of_a_journal_need_one),
        TEST(contradictions_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
