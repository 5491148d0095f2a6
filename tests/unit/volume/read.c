#include <errno.h>
#include <string.h>

#include "tests/unit/volume/rig.h"

static void reads_any_alignment(void **state)
{
    struct rig *rig = rig_new(NULL);
    for (unsigned i = 0; i < 16384; i++)
        rig->session->cache[i] = (uint8_t)(i * 7 + i / 512);
    static const struct {
        uint64_t offset, length;
    } ranges[] = {{0, 512}, {0, 8192}, {1, 1}, {511, 2}, {100, 300}, {100, 5000}, {512, 1000}};
    for (unsigned i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        struct call call;
        call_now(rig, &call, VOL_READ, ranges[i].offset, ranges[i].length, 0, 0xff, 0);
        assert_memory_equal(call.request.buffer->data, rig->session->cache + ranges[i].offset,
                            ranges[i].length);
        call_done(&call);
    }
    rig_free(rig);
}

static void an_unaligned_read_is_one_command(void **state)
{
    struct rig *rig = rig_new(NULL);
    rig_expect(rig, 700, 2000, 0);
    assert_int_equal(rig->session->reads, 1);
    rig_free(rig);
}

static void what_is_held_here_is_read_while_the_target_is_away(void **state)
{
    struct rig *rig = rig_new(NULL);
    rig_write(rig, 1000, 3000, 0x42);
    fake_lose(rig->session);
    rig_expect(rig, 1000, 3000, 0x42);
    struct call elsewhere;
    call_start(rig, &elsewhere, VOL_READ, 65536, 512, 0, 0);
    assert_false(elsewhere.answered);
    fake_ready(rig->session);
    fake_run_all(rig->session);
    assert_true(elsewhere.answered);
    call_done(&elsewhere);
    rig_free(rig);
}

/* The target lost the middle; the read must not show that, however it is answered. */
static void what_is_held_here_goes_over_what_the_target_returns(void **state)
{
    struct rig *rig = rig_new(NULL);
    rig_write(rig, 0, 8192, 0x10);
    rig_flush(rig);
    rig_write(rig, 2048, 1024, 0x20);
    memcpy(rig->session->cache, rig->session->stable, 8192);
    struct call call;
    call_now(rig, &call, VOL_READ, 0, 8192, 0, 0, 0);
    call_expect(&call, 0, 2048, 0x10);
    call_expect(&call, 2048, 1024, 0x20);
    call_expect(&call, 3072, 5120, 0x10);
    call_done(&call);
    rig_free(rig);
}

static void a_read_waits_for_the_overlapping_write_before_it(void **state)
{
    struct rig *rig = rig_new(NULL);
    struct call write, read;
    call_start(rig, &write, VOL_WRITE, 0, 512, 0, 0x31);
    call_start(rig, &read, VOL_READ, 0, 512, 0, 0);
    assert_int_equal(rig->session->in_flight, 1);
    fake_run_all(rig->session);
    call_expect(&read, 0, 512, 0x31);
    call_done(&write);
    call_done(&read);
    rig_free(rig);
}

static void a_medium_error_is_the_readers_own(void **state)
{
    struct rig *rig = rig_new(NULL);
    struct call call;
    rig->session->fail_op = SES_READ;
    rig->session->fail_error = -EIO;
    call_now(rig, &call, VOL_READ, 0, 512, 0, 0, -EIO);
    call_done(&call);
    rig_expect(rig, 0, 512, 0);
    rig_free(rig);
}

static void beyond_the_end_is_refused(void **state)
{
    struct rig *rig = rig_new(NULL);
    uint64_t size = (uint64_t)FAKE_BLOCKS * FAKE_BLOCK;
    struct call call;
    call_now(rig, &call, VOL_READ, size - 512, 1024, 0, 0, -EINVAL);
    call_done(&call);
    call_now(rig, &call, VOL_WRITE, UINT64_MAX - 100, 512, 0, 0, -ENOSPC);
    call_done(&call);
    call_now(rig, &call, VOL_TRIM, size, 512, 0, 0, -EINVAL);
    call_now(rig, &call, VOL_WRITE_ZEROES, size, 1, 0, 0, -ENOSPC);
    call_now(rig, &call, VOL_BLOCK_STATUS, size, 1, 0, 0, -EINVAL);
    rig_free(rig);
}

static void a_read_only_volume_refuses_to_change(void **state)
{
    struct vol_config config = vol_config_default;
    config.read_only = true;
    struct rig *rig = rig_new(&config);
    struct call call;
    call_now(rig, &call, VOL_WRITE, 0, 512, 0, 0, -EPERM);
    call_done(&call);
    call_now(rig, &call, VOL_WRITE_ZEROES, 0, 512, 0, 0, -EPERM);
    call_now(rig, &call, VOL_TRIM, 0, 512, 0, 0, -EPERM);
    rig_expect(rig, 0, 512, 0);
    rig_free(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_any_alignment),
        cmocka_unit_test(an_unaligned_read_is_one_command),
        cmocka_unit_test(what_is_held_here_is_read_while_the_target_is_away),
        cmocka_unit_test(what_is_held_here_goes_over_what_the_target_returns),
        cmocka_unit_test(a_read_waits_for_the_overlapping_write_before_it),
        cmocka_unit_test(a_medium_error_is_the_readers_own),
        cmocka_unit_test(beyond_the_end_is_refused),
        cmocka_unit_test(a_read_only_volume_refuses_to_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
