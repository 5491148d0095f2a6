/* The life of a kernel block device, against a kernel that does what nbd.c was seen to do. */
#include <errno.h>
#include <string.h>

#include "tests/unit/attach/rig.h"
#include "tests/unit/unit.h"

/* --- attaching --- */

static void nothing_is_done_before_the_disk_is_known(void **state)
{
    struct rig rig;
    rig_init(&rig);
    att_start(&rig.device);
    fake_timer_advance_ms(&rig.timer, 3600 * 1000);
    assert_int_equal(fake_kernel_run(&rig.kernel), 0);
    assert_int_equal(rig.device.state, ATT_WAITING);
    att_done(&rig.device);
}

static void a_known_disk_gets_a_free_device_that_is_tuned_and_scanned(void **state)
{
    struct rig rig;
    rig_init(&rig);
    rig_begin(&rig);
    fake_kernel_run(&rig.kernel);
    assert_string_equal(fake_kernel_said(&rig.kernel), "connect -1;tune 0;scan 0;");
    assert_string_equal(rig_events(&rig), "attached ");
    assert_int_equal(rig.device.index, 0);
    assert_string_equal(rig.kernel.nodes[0].node.backend, BACKEND);
    assert_int_equal(rig.kernel.nodes[0].io_timeout_ms, 1000);
    att_done(&rig.device);
}

static void a_disk_known_before_the_start_is_attached_at_the_start(void **state)
{
    struct rig rig;
    rig_init(&rig);
    rig_set_disk(&rig, MIB);
    att_start(&rig.device);
    fake_kernel_run(&rig.kernel);
    assert_int_equal(rig.device.state, ATT_CONNECTED);
    att_done(&rig.device);
}

static void the_wanted_device_is_the_one(void **state)
{
    struct rig rig;
    rig_init_for(&rig, 2);
    rig_begin(&rig);
    fake_kernel_run(&rig.kernel);
    assert_int_equal(rig.device.index, 2);
    assert_true(rig.kernel.nodes[2].node.bound);
    att_done(&rig.device);
}

static void a_wanted_device_that_is_in_use_is_waited_for(void **state)
{
    struct rig rig;
    rig_init_for(&rig, 1);
    fake_kernel_leave(&rig.kernel, 1, "somebody", MIB, true);
    rig_begin(&rig);
    assert_string_equal(rig_events(&rig), "trouble ");
    assert_int_equal(rig.device.error, -EBUSY);
    fake_timer_advance_ms(&rig.timer, 60 * 1000);
    assert_int_equal(fake_kernel_run(&rig.kernel), 0);
    assert_string_equal(rig_events(&rig), ""); /* said once */
    rig.kernel.nodes[1] = (struct fake_node){.node = {.index = 1}};
    fake_timer_advance_ms(&rig.timer, 5000);
    fake_kernel_run(&rig.kernel);
    assert_string_equal(rig_events(&rig), "attached ");
    att_done(&rig.device);
}

static void a_refused_connection_is_tried_again_ever_more_rarely(void **state)
{
    struct rig rig;
    unsigned tries = 0;
    rig_init(&rig);
    rig_begin(&rig);
    for (unsigned second = 0; second < 60; second++) {
        rig.kernel.next_error = -EPERM;
        tries += fake_kernel_run(&rig.kernel);
        fake_timer_advance_ms(&rig.timer, 1000);
    }
    assert_in_range(tries, 10, 20);
    assert_string_equal(rig_events(&rig), "trouble ");
    rig.kernel.next_error = 0;
    fake_timer_advance_ms(&rig.timer, 5000);
    fake_kernel_run(&rig.kernel);
    assert_string_equal(rig_events(&rig), "attached ");
    assert_int_equal(rig.device.error, 0);
    att_done(&rig.device);
}

static void a_socket_that_is_not_to_be_had_is_tried_again(void **state)
{
    struct rig rig;
    rig_init(&rig);
    rig.kernel.open_error = -EMFILE;
    rig_begin(&rig);
    assert_string_equal(rig_events(&rig), "trouble ");
    fake_timer_advance_ms(&rig.timer, 200);
    fake_kernel_run(&rig.kernel);
    assert_string_equal(rig_events(&rig), "attached ");
    att_done(&rig.device);
}

