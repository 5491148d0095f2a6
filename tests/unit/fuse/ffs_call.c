#include "fuse/ffs_call.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <unistd.h>

#include "tests/unit/unit.h"

#define MIB  (1024ull * 1024)
#define SIZE (8 * MIB)

static const struct vol_geometry disk = {
    .size_bytes = SIZE,
    .block_bytes = 512,
    .physical_block_bytes = 4096,
    .can_trim = true,
};

static struct ffs_call make(enum ffs_op op, uint64_t offset, uint64_t length, int flags)
{
    return (struct ffs_call){.op = op, .offset = offset, .length = length, .flags = flags};
}

static void assert_answer(struct ffs_call *call, int error, uint64_t result)
{
    assert_int_equal(ffs_call_begin(call, &disk), FFS_ANSWER);
    assert_int_equal(call->error, error);
    assert_int_equal(call->result, result);
}

static void assert_asks(struct ffs_call *call, enum vol_op op, uint32_t flags, uint64_t offset,
                        uint64_t length)
{
    assert_int_equal(ffs_call_begin(call, &disk), FFS_ASK);
    assert_int_equal(call->request.op, op);
    assert_int_equal(call->request.flags, flags);
    assert_int_equal(call->request.offset, offset);
    assert_int_equal(call->request.length, length);
}

/* --- read and write --- */

static void a_read_asks_for_what_lies_inside_the_disk(void **state)
{
    struct ffs_call inside = make(FFS_READ, 4096, 8192, 0);
    assert_asks(&inside, VOL_READ, 0, 4096, 8192);
    struct ffs_call across = make(FFS_READ, SIZE - 100, 8192, 0);
    assert_asks(&across, VOL_READ, 0, SIZE - 100, 100);
    struct ffs_call at_end = make(FFS_READ, SIZE, 512, 0);
    assert_answer(&at_end, 0, 0);
    struct ffs_call far_away = make(FFS_READ, UINT64_MAX - 5, 512, 0);
    assert_answer(&far_away, 0, 0);
    struct ffs_call of_nothing = make(FFS_READ, 0, 0, 0);
    assert_answer(&of_nothing, 0, 0);
}

static void a_write_at_the_end_is_enospc_and_one_across_it_is_short(void **state)
{
    struct ffs_call across = make(FFS_WRITE, SIZE - 512, 4096, 0);
    assert_asks(&across, VOL_WRITE, 0, SIZE - 512, 512);
    across.request.error = 0;
    assert_int_equal(ffs_call_continue(&across), FFS_ANSWER);
    assert_int_equal(across.result, 512);
    struct ffs_call at_end = make(FFS_WRITE, SIZE, 1, 0);
    assert_answer(&at_end, -ENOSPC, 0);
    struct ffs_call of_nothing = make(FFS_WRITE, SIZE, 0, 0);
    assert_answer(&of_nothing, 0, 0);
}

static void what_is_longer_than_a_transfer_gets_a_short_answer(void **state)
{
    struct ffs_call read = make(FFS_READ, 0, VOL_TRANSFER_MAX + 1, 0);
    assert_asks(&read, VOL_READ, 0, 0, VOL_TRANSFER_MAX);
    struct ffs_call write = make(FFS_WRITE, 0, VOL_TRANSFER_MAX + 1, 0);
    assert_asks(&write, VOL_WRITE, 0, 0, VOL_TRANSFER_MAX);
    assert_int_equal(ffs_call_continue(&write), FFS_ANSWER);
    assert_int_equal(write.result, VOL_TRANSFER_MAX);
}

static void a_write_to_a_file_opened_with_o_dsync_is_fua(void **state)
{
    struct ffs_call dsync = make(FFS_WRITE, 0, 512, O_WRONLY | O_DSYNC);
    assert_asks(&dsync, VOL_WRITE, VOL_FUA, 0, 512);
    struct ffs_call sync = make(FFS_WRITE, 0, 512, O_RDWR | O_SYNC);
    assert_asks(&sync, VOL_WRITE, VOL_FUA, 0, 512);
    struct ffs_call direct = make(FFS_WRITE, 0, 512, O_RDWR | O_DIRECT);
    assert_asks(&direct, VOL_WRITE, 0, 0, 512);
}

static void an_error_of_the_volume_is_the_answer(void **state)
{
    struct ffs_call write = make(FFS_WRITE, 0, 512, 0);
    assert_asks(&write, VOL_WRITE, 0, 0, 512);
    write.request.error = -EPERM;
    assert_int_equal(ffs_call_continue(&write), FFS_ANSWER);
    assert_int_equal(write.error, -EPERM);
    assert_int_equal(write.result, 0);
}

