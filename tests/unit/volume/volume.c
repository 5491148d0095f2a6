#include "volume/volume.h"

#include <errno.h>

#include "tests/unit/volume/rig.h"

static void requests_wait_until_the_disk_was_seen(void **state)
{
    struct rig *rig = rig_new_unseen(NULL);
    struct call write, beyond;
    call_start(rig, &write, VOL_WRITE, 0, 512, 0, 1);
    call_start(rig, &beyond, VOL_READ, 1ull << 50, 512, 0, 1);
    fake_clock_advance_ms(&rig->clock, 3600 * 1000);
    assert_false(write.answered || beyond.answered || vol_is_known(rig->volume));
    fake_ready(rig->session);
    fake_run_all(rig->session);
    assert_true(write.answered && beyond.answered);
    assert_int_equal(write.request.error, 0);
    assert_int_equal(beyond.request.error, -EINVAL);
    call_done(&write);
    call_done(&beyond);
    rig_free(rig);
}

struct watch {
    struct vol_watcher watcher;
    unsigned told;
};

static void count_told(struct vol_watcher *watcher)
{
    container_of(watcher, struct watch, watcher)->told++;
}

static void watchers_are_told_of_the_size_and_its_growth(void **state)
{
    struct rig *rig = rig_new_unseen(NULL);
    struct watch watch = {.watcher.geometry = count_told};
    vol_watch(rig->volume, &watch.watcher);
    fake_ready(rig->session);
    assert_int_equal(watch.told, 1);
    rig->session->lun.blocks -= 8; /* a different size, whatever the direction */
    rig->session->events->lun_changed(rig->session->owner);
    assert_int_equal(watch.told, 2);
    assert_non_null(rig_event(rig, TRACE_VOLUME_RESIZED));
    fake_lose(rig->session);
    fake_ready(rig->session);
    assert_int_equal(watch.told, 2);
    vol_unwatch(&watch.watcher);
    rig_free(rig);
}

static void more_requests_than_operations_are_queued(void **state)
{
    struct vol_config config = vol_config_default;
    config.request_count = 2;
    struct rig *rig = rig_new(&config);
    struct call calls[5];
    for (unsigned i = 0; i < 5; i++)
        call_start(rig, &calls[i], VOL_WRITE, i * 512, 512, 0, (uint8_t)i);
    assert_int_equal(rig->session->in_flight, 2);
    fake_run_all(rig->session);
    for (unsigned i = 0; i < 5; i++) {
        assert_true(calls[i].answered);
        call_done(&calls[i]);
    }
    rig_free(rig);
}

static void the_outage_limit_fails_what_waits_and_keeps_what_was_acknowledged(void **state)
{
    struct vol_config config = vol_config_default;
    config.outage_limit_ms = 5000;
    struct rig *rig = rig_new(&config);
    rig_write(rig, 0, 512, 0x61);
    struct call read, flush, late;
    fake_lose(rig->session);
    fake_lose_cache(rig->session);
    call_start(rig, &read, VOL_READ, 4096, 512, 0, 0);
    call_start(rig, &flush, VOL_FLUSH, 0, 0, 0, 0);
    fake_clock_advance_ms(&rig->clock, 4999);
    assert_false(read.answered || flush.answered);
    fake_clock_advance_ms(&rig->clock, 1);
    assert_int_equal(read.request.error, -EIO);
    assert_int_equal(flush.request.error, -EIO);
    assert_int_equal(rig_event(rig, TRACE_VOLUME_OUTAGE_LIMIT)->a, 2);
    call_start(rig, &late, VOL_READ, 4096, 512, 0, 0);
    assert_int_equal(late.request.error, -EIO);
    call_done(&read);
    call_done(&late);
    fake_ready(rig->session);
    fake_run_all(rig->session);
    rig_expect_cache(rig, 0, 512, 0x61);
    rig_expect(rig, 4096, 512, 0);
    rig_free(rig);
}

static void note_stopped(void *owner)
{
    ((struct rig *)owner)->stopped = true;
}

static void stopping_synchronises_first(void **state)
{
    struct rig *rig = rig_new(NULL);
    struct call write, refused;
    rig_write(rig, 0, 512, 1);
    call_start(rig, &write, VOL_WRITE, 512, 512, 0, 2);
    vol_stop(rig->volume, note_stopped, rig);
    call_start(rig, &refused, VOL_READ, 0, 512, 0, 0);
    assert_int_equal(refused.request.error, -ESHUTDOWN);
    assert_false(rig->session->stopping);
    fake_run_all(rig->session);
    assert_true(rig->session->stopping);
    rig_expect_stable(rig, 512, 512, 2);
    rig->session->events->stopped(rig->session->owner);
    assert_true(rig->stopped);
    call_done(&write);
    call_done(&refused);
    rig_crash(rig);
}

static void stopping_now_gives_up_on_what_is_left(void **state)
{
    struct rig *rig = rig_new(NULL);
    struct call write;
    rig_write(rig, 0, 512, 1);
    fake_lose(rig->session);
    call_start(rig, &write, VOL_WRITE, 512, 512, 0, 2);
    vol_stop(rig->volume, note_stopped, rig);
    assert_false(rig->session->stopping);
    struct vol_status status;
    vol_status(rig->volume, &status);
    assert_int_equal(status.parked, 1);
    assert_int_equal(status.parked_write_bytes, 512);
    assert_int_equal(status.retained_bytes, 512);
    assert_int_equal(status.dirty_bytes, 512);
    vol_stop_now(rig->volume);
    assert_int_equal(write.request.error, -ESHUTDOWN);
    assert_true(rig->session->stopping);
    call_done(&write);
    rig_crash(rig);
}