static void a_device_that_cannot_be_tuned_is_served_all_the_same(void **state)
{
    struct rig rig;
    rig_init(&rig);
    rig_begin(&rig);
    fake_kernel_step(&rig.kernel);
    rig.kernel.next_error = -EACCES;
    fake_kernel_run(&rig.kernel);
    assert_string_equal(rig_events(&rig), "untuned attached ");
    assert_int_equal(rig.device.state, ATT_CONNECTED);
    att_done(&rig.device);
}

/* --- taking up again --- */

static void the_device_of_the_daemon_before_is_taken_up_again(void **state)
{
    struct rig rig;
    rig_init(&rig);
    fake_kernel_leave(&rig.kernel, 3, BACKEND, MIB, false);
    rig_begin(&rig);
    fake_kernel_run(&rig.kernel);
    assert_string_equal(fake_kernel_said(&rig.kernel), "reconnect 3;tune 3;");
    assert_string_equal(rig_events(&rig), "reattached ");
    assert_int_equal(rig.device.reattachments, 1);
    att_done(&rig.device);
}

static void a_device_of_ours_is_taken_up_also_when_another_one_is_wanted(void **state)
{
    struct rig rig;
    rig_init_for(&rig, 1);
    fake_kernel_leave(&rig.kernel, 3, BACKEND, MIB, false);
    rig_begin(&rig);
    fake_kernel_run(&rig.kernel);
    assert_int_equal(rig.device.index, 3);
    assert_false(rig.kernel.nodes[1].node.bound);
    att_done(&rig.device);
}

static void a_socket_that_was_not_taken_is_offered_again_until_it_is(void **state)
{
    struct rig rig;
    rig_init(&rig);
    fake_kernel_leave(&rig.kernel, 0, BACKEND, MIB, true);
    rig_begin(&rig);
    fake_kernel_run(&rig.kernel);
    assert_string_equal(fake_kernel_said(&rig.kernel), "reconnect 0;hang up;");
    assert_int_equal(rig.device.error, -EAGAIN);
    fake_timer_advance_ms(&rig.timer, 500);
    fake_kernel_run(&rig.kernel);
    assert_string_equal(fake_kernel_said(&rig.kernel), "reconnect 0;hang up;");
    rig.kernel.nodes[0].alive = false;
    fake_timer_advance_ms(&rig.timer, 500);
    fake_kernel_run(&rig.kernel);
    assert_string_equal(fake_kernel_said(&rig.kernel), "reconnect 0;tune 0;");
    assert_string_equal(rig_events(&rig), "trouble reattached ");
    att_done(&rig.device);
}

static void a_device_of_our_name_with_another_disk_is_not_touched(void **state)
{
    struct rig rig;
    rig_init(&rig);
    fake_kernel_leave(&rig.kernel, 0, "holdfast:root:naa.2", MIB, false);
    rig_begin(&rig);
    fake_timer_advance_ms(&rig.timer, 60 * 1000);
    assert_int_equal(fake_kernel_run(&rig.kernel), 0);
    assert_int_equal(rig.device.error, -ESTALE);
    assert_string_equal(rig_events(&rig), "trouble ");
    att_done(&rig.device);
}

static void a_device_of_another_name_is_none_of_our_business(void **state)
{
    struct rig rig;
    rig_init(&rig);
    fake_kernel_leave(&rig.kernel, 0, "holdfast:root2:naa.1", MIB, false);
    rig_begin(&rig);
    fake_kernel_run(&rig.kernel);
    assert_int_equal(rig.device.index, 1);
    att_done(&rig.device);
}

static void a_device_that_is_larger_than_the_lun_is_not_taken_up(void **state)
{
    struct rig rig;
    rig_init(&rig);
    fake_kernel_leave(&rig.kernel, 0, BACKEND, 2 * MIB, false);
    rig_begin(&rig);
    assert_int_equal(fake_kernel_run(&rig.kernel), 0);
    assert_int_equal(rig.device.error, -ESTALE);
    assert_non_null(strstr(rig.device.reason, "2097152"));
    att_done(&rig.device);
}

