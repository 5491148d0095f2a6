#include <errno.h>

#include "tests/unit/volume/rig.h"

static void ignore_stop(void *owner)
{
}

static void with_nothing_to_lose_a_flush_is_answered_at_once(void **state)
{
    struct rig *rig = rig_new(NULL);
    struct call flush;
    fake_lose(rig->session);
    call_start(rig, &flush, VOL_FLUSH, 0, 0, 0, 0);
    assert_true(flush.answered);
    assert_int_equal(flush.request.error, 0);
    fake_ready(rig->session);
    rig_free(rig);
}

/* The daemon before us may have answered writes that only the target's cache holds. */
static void before_the_first_ready_a_flush_waits(void **state)
{
    struct rig *rig = rig_new_unseen(NULL);
    struct call flush;
    call_start(rig, &flush, VOL_FLUSH, 0, 0, 0, 0);
    assert_false(flush.answered);
    fake_ready(rig->session); /* it has synchronised by then */
    assert_true(flush.answered);
    assert_int_equal(flush.request.error, 0);
    rig_free(rig);
}

static void before_the_first_ready_a_stop_answers_no_flush_as_done(void **state)
{
    struct rig *rig = rig_new_unseen(NULL);
    struct call flush;
    call_start(rig, &flush, VOL_FLUSH, 0, 0, 0, 0);
    vol_stop(rig->volume, ignore_stop, NULL);
    vol_stop_now(rig->volume);
    assert_true(flush.answered);
    assert_int_equal(flush.request.error, -ESHUTDOWN);
    rig_crash(rig);
}

static void a_flush_waits_for_its_sync(void **state)
{
    struct rig *rig = rig_new(NULL);
    struct call flush;
    rig_write(rig, 0, 512, 1);
    call_start(rig, &flush, VOL_FLUSH, 0, 0, 0, 0);
    assert_false(flush.answered);
    fake_run(rig->session, 1);
    assert_true(flush.answered);
    rig_expect_stable(rig, 0, 512, 1);
    rig_free(rig);
}

static void a_flush_under_a_running_sync_gets_its_own(void **state)
{
    struct rig *rig = rig_new(NULL);
    struct call first, second, write;
    rig_write(rig, 0, 512, 1);
    call_start(rig, &first, VOL_FLUSH, 0, 0, 0, 0);
    struct ses_command *sync = list_first(&rig->session->commands, struct ses_command, node);
    assert_int_equal(sync->op, SES_SYNC);
    list_remove(&sync->node); /* is still running in the target ... */
    call_start(rig, &write, VOL_WRITE, 512, 512, 0, 2);
    fake_run(rig->session, 1);
    assert_true(write.answered);
    call_start(rig, &second, VOL_FLUSH, 0, 0, 0, 0);
    list_append(&rig->session->commands, &sync->node); /* ... and ends only now */
    fake_run(rig->session, 1);
    assert_true(first.answered);
    assert_false(second.answered);
    fake_run(rig->session, 1);
    assert_true(second.answered);
    assert_int_equal(rig->session->syncs, 2);
    call_done(&write);
    rig_free(rig);
}

static void a_sync_of_another_generation_covers_nothing(void **state)
{
    struct rig *rig = rig_new(NULL);
    struct call flush;
    rig_write(rig, 0, 512, 0x77);
    call_start(rig, &flush, VOL_FLUSH, 0, 0, 0, 0);
    fake_lose_cache(rig->session);
    fake_unit_attention(rig->session);
    /* The rewrite stands behind the SYNC; that SYNC ends GOOD, but covers nothing. */
    fake_run(rig->session, 1);
    assert_int_equal(rig->session->syncs, 1);
    assert_false(flush.answered);
    fake_run_all(rig->session);
    assert_true(flush.answered);
    rig_expect_stable(rig, 0, 512, 0x77);
    rig_free(rig);
}

static void a_flush_survives_an_outage(void **state)
{
    struct rig *rig = rig_new(NULL);
    struct call flush;
    rig_write(rig, 0, 512, 0x78);
    call_start(rig, &flush, VOL_FLUSH, 0, 0, 0, 0);
    fake_lose(rig->session);
    fake_lose_cache(rig->session);
    assert_false(flush.answered);
    fake_clock_advance_ms(&rig->clock, 3600 * 1000);
    fake_ready(rig->session);
    fake_run_all(rig->session);
    assert_true(flush.answered);
    assert_int_equal(flush.request.error, 0);
    rig_expect_stable(rig, 0, 512, 0x78);
    rig_free(rig);
}

