/* What goes to the target together, where it is read from, and what becomes of the rest. */
#include <errno.h>

#include "tests/unit/volume/own_disk.h"

/* Payload is read from the ring; and the target was not seen yet. */
static int start_uncached(void **state)
{
    disk = disk_new(VOL_JOURNAL_PERSISTENT);
    disk->cache_bytes = 0;
    rig = rig_on(disk);
    return 0;
}

/* Pieces of one entry, each of which destage loads whole, so that it takes all of its memory. */
static void what_waits_for_the_target_leaves_memory_to_readers(void **state)
{
    enum { HOLES = 40, ENTRY_BYTES = (HOLES + 1) * 3072 };
    struct call trim;
    rig->session->lun.unmap_granularity = 8; /* the holes are too small for it: nothing is sent */
    fake_ready(rig->session);
    fake_lose(rig->session);
    write_to_journal(rig, disk, 0, ENTRY_BYTES, 0x71);
    for (unsigned i = 1; i <= HOLES; i++) {
        call_start(rig, &trim, VOL_TRIM, i * 3072 - 512, 512, 0, 0);
        fake_complete_all(&disk->device);
        assert_true(trim.answered);
    }
    fake_clock_advance_ms(&rig->clock, 2000); /* durable */
    fake_complete_all(&disk->device);
    write_to_journal(rig, disk, 512 * 1024, 512, 0x72); /* drops the payload from memory */
    fake_clock_advance_ms(&rig->clock, 2000);
    fake_complete_all(&disk->device);
    fake_ready(rig->session);
    fake_complete_all(&disk->device);
    assert_true(rig->session->in_flight >= 32); /* of 128 KiB each */
    fake_lose(rig->session);
    expect_read(rig, disk, 0, 2048, 0x71);
    fake_ready(rig->session);
    settle(rig, disk);
    rig_expect_stable(rig, 0, 2048, 0x71);
}

static void memory_came(struct buffer_waiter *waiter)
{
    waiter->bytes = 0;
}

/* What is under way to the target when that goes away must not be all the memory there is. */
static void what_waits_for_the_target_leaves_memory_to_writers(void **state)
{
    enum { WRITES = 64, BYTES = 8704, BUFFER_BYTES = 16384, APART = 32768 };
    struct call calls[WRITES];
    disk = disk_new(VOL_JOURNAL_PERSISTENT);
    disk->memory_bytes = WRITES * BUFFER_BYTES;
    rig = rig_on(disk);
    fake_ready(rig->session);
    for (unsigned i = 0; i < WRITES; i++)
        call_start(rig, &calls[i], VOL_WRITE, i * APART, BYTES, 0, (uint8_t)(i + 1));
    fake_complete_all(&disk->device);
    for (unsigned i = 0; i < WRITES; i++) {
        assert_true(calls[i].answered);
        call_done(&calls[i]);
    }
    fake_clock_advance_ms(&rig->clock, 20); /* durable, and sent */
    fake_complete_all(&disk->device);
    assert_true(rig->session->in_flight > 0);
    fake_lose(rig->session);
    struct buffer_waiter waiter = {.bytes = BYTES, .available = memory_came};
    list_init(&waiter.node);
    buffer_wait(vol_buffers(rig->volume), &waiter);
    assert_int_equal(waiter.bytes, 0);
    fake_ready(rig->session);
    settle(rig, disk);
    for (unsigned i = 0; i < WRITES; i++)
        rig_expect_stable(rig, i * APART, BYTES, (uint8_t)(i + 1));
}

