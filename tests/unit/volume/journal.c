/* The volume with a journal: on a fake session and a fake device, both with volatile caches. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/volume/own_disk.h"

static int start(void **state)
{
    disk = disk_new(VOL_JOURNAL_PERSISTENT);
    rig = rig_on(disk);
    fake_ready(rig->session);
    return 0;
}

static int start_away(void **state)
{
    start(state);
    fake_lose(rig->session);
    return 0;
}

/* Payload is read from the ring; and the target was not seen yet. */
static int start_uncached(void **state)
{
    disk = disk_new(VOL_JOURNAL_PERSISTENT);
    disk->cache_bytes = 0;
    rig = rig_on(disk);
    return 0;
}

static void a_write_is_answered_when_the_journal_has_it(void **state)
{
    struct call call;
    call_start(rig, &call, VOL_WRITE, 4096, 4096, 0, 0x11);
    assert_false(call.answered);
    assert_int_equal(rig->session->in_flight, 0);
    fake_complete(&disk->device, 0);
    assert_true(call.answered);
    call_done(&call);
    assert_int_equal(rig->session->in_flight, 0); /* not durable yet: must not be sent (I3) */
    expect_read(rig, disk, 4096, 4096, 0x11);
    settle(rig, disk);
    rig_expect_stable(rig, 4096, 4096, 0x11);
    struct vol_status status;
    vol_status(rig->volume, &status);
    assert_int_equal(status.journal_entries, 0);
    assert_int_equal(status.memory_used, 0);
}

static void writes_and_flushes_go_on_while_the_target_is_away(void **state)
{
    struct call flush;
    write_to_journal(rig, disk, 0, 4096, 0x21);
    write_to_journal(rig, disk, 512, 1024, 0x22);
    call_start(rig, &flush, VOL_FLUSH, 0, 0, 0, 0);
    fake_complete_all(&disk->device);
    assert_true(flush.answered);
    assert_int_equal(flush.request.error, 0);
    expect_read(rig, disk, 0, 512, 0x21);
    expect_read(rig, disk, 512, 1024, 0x22);
    expect_read(rig, disk, 1536, 2560, 0x21);
    fake_ready(rig->session);
    settle(rig, disk);
    rig_expect_stable(rig, 0, 512, 0x21);
    rig_expect_stable(rig, 512, 1024, 0x22);
    rig_expect_stable(rig, 1536, 2560, 0x21);
}

static void what_was_answered_survives_the_daemon(void **state)
{
    write_to_journal(rig, disk, 8192, 8192, 0x31);
    rig = crash(rig, disk, false);
    assert_true(rig->session->bound);
    assert_true(vol_is_known(rig->volume));
    expect_read(rig, disk, 8192, 8192, 0x31); /* from the ring, before the target was seen */
    fake_ready(rig->session);
    settle(rig, disk);
    rig_expect_stable(rig, 8192, 8192, 0x31);
}

static void what_was_flushed_survives_the_host(void **state)
{
    struct call flush;
    write_to_journal(rig, disk, 0, 4096, 0x41);
    call_start(rig, &flush, VOL_FLUSH, 0, 0, 0, 0);
    fake_complete_all(&disk->device);
    assert_true(flush.answered);
    rig = crash(rig, disk, true);
    expect_read(rig, disk, 0, 4096, 0x41);
}

static void payload_dropped_from_memory_is_read_from_the_ring(void **state)
{
    fake_ready(rig->session);
    fake_lose(rig->session);
    write_to_journal(rig, disk, 0, 16384, 0x51);
    fake_clock_advance_ms(&rig->clock, 20);
    fake_complete_all(&disk->device);
    write_to_journal(rig, disk, 65536, 512, 0x52); /* drops the first one */
    struct vol_status status;
    vol_status(rig->volume, &status);
    assert_true(status.memory_used <= 4096);
    expect_read(rig, disk, 100, 16000, 0x51);
    fake_ready(rig->session);
    settle(rig, disk);
    rig_expect_stable(rig, 0, 16384, 0x51);
}

static void a_full_ring_parks_writes_and_lets_reads_pass(void **state)
{
    struct call calls[64];
    unsigned count = 0;
    do {
        call_start(rig, &calls[count], VOL_WRITE, count * 32768ull, 32768, 0, (uint8_t)(count + 1));
        fake_complete_all(&disk->device);
        fake_clock_advance_ms(&rig->clock, 20);
        fake_complete_all(&disk->device);
    } while (calls[count++].answered && count < 64);
    assert_true(count < 64);
    assert_non_null(rig_event(rig, TRACE_JOURNAL_FULL));
    expect_read(rig, disk, 0, 32768, 1);
    fake_ready(rig->session);
    settle(rig, disk);
    assert_true(calls[count - 1].answered);
    assert_non_null(rig_event(rig, TRACE_JOURNAL_ROOM));
    for (unsigned i = 0; i < count; i++) {
        rig_expect_stable(rig, i * 32768ull, 32768, (uint8_t)(i + 1));
        call_done(&calls[i]);
    }
}