static void a_device_that_was_disconnected_under_a_mount_waits_for_its_end(void **state)
{
    struct rig rig;
    rig_init(&rig);
    fake_kernel_leave(&rig.kernel, 0, BACKEND, MIB, false);
    fake_kernel_disconnect(&rig.kernel, 0);
    rig_begin(&rig);
    fake_kernel_run(&rig.kernel);
    assert_int_equal(rig.device.error, -EINVAL);
    rig.kernel.nodes[0].in_use = false;
    fake_kernel_disconnect(&rig.kernel, 0);
    fake_timer_advance_ms(&rig.timer, 5000);
    fake_kernel_run(&rig.kernel);
    assert_string_equal(rig_events(&rig), "trouble attached ");
    att_done(&rig.device);
}

static void a_dropped_connection_is_made_again_at_once(void **state)
{
    struct rig rig;
    rig_init(&rig);
    rig_attach(&rig);
    fake_timer_advance_ms(&rig.timer, 60 * 1000);
    fake_kernel_drop(&rig.kernel, 0);
    fake_kernel_run(&rig.kernel);
    assert_string_equal(fake_kernel_said(&rig.kernel), "reconnect 0;tune 0;");
    assert_string_equal(rig_events(&rig), "reattached ");
    att_done(&rig.device);
}

static void a_connection_that_is_dropped_over_and_over_is_not_made_in_a_frenzy(void **state)
{
    struct rig rig;
    unsigned jobs = 0;
    rig_init(&rig);
    rig_attach(&rig);
    for (unsigned tenth = 0; tenth < 600; tenth++) {
        if (rig.device.state == ATT_CONNECTED)
            fake_kernel_drop(&rig.kernel, 0);
        jobs += fake_kernel_run(&rig.kernel);
        fake_timer_advance_ms(&rig.timer, 100);
    }
    assert_in_range(jobs, 20, 60);
    att_done(&rig.device);
}

static void a_connection_lost_while_it_is_set_up_is_made_again(void **state)
{
    struct rig rig;
    rig_init(&rig);
    rig_begin(&rig);
    fake_kernel_step(&rig.kernel);
    fake_kernel_drop(&rig.kernel, 0);
    fake_kernel_run(&rig.kernel);
    assert_string_equal(fake_kernel_said(&rig.kernel),
                        "connect -1;tune 0;scan 0;reconnect 0;tune 0;");
    assert_int_equal(rig.device.state, ATT_CONNECTED);
    att_done(&rig.device);
}

static void who_disconnects_the_device_means_it(void **state)
{
    struct rig rig;
    rig_init(&rig);
    rig_attach(&rig);
    fake_kernel_disconnect(&rig.kernel, 0);
    assert_string_equal(rig_events(&rig), "taken away ");
    fake_timer_advance_ms(&rig.timer, 60 * 1000);
    assert_int_equal(fake_kernel_run(&rig.kernel), 0);
    assert_int_equal(rig.device.state, ATT_OFF);
    att_done(&rig.device);
}

/* --- growing --- */

static void growth_is_passed_on_at_once(void **state)
{
    struct rig rig;
    rig_init(&rig);
    rig_attach(&rig);
    rig_set_disk(&rig, 2 * MIB);
    fake_kernel_run(&rig.kernel);
    assert_string_equal(fake_kernel_said(&rig.kernel), "resize 0;");
    assert_string_equal(rig_events(&rig), "resized ");
    assert_int_equal(rig.kernel.nodes[0].node.size_bytes, 2 * MIB);
    att_done(&rig.device);
}

