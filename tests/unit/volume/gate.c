#include "volume/gate.h"

#include "tests/unit/unit.h"

static struct gate gate;
static struct gate_entry entries[4];

static int set_up(void **state)
{
    gate_init(&gate);
    for (unsigned i = 0; i < 4; i++)
        gate_entry_init(&entries[i]);
    return 0;
}

static void what_does_not_overlap_is_granted_at_once(void **state)
{
    assert_true(gate_enter(&gate, &entries[0], 0, 8, true));
    assert_true(gate_enter(&gate, &entries[1], 8, 8, true));
    assert_null(gate_next_unblocked(&gate));
}

static void a_write_waits_for_an_overlapping_write(void **state)
{
    assert_true(gate_enter(&gate, &entries[0], 0, 8, true));
    assert_false(gate_enter(&gate, &entries[1], 7, 8, true));
    assert_null(gate_next_unblocked(&gate));
    gate_leave(&gate, &entries[0]);
    assert_ptr_equal(gate_next_unblocked(&gate), &entries[1]);
    assert_null(gate_next_unblocked(&gate));
}

static void reads_pass_each_other_but_not_a_write(void **state)
{
    assert_true(gate_enter(&gate, &entries[0], 0, 8, false));
    assert_true(gate_enter(&gate, &entries[1], 0, 8, false));
    assert_false(gate_enter(&gate, &entries[2], 4, 1, true));
    assert_false(gate_enter(&gate, &entries[3], 4, 1, false)); /* does not overtake the write */
    gate_leave(&gate, &entries[1]);
    assert_null(gate_next_unblocked(&gate));
    gate_leave(&gate, &entries[0]);
    assert_ptr_equal(gate_next_unblocked(&gate), &entries[2]);
    gate_leave(&gate, &entries[2]);
    assert_ptr_equal(gate_next_unblocked(&gate), &entries[3]);
}

static void one_that_waits_may_leave(void **state)
{
    assert_true(gate_enter(&gate, &entries[0], 0, 8, true));
    assert_false(gate_enter(&gate, &entries[1], 0, 8, true));
    assert_false(gate_enter(&gate, &entries[2], 0, 8, true));
    gate_leave(&gate, &entries[1]);
    assert_null(gate_next_unblocked(&gate));
    gate_leave(&gate, &entries[0]);
    gate_leave(&gate, &entries[0]); /* a second time: no effect */
    assert_ptr_equal(gate_next_unblocked(&gate), &entries[2]);
}

static void one_that_leaves_after_it_was_unblocked_is_not_returned(void **state)
{
    assert_true(gate_enter(&gate, &entries[0], 0, 8, true));
    assert_false(gate_enter(&gate, &entries[1], 0, 8, true));
    gate_leave(&gate, &entries[0]);
    gate_leave(&gate, &entries[1]);
    assert_null(gate_next_unblocked(&gate));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(what_does_not_overlap_is_granted_at_once, set_up),
        cmocka_unit_test_setup(a_write_waits_for_an_overlapping_write, set_up),
        cmocka_unit_test_setup(reads_pass_each_other_but_not_a_write, set_up),
        cmocka_unit_test_setup(one_that_waits_may_leave, set_up),
        cmocka_unit_test_setup(one_that_leaves_after_it_was_unblocked_is_not_returned, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