static void zeros_and_trims_are_journaled_too(void **state)
{
    struct call call;
    write_to_journal(rig, disk, 0, 65536, 0x71);
    settle(rig, disk);
    fake_lose(rig->session);
    call_start(rig, &call, VOL_WRITE_ZEROES, 4096, 8192, 0, 0);
    fake_complete_all(&disk->device);
    assert_true(call.answered);
    call_start(rig, &call, VOL_TRIM, 32768, 4096, 0, 0);
    fake_complete_all(&disk->device);
    assert_true(call.answered);
    expect_read(rig, disk, 4096, 8192, 0);
    expect_read(rig, disk, 32768, 4096, 0);
    rig = crash(rig, disk, false);
    expect_read(rig, disk, 4096, 8192, 0);
    fake_ready(rig->session);
    settle(rig, disk);
    rig_expect_stable(rig, 4096, 8192, 0);
    rig_expect_stable(rig, 12288, 4096, 0x71);
}

static void a_rewritten_range_is_never_sent_backwards(void **state)
{
    write_to_journal(rig, disk, 0, 4096, 0x81);
    fake_clock_advance_ms(&rig->clock, 20);
    fake_complete_all(&disk->device);
    assert_int_equal(rig->session->in_flight, 1); /* the first version is on its way */
    write_to_journal(rig, disk, 0, 4096, 0x82);
    fake_clock_advance_ms(&rig->clock, 20);
    fake_complete_all(&disk->device);
    assert_int_equal(rig->session->in_flight, 1); /* the second waits its turn (I6) */
    fake_lose(rig->session);
    fake_ready(rig->session);
    settle(rig, disk);
    rig_expect_stable(rig, 0, 4096, 0x82);
}

static void a_failed_journal_loses_nothing_and_goes_on_without(void **state)
{
    write_to_journal(rig, disk, 0, 4096, 0x91);
    struct call write, flush;
    call_start(rig, &write, VOL_WRITE, 2048, 4096, 0, 0x92);
    call_start(rig, &flush, VOL_FLUSH, 0, 0, 0, 0);
    disk->device.fail_next = -EIO;
    fake_complete_all(&disk->device);
    assert_non_null(rig_event(rig, TRACE_JOURNAL_FAILED));
    assert_false(write.answered || flush.answered);
    fake_ready(rig->session);
    settle(rig, disk);
    assert_int_equal(write.request.error, 0);
    assert_int_equal(flush.request.error, 0);
    assert_true(write.answered && flush.answered);
    call_done(&write);
    rig_expect_stable(rig, 0, 2048, 0x91);
    rig_expect_stable(rig, 2048, 4096, 0x92);
}

/* The write under way fails, and so does every attempt to mark the journal. */
static void fail_for_good(struct call *write)
{
    call_start(rig, write, VOL_WRITE, 2048, 4096, 0, 0x92);
    for (unsigned i = 0; i < 3; i++) {
        disk->device.fail_next = -EIO;
        fake_complete(&disk->device, 0);
    }
    assert_int_equal(disk->device.pending_count, 0);
}

static void nothing_is_changed_before_a_failed_journal_is_marked(void **state)
{
    write_to_journal(rig, disk, 0, 4096, 0x91);
    fake_clock_advance_ms(&rig->clock, 20);
    fake_complete_all(&disk->device); /* it is DURABLE */
    struct call writes[2], trim;
    fail_for_good(&writes[0]);
    call_start(rig, &writes[1], VOL_WRITE, 8192, 512, 0, 0x93);
    call_start(rig, &trim, VOL_TRIM, 65536, 4096, 0, 0);
    expect_read(rig, disk, 0, 2048, 0x91);
    fake_run_all(rig->session);
    fake_clock_advance_ms(&rig->clock, 2000);
    fake_run_all(rig->session);
    assert_false(writes[0].answered || writes[1].answered || trim.answered);
    rig_expect_stable(rig, 0, 4096, 0x91); /* what the journal holds, replay would not change */
    struct vol_status status;
    vol_status(rig->volume, &status);
    assert_true(status.journal_failed && status.journal_unmarked);

    fake_clock_advance_ms(&rig->clock, 3000);
    settle(rig, disk);
    assert_true(writes[0].answered && writes[1].answered && trim.answered);
    rig_expect_stable(rig, 0, 2048, 0x91);
    rig_expect_stable(rig, 2048, 4096, 0x92);
    rig_expect_stable(rig, 8192, 512, 0x93);
    call_done(&writes[0]);
    call_done(&writes[1]);
    call_done(&trim);
}