static void growth_during_an_outage_of_the_daemon_comes_after_the_reconnection(void **state)
{
    struct rig rig;
    rig_init(&rig);
    fake_kernel_leave(&rig.kernel, 0, BACKEND, MIB, false);
    att_start(&rig.device);
    rig_set_disk(&rig, 2 * MIB);
    fake_kernel_run(&rig.kernel);
    assert_string_equal(fake_kernel_said(&rig.kernel), "reconnect 0;tune 0;");
    assert_int_equal(rig.kernel.nodes[0].node.size_bytes, MIB);
    fake_timer_advance_ms(&rig.timer, 2000); /* requests are sent again meanwhile */
    assert_int_equal(fake_kernel_run(&rig.kernel), 0);
    fake_timer_advance_ms(&rig.timer, 5000);
    fake_kernel_run(&rig.kernel);
    assert_string_equal(fake_kernel_said(&rig.kernel), "resize 0;");
    assert_int_equal(rig.kernel.nodes[0].node.size_bytes, 2 * MIB);
    att_done(&rig.device);
}

static void growth_while_a_resize_is_under_way_is_passed_on_too(void **state)
{
    struct rig rig;
    rig_init(&rig);
    rig_attach(&rig);
    rig_set_disk(&rig, 2 * MIB);
    rig_set_disk(&rig, 3 * MIB);
    rig.kernel.nodes[0].node.size_bytes = 0;
    fake_kernel_run(&rig.kernel); /* the kernel may have seen the old size */
    fake_timer_advance_ms(&rig.timer, 6000);
    fake_kernel_run(&rig.kernel);
    assert_int_equal(rig.kernel.nodes[0].node.size_bytes, 3 * MIB);
    att_done(&rig.device);
}

static void a_resize_that_fails_is_tried_again(void **state)
{
    struct rig rig;
    rig_init(&rig);
    rig_attach(&rig);
    rig.kernel.next_error = -ENOMEM;
    rig_set_disk(&rig, 2 * MIB);
    fake_kernel_run(&rig.kernel);
    assert_string_equal(rig.device.reason, "reason 12"); /* for status */
    fake_timer_advance_ms(&rig.timer, 6000);
    fake_kernel_run(&rig.kernel);
    assert_int_equal(rig.kernel.nodes[0].node.size_bytes, 2 * MIB);
    assert_string_equal(rig_events(&rig), "resized ");
    assert_string_equal(rig.device.reason, "");
    att_done(&rig.device);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_done_before_the_disk_is_known),
        cmocka_unit_test(a_known_disk_gets_a_free_device_that_is_tuned_and_scanned),
        cmocka_unit_test(a_disk_known_before_the_start_is_attached_at_the_start),
        cmocka_unit_test(the_wanted_device_is_the_one),
        cmocka_unit_test(a_wanted_device_that_is_in_use_is_waited_for),
        cmocka_unit_test(a_refused_connection_is_tried_again_ever_more_rarely),
        cmocka_unit_test(a_socket_that_is_not_to_be_had_is_tried_again),
        cmocka_unit_test(a_device_that_cannot_be_tuned_is_served_all_the_same),
        cmocka_unit_test(the_device_of_the_daemon_before_is_taken_up_again),
        cmocka_unit_test(a_device_of_ours_is_taken_up_also_when_another_one_is_wanted),
        cmocka_unit_test(a_socket_that_was_not_taken_is_offered_again_until_it_is),
        cmocka_unit_test(a_device_of_our_name_with_another_disk_is_not_touched),
        cmocka_unit_test(a_device_of_another_name_is_none_of_our_business),
        cmocka_unit_test(a_device_that_is_larger_than_the_lun_is_not_taken_up),
        cmocka_unit_test(a_device_that_was_disconnected_under_a_mount_waits_for_its_end),
        cmocka_unit_test(a_dropped_connection_is_made_again_at_once),
        cmocka_unit_test(a_connection_that_is_dropped_over_and_over_is_not_made_in_a_frenzy),
        cmocka_unit_test(a_connection_lost_while_it_is_set_up_is_made_again),
        cmocka_unit_test(who_disconnects_the_device_means_it),
        cmocka_unit_test(growth_is_passed_on_at_once),
        cmocka_unit_test(growth_during_an_outage_of_the_daemon_comes_after_the_reconnection),
        cmocka_unit_test(growth_while_a_resize_is_under_way_is_passed_on_too),
        cmocka_unit_test(a_resize_that_fails_is_tried_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
