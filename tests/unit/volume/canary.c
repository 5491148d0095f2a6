/* Another system that writes to the LUN while the journal holds something for it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/volume/disk.h"

#define PLACE 64u /* block */
#define OTHER 96u
#define ELSE  (200u * FAKE_BLOCK) /* where nobody looks */

static struct disk *disk_with_places(void)
{
    struct disk *disk = disk_new(VOL_JOURNAL_PERSISTENT);
    disk->places[0] = (struct vol_place){PLACE, 8};
    disk->places[1] = (struct vol_place){OTHER, 8};
    disk->place_count = 2;
    return disk;
}

static struct vol_status status_of(const struct rig *rig)
{
    struct vol_status status;
    vol_status(rig->volume, &status);
    return status;
}

/* What another system writes is there for good. */
static void foreign_write(struct rig *rig, uint64_t lba)
{
    rig->session->cache[lba * FAKE_BLOCK] ^= 0xff;
    rig->session->stable[lba * FAKE_BLOCK] ^= 0xff;
}

/* Ready, everything noted. */
static struct rig *start(struct disk *disk)
{
    struct rig *rig = rig_on(disk);
    fake_ready(rig->session);
    settle(rig, disk);
    assert_int_equal(status_of(rig).journal_canaries, disk->place_count);
    return rig;
}

static void make_durable(struct rig *rig, struct disk *disk)
{
    fake_clock_advance_ms(&rig->clock, 100);
    fake_complete_all(&disk->device);
}

/* The target is lost, and something is left to be replayed. */
static void lose(struct rig *rig, struct disk *disk)
{
    fake_lose(rig->session);
    write_to_journal(rig, disk, ELSE, 4096, 0x77);
    make_durable(rig, disk);
}

static void refuses(struct rig *rig, struct disk *disk, uint64_t lba, uint64_t blocks)
{
    unsigned writes = rig->session->writes, syncs = rig->session->syncs;
    settle(rig, disk);
    const struct vol_status status = status_of(rig);
    assert_true(status.journal_foreign && !status.online);
    assert_int_equal(status.foreign_lba, lba);
    assert_int_equal(status.foreign_blocks, blocks);
    assert_int_equal(rig->session->writes, writes);
    assert_int_equal(rig->session->syncs, syncs);
    const struct trace_event *event = rig_event(rig, TRACE_JOURNAL_FOREIGN);
    assert_non_null(event);
    assert_int_equal(event->a, lba);
    assert_int_equal(event->b, blocks);
    assert_int_equal(event->c, 0);
}

static void goes_on(struct rig *rig, struct disk *disk)
{
    settle(rig, disk);
    assert_true(status_of(rig).online);
    rig_expect_stable(rig, ELSE, 4096, 0x77);
}

static void a_crash_alone_is_no_foreign_writer(void **state)
{
    struct disk *disk = disk_with_places();
    struct rig *rig = start(disk);
    lose(rig, disk);
    rig = crash(rig, disk, true);
    fake_ready(rig->session);
    assert_false(status_of(rig).online); /* not before it has looked */
    goes_on(rig, disk);
    assert_null(rig_event(rig, TRACE_JOURNAL_FOREIGN));
    end(rig, disk);
}

static void a_start_does_not_replay_over_a_foreign_write(void **state)
{
    struct disk *disk = disk_with_places();
    struct rig *rig = start(disk);
    lose(rig, disk);
    rig = crash(rig, disk, true);
    foreign_write(rig, OTHER + 7);
    fake_ready(rig->session);
    refuses(rig, disk, OTHER, 8);
    end(rig, disk);
}

static void an_outage_is_the_same_danger(void **state)
{
    struct disk *disk = disk_with_places();
    struct rig *rig = start(disk);
    lose(rig, disk);
    foreign_write(rig, PLACE);
    fake_ready(rig->session);
    refuses(rig, disk, PLACE, 8);
    fake_lose(rig->session); /* and it stays so */
    fake_ready(rig->session);
    refuses(rig, disk, PLACE, 8);
    end(rig, disk);
}

/* Nothing of ours was sent since the session was lost, so what clients wrote cannot be it. */
static void writes_of_an_outage_hide_nothing(void **state)
{
    struct disk *disk = disk_with_places();
    struct rig *rig = start(disk);
    lose(rig, disk);
    write_to_journal(rig, disk, PLACE * FAKE_BLOCK, 4096, 0x11);
    make_durable(rig, disk);
    foreign_write(rig, PLACE);
    fake_ready(rig->session);
    refuses(rig, disk, PLACE, 8);
    end(rig, disk);
}