static void a_sync_that_fails_has_everything_written_again(void **state)
{
    struct rig *rig = rig_new(NULL);
    struct call flush;
    rig_write(rig, 0, 512, 0x79);
    rig->session->fail_op = SES_SYNC;
    rig->session->fail_error = -EIO;
    call_start(rig, &flush, VOL_FLUSH, 0, 0, 0, 0);
    fake_unit_attention(rig->session); /* what the session makes of it (I15) */
    fake_run_all(rig->session);
    assert_non_null(rig_event(rig, TRACE_VOLUME_SYNC_FAILED));
    assert_false(flush.answered);
    fake_clock_advance_ms(&rig->clock, 1000);
    fake_run_all(rig->session);
    assert_true(flush.answered);
    assert_int_equal(rig->session->writes, 2);
    rig_free(rig);
}

static void a_target_that_refuses_the_command_has_no_cache(void **state)
{
    struct rig *rig = rig_new(NULL);
    rig_write(rig, 0, 512, 1);
    rig->session->fail_op = SES_SYNC;
    rig->session->fail_error = -EOPNOTSUPP;
    rig_flush(rig);
    rig_free(rig);
}

static void retained_writes_are_synchronised_after_a_while(void **state)
{
    struct rig *rig = rig_new(NULL);
    rig_write(rig, 0, 512, 1);
    assert_int_equal(rig->session->syncs, 0);
    fake_clock_advance_ms(&rig->clock, 1000);
    fake_run_all(rig->session);
    assert_int_equal(rig->session->syncs, 1);
    fake_clock_advance_ms(&rig->clock, 100000);
    fake_run_all(rig->session);
    assert_int_equal(rig->session->syncs, 1); /* an idle volume stays idle */
    assert_true(timer_queue_next_us(&rig->clock.queue) == UINT64_MAX);
    rig_free(rig);
}

static void many_retained_bytes_are_synchronised_early(void **state)
{
    struct vol_config config = vol_config_default;
    config.retain_bytes = 65536;
    struct rig *rig = rig_new(&config);
    rig_write(rig, 0, 32768, 1);
    assert_int_equal(rig->session->syncs, 0);
    rig_write(rig, 65536, 32768, 2);
    assert_int_equal(rig->session->syncs, 1);
    rig_free(rig);
}

static void somebody_who_waits_for_memory_gets_what_a_sync_frees(void **state)
{
    struct vol_config config = vol_config_default;
    config.memory_bytes = 1024 * 1024;
    config.retain_bytes = 64 * 1024 * 1024;
    struct rig *rig = rig_new(&config);
    rig_write(rig, 0, 1024 * 1024, 3);
    assert_null(buffer_get(vol_buffers(rig->volume), 4096));
    struct buffer_waiter waiter = {.bytes = 4096, .available = NULL};
    list_init(&waiter.node);
    buffer_wait(vol_buffers(rig->volume), &waiter);
    assert_int_equal(rig->session->in_flight, 1);
    buffer_wait_cancel(&waiter);
    fake_run_all(rig->session);
    assert_int_equal(rig->session->syncs, 1);
    rig_free(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(with_nothing_to_lose_a_flush_is_answered_at_once),
        cmocka_unit_test(before_the_first_ready_a_flush_waits),
        cmocka_unit_test(before_the_first_ready_a_stop_answers_no_flush_as_done),
        cmocka_unit_test(a_flush_waits_for_its_sync),
        cmocka_unit_test(a_flush_under_a_running_sync_gets_its_own),
        cmocka_unit_test(a_sync_of_another_generation_covers_nothing),
        cmocka_unit_test(a_flush_survives_an_outage),
        cmocka_unit_test(a_sync_that_fails_has_everything_written_again),
        cmocka_unit_test(a_target_that_refuses_the_command_has_no_cache),
        cmocka_unit_test(retained_writes_are_synchronised_after_a_while),
        cmocka_unit_test(many_retained_bytes_are_synchronised_early),
        cmocka_unit_test(somebody_who_waits_for_memory_gets_what_a_sync_frees),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