/* Small neighbours that lie all over the memory: a large write must find its place, too. */
static void nor_does_it_leave_only_small_pieces_of_it(void **state)
{
    enum { MIB = 1024 * 1024, BLOCKS = 128, STEP = 37 };
    struct call calls[BLOCKS];
    disk = disk_new(VOL_JOURNAL_PERSISTENT);
    disk->memory_bytes = MIB;
    rig = rig_on(disk);
    fake_ready(rig->session);
    fake_lose(rig->session);
    for (unsigned i = 0; i < BLOCKS; i++) {
        unsigned block = i * STEP % BLOCKS;
        call_start(rig, &calls[i], VOL_WRITE, block * 4096ull, 4096, 0, (uint8_t)(block + 1));
    }
    pass_ms(20);
    for (unsigned i = 0; i < BLOCKS; i++) {
        assert_true(calls[i].answered);
        call_done(&calls[i]);
    }
    fake_ready(rig->session);
    pass_ms(20);
    assert_true(rig->session->in_flight > 1);
    for (unsigned i = 0; i < 4; i++) { /* newer ones wait behind what is at the target */
        call_start(rig, &calls[i], VOL_WRITE, i * 4096ull, 4096, 0, (uint8_t)(i + 1));
        pass_ms(20);
        assert_true(calls[i].answered);
        call_done(&calls[i]);
    }
    fake_lose(rig->session);
    pass_ms(2000); /* the newer ones are durable, too */
    struct buffer_waiter waiter = {.bytes = MIB, .available = memory_came};
    list_init(&waiter.node);
    buffer_wait(vol_buffers(rig->volume), &waiter);
    assert_int_equal(waiter.bytes, 0);
    fake_ready(rig->session);
    settle(rig, disk);
    for (unsigned i = 0; i < BLOCKS; i++)
        rig_expect_stable(rig, i * 4096ull, 4096, (uint8_t)(i + 1));
}

/* Writes 8 blocks of 4 KiB, side by side, while the target is away. */
static void write_neighbours(void)
{
    fake_ready(rig->session);
    fake_lose(rig->session);
    for (unsigned i = 0; i < 8; i++) {
        write_to_journal(rig, disk, (i ^ 5u) * 4096ull, 4096, (uint8_t)(0x70 + (i ^ 5u)));
        fake_clock_advance_ms(&rig->clock, 20);
        fake_complete_all(&disk->device);
    }
}

static void expect_neighbours(unsigned lost)
{
    for (unsigned i = 0; i < 8; i++)
        rig_expect_stable(rig, i * 4096ull, 4096, i == lost ? 0 : (uint8_t)(0x70 + i));
}

static void small_neighbours_reach_the_target_in_one_command(void **state)
{
    static const uint64_t cache_bytes[] = {1024 * 1024, 0}; /* from memory, from the ring */
    for (unsigned i = 0; i < 2; i++) {
        disk = disk_new(VOL_JOURNAL_PERSISTENT);
        disk->cache_bytes = cache_bytes[i];
        rig = rig_on(disk);
        write_neighbours();
        fake_ready(rig->session);
        settle(rig, disk);
        assert_int_equal(rig->session->writes, 1);
        expect_neighbours(8);
        end(rig, disk);
    }
}

/* Two of 128 KiB, and a small one elsewhere. */
static void large_neighbours_share_a_command_too(void **state)
{
    enum { BYTES = 128 * 1024 };
    static const uint64_t cache_bytes[] = {1024 * 1024, 0};
    for (unsigned i = 0; i < 2; i++) {
        disk = disk_new(VOL_JOURNAL_PERSISTENT);
        disk->cache_bytes = cache_bytes[i];
        rig = rig_on(disk);
        rig->session->limits.max_write_bytes = 256 * 1024;
        fake_ready(rig->session);
        fake_lose(rig->session);
        write_to_journal(rig, disk, BYTES, BYTES, 0x12);
        write_to_journal(rig, disk, 0, BYTES, 0x11);
        pass_ms(20);
        write_to_journal(rig, disk, 1024 * 1024, 512, 0x13); /* drops the payload from memory */
        fake_ready(rig->session);
        settle(rig, disk);
        assert_int_equal(rig->session->writes, 2);
        rig_expect_stable(rig, 0, BYTES, 0x11);
        rig_expect_stable(rig, BYTES, BYTES, 0x12);
        end(rig, disk);
    }
}

