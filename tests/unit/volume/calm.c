/* Whether the clients take one step at a time, or many, on a fake session and a fake device. */
#include "tests/unit/volume/own_disk.h"

static void ask_one_by_one(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        expect_read(rig, disk, i * 4096ull, 4096, 0);
}

static void after_some_lone_requests_it_is_calm(void **state)
{
    ask_one_by_one(15);
    assert_false(vol_is_calm(rig->volume));
    ask_one_by_one(1);
    assert_true(vol_is_calm(rig->volume));
}

static void a_crowd_ends_the_calm(void **state)
{
    struct call calls[3];
    ask_one_by_one(16);
    for (unsigned i = 0; i < 3; i++)
        call_start(rig, &calls[i], VOL_READ, i * 4096ull, 4096, 0, 0);
    assert_false(vol_is_calm(rig->volume));
    run_all(rig, disk);
    for (unsigned i = 0; i < 3; i++)
        call_done(&calls[i]);
    ask_one_by_one(15);
    assert_false(vol_is_calm(rig->volume));
}

static void a_request_under_way_does_not_disturb_it(void **state)
{
    struct call call;
    ask_one_by_one(16);
    assert_true(vol_is_empty(rig->volume));
    call_start(rig, &call, VOL_READ, 0, 4096, 0, 0);
    assert_true(vol_is_calm(rig->volume));
    assert_false(vol_is_empty(rig->volume));
    run_all(rig, disk);
    call_done(&call);
    assert_true(vol_is_empty(rig->volume));
}

static void while_the_journal_syncs_it_is_not_calm(void **state)
{
    struct call call;
    ask_one_by_one(16);
    call_start(rig, &call, VOL_WRITE, 0, 4096, VOL_FUA, 0x11);
    assert_false(vol_is_calm(rig->volume));
    fake_complete_all(&disk->device);
    assert_true(call.answered);
    assert_true(vol_is_calm(rig->volume));
    call_done(&call);
}

/* Reads, of a target that takes 1.6 ms for one; called with all of them under way. */
static void with_reads_of(uint64_t bytes, unsigned count, void (*look)(void))
{
    struct call calls[16];
    assert_in_range(count, 1, 16);
    rig->session->service_us = 1600;
    for (unsigned i = 0; i < count; i++)
        call_start(rig, &calls[i], VOL_READ, i * bytes, bytes, 0, 0);
    look();
    run_all(rig, disk);
    for (unsigned i = 0; i < count; i++)
        call_done(&calls[i]);
}

static void with_reads_under_way(unsigned count, void (*look)(void))
{
    with_reads_of(4096, count, look);
}

static void expect_a_rest(void)
{
    assert_int_equal(vol_rest_us(rig->volume), 100);
}

static void call_nothing(void)
{
}

static void expect_no_rest(void)
{
    assert_int_equal(vol_rest_us(rig->volume), 0);
}

static void expect_no_rest_beside_a_write(uint32_t flags)
{
    struct call call;
    call_start(rig, &call, VOL_WRITE, 1 << 20, 4096, flags, 0x11);
    expect_no_rest();
    fake_complete_all(&disk->device);
    assert_true(call.answered);
    expect_a_rest();
    call_done(&call);
}

static void expect_no_rest_while_the_journal_writes(void)
{
    expect_no_rest_beside_a_write(0);
    expect_no_rest_beside_a_write(VOL_FUA);
}

static void while_many_wait_for_the_target_there_is_time_to_rest(void **state)
{
    expect_no_rest();
    with_reads_under_way(15, expect_no_rest);
    with_reads_under_way(16, expect_a_rest);
    expect_no_rest();
}

static void with_large_requests_there_is_no_rest(void **state)
{
    for (unsigned i = 0; i < 4; i++)
        with_reads_of(64 * 1024, 16, call_nothing);
    with_reads_of(64 * 1024, 16, expect_no_rest);
    for (unsigned i = 0; i < 4; i++)
        with_reads_of(4096, 16, call_nothing);
    with_reads_of(4096, 16, expect_a_rest);
}

static void who_waits_for_the_journal_is_not_kept_waiting(void **state)
{
    with_reads_under_way(16, expect_no_rest_while_the_journal_writes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(after_some_lone_requests_it_is_calm, start_ready, stop),
        cmocka_unit_test_setup_teardown(a_crowd_ends_the_calm, start_ready, stop),
        cmocka_unit_test_setup_teardown(a_request_under_way_does_not_disturb_it, start_ready, stop),
        cmocka_unit_test_setup_teardown(while_the_journal_syncs_it_is_not_calm, start_ready, stop),
        cmocka_unit_test_setup_teardown(while_many_wait_for_the_target_there_is_time_to_rest,
                                        start_ready, stop),
        cmocka_unit_test_setup_teardown(with_large_requests_there_is_no_rest, start_ready, stop),
        cmocka_unit_test_setup_teardown(who_waits_for_the_journal_is_not_kept_waiting, start_ready,
                                        stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
