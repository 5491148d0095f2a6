/* Whether the clients take one step at a time, on a fake session and a fake device. */
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(after_some_lone_requests_it_is_calm, start_ready, stop),
        cmocka_unit_test_setup_teardown(a_crowd_ends_the_calm, start_ready, stop),
        cmocka_unit_test_setup_teardown(a_request_under_way_does_not_disturb_it, start_ready, stop),
        cmocka_unit_test_setup_teardown(while_the_journal_syncs_it_is_not_calm, start_ready, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