static void fsync_is_a_flush_of_the_whole_disk(void **state)
{
    struct ffs_call sync = make(FFS_SYNC, 0, 0, 0);
    assert_asks(&sync, VOL_FLUSH, 0, 0, 0);
}

/* --- open and setattr --- */

static void a_read_only_disk_can_be_opened_for_reading_alone(void **state)
{
    struct vol_geometry read_only = disk;
    read_only.read_only = true;
    struct ffs_call call = make(FFS_OPEN, 0, 0, O_RDWR);
    assert_answer(&call, 0, 0);
    assert_int_equal(ffs_call_begin(&call, &read_only), FFS_ANSWER);
    assert_int_equal(call.error, -EROFS);
    call = make(FFS_OPEN, 0, 0, O_WRONLY);
    ffs_call_begin(&call, &read_only);
    assert_int_equal(call.error, -EROFS);
    call = make(FFS_OPEN, 0, 0, O_RDONLY);
    ffs_call_begin(&call, &read_only);
    assert_int_equal(call.error, 0);
}

static void the_size_cannot_be_changed(void **state)
{
    struct ffs_call call = {.op = FFS_SETATTR, .set = FFS_SET_SIZE | FFS_SET_BY_HANDLE};
    call.to.st_size = SIZE;
    assert_answer(&call, 0, 0);
    call.to.st_size = SIZE + 1;
    assert_answer(&call, -EPERM, 0);
    call.to.st_size = 0;
    assert_answer(&call, -EPERM, 0);
    call.set = FFS_SET_SIZE;
    call.to.st_size = 1;
    assert_answer(&call, -EPERM, 0);
}

static void truncation_at_open_is_ignored_as_a_block_device_does(void **state)
{
    struct ffs_call call = {.op = FFS_SETATTR, .set = FFS_SET_SIZE};
    assert_answer(&call, 0, 0);
}

static void other_attributes_do_not_touch_the_size(void **state)
{
    struct ffs_call call = {.op = FFS_SETATTR, .set = FFS_SET_MODE | FFS_SET_BY_HANDLE};
    call.to.st_size = 5;
    assert_answer(&call, 0, 0);
}

/* --- fallocate --- */

static void a_punched_hole_reads_as_zeros_or_is_refused(void **state)
{
    const int punch = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
    struct ffs_call inside = make(FFS_ALLOCATE, MIB, MIB, punch);
    assert_asks(&inside, VOL_WRITE_ZEROES, VOL_FAST_ZERO, MIB, MIB);
    inside.request.error = -ENOTSUP;
    assert_int_equal(ffs_call_continue(&inside), FFS_ANSWER);
    assert_int_equal(inside.error, -EOPNOTSUPP);

    struct ffs_call across = make(FFS_ALLOCATE, SIZE - MIB, 4 * MIB, punch);
    assert_asks(&across, VOL_WRITE_ZEROES, VOL_FAST_ZERO, SIZE - MIB, MIB);
    struct ffs_call beyond = make(FFS_ALLOCATE, SIZE, MIB, punch);
    assert_answer(&beyond, 0, 0);

    struct vol_geometry thick = disk;
    thick.can_trim = false;
    assert_int_equal(ffs_call_begin(&inside, &thick), FFS_ANSWER);
    assert_int_equal(inside.error, -EOPNOTSUPP);
}

static void a_zeroed_range_keeps_its_space(void **state)
{
    struct ffs_call keep = make(FFS_ALLOCATE, 10, MIB, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE);
    assert_asks(&keep, VOL_WRITE_ZEROES, VOL_NO_HOLE, 10, MIB);
    assert_int_equal(ffs_call_continue(&keep), FFS_ANSWER);
    assert_int_equal(keep.error, 0);
    assert_int_equal(keep.result, 0);
    struct ffs_call plain = make(FFS_ALLOCATE, 0, SIZE, FALLOC_FL_ZERO_RANGE);
    assert_asks(&plain, VOL_WRITE_ZEROES, VOL_NO_HOLE, 0, SIZE);
    struct ffs_call beyond = make(FFS_ALLOCATE, 1, SIZE, FALLOC_FL_ZERO_RANGE);
    assert_answer(&beyond, -EFBIG, 0);
}

