/* What is dropped from memory, what is not, and what becomes of it when it rots in the ring. */
#include <errno.h>

#include "tests/unit/volume/own_disk.h"

#define ALL        (1024 * 1024u) /* more than the ring holds */
#define DURABLE_MS 20u            /* the journal syncs when idle so long */

/* The target is away, and 0x61 in the ring. */
static void start(enum vol_journal_mode mode, uint64_t cache_bytes)
{
    disk = disk_new(mode);
    disk->cache_bytes = cache_bytes;
    rig = rig_on(disk);
    fake_ready(rig->session);
    fake_lose(rig->session);
    write_to_journal(rig, disk, 0, 4096, 0x61);
}

static void rot_in_the_ring(void)
{
    for (unsigned i = 0; i < sizeof disk->device.visible; i++)
        if (disk->device.visible[i] == 0x61)
            disk->device.visible[i] ^= 1;
}

/* 0x62 drops 0x61 from memory, which then rots in the ring. */
static void rot(void)
{
    pass_ms(DURABLE_MS);
    write_to_journal(rig, disk, 65536, 512, 0x62);
    rot_in_the_ring();
}

static void bit_rot_in_the_ring_is_an_error_and_never_sent(void **state)
{
    struct call read;
    start(VOL_JOURNAL_PERSISTENT, 0);
    rot();
    call_start(rig, &read, VOL_READ, 0, 4096, 0, 0);
    fake_complete_all(&disk->device);
    assert_true(read.answered);
    assert_int_equal(read.request.error, -EIO);
    call_done(&read);
    assert_non_null(rig_event(rig, TRACE_JOURNAL_DATA_LOST));
    fake_ready(rig->session);
    settle(rig, disk);
    rig_expect_cache(rig, 0, 4096, 0);
    rig_expect_stable(rig, 65536, 512, 0x62);
}

static int flush_result(void)
{
    struct call flush;
    call_start(rig, &flush, VOL_FLUSH, 0, 0, 0, 0);
    settle(rig, disk);
    assert_true(flush.answered);
    call_done(&flush);
    return flush.request.error;
}

/* It promises that the LUN has everything for good, and there is something that it never gets. */
static void a_flush_to_the_target_does_not_hide_what_rotted_in_the_ring(void **state)
{
    struct call fua, other;
    start(VOL_JOURNAL_MEMORY, 0);
    rot();
    fake_ready(rig->session);
    assert_int_equal(flush_result(), -EIO);
    assert_int_equal(flush_result(), -EIO);
    rig_expect_stable(rig, 65536, 512, 0x62);

    call_start(rig, &other, VOL_WRITE, 65536, 512, VOL_FUA, 0x63);
    settle(rig, disk);
    assert_int_equal(other.request.error, 0); /* its own data are on the LUN */
    call_start(rig, &fua, VOL_WRITE, 0, 4096, VOL_FUA, 0x64);
    settle(rig, disk);
    assert_int_equal(fua.request.error, 0); /* nothing is left of what was lost */
    assert_int_equal(flush_result(), 0);
    call_done(&other);
    call_done(&fua);
    rig_expect_stable(rig, 0, 4096, 0x64);
}

/* The ring still holds it: a start with the mended disk finds it. */
static void a_flush_to_the_ring_is_the_rings(void **state)
{
    start(VOL_JOURNAL_PERSISTENT, 0);
    assert_int_equal(flush_result(), 0);
    rot();
    fake_ready(rig->session);
    settle(rig, disk);
    assert_non_null(rig_event(rig, TRACE_JOURNAL_DATA_LOST));
    assert_int_equal(flush_result(), 0);
}

static void a_full_ring_drops_nothing_that_memory_has_room_for(void **state)
{
    struct call parked = {.answered = true};
    start(VOL_JOURNAL_PERSISTENT, ALL);
    for (uint64_t offset = 65536; parked.answered; offset += 65536) {
        call_start(rig, &parked, VOL_WRITE, offset, 65536, 0, 0x62);
        fake_complete_all(&disk->device);
        if (parked.answered)
            call_done(&parked);
        pass_ms(DURABLE_MS);
    }
    rot_in_the_ring();
    expect_read(rig, disk, 0, 4096, 0x61);
}

/* Each keeps a buffer for the whole block; more than there are, while the target is away. */
static void odd_writes_go_on_without_the_target(void **state)
{
    struct call calls[25];
    start(VOL_JOURNAL_PERSISTENT, ALL);
    for (uint64_t offset = 0; offset < 3 * 65536; offset += 65536)
        write_to_journal(rig, disk, offset, 65536, 0x61);
    for (unsigned block = 0; block < 300; block += 25) {
        for (unsigned i = 0; i < 25; i++)
            call_start(rig, &calls[i], VOL_WRITE, (block + i) * 512 + 7, 100, 0, 0x62);
        fake_complete_all(&disk->device);
        pass_ms(DURABLE_MS);
        for (unsigned i = 0; i < 25; i++) {
            assert_true(calls[i].answered);
            call_done(&calls[i]);
        }
    }
    expect_read(rig, disk, 299 * 512 + 7, 100, 0x62);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(bit_rot_in_the_ring_is_an_error_and_never_sent, stop),
        cmocka_unit_test_teardown(a_flush_to_the_target_does_not_hide_what_rotted_in_the_ring,
                                  stop),
        cmocka_unit_test_teardown(a_flush_to_the_ring_is_the_rings, stop),
        cmocka_unit_test_teardown(odd_writes_go_on_without_the_target, stop),
        cmocka_unit_test_teardown(a_full_ring_drops_nothing_that_memory_has_room_for, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