static void changes_past_a_failed_journal_wait_for_a_lun_that_was_never_seen(void **state)
{
    rig = crash(rig, disk, false);
    rig->session->lun_unknown = true;
    struct call write, trim;
    call_start(rig, &write, VOL_WRITE, 0, 4096, VOL_FUA, 0x92);
    call_start(rig, &trim, VOL_TRIM, 65536, 4096, 0, 0);
    disk->device.fail_next = -EIO;
    run_all(rig, disk);
    assert_false(write.answered || trim.answered);
    fake_ready(rig->session);
    settle(rig, disk);
    assert_true(write.answered && trim.answered);
    rig_expect_stable(rig, 0, 4096, 0x92);
    call_done(&write);
    call_done(&trim);
}

static void the_administrator_may_let_changes_pass_an_unmarked_journal(void **state)
{
    disk = disk_new(VOL_JOURNAL_PERSISTENT);
    disk->continue_unmarked = true;
    rig = rig_on(disk);
    fake_ready(rig->session);
    struct call write;
    fail_for_good(&write);
    fake_run_all(rig->session);
    assert_true(write.answered);
    assert_int_equal(write.request.error, 0);
    call_done(&write);
}

static unsigned condemned;

static void condemn(void *owner, const uint8_t uuid[16])
{
    condemned++;
}

static void changes_do_not_pass_an_unmarked_journal_before_that_is_noted(void **state)
{
    disk = disk_new(VOL_JOURNAL_PERSISTENT);
    disk->continue_unmarked = true;
    disk->condemn = condemn;
    condemned = 0;
    rig = rig_on(disk);
    fake_ready(rig->session);
    struct call write;
    fail_for_good(&write);
    fake_run_all(rig->session);
    assert_int_equal(condemned, 1);
    assert_false(write.answered);
    vol_journal_is_condemned(rig->volume);
    fake_run_all(rig->session);
    assert_true(write.answered);
    assert_int_equal(write.request.error, 0);
    call_done(&write);
    end(rig, disk);
    assert_int_equal(condemned, 1);
}

static void with_a_journal_in_memory_a_flush_waits_for_the_target(void **state)
{
    disk = disk_new(VOL_JOURNAL_MEMORY);
    rig = rig_on(disk);
    fake_ready(rig->session);
    fake_lose(rig->session);
    write_to_journal(rig, disk, 0, 4096, 0xa1);
    struct call flush, write;
    call_start(rig, &flush, VOL_FLUSH, 0, 0, 0, 0);
    call_start(rig, &write, VOL_WRITE, 0, 4096, 0, 0xa2); /* must not supersede it (I9) */
    for (unsigned i = 0; i < 5; i++) {
        fake_complete_all(&disk->device);
        fake_clock_advance_ms(&rig->clock, 1000);
    }
    assert_false(flush.answered || write.answered);
    assert_null(rig_event(rig, TRACE_JOURNAL_FULL)); /* that is not why it waits */
    fake_ready(rig->session);
    settle(rig, disk);
    assert_true(flush.answered && write.answered);
    call_done(&write);
    rig_expect_stable(rig, 0, 4096, 0xa2);
}

/* What it waits for follows at once: time need not pass. */
static void with_a_journal_in_memory_a_flush_waits_for_nothing_else(void **state)
{
    disk = disk_new(VOL_JOURNAL_MEMORY);
    rig = rig_on(disk);
    struct call flush;
    fake_ready(rig->session);
    write_to_journal(rig, disk, 0, 4096, 0xa1);
    call_start(rig, &flush, VOL_FLUSH, 0, 0, 0, 0);
    for (unsigned i = 0; i < 10; i++) {
        run_all(rig, disk);
        fake_clock_advance_ms(&rig->clock, 0);
    }
    assert_true(flush.answered);
    call_done(&flush);
    rig_expect_stable(rig, 0, 4096, 0xa1);
}

static uint64_t size_of_disk(void)
{
    struct vol_geometry geometry;
    vol_geometry(rig->volume, &geometry);
    return geometry.size_bytes;
}