static void what_is_long_is_zeroed_in_steps(void **state)
{
    static const int how[] = {FALLOC_FL_ZERO_RANGE, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE};
    struct vol_geometry large = disk;
    large.size_bytes = 5 * FFS_ZERO_STEP;
    for (unsigned i = 0; i < 2; i++) {
        struct ffs_call call = make(FFS_ALLOCATE, MIB, large.size_bytes - 2 * MIB, how[i]);
        uint64_t at = MIB, end = large.size_bytes - MIB;
        assert_int_equal(ffs_call_begin(&call, &large), FFS_ASK);
        for (;;) {
            assert_int_equal(call.request.op, VOL_WRITE_ZEROES);
            assert_int_equal(call.request.flags, i == 0 ? VOL_NO_HOLE : VOL_FAST_ZERO);
            assert_int_equal(call.request.offset, at);
            assert_in_range(call.request.length, 1, FFS_ZERO_STEP);
            at += call.request.length;
            if (ffs_call_continue(&call) == FFS_ANSWER)
                break;
        }
        assert_int_equal(call.error, 0);
        assert_int_equal(at, end);
    }
    struct ffs_call failing = make(FFS_ALLOCATE, 0, large.size_bytes, FALLOC_FL_ZERO_RANGE);
    assert_int_equal(ffs_call_begin(&failing, &large), FFS_ASK);
    assert_int_equal(ffs_call_continue(&failing), FFS_ASK);
    failing.request.error = -EIO;
    assert_int_equal(ffs_call_continue(&failing), FFS_ANSWER);
    assert_int_equal(failing.error, -EIO);
}

static void allocation_succeeds_inside_the_disk_only(void **state)
{
    struct ffs_call inside = make(FFS_ALLOCATE, 0, SIZE, 0);
    assert_answer(&inside, 0, 0);
    struct ffs_call beyond = make(FFS_ALLOCATE, 0, SIZE + 1, 0);
    assert_answer(&beyond, -EFBIG, 0);
    struct ffs_call kept = make(FFS_ALLOCATE, SIZE, 1, FALLOC_FL_KEEP_SIZE);
    assert_answer(&kept, -ENOSPC, 0);
    struct ffs_call overflowing = make(FFS_ALLOCATE, UINT64_MAX, UINT64_MAX, 0);
    assert_answer(&overflowing, -EFBIG, 0);
    struct ffs_call collapse = make(FFS_ALLOCATE, 0, MIB, FALLOC_FL_COLLAPSE_RANGE);
    assert_answer(&collapse, -EOPNOTSUPP, 0);
}

/* --- lseek --- */

/* Answers the BLOCK_STATUS of a SEEK. */
static enum ffs_next tell(struct ffs_call *call, unsigned count, const struct vol_extent *extents)
{
    for (unsigned i = 0; i < count; i++)
        call->request.extents[i] = extents[i];
    call->request.extent_count = count;
    return ffs_call_continue(call);
}

static const struct vol_extent data_hole_data[] = {
    {MIB, 0},
    {MIB, VOL_EXTENT_HOLE | VOL_EXTENT_ZERO},
    {6 * MIB, VOL_EXTENT_DIRTY},
};

static void seek_finds_the_next_extent_of_its_kind(void **state)
{
    struct ffs_call hole = make(FFS_SEEK, 0, 0, SEEK_HOLE);
    assert_asks(&hole, VOL_BLOCK_STATUS, 0, 0, SIZE);
    assert_true(hole.request.extents == hole.extents);
    assert_int_equal(hole.request.extent_room, FFS_SEEK_EXTENTS);
    assert_int_equal(tell(&hole, 3, data_hole_data), FFS_ANSWER);
    assert_int_equal(hole.result, MIB);

    struct ffs_call data = make(FFS_SEEK, 0, 0, SEEK_DATA);
    assert_asks(&data, VOL_BLOCK_STATUS, 0, 0, SIZE);
    assert_int_equal(tell(&data, 3, data_hole_data), FFS_ANSWER);
    assert_int_equal(data.result, 0);
}

static void seek_asks_on_where_a_partial_answer_ended(void **state)
{
    struct ffs_call call = make(FFS_SEEK, 100, 0, SEEK_DATA);
    assert_asks(&call, VOL_BLOCK_STATUS, 0, 100, SIZE - 100);
    const struct vol_extent first[] = {{MIB, VOL_EXTENT_ZERO}, {MIB, VOL_EXTENT_ZERO}};
    assert_int_equal(tell(&call, 2, first), FFS_ASK);
    assert_int_equal(call.request.op, VOL_BLOCK_STATUS);
    assert_int_equal(call.request.offset, 2 * MIB + 100);
    assert_int_equal(call.request.length, SIZE - 2 * MIB - 100);
    const struct vol_extent second[] = {{4096, VOL_EXTENT_ZERO}, {512, VOL_EXTENT_HOLE}};
    assert_int_equal(tell(&call, 2, second), FFS_ANSWER);
    assert_int_equal(call.error, 0);
    assert_int_equal(call.result, 2 * MIB + 100 + 4096);
}

