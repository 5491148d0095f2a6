#include <errno.h>

#include "tests/unit/volume/rig.h"

static void a_write_is_answered_at_the_targets_good_and_kept(void **state)
{
    struct rig *rig = rig_new(NULL);
    struct call call;
    call_start(rig, &call, VOL_WRITE, 1024, 4096, 0, 0x11);
    assert_false(call.answered);
    assert_int_equal(fake_run(rig->session, 1), 1);
    assert_true(call.answered);
    call_done(&call);
    rig_expect_cache(rig, 1024, 4096, 0x11);
    struct vol_status status;
    vol_status(rig->volume, &status);
    assert_int_equal(status.retained_bytes, 4096);
    rig_free(rig);
}

static void an_unaligned_write_keeps_its_neighbours(void **state)
{
    struct rig *rig = rig_new(NULL);
    rig_write(rig, 0, 4096, 0x22);
    rig_write(rig, 700, 2000, 0x33);
    rig_expect_cache(rig, 0, 700, 0x22);
    rig_expect_cache(rig, 700, 2000, 0x33);
    rig_expect_cache(rig, 2700, 4096 - 2700, 0x22);
    rig_write(rig, 3000, 5, 0x44);
    rig_expect(rig, 2700, 300, 0x22);
    rig_expect(rig, 3000, 5, 0x44);
    rig_expect(rig, 3005, 50, 0x22);
    rig_free(rig);
}

static void an_unaligned_write_is_one_command(void **state)
{
    struct rig *rig = rig_new(NULL);
    rig_write(rig, 700, 2000, 0x33);
    assert_int_equal(rig->session->reads, 2);
    assert_int_equal(rig->session->writes, 1);
    rig_expect_cache(rig, 700, 2000, 0x33);
    /* Cut where the connection's limit is, 64 KiB, not where the edges are. */
    rig_write(rig, 100, 65536, 0x44);
    assert_int_equal(rig->session->writes, 3);
    rig_expect_cache(rig, 100, 65536, 0x44);
    rig_free(rig);
}

static void two_unaligned_writes_of_one_block_both_land(void **state)
{
    struct rig *rig = rig_new(NULL);
    struct call a, b;
    call_start(rig, &a, VOL_WRITE, 10, 20, 0, 0x55);
    call_start(rig, &b, VOL_WRITE, 40, 20, 0, 0x66);
    fake_run_all(rig->session);
    assert_true(a.answered && b.answered);
    call_done(&a);
    call_done(&b);
    rig_expect_cache(rig, 10, 20, 0x55);
    rig_expect_cache(rig, 40, 20, 0x66);
    rig_expect_cache(rig, 30, 10, 0);
    rig_free(rig);
}

static void a_large_write_is_cut_to_the_connections_limit(void **state)
{
    struct rig *rig = rig_new(NULL);
    rig_write(rig, 512, 200 * 1024, 0x77);
    assert_int_equal(rig->session->writes, 4); /* 64 KiB each */
    rig_expect_cache(rig, 512, 200 * 1024, 0x77);
    rig_free(rig);
}

static void overlapping_writes_land_in_order(void **state)
{
    struct rig *rig = rig_new(NULL);
    struct call first, second;
    call_start(rig, &first, VOL_WRITE, 0, 4096, 0, 1);
    call_start(rig, &second, VOL_WRITE, 2048, 4096, 0, 2);
    assert_int_equal(rig->session->in_flight, 1); /* the second waits for the first */
    fake_run_all(rig->session);
    call_done(&first);
    call_done(&second);
    rig_expect_cache(rig, 0, 2048, 1);
    rig_expect_cache(rig, 2048, 4096, 2);
    rig_free(rig);
}

static void a_lost_session_answers_nothing_and_sends_again(void **state)
{
    struct rig *rig = rig_new(NULL);
    struct call call;
    call_start(rig, &call, VOL_WRITE, 0, 150000, 0, 0x99);
    fake_run(rig->session, 1);
    fake_lose(rig->session);
    fake_lose_cache(rig->session);
    assert_false(call.answered);
    fake_ready(rig->session);
    fake_run_all(rig->session);
    assert_true(call.answered);
    assert_int_equal(call.request.error, 0);
    rig_expect_cache(rig, 0, 150000, 0x99);
    call_done(&call);
    rig_free(rig);
}