static unsigned unanswered_changes(const struct rig *rig)
{
    struct vol_status status;
    vol_status(rig->volume, &status);
    return status.changes;
}

/* Whether they have come as far as the session or wait for the disk to be known. */
static void expect_changes(struct rig *rig)
{
    struct call read, extents, write, zeroes, trim, flush;
    call_start(rig, &read, VOL_READ, 0, 512, 0, 0);
    call_start(rig, &extents, VOL_BLOCK_STATUS, 0, 512, 0, 0);
    assert_int_equal(unanswered_changes(rig), 0);
    call_start(rig, &write, VOL_WRITE, 512, 512, 0, 1);
    assert_int_equal(unanswered_changes(rig), 1);
    call_start(rig, &zeroes, VOL_WRITE_ZEROES, 1024, 512, 0, 0);
    call_start(rig, &trim, VOL_TRIM, 2048, 512, 0, 0);
    assert_int_equal(unanswered_changes(rig), 3);
    call_start(rig, &flush, VOL_FLUSH, 0, 0, 0, 0);
    assert_int_equal(unanswered_changes(rig), 4);
    vol_stop(rig->volume, note_stopped, rig);
    vol_stop_now(rig->volume);
    struct call *calls[] = {&read, &extents, &write, &zeroes, &trim, &flush};
    for (unsigned i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        assert_true(calls[i]->answered);
        call_done(calls[i]);
    }
    rig_crash(rig);
}

static void reads_are_no_changes(void **state)
{
    struct rig *rig = rig_new(NULL);
    rig->session->lun.unmap = true; /* or a TRIM is answered at once ... */
    rig_write(rig, 0, 512, 1);      /* ... and a FLUSH, which had nothing to wait for */
    fake_lose(rig->session);
    expect_changes(rig);
    expect_changes(rig_new_unseen(NULL));
}

static void a_fenced_session_refuses_everything(void **state)
{
    struct rig *rig = rig_new(NULL);
    struct call call;
    rig->session->state = SES_FENCED;
    rig->session->ready = false;
    rig->session->events->gave_up(rig->session->owner);
    call_now(rig, &call, VOL_WRITE, 0, 512, 0, 1, -EPERM);
    call_done(&call);
    rig_crash(rig);
}

static void trim_unmaps_whole_units_only(void **state)
{
    struct rig *rig = rig_new_unseen(NULL);
    rig->session->lun.unmap = true;
    rig->session->lun.unmap_granularity = 8;
    rig->session->lun.unmap_alignment = 1;
    fake_ready(rig->session);
    struct call call;
    rig_write(rig, 0, 65536, 0x41);
    call_now(rig, &call, VOL_TRIM, 512 * 2, 512 * 24, 0, 0, 0);
    assert_true(rig->session->mapped[8]);
    for (unsigned lba = 9; lba < 25; lba++)
        assert_false(rig->session->mapped[lba]);
    assert_true(rig->session->mapped[25]);
    rig_expect(rig, 0, 512 * 9, 0x41);
    fake_lose(rig->session);
    fake_ready(rig->session);
    fake_run_all(rig->session);
    assert_false(rig->session->mapped[9]); /* what was trimmed is not written again */
    call_now(rig, &call, VOL_TRIM, 100, 512, 0, 0, 0);
    assert_int_equal(rig->session->unmaps, 1);
    rig_free(rig);
}

static void block_status_lays_what_is_held_over_the_target(void **state)
{
    struct rig *rig = rig_new_unseen(NULL);
    rig->session->lun.unmap_zeroes = true;
    fake_ready(rig->session);
    struct call call;
    rig_write(rig, 4096, 4096, 1);
    rig_flush(rig);
    call_now(rig, &call, VOL_BLOCK_STATUS, 512, 65536 - 512, 0, 0, 0);
    assert_int_equal(call.request.extent_count, 3);
    assert_int_equal(call.extents[0].length, 4096 - 512);
    assert_int_equal(call.extents[0].flags, VOL_EXTENT_HOLE | VOL_EXTENT_ZERO);
    assert_int_equal(call.extents[1].length, 4096);
    assert_int_equal(call.extents[1].flags, 0);
    assert_int_equal(call.extents[2].length, 65536 - 8192);

    rig->session->lun.lba_status = false;
    rig_write(rig, 8192, 512, 1);
    fake_lose(rig->session);
    call_start(rig, &call, VOL_BLOCK_STATUS, 8000, 1000, 0, 0);
    assert_int_equal(call.request.extent_count, 3);
    assert_int_equal(call.extents[0].length, 192);
    assert_int_equal(call.extents[1].length, 512);
    assert_int_equal(call.extents[1].flags, VOL_EXTENT_DIRTY);
    assert_int_equal(call.extents[2].length, 1000 - 192 - 512);
    fake_ready(rig->session);
    fake_run_all(rig->session);
    rig_free(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_wait_until_the_disk_was_seen),
        cmocka_unit_test(watchers_are_told_of_the_size_and_its_growth),
        cmocka_unit_test(more_requests_than_operations_are_queued),
        cmocka_unit_test(the_outage_limit_fails_what_waits_and_keeps_what_was_acknowledged),
        cmocka_unit_test(stopping_synchronises_first),
        cmocka_unit_test(stopping_now_gives_up_on_what_is_left),
        cmocka_unit_test(reads_are_no_changes),
        cmocka_unit_test(a_fenced_session_refuses_everything),
        cmocka_unit_test(trim_unmaps_whole_units_only),
        cmocka_unit_test(block_status_lays_what_is_held_over_the_target),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
