/* When the overlay goes to the target, on a fake session and a fake device. */
#include "tests/unit/volume/own_disk.h"

#define STEP_MS 19 /* less than a pause; and a second of it is less than half of the ring */

/* A write every STEP_MS; what the target had got when `ms` were over. */
static unsigned sent_while_clients_write_ms(uint64_t ms)
{
    for (uint64_t passed = 0; passed < ms; passed += STEP_MS) {
        write_to_journal(rig, disk, passed / STEP_MS * 8192, 4096, 0x11);
        pass_ms(STEP_MS);
        fake_run_all(rig->session);
    }
    return rig->session->writes;
}

static void the_target_rests_while_clients_write(void **state)
{
    assert_int_equal(sent_while_clients_write_ms(850), 0);
}

static void a_pause_of_the_clients_ends_the_rest(void **state)
{
    assert_int_equal(sent_while_clients_write_ms(50), 0);
    pass_ms(20);
    pass_ms(20); /* durable by now */
    fake_run_all(rig->session);
    assert_int_equal(rig->session->writes, 3);
}

static void the_lun_is_never_more_than_a_second_behind(void **state)
{
    assert_true(sent_while_clients_write_ms(1100) > 0);
}

static void what_is_written_again_meanwhile_is_sent_once(void **state)
{
    for (unsigned i = 0; i < 20; i++) {
        write_to_journal(rig, disk, 4096, 4096, (uint8_t)i);
        pass_ms(10);
    }
    settle(rig, disk);
    assert_int_equal(rig->session->writes, 1);
    rig_expect_stable(rig, 4096, 4096, 19);
}

static void a_ring_half_full_ends_the_rest(void **state)
{
    struct vol_status status;
    do {
        assert_int_equal(rig->session->in_flight, 0);
        write_to_journal(rig, disk, 0, 64 * 1024, 0x22);
        fake_clock_advance_ms(&rig->clock, 1);
        vol_status(rig->volume, &status);
    } while (status.ring_used_bytes < status.ring_bytes / 2);
    struct call flush;
    call_start(rig, &flush, VOL_FLUSH, 0, 0, 0, 0); /* what is sent has to be durable */
    fake_complete_all(&disk->device);
    assert_true(flush.answered);
    assert_true(rig->session->in_flight > 0);
}

static void who_drains_ends_the_rest(void **state)
{
    assert_int_equal(sent_while_clients_write_ms(50), 0);
    vol_hurry(rig->volume);
    assert_true(sent_while_clients_write_ms(50) > 0);
    settle(rig, disk);
    vol_hurry(rig->volume); /* sees that all is there, and that is its end */
    unsigned before = rig->session->writes;
    assert_int_equal(sent_while_clients_write_ms(50), before);
}

static void a_drain_that_had_nothing_to_do_leaves_the_next_sync_to_its_time(void **state)
{
    settle(rig, disk);
    unsigned before = rig->session->syncs;
    vol_hurry(rig->volume);
    write_to_journal(rig, disk, 0, 4096, 0x33);
    pass_ms(40); /* the clients paused, and it is durable */
    fake_run_all(rig->session);
    assert_int_equal(rig->session->writes, 1);
    assert_int_equal(rig->session->syncs, before);
    pass_ms(1000);
    fake_run_all(rig->session);
    assert_int_equal(rig->session->syncs, before + 1);
}

static void the_target_has_some_pieces_at_a_time(void **state)
{
    for (uint64_t i = 0; i < 60; i++)
        write_to_journal(rig, disk, i * 8192, 4096, 0x44);
    pass_ms(20);
    pass_ms(20); /* durable by now */
    assert_int_equal(rig->session->in_flight, 48);
    run_all(rig, disk);
    assert_int_equal(rig->session->writes, 60);
    rig_expect_cache(rig, 59 * 8192, 4096, 0x44);
}

static void a_flush_that_needs_the_target_ends_the_rest(void **state)
{
    struct call flush;
    stop(state);
    disk = disk_new(VOL_JOURNAL_MEMORY);
    rig = rig_on(disk);
    fake_ready(rig->session);
    run_all(rig, disk);
    assert_int_equal(sent_while_clients_write_ms(50), 0);
    call_start(rig, &flush, VOL_FLUSH, 0, 0, 0, 0);
    run_all(rig, disk);
    assert_true(flush.answered);
    assert_int_equal(rig->session->writes, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_target_rests_while_clients_write, start_ready, stop),
        cmocka_unit_test_setup_teardown(a_pause_of_the_clients_ends_the_rest, start_ready, stop),
        cmocka_unit_test_setup_teardown(the_lun_is_never_more_than_a_second_behind, start_ready,
                                        stop),
        cmocka_unit_test_setup_teardown(what_is_written_again_meanwhile_is_sent_once, start_ready,
                                        stop),
        cmocka_unit_test_setup_teardown(a_ring_half_full_ends_the_rest, start_ready, stop),
        cmocka_unit_test_setup_teardown(who_drains_ends_the_rest, start_ready, stop),
        cmocka_unit_test_setup_teardown(
            a_drain_that_had_nothing_to_do_leaves_the_next_sync_to_its_time, start_ready, stop),
        cmocka_unit_test_setup_teardown(the_target_has_some_pieces_at_a_time, start_ready, stop),
        cmocka_unit_test_setup_teardown(a_flush_that_needs_the_target_ends_the_rest, start_ready,
                                        stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