static void the_next_start_remembers(void **state)
{
    struct disk *disk = disk_with_places();
    struct rig *rig = start(disk);
    lose(rig, disk);
    foreign_write(rig, PLACE);
    fake_ready(rig->session);
    refuses(rig, disk, PLACE, 8);
    write_to_journal(rig, disk, PLACE * FAKE_BLOCK, 4096, 0x11);
    rig = crash(rig, disk, true);
    fake_ready(rig->session);
    refuses(rig, disk, 0, 0);
    end(rig, disk);
}

static void whoever_says_so_replays_over_it(void **state)
{
    struct disk *disk = disk_with_places();
    struct rig *rig = start(disk);
    lose(rig, disk);
    disk->replay_over_foreign = true;
    rig = crash(rig, disk, true);
    foreign_write(rig, PLACE);
    fake_ready(rig->session);
    goes_on(rig, disk);
    assert_int_equal(rig_event(rig, TRACE_JOURNAL_FOREIGN)->c, 1);
    assert_int_equal(status_of(rig).journal_canaries, 2); /* as it is now */
    disk->replay_over_foreign = false;
    lose(rig, disk);
    rig = crash(rig, disk, true);
    fake_ready(rig->session);
    goes_on(rig, disk);
    end(rig, disk);
}

static void whoever_says_so_later_does_as_well(void **state)
{
    struct disk *disk = disk_with_places();
    struct rig *rig = start(disk);
    lose(rig, disk);
    foreign_write(rig, PLACE);
    fake_ready(rig->session);
    refuses(rig, disk, PLACE, 8);
    disk->replay_over_foreign = true;
    rig = crash(rig, disk, true);
    fake_ready(rig->session);
    goes_on(rig, disk);
    disk->replay_over_foreign = false;
    lose(rig, disk);
    rig = crash(rig, disk, true);
    fake_ready(rig->session);
    goes_on(rig, disk);
    end(rig, disk);
}

static void with_nothing_to_replay_the_lun_is_taken_as_it_is(void **state)
{
    struct disk *disk = disk_with_places();
    struct rig *rig = start(disk);
    rig = crash(rig, disk, true);
    foreign_write(rig, PLACE);
    fake_ready(rig->session);
    settle(rig, disk);
    assert_true(status_of(rig).online);
    assert_int_equal(status_of(rig).journal_canaries, 2);
    end(rig, disk);
}

/* What is on its way, or was, is ours. */
static void our_own_writes_are_none_of_it(void **state)
{
    struct disk *disk = disk_with_places();
    struct rig *rig = start(disk);
    write_to_journal(rig, disk, PLACE * FAKE_BLOCK, 512, 0x21);
    assert_int_equal(status_of(rig).journal_canaries, 1);
    make_durable(rig, disk);
    fake_run(rig->session, 1); /* written, not synchronised, and the answer is lost */
    lose(rig, disk);
    fake_ready(rig->session);
    goes_on(rig, disk);
    rig_expect_stable(rig, PLACE * FAKE_BLOCK, 512, 0x21);
    end(rig, disk);
}

static void a_place_is_noted_again_when_it_is_clean(void **state)
{
    struct disk *disk = disk_with_places();
    struct rig *rig = start(disk);
    write_to_journal(rig, disk, PLACE * FAKE_BLOCK, 512, 0x21);
    settle(rig, disk);
    assert_int_equal(status_of(rig).journal_canaries, 1);
    fake_clock_advance_ms(&rig->clock, 15000);
    run_all(rig, disk);
    assert_int_equal(status_of(rig).journal_canaries, 2);
    lose(rig, disk);
    rig = crash(rig, disk, true);
    foreign_write(rig, PLACE);
    fake_ready(rig->session);
    refuses(rig, disk, PLACE, 8);
    end(rig, disk);
}

static void what_is_dirty_is_not_noted(void **state)
{
    struct disk *disk = disk_with_places();
    struct rig *rig = rig_on(disk);
    fake_ready(rig->session); /* the first read is on its way, the other place comes later */
    write_to_journal(rig, disk, OTHER * FAKE_BLOCK, 512, 0x31);
    write_to_journal(rig, disk, PLACE * FAKE_BLOCK, 512, 0x32);
    fake_run_all(rig->session);
    assert_int_equal(status_of(rig).journal_canaries, 0);
    end(rig, disk);
}