/* 64 KiB of it: where that is does not depend on where the parts lie in memory. */
static void a_piece_is_cut_at_the_connections_limit(void **state)
{
    enum { BYTES = 40 * 1024 };
    fake_ready(rig->session);
    fake_lose(rig->session);
    for (unsigned i = 0; i < 4; i++)
        write_to_journal(rig, disk, i * BYTES, BYTES, (uint8_t)(0x21 + i));
    fake_ready(rig->session);
    settle(rig, disk);
    assert_int_equal(rig->session->writes, 3);
    for (unsigned i = 0; i < 4; i++)
        rig_expect_stable(rig, i * BYTES, BYTES, (uint8_t)(0x21 + i));
}

static void what_is_rewritten_while_its_neighbours_are_read_is_sent_as_it_is_now(void **state)
{
    for (unsigned steps = 0; steps < 12; steps++) {
        start_uncached(state);
        write_neighbours();
        fake_ready(rig->session);
        for (unsigned i = 0; i < steps && disk->device.pending_count > 0; i++)
            fake_complete(&disk->device, 0);
        struct call call;
        call_start(rig, &call, VOL_WRITE, 3 * 4096 + 512, 1024, 0, 0x99);
        settle(rig, disk);
        assert_true(call.answered);
        call_done(&call);
        rig_expect_stable(rig, 0, 4096, 0x70);
        rig_expect_stable(rig, 3 * 4096, 512, 0x73);
        rig_expect_stable(rig, 3 * 4096 + 512, 1024, 0x99);
        rig_expect_stable(rig, 3 * 4096 + 1536, 4096 - 1536, 0x73);
        rig_expect_stable(rig, 7 * 4096, 4096, 0x77);
        end(rig, disk);
    }
}

static void what_is_left_of_an_entry_is_sent_from_its_place_in_it(void **state)
{
    write_neighbours();
    write_to_journal(rig, disk, 3 * 4096, 1024, 0x98);
    write_to_journal(rig, disk, 5 * 4096 + 1024, 1024, 0x99);
    pass_ms(20);
    write_to_journal(rig, disk, 1024 * 1024, 512, 0x13); /* drops the payload from memory */
    fake_ready(rig->session);
    settle(rig, disk);
    rig_expect_stable(rig, 2 * 4096, 4096, 0x72);
    rig_expect_stable(rig, 3 * 4096, 1024, 0x98);
    rig_expect_stable(rig, 3 * 4096 + 1024, 3072, 0x73);
    rig_expect_stable(rig, 4 * 4096, 4096, 0x74);
    rig_expect_stable(rig, 5 * 4096, 1024, 0x75);
    rig_expect_stable(rig, 5 * 4096 + 1024, 1024, 0x99);
    rig_expect_stable(rig, 5 * 4096 + 2048, 2048, 0x75);
    rig_expect_stable(rig, 6 * 4096, 4096, 0x76);
}

/* More than can be read at once. */
static void many_neighbours_are_read_in_turns(void **state)
{
    enum { BLOCKS = 500 };
    struct call calls[BLOCKS];
    fake_ready(rig->session);
    fake_lose(rig->session);
    for (unsigned from = 0; from < BLOCKS; from += 100) {
        for (unsigned i = from; i < from + 100; i++)
            call_start(rig, &calls[i], VOL_WRITE, i * 512, 512, 0, (uint8_t)(i % 251 + 1));
        pass_ms(20);
        for (unsigned i = from; i < from + 100; i++) {
            assert_true(calls[i].answered);
            call_done(&calls[i]);
        }
    }
    fake_ready(rig->session);
    settle(rig, disk);
    assert_true(rig->session->writes < BLOCKS / 8);
    for (unsigned i = 0; i < BLOCKS; i++)
        rig_expect_stable(rig, i * 512, 512, (uint8_t)(i % 251 + 1));
}

/* One bad block must not keep others from the target for good. */
static void what_is_refused_together_is_tried_alone(void **state)
{
    write_neighbours();
    rig->session->bad_lba = 3 * 8;
    rig->session->bad_blocks = 8;
    fake_ready(rig->session);
    settle(rig, disk);
    for (unsigned i = 0; i < 10; i++) {
        fake_clock_advance_ms(&rig->clock, 1000);
        run_all(rig, disk);
    }
    expect_neighbours(3);
    rig->session->bad_blocks = 0;
    fake_clock_advance_ms(&rig->clock, 6000);
    settle(rig, disk);
    expect_neighbours(8);
}