static void acknowledged_writes_that_the_target_lost_are_written_again(void **state)
{
    struct rig *rig = rig_new(NULL);
    rig_write(rig, 0, 4096, 0xaa);
    rig_write(rig, 8192, 4096, 0xab);
    fake_lose(rig->session);
    fake_lose_cache(rig->session);
    rig_expect_cache(rig, 0, 4096, 0);
    fake_ready(rig->session);
    const struct trace_event *resumed = rig_event(rig, TRACE_VOLUME_RESUMED);
    assert_non_null(resumed);
    assert_int_equal(resumed->b, 2);
    assert_int_equal(resumed->c, 8192);
    fake_run_all(rig->session);
    rig_expect_cache(rig, 0, 4096, 0xaa);
    rig_expect_cache(rig, 8192, 4096, 0xab);
    rig_free(rig);
}

static void a_unit_attention_29h_has_them_written_again_too(void **state)
{
    struct rig *rig = rig_new(NULL);
    rig_write(rig, 0, 512, 0xba);
    fake_lose_cache(rig->session);
    fake_unit_attention(rig->session);
    fake_run_all(rig->session);
    rig_expect_cache(rig, 0, 512, 0xba);
    rig_free(rig);
}

static void an_old_version_never_overwrites_a_newer_one(void **state)
{
    struct rig *rig = rig_new(NULL);
    rig_write(rig, 0, 4096, 1);
    struct call newer;
    call_start(rig, &newer, VOL_WRITE, 1024, 1024, 0, 2);
    fake_lose(rig->session);
    fake_lose_cache(rig->session);
    fake_ready(rig->session);
    fake_run_all(rig->session);
    assert_true(newer.answered);
    call_done(&newer);
    rig_expect_cache(rig, 0, 1024, 1);
    rig_expect_cache(rig, 1024, 1024, 2);
    rig_expect_cache(rig, 2048, 2048, 1);
    rig_free(rig);
}

static void after_a_sync_nothing_is_written_again(void **state)
{
    struct rig *rig = rig_new(NULL);
    rig_write(rig, 0, 4096, 0xcc);
    rig_flush(rig);
    unsigned writes = rig->session->writes;
    fake_lose(rig->session);
    fake_lose_cache(rig->session);
    fake_ready(rig->session);
    fake_run_all(rig->session);
    assert_int_equal(rig->session->writes, writes);
    rig_expect_cache(rig, 0, 4096, 0xcc);
    rig_free(rig);
}

static void fua_is_the_bit_where_the_lun_honours_it(void **state)
{
    struct rig *rig = rig_new(NULL);
    rig->session->lun.fua = true;
    struct call call;
    call_now(rig, &call, VOL_WRITE, 0, 4096, VOL_FUA, 0xdd, 0);
    call_done(&call);
    assert_int_equal(rig->session->syncs, 0);
    rig_expect_stable(rig, 0, 4096, 0xdd);
    rig_free(rig);
}

static void fua_is_a_sync_where_it_does_not(void **state)
{
    struct rig *rig = rig_new(NULL);
    struct call call;
    call_start(rig, &call, VOL_WRITE, 0, 4096, VOL_FUA, 0xdd);
    fake_run(rig->session, 1);
    assert_false(call.answered);
    fake_run(rig->session, 1);
    assert_true(call.answered);
    assert_int_equal(rig->session->syncs, 1);
    rig_expect_stable(rig, 0, 4096, 0xdd);
    call_done(&call);
    rig_free(rig);
}

static void zeros_by_write_same_with_unmap_only_where_unmapped_reads_as_zeros(void **state)
{
    struct rig *rig = rig_new_unseen(NULL);
    rig->session->lun.write_same_unmap = true;
    rig->session->lun.unmap_zeroes = true;
    fake_ready(rig->session);
    struct call call;
    rig_write(rig, 0, 65536, 0xee);
    call_now(rig, &call, VOL_WRITE_ZEROES, 1000, 40000, 0, 0, 0);
    assert_false(rig->session->mapped[2]);
    rig_expect_cache(rig, 1000, 40000, 0);
    rig_expect_cache(rig, 0, 1000, 0xee);
    rig_expect_cache(rig, 41000, 1000, 0xee);
    call_now(rig, &call, VOL_WRITE_ZEROES, 0, 4096, VOL_NO_HOLE, 0, 0);
    assert_true(rig->session->mapped[2]);
    rig_free(rig);

    rig = rig_new(NULL); /* the same LUN without LBPRZ */
    rig->session->lun.write_same_unmap = true;
    call_now(rig, &call, VOL_WRITE_ZEROES, 0, 4096, 0, 0, 0);
    assert_true(rig->session->mapped[0]);
    rig_free(rig);
}

