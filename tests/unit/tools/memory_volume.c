#include "tests/tools/memory_volume.h"

#include <errno.h>
#include <string.h>

#include "tests/unit/unit.h"

static unsigned done_count;

static void done(struct vol_request *request)
{
    done_count++;
}

static int set_up(void **state)
{
    done_count = 0;
    *state = memvol_new(&memvol_config_default);
    return *state ? 0 : -1;
}

static int tear_down(void **state)
{
    memvol_free(*state);
    return 0;
}

static struct vol_request make(enum vol_op op, uint64_t offset, uint64_t length)
{
    return (struct vol_request){.op = op, .offset = offset, .length = length, .done = done};
}

static void transfer(struct volume *volume, struct vol_request *request, char *bytes)
{
    request->buffer = buffer_get(vol_buffers(volume), (uint32_t)request->length);
    assert_non_null(request->buffer);
    memcpy(request->buffer->data, bytes, request->length);
    vol_submit(volume, request);
    memcpy(bytes, request->buffer->data, request->length);
    buffer_unref(request->buffer);
}

static unsigned status_at(struct volume *volume, uint64_t offset, uint64_t length,
                          struct vol_extent *ret_extents, unsigned room)
{
    struct vol_request request = make(VOL_BLOCK_STATUS, offset, length);
    request.extents = ret_extents;
    request.extent_room = room;
    vol_submit(volume, &request);
    assert_int_equal(request.error, 0);
    return request.extent_count;
}

static void reads_back_what_was_written_at_any_alignment(void **state)
{
    char text[] = "seaweed";
    struct vol_request write = make(VOL_WRITE, 1021, 7);
    transfer(*state, &write, text);
    assert_int_equal(write.error, 0);
    char back[7] = "";
    struct vol_request read = make(VOL_READ, 1021, 7);
    transfer(*state, &read, back);
    assert_memory_equal(back, text, 7);
    assert_memory_equal(memvol_bytes(*state) + 1021, text, 7);
    assert_int_equal(done_count, 2);
    assert_int_equal(buffer_pool_used(vol_buffers(*state)), 0);
}

static void tells_holes_data_zeros_and_what_is_dirty_apart(void **state)
{
    char text[4] = "abc";
    struct vol_request write = make(VOL_WRITE, 1024, 4);
    transfer(*state, &write, text);
    struct vol_request zero = make(VOL_WRITE_ZEROES, 1536, 512);
    zero.flags = VOL_NO_HOLE;
    vol_submit(*state, &zero);

    struct vol_extent extents[8];
    assert_int_equal(status_at(*state, 100, 3000, extents, 8), 4);
    assert_int_equal(extents[0].length, 924);
    assert_int_equal(extents[0].flags, VOL_EXTENT_HOLE | VOL_EXTENT_ZERO);
    assert_int_equal(extents[1].flags, VOL_EXTENT_DIRTY);
    assert_int_equal(extents[2].flags, VOL_EXTENT_ZERO | VOL_EXTENT_DIRTY);
    assert_int_equal(extents[3].length, 3100 - 2048);

    struct vol_request flush = make(VOL_FLUSH, 0, 0);
    vol_submit(*state, &flush);
    assert_int_equal(status_at(*state, 1024, 512, extents, 8), 1);
    assert_int_equal(extents[0].flags, 0);

    struct vol_request trim = make(VOL_TRIM, 1000, 1000);
    vol_submit(*state, &trim);
    assert_int_equal(status_at(*state, 1024, 1024, extents, 1), 1);
    assert_int_equal(extents[0].length, 512); /* the block from 1536 was cut, so is kept */
    assert_int_equal(extents[0].flags, VOL_EXTENT_HOLE | VOL_EXTENT_ZERO | VOL_EXTENT_DIRTY);
    assert_int_equal(memvol_bytes(*state)[1024], 0);
}

static void holds_requests_and_answers_them_in_any_order(void **state)
{
    struct vol_request requests[3];
    memvol_hold(*state, true);
    for (unsigned i = 0; i < 3; i++) {
        requests[i] = make(VOL_CACHE, i, 1);
        requests[i].error = 1;
        vol_submit(*state, &requests[i]);
    }
    assert_int_equal(memvol_held(*state), 3);
    assert_ptr_equal(memvol_held_at(*state, 1), &requests[1]);
    assert_null(memvol_held_at(*state, 3));
    assert_int_equal(memvol_release_newest(*state), 1);
    assert_int_equal(requests[2].error, 0);
    assert_int_equal(requests[0].error, 1);
    assert_int_equal(memvol_release(*state, 9), 2);
    assert_int_equal(done_count, 3);
}

static void fails_what_it_is_told_to(void **state)
{
    memvol_fail(*state, VOL_TRIM, -EIO, 4096, 4096);
    struct vol_request beside = make(VOL_TRIM, 0, 4096);
    struct vol_request inside = make(VOL_TRIM, 8191, 4096);
    vol_submit(*state, &beside);
    vol_submit(*state, &inside);
    assert_int_equal(beside.error, 0);
    assert_int_equal(inside.error, -EIO);
}

struct probe {
    struct vol_watcher watcher;
    unsigned told;
};

static void told(struct vol_watcher *watcher)
{
    container_of(watcher, struct probe, watcher)->told++;
}

static void tells_watchers_of_a_geometry_known_and_changed(void **state)
{
    struct memvol_config config = memvol_config_default;
    config.unknown = true;
    struct volume *volume = memvol_new(&config);
    struct probe probe = {.watcher.geometry = told};
    vol_watch(volume, &probe.watcher);
    assert_false(vol_is_known(volume));
    memvol_make_known(volume);
    assert_int_equal(probe.told, 1);
    memvol_bytes(volume)[5] = 5;
    memvol_resize(volume, 1000);
    assert_int_equal(probe.told, 2);
    assert_int_equal(memvol_bytes(volume)[5], 5);
    struct vol_geometry geometry;
    vol_geometry(volume, &geometry);
    assert_int_equal(geometry.size_bytes, 1000);
    vol_unwatch(&probe.watcher);
    memvol_free(volume);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(reads_back_what_was_written_at_any_alignment, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(tells_holes_data_zeros_and_what_is_dirty_apart, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(holds_requests_and_answers_them_in_any_order, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(fails_what_it_is_told_to, set_up, tear_down),
        cmocka_unit_test(tells_watchers_of_a_geometry_known_and_changed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