/* The append is on its way to the ring; the overlay has nothing of it yet. */
static void what_is_being_appended_is_not_noted(void **state)
{
    struct disk *disk = disk_with_places();
    struct rig *rig = rig_on(disk);
    struct call call;
    fake_ready(rig->session); /* makes the journal */
    fake_lose(rig->session);
    fake_complete_all(&disk->device);
    call_start(rig, &call, VOL_WRITE, PLACE * FAKE_BLOCK, 512, 0, 0x41);
    fake_ready(rig->session);
    fake_run_all(rig->session);
    assert_false(call.answered);
    assert_int_equal(status_of(rig).journal_canaries, 1); /* the other one */
    fake_complete_all(&disk->device);
    assert_true(call.answered);
    call_done(&call);
    end(rig, disk);
}

static void a_place_that_cannot_be_read_is_left_out(void **state)
{
    struct disk *disk = disk_with_places();
    struct rig *rig = start(disk);
    lose(rig, disk);
    rig->session->fail_op = SES_READ;
    rig->session->fail_error = -EIO;
    fake_ready(rig->session);
    goes_on(rig, disk);
    const struct trace_event *event = rig_event(rig, TRACE_JOURNAL_UNREADABLE_CANARY);
    assert_int_equal(event->a, PLACE);
    assert_int_equal(event->b, 8);
    assert_int_equal(event->c, EIO);
    assert_null(rig_event(rig, TRACE_JOURNAL_FOREIGN));
    end(rig, disk);
}

static void a_session_lost_under_the_look_looks_again(void **state)
{
    struct disk *disk = disk_with_places();
    struct rig *rig = start(disk);
    lose(rig, disk);
    foreign_write(rig, OTHER);
    fake_ready(rig->session);
    fake_run(rig->session, 1); /* the first place is as it was */
    fake_lose(rig->session);
    assert_false(status_of(rig).journal_foreign);
    write_to_journal(rig, disk, OTHER * FAKE_BLOCK, 512, 0x51); /* cannot be what differs */
    make_durable(rig, disk);
    fake_ready(rig->session);
    refuses(rig, disk, OTHER, 8);
    end(rig, disk);
}

/* Hurt on its way: iSCSI without a data digest does not tell. */
static void a_read_that_differs_once_is_no_foreign_writer(void **state)
{
    struct disk *disk = disk_with_places();
    struct rig *rig = start(disk);
    lose(rig, disk);
    foreign_write(rig, PLACE);
    fake_ready(rig->session);
    fake_run(rig->session, 1);
    foreign_write(rig, PLACE); /* the same bits again: as it was */
    goes_on(rig, disk);
    assert_null(rig_event(rig, TRACE_JOURNAL_FOREIGN));
    end(rig, disk);
}

static void what_reads_differently_twice_is_not_noted(void **state)
{
    struct disk *disk = disk_with_places();
    struct rig *rig = rig_on(disk);
    foreign_write(rig, PLACE);
    fake_ready(rig->session);
    fake_run(rig->session, 1);
    foreign_write(rig, PLACE);
    run_all(rig, disk);
    assert_int_equal(status_of(rig).journal_canaries, 1);
    fake_clock_advance_ms(&rig->clock, 15000);
    run_all(rig, disk);
    assert_int_equal(status_of(rig).journal_canaries, 2);
    end(rig, disk);
}

/* A LUN that takes one block at a time. */
static void places_are_read_in_what_the_lun_takes(void **state)
{
    struct disk *disk = disk_with_places();
    struct rig *rig = rig_on(disk);
    rig->session->lun.max_transfer_blocks = 1;
    fake_ready(rig->session);
    run_all(rig, disk);
    assert_int_equal(rig->session->reads, 32); /* twice */
    assert_int_equal(status_of(rig).journal_canaries, 2);
    lose(rig, disk);
    foreign_write(rig, PLACE + 5);
    fake_ready(rig->session);
    refuses(rig, disk, PLACE, 8);
    end(rig, disk);
}

static void it_can_be_stopped(void **state)
{
    struct disk *disk = disk_with_places();
    struct rig *rig = start(disk);
    struct call read;
    lose(rig, disk);
    foreign_write(rig, PLACE);
    fake_ready(rig->session);
    call_start(rig, &read, VOL_READ, 0, 512, 0, 0);
    refuses(rig, disk, PLACE, 8);
    assert_false(read.answered);
    vol_stop(rig->volume, NULL, NULL);
    settle(rig, disk);
    assert_false(rig->session->stopping); /* it waits, as in an outage */
    vol_stop_now(rig->volume);
    settle(rig, disk);
    assert_true(rig->session->stopping);
    assert_true(read.answered);
    assert_int_equal(read.request.error, -ESHUTDOWN);
    call_done(&read);
    end(rig, disk);
}