/* Clients may ask for the new blocks again before the next daemon has seen the target. */
static void a_disk_that_grew_has_not_shrunk_after_a_crash(void **state)
{
    disk = disk_new(VOL_JOURNAL_PERSISTENT);
    rig = rig_on(disk);
    rig->session->lun.blocks = FAKE_BLOCKS / 2;
    fake_ready(rig->session);
    uint64_t before = size_of_disk();
    rig->session->lun.blocks = FAKE_BLOCKS;
    rig->session->events->lun_changed(rig->session->owner);
    assert_int_equal(size_of_disk(), before); /* not told yet: a crash must not take it back */
    fake_complete_all(&disk->device);
    assert_int_equal(size_of_disk(), 2 * before);
    write_to_journal(rig, disk, before, 4096, 0xa1);
    rig = crash(rig, disk, true);
    assert_int_equal(size_of_disk(), 2 * before);
}

struct chain {
    struct vol_request flush;
    struct rig *rig;
    struct call *write;
};

static void write_next(struct vol_request *request)
{
    struct chain *chain = container_of(request, struct chain, flush);
    call_start(chain->rig, chain->write, VOL_WRITE, 0, 4096, 0, 0xa2);
}

static void the_last_flush_lets_go_on_what_waits_behind_it(void **state)
{
    disk = disk_new(VOL_JOURNAL_MEMORY);
    rig = rig_on(disk);
    struct call write, second;
    struct chain chain = {
        .flush = {.op = VOL_FLUSH, .done = write_next}, .rig = rig, .write = &write};
    fake_ready(rig->session);
    write_to_journal(rig, disk, 0, 4096, 0xa1);
    vol_submit(rig->volume, &chain.flush);
    do { /* until the SYNC is on its way */
        fake_complete_all(&disk->device);
        fake_clock_advance_ms(&rig->clock, 20);
        if (rig->session->writes == 0)
            fake_run(rig->session, 1);
    } while (rig->session->writes == 0 || rig->session->in_flight == 0);
    call_start(rig, &second, VOL_FLUSH, 0, 0, 0, 0);
    run_all(rig, disk); /* nothing fires that would look again by chance */
    assert_true(second.answered && write.answered);
    call_done(&write);
}

static void note_stopped(void *owner)
{
    ((struct rig *)owner)->stopped = true;
}

static void stopping_without_the_target_keeps_the_journal(void **state)
{
    write_to_journal(rig, disk, 0, 4096, 0xb1);
    vol_stop(rig->volume, note_stopped, rig);
    run_all(rig, disk);
    assert_false(rig->session->stopping);
    vol_stop_now(rig->volume);
    run_all(rig, disk);
    assert_true(rig->session->stopping);
    rig = crash(rig, disk, true);
    expect_read(rig, disk, 0, 4096, 0xb1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_write_is_answered_when_the_journal_has_it, start, stop),
        cmocka_unit_test_setup_teardown(writes_and_flushes_go_on_while_the_target_is_away,
                                        start_away, stop),
        cmocka_unit_test_setup_teardown(what_was_answered_survives_the_daemon, start_away, stop),
        cmocka_unit_test_setup_teardown(what_was_flushed_survives_the_host, start_away, stop),
        cmocka_unit_test_setup_teardown(payload_dropped_from_memory_is_read_from_the_ring,
                                        start_uncached, stop),
        cmocka_unit_test_setup_teardown(a_full_ring_parks_writes_and_lets_reads_pass, start_away,
                                        stop),
        cmocka_unit_test_setup_teardown(zeros_and_trims_are_journaled_too, start, stop),
        cmocka_unit_test_setup_teardown(a_rewritten_range_is_never_sent_backwards, start, stop),
        cmocka_unit_test_setup_teardown(a_failed_journal_loses_nothing_and_goes_on_without,
                                        start_away, stop),
        cmocka_unit_test_setup_teardown(nothing_is_changed_before_a_failed_journal_is_marked, start,
                                        stop),
        cmocka_unit_test_setup_teardown(
            changes_past_a_failed_journal_wait_for_a_lun_that_was_never_seen, start, stop),
        cmocka_unit_test_teardown(the_administrator_may_let_changes_pass_an_unmarked_journal, stop),
        cmocka_unit_test(changes_do_not_pass_an_unmarked_journal_before_that_is_noted),
        cmocka_unit_test_teardown(with_a_journal_in_memory_a_flush_waits_for_the_target, stop),
        cmocka_unit_test_teardown(with_a_journal_in_memory_a_flush_waits_for_nothing_else, stop),
        cmocka_unit_test_teardown(the_last_flush_lets_go_on_what_waits_behind_it, stop),
        cmocka_unit_test_teardown(a_disk_that_grew_has_not_shrunk_after_a_crash, stop),
        cmocka_unit_test_setup_teardown(stopping_without_the_target_keeps_the_journal, start_away,
                                        stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