static void rot(uint8_t fill)
{
    for (unsigned i = 0; i < sizeof disk->device.visible; i++)
        if (disk->device.visible[i] == fill)
            disk->device.visible[i] = 0x60;
}

static void a_neighbour_that_is_lost_takes_no_other_with_it(void **state)
{
    write_neighbours();
    rot(0x73);
    fake_ready(rig->session);
    settle(rig, disk);
    assert_non_null(rig_event(rig, TRACE_JOURNAL_DATA_LOST));
    expect_neighbours(3);
}

static void nor_do_several_that_are_lost(void **state)
{
    write_neighbours();
    rot(0x70);
    rot(0x71);
    rot(0x76);
    fake_ready(rig->session);
    settle(rig, disk);
    for (unsigned i = 0; i < 8; i++)
        rig_expect_stable(rig, i * 4096ull, 4096, i <= 1 || i == 6 ? 0 : (uint8_t)(0x70 + i));
}

static void a_ring_that_cannot_be_read_for_a_while_loses_nothing(void **state)
{
    write_neighbours();
    disk->device.reads_fail = true;
    struct call read;
    call_start(rig, &read, VOL_READ, 0, 4096, 0, 0);
    fake_ready(rig->session);
    settle(rig, disk);
    assert_false(read.answered);
    disk->device.reads_fail = false;
    settle(rig, disk);
    assert_true(read.answered);
    assert_int_equal(read.request.error, 0);
    call_done(&read);
    assert_null(rig_event(rig, TRACE_JOURNAL_DATA_LOST));
    expect_neighbours(8);
}

static void a_ring_that_is_never_read_again_is_not_waited_for_for_ever(void **state)
{
    write_neighbours();
    disk->device.reads_fail = true;
    struct call read;
    call_start(rig, &read, VOL_READ, 0, 4096, 0, 0);
    for (unsigned i = 0; i < 40; i++) {
        fake_clock_advance_ms(&rig->clock, 1000);
        fake_complete_all(&disk->device);
    }
    assert_true(read.answered);
    assert_int_equal(read.request.error, -EIO);
    call_done(&read);
    assert_non_null(rig_event(rig, TRACE_JOURNAL_DATA_LOST));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_waits_for_the_target_leaves_memory_to_readers,
                                        start_uncached, stop),
        cmocka_unit_test_setup_teardown(what_waits_for_the_target_leaves_memory_to_writers, NULL,
                                        stop),
        cmocka_unit_test_setup_teardown(nor_does_it_leave_only_small_pieces_of_it, NULL, stop),
        cmocka_unit_test_setup_teardown(what_is_refused_together_is_tried_alone, start_uncached,
                                        stop),
        cmocka_unit_test(small_neighbours_reach_the_target_in_one_command),
        cmocka_unit_test(large_neighbours_share_a_command_too),
        cmocka_unit_test_setup_teardown(a_piece_is_cut_at_the_connections_limit, start_uncached,
                                        stop),
        cmocka_unit_test(what_is_rewritten_while_its_neighbours_are_read_is_sent_as_it_is_now),
        cmocka_unit_test_setup_teardown(what_is_left_of_an_entry_is_sent_from_its_place_in_it,
                                        start_uncached, stop),
        cmocka_unit_test_setup_teardown(many_neighbours_are_read_in_turns, start_uncached, stop),
        cmocka_unit_test_setup_teardown(a_neighbour_that_is_lost_takes_no_other_with_it,
                                        start_uncached, stop),
        cmocka_unit_test_setup_teardown(nor_do_several_that_are_lost, start_uncached, stop),
        cmocka_unit_test_setup_teardown(a_ring_that_cannot_be_read_for_a_while_loses_nothing,
                                        start_uncached, stop),
        cmocka_unit_test_setup_teardown(a_ring_that_is_never_read_again_is_not_waited_for_for_ever,
                                        start_uncached, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