/* The same gate: neither what the journal holds passes, nor a client's read. */
static void a_lun_that_has_shrunk_is_sent_nothing(void **state)
{
    struct disk *disk = disk_new(VOL_JOURNAL_PERSISTENT);
    struct rig *rig = rig_on(disk);
    struct call read;
    fake_ready(rig->session);
    fake_lose(rig->session);
    write_to_journal(rig, disk, 4096, 4096, 0x66);
    call_start(rig, &read, VOL_READ, 65536, 512, 0, 0);
    rig->session->lun.blocks--;
    fake_ready(rig->session);
    settle(rig, disk);
    assert_false(read.answered);
    assert_int_equal(rig->session->reads + rig->session->writes + rig->session->syncs, 0);
    assert_non_null(rig_event(rig, TRACE_JOURNAL_LUN_UNFIT));
    fake_lose(rig->session);
    rig->session->lun.blocks++;
    fake_ready(rig->session);
    settle(rig, disk);
    assert_true(read.answered);
    rig_expect_stable(rig, 4096, 4096, 0x66);
    call_done(&read);
    end(rig, disk);
}

/* The places of a real disk are found on it. */
static void without_given_places_the_disk_says_them(void **state)
{
    struct disk *disk = disk_new(VOL_JOURNAL_PERSISTENT);
    disk->places_are_found = true;
    struct rig *rig = rig_on(disk);
    uint8_t *mbr = rig->session->cache;
    mbr[510] = 0x55;
    mbr[511] = 0xaa;
    mbr[450] = 0x83;
    mbr[446 + 9] = 0x08; /* block 2048 */
    mbr[446 + 12] = 0xff;
    memcpy(rig->session->stable, mbr, FAKE_BLOCK);
    fake_ready(rig->session);
    settle(rig, disk);
    assert_int_equal(status_of(rig).journal_canaries, 4);
    lose(rig, disk);
    rig = crash(rig, disk, true);
    foreign_write(rig, 2048 + 128);
    fake_ready(rig->session);
    refuses(rig, disk, 2048 + 128, 8);
    end(rig, disk);
}

/* ... and said anew when its partition table changes. */
static void a_new_partition_table_moves_them(void **state)
{
    struct disk *disk = disk_new(VOL_JOURNAL_PERSISTENT);
    struct call call;
    disk->places_are_found = true;
    struct rig *rig = rig_on(disk);
    fake_ready(rig->session);
    settle(rig, disk);
    assert_int_equal(status_of(rig).journal_canaries, 2);
    call_start(rig, &call, VOL_WRITE, 0, 512, 0, 0);
    call.request.buffer->data[510] = 0x55;
    call.request.buffer->data[511] = 0xaa;
    call.request.buffer->data[450] = 0x83;
    call.request.buffer->data[446 + 9] = 0x08;
    call.request.buffer->data[446 + 12] = 0xff;
    run_all(rig, disk);
    assert_true(call.answered);
    call_done(&call);
    settle(rig, disk);
    fake_clock_advance_ms(&rig->clock, 15000);
    settle(rig, disk);
    assert_int_equal(status_of(rig).journal_canaries, 4);
    end(rig, disk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_crash_alone_is_no_foreign_writer),
        cmocka_unit_test(a_start_does_not_replay_over_a_foreign_write),
        cmocka_unit_test(an_outage_is_the_same_danger),
        cmocka_unit_test(writes_of_an_outage_hide_nothing),
        cmocka_unit_test(the_next_start_remembers),
        cmocka_unit_test(whoever_says_so_replays_over_it),
        cmocka_unit_test(whoever_says_so_later_does_as_well),
        cmocka_unit_test(with_nothing_to_replay_the_lun_is_taken_as_it_is),
        cmocka_unit_test(our_own_writes_are_none_of_it),
        cmocka_unit_test(a_place_is_noted_again_when_it_is_clean),
        cmocka_unit_test(what_is_dirty_is_not_noted),
        cmocka_unit_test(what_is_being_appended_is_not_noted),
        cmocka_unit_test(a_place_that_cannot_be_read_is_left_out),
        cmocka_unit_test(a_session_lost_under_the_look_looks_again),
        cmocka_unit_test(a_read_that_differs_once_is_no_foreign_writer),
        cmocka_unit_test(what_reads_differently_twice_is_not_noted),
        cmocka_unit_test(places_are_read_in_what_the_lun_takes),
        cmocka_unit_test(it_can_be_stopped),
        cmocka_unit_test(a_lun_that_has_shrunk_is_sent_nothing),
        cmocka_unit_test(without_given_places_the_disk_says_them),
        cmocka_unit_test(a_new_partition_table_moves_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