static void zeros_are_written_where_write_same_is_refused(void **state)
{
    struct rig *rig = rig_new(NULL);
    struct call call;
    rig_write(rig, 0, 65536, 0xee);
    rig->session->fail_op = SES_WRITE_SAME;
    rig->session->fail_error = -EOPNOTSUPP;
    call_now(rig, &call, VOL_WRITE_ZEROES, 0, 65536, 0, 0, 0);
    rig_expect_cache(rig, 0, 65536, 0);
    assert_int_equal(rig->session->write_sames, 0);
    call_now(rig, &call, VOL_WRITE_ZEROES, 0, 512, VOL_FAST_ZERO, 0, -ENOTSUP);
    rig_free(rig);
}

static void lost_zeros_are_zeroed_again(void **state)
{
    struct rig *rig = rig_new(NULL);
    struct call call;
    rig_write(rig, 0, 8192, 0xee);
    rig_flush(rig);
    call_now(rig, &call, VOL_WRITE_ZEROES, 100, 5000, 0, 0, 0);
    fake_lose(rig->session);
    fake_lose_cache(rig->session);
    rig_expect_cache(rig, 100, 5000, 0xee);
    fake_ready(rig->session);
    fake_run_all(rig->session);
    rig_expect_cache(rig, 100, 5000, 0);
    rig_expect_cache(rig, 0, 100, 0xee);
    rig_free(rig);
}

static void a_write_that_fails_for_good_is_answered_with_its_error(void **state)
{
    struct rig *rig = rig_new(NULL);
    struct call call;
    rig->session->fail_op = SES_WRITE;
    rig->session->fail_error = -EIO;
    call_now(rig, &call, VOL_WRITE, 0, 512, 0, 1, -EIO);
    call_done(&call);
    rig_free(rig);
}

static void a_rewrite_that_fails_is_kept_and_tried_again(void **state)
{
    struct rig *rig = rig_new(NULL);
    rig_write(rig, 0, 512, 0x5a);
    fake_lose(rig->session);
    fake_lose_cache(rig->session);
    rig->session->fail_op = SES_WRITE;
    rig->session->fail_error = -EIO;
    fake_ready(rig->session);
    struct call flush;
    call_start(rig, &flush, VOL_FLUSH, 0, 0, 0, 0);
    fake_run_all(rig->session);
    assert_non_null(rig_event(rig, TRACE_VOLUME_REWRITE_FAILED));
    assert_false(flush.answered);
    rig_expect(rig, 0, 512, 0x5a);
    fake_clock_advance_ms(&rig->clock, 6000);
    fake_run_all(rig->session);
    assert_true(flush.answered);
    rig_expect_stable(rig, 0, 512, 0x5a);
    rig_free(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_write_is_answered_at_the_targets_good_and_kept),
        cmocka_unit_test(an_unaligned_write_keeps_its_neighbours),
        cmocka_unit_test(an_unaligned_write_is_one_command),
        cmocka_unit_test(two_unaligned_writes_of_one_block_both_land),
        cmocka_unit_test(a_large_write_is_cut_to_the_connections_limit),
        cmocka_unit_test(overlapping_writes_land_in_order),
        cmocka_unit_test(a_lost_session_answers_nothing_and_sends_again),
        cmocka_unit_test(acknowledged_writes_that_the_target_lost_are_written_again),
        cmocka_unit_test(a_unit_attention_29h_has_them_written_again_too),
        cmocka_unit_test(an_old_version_never_overwrites_a_newer_one),
        cmocka_unit_test(after_a_sync_nothing_is_written_again),
        cmocka_unit_test(fua_is_the_bit_where_the_lun_honours_it),
        cmocka_unit_test(fua_is_a_sync_where_it_does_not),
        cmocka_unit_test(zeros_by_write_same_with_unmap_only_where_unmapped_reads_as_zeros),
        cmocka_unit_test(zeros_are_written_where_write_same_is_refused),
        cmocka_unit_test(lost_zeros_are_zeroed_again),
        cmocka_unit_test(a_write_that_fails_for_good_is_answered_with_its_error),
        cmocka_unit_test(a_rewrite_that_fails_is_kept_and_tried_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
