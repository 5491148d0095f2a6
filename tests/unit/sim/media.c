#include "tests/sim/media.h"

#include <string.h>

#include "tests/unit/unit.h"

#define BLOCK 512

struct fixture {
    struct media media;
    struct rng rng;
};

static int setup(void **state)
{
    static struct fixture fixture;
    media_init(&fixture.media, BLOCK, 2);
    fixture.rng = rng_fork(1, "test");
    *state = &fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    media_done(&f->media);
    return 0;
}

static void write_byte(struct fixture *f, uint64_t lba, uint8_t value, bool stable)
{
    uint8_t data[BLOCK];
    memset(data, value, BLOCK);
    media_write(&f->media, lba, data, true, stable);
}

static void reads_see_the_newest_version(void **state)
{
    struct fixture *f = *state;
    write_byte(f, 1, 7, false);
    write_byte(f, 1, 8, false);
    assert_int_equal(media_read(&f->media, 1)->data[BLOCK - 1], 8);
    assert_int_equal(media_read(&f->media, 0)->data[0], 0);
}

static void a_crash_loses_what_was_not_synchronised(void **state)
{
    struct fixture *f = *state;
    write_byte(f, 0, 7, false);
    assert_int_equal(media_crash(&f->media, &f->rng, MEDIA_LOSE_ALL), 1);
    assert_int_equal(media_read(&f->media, 0)->data[0], 0);
    assert_int_equal(f->media.losses, 1);
}

static void a_sync_covers_what_was_there_at_its_start(void **state)
{
    struct fixture *f = *state;
    write_byte(f, 0, 7, false);
    uint64_t start = f->media.order;
    write_byte(f, 0, 8, false);
    write_byte(f, 1, 9, false);
    media_sync(&f->media, start);
    assert_int_equal(media_read(&f->media, 0)->data[0], 8);
    media_crash(&f->media, &f->rng, MEDIA_LOSE_ALL);
    assert_int_equal(media_read(&f->media, 0)->data[0], 7);
    assert_int_equal(media_read(&f->media, 1)->data[0], 0);
}

static void a_stable_write_survives_alone(void **state)
{
    struct fixture *f = *state;
    write_byte(f, 0, 7, true);
    write_byte(f, 1, 7, false);
    media_crash(&f->media, &f->rng, MEDIA_LOSE_ALL);
    assert_int_equal(media_read(&f->media, 0)->data[0], 7);
    assert_int_equal(media_read(&f->media, 1)->data[0], 0);
}

static void a_crash_may_leave_any_version(void **state)
{
    struct fixture *f = *state;
    bool seen[4] = {false};
    for (unsigned i = 0; i < 200; i++) {
        write_byte(f, 0, 1, true);
        write_byte(f, 0, 2, false);
        write_byte(f, 0, 3, false);
        media_crash(&f->media, &f->rng, MEDIA_LOSE_SOME);
        seen[media_read(&f->media, 0)->data[0]] = true;
    }
    assert_true(seen[1] && seen[2] && seen[3]);
}

static void stable_blocks_cost_one_version_each(void **state)
{
    struct fixture *f = *state;
    for (unsigned i = 0; i < 10; i++)
        write_byte(f, 0, (uint8_t)i, false);
    media_crash(&f->media, &f->rng, MEDIA_KEEP_ALL);
    assert_int_equal(media_read(&f->media, 0)->data[0], 9);
    assert_int_equal(f->media.versions, 2);
}

#define FIXTURE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(reads_see_the_newest_version),
        FIXTURE_TEST(a_crash_loses_what_was_not_synchronised),
        FIXTURE_TEST(a_sync_covers_what_was_there_at_its_start),
        FIXTURE_TEST(a_stable_write_survives_alone),
        FIXTURE_TEST(a_crash_may_leave_any_version),
        FIXTURE_TEST(stable_blocks_cost_one_version_each),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
