/* Its end: detached, or left to the next daemon. */
#include <errno.h>

#include "tests/unit/attach/rig.h"
#include "tests/unit/unit.h"

/* --- detaching --- */

static void a_device_that_nobody_uses_is_detached(void **state)
{
    struct rig rig;
    rig_init(&rig);
    rig_attach(&rig);
    assert_true(att_detach(&rig.device, false));
    fake_kernel_run(&rig.kernel);
    assert_string_equal(fake_kernel_said(&rig.kernel), "release 0;");
    assert_string_equal(rig_events(&rig), "detached ");
    assert_false(rig.kernel.nodes[0].node.bound);
    att_done(&rig.device);
}

static void a_device_in_use_is_not_detached(void **state)
{
    struct rig rig;
    rig_init(&rig);
    rig_attach(&rig);
    rig.kernel.nodes[0].in_use = true;
    assert_true(att_detach(&rig.device, false));
    assert_false(att_detach(&rig.device, false)); /* one at a time */
    fake_kernel_run(&rig.kernel);
    assert_string_equal(rig_events(&rig), "refused ");
    assert_int_equal(rig.device.error, -EBUSY);
    assert_int_equal(rig.device.state, ATT_CONNECTED);
    assert_true(rig.kernel.nodes[0].alive);
    att_done(&rig.device);
}

static void a_device_in_use_is_detached_by_force(void **state)
{
    struct rig rig;
    rig_init(&rig);
    rig_attach(&rig);
    rig.kernel.nodes[0].in_use = true;
    assert_true(att_detach(&rig.device, true));
    fake_kernel_run(&rig.kernel);
    assert_string_equal(rig_events(&rig), "detached ");
    att_done(&rig.device);
}

static void a_cancelled_detach_leaves_the_device_as_it_was(void **state)
{
    struct rig rig;
    rig_init(&rig);
    rig_attach(&rig);
    assert_true(att_detach(&rig.device, false));
    att_cancel_detach(&rig.device);
    assert_string_equal(fake_kernel_said(&rig.kernel), "cancel;");
    assert_int_equal(rig.device.state, ATT_CONNECTED);
    att_done(&rig.device);
}

static void what_is_not_attached_yet_is_detached_at_once(void **state)
{
    struct rig rig;
    rig_init(&rig);
    att_start(&rig.device);
    assert_true(att_detach(&rig.device, false));
    assert_string_equal(rig_events(&rig), "detached ");
    rig_set_disk(&rig, MIB);
    assert_int_equal(fake_kernel_run(&rig.kernel), 0);
    att_done(&rig.device);
}

static void detach_at_once(struct att_device *device)
{
    assert_true(att_detach(device, false));
}

static void an_owner_may_detach_in_answer_to_being_attached(void **state)
{
    struct rig rig;
    rig_init(&rig);
    rig.answer_to = ATT_ATTACHED;
    rig.answer = detach_at_once;
    rig_begin(&rig);
    fake_kernel_run(&rig.kernel);
    assert_string_equal(rig_events(&rig), "attached detached ");
    att_done(&rig.device);
}

/* --- stopping --- */

static void a_stop_detaches_what_nobody_uses(void **state)
{
    struct rig rig;
    rig_init(&rig);
    rig_attach(&rig);
    att_stop(&rig.device);
    fake_kernel_run(&rig.kernel);
    assert_string_equal(rig_events(&rig), "detached stopped ");
    att_done(&rig.device);
}

static void a_stop_leaves_what_is_in_use_to_the_next_daemon(void **state)
{
    struct rig rig;
    rig_init(&rig);
    rig_attach(&rig);
    rig.kernel.nodes[0].in_use = true;
    att_stop(&rig.device);
    fake_kernel_run(&rig.kernel);
    assert_true(rig.kernel.server_stopped);
    assert_string_equal(rig_events(&rig), ""); /* what is under way is answered first */
    fake_kernel_server_done(&rig.kernel);
    assert_string_equal(rig_events(&rig), "left stopped ");
    assert_true(rig.kernel.nodes[0].node.bound);
    assert_false(rig.kernel.nodes[0].disconnected);
    att_done(&rig.device);
}

static void a_stop_in_a_hurry_hangs_up_without_an_answer(void **state)
{
    struct rig rig;
    rig_init(&rig);
    rig_attach(&rig);
    rig.kernel.nodes[0].in_use = true;
    att_stop(&rig.device);
    att_stop_now(&rig.device);
    assert_string_equal(fake_kernel_said(&rig.kernel), "cancel;hang up;");
    assert_string_equal(rig_events(&rig), "left stopped ");
    assert_true(rig.kernel.nodes[0].node.bound);
    att_done(&rig.device);
}

static void a_stop_while_connecting_first_ends_that(void **state)
{
    struct rig rig;
    rig_init(&rig);
    rig_begin(&rig);
    att_stop(&rig.device);
    fake_kernel_run(&rig.kernel);
    assert_string_equal(fake_kernel_said(&rig.kernel), "connect -1;tune 0;release 0;");
    assert_string_equal(rig_events(&rig), "attached detached stopped ");
    att_done(&rig.device);
}

static void a_stop_before_anything_is_attached_is_over_at_once(void **state)
{
    struct rig rig;
    rig_init(&rig);
    att_start(&rig.device);
    att_stop(&rig.device);
    assert_string_equal(rig_events(&rig), "stopped ");
    att_stop_now(&rig.device);
    assert_string_equal(rig_events(&rig), "");
    att_done(&rig.device);
}

static void a_stop_while_the_old_connection_lingers_leaves_the_device(void **state)
{
    struct rig rig;
    rig_init(&rig);
    fake_kernel_leave(&rig.kernel, 0, BACKEND, MIB, true);
    rig_begin(&rig);
    fake_kernel_run(&rig.kernel);
    rig_events(&rig);
    att_stop(&rig.device);
    assert_string_equal(rig_events(&rig), "left stopped ");
    assert_true(rig.kernel.nodes[0].node.bound);
    att_done(&rig.device);
}

static void a_connection_lost_while_stopping_leaves_the_device(void **state)
{
    struct rig rig;
    rig_init(&rig);
    rig_attach(&rig);
    rig.kernel.nodes[0].in_use = true;
    att_stop(&rig.device);
    fake_kernel_drop(&rig.kernel, 0);
    fake_kernel_run(&rig.kernel);
    assert_string_equal(rig_events(&rig), "left stopped ");
    att_done(&rig.device);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_device_that_nobody_uses_is_detached),
        cmocka_unit_test(a_device_in_use_is_not_detached),
        cmocka_unit_test(a_device_in_use_is_detached_by_force),
        cmocka_unit_test(a_cancelled_detach_leaves_the_device_as_it_was),
        cmocka_unit_test(what_is_not_attached_yet_is_detached_at_once),
        cmocka_unit_test(an_owner_may_detach_in_answer_to_being_attached),
        cmocka_unit_test(a_stop_detaches_what_nobody_uses),
        cmocka_unit_test(a_stop_leaves_what_is_in_use_to_the_next_daemon),
        cmocka_unit_test(a_stop_in_a_hurry_hangs_up_without_an_answer),
        cmocka_unit_test(a_stop_while_connecting_first_ends_that),
        cmocka_unit_test(a_stop_before_anything_is_attached_is_over_at_once),
        cmocka_unit_test(a_stop_while_the_old_connection_lingers_leaves_the_device),
        cmocka_unit_test(a_connection_lost_while_stopping_leaves_the_device),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