static void what_is_unmapped_but_not_zero_is_data(void **state)
{
    struct ffs_call call = make(FFS_SEEK, 0, 0, SEEK_HOLE);
    assert_asks(&call, VOL_BLOCK_STATUS, 0, 0, SIZE);
    const struct vol_extent unmapped[] = {{SIZE, VOL_EXTENT_HOLE}};
    assert_int_equal(tell(&call, 1, unmapped), FFS_ANSWER);
    assert_int_equal(call.result, SIZE);
}

static void the_end_of_the_disk_is_a_hole_and_holds_no_data(void **state)
{
    struct ffs_call hole = make(FFS_SEEK, SIZE - 1, 0, SEEK_HOLE);
    ffs_call_begin(&hole, &disk);
    const struct vol_extent data[] = {{5 * SIZE, 0}}; /* longer than asked for */
    assert_int_equal(tell(&hole, 1, data), FFS_ANSWER);
    assert_int_equal(hole.result, SIZE);

    struct ffs_call no_data = make(FFS_SEEK, MIB, 0, SEEK_DATA);
    ffs_call_begin(&no_data, &disk);
    const struct vol_extent zeros[] = {{SIZE - MIB, VOL_EXTENT_ZERO}};
    assert_int_equal(tell(&no_data, 1, zeros), FFS_ANSWER);
    assert_int_equal(no_data.error, -ENXIO);

    struct ffs_call beyond = make(FFS_SEEK, SIZE, 0, SEEK_HOLE);
    assert_answer(&beyond, -ENXIO, 0);
    struct ffs_call wrong = make(FFS_SEEK, 0, 0, SEEK_SET);
    assert_answer(&wrong, -EINVAL, 0);
}

static void a_disk_that_knows_no_extents_is_all_data(void **state)
{
    struct ffs_call hole = make(FFS_SEEK, MIB, 0, SEEK_HOLE);
    ffs_call_begin(&hole, &disk);
    hole.request.error = -ENOTSUP;
    assert_int_equal(tell(&hole, 0, NULL), FFS_ANSWER);
    assert_int_equal(hole.error, 0);
    assert_int_equal(hole.result, SIZE);

    struct ffs_call data = make(FFS_SEEK, MIB, 0, SEEK_DATA);
    ffs_call_begin(&data, &disk);
    data.request.error = -EIO;
    assert_int_equal(tell(&data, 0, NULL), FFS_ANSWER);
    assert_int_equal(data.error, -EIO);
}

static void an_answer_without_progress_ends_the_search(void **state)
{
    const struct vol_extent empty[] = {{0, VOL_EXTENT_ZERO}};
    struct ffs_call hole = make(FFS_SEEK, MIB, 0, SEEK_HOLE);
    ffs_call_begin(&hole, &disk);
    assert_int_equal(tell(&hole, 1, empty), FFS_ANSWER);
    assert_int_equal(hole.result, SIZE);
    struct ffs_call data = make(FFS_SEEK, MIB, 0, SEEK_DATA);
    ffs_call_begin(&data, &disk);
    assert_int_equal(tell(&data, 0, NULL), FFS_ANSWER);
    assert_int_equal(data.result, MIB);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_read_asks_for_what_lies_inside_the_disk),
        cmocka_unit_test(a_write_at_the_end_is_enospc_and_one_across_it_is_short),
        cmocka_unit_test(what_is_longer_than_a_transfer_gets_a_short_answer),
        cmocka_unit_test(a_write_to_a_file_opened_with_o_dsync_is_fua),
        cmocka_unit_test(an_error_of_the_volume_is_the_answer),
        cmocka_unit_test(fsync_is_a_flush_of_the_whole_disk),
        cmocka_unit_test(a_read_only_disk_can_be_opened_for_reading_alone),
        cmocka_unit_test(the_size_cannot_be_changed),
        cmocka_unit_test(truncation_at_open_is_ignored_as_a_block_device_does),
        cmocka_unit_test(other_attributes_do_not_touch_the_size),
        cmocka_unit_test(a_punched_hole_reads_as_zeros_or_is_refused),
        cmocka_unit_test(a_zeroed_range_keeps_its_space),
        cmocka_unit_test(what_is_long_is_zeroed_in_steps),
        cmocka_unit_test(allocation_succeeds_inside_the_disk_only),
        cmocka_unit_test(seek_finds_the_next_extent_of_its_kind),
        cmocka_unit_test(seek_asks_on_where_a_partial_answer_ended),
        cmocka_unit_test(what_is_unmapped_but_not_zero_is_data),
        cmocka_unit_test(the_end_of_the_disk_is_a_hole_and_holds_no_data),
        cmocka_unit_test(a_disk_that_knows_no_extents_is_all_data),
        cmocka_unit_test(an_answer_without_progress_ends_the_search),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
