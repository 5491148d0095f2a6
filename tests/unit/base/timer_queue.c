#include "base/timer_queue.h"

#include "tests/unit/unit.h"

struct probe {
    struct timer timer;
    struct timer_queue *queue;
    struct timer *victim; /* stopped when this one fires */
    uint64_t again_us;    /* armed again for this time when it fires; 0: not */
    unsigned fired_as;    /* place in the order of firing, from 1 */
};

static unsigned fired_count;

static void probe_fired(struct timer *timer)
{
    struct probe *probe = container_of(timer, struct probe, timer);
    probe->fired_as = ++fired_count;
    if (probe->victim)
        timer_queue_stop(probe->victim);
    if (probe->again_us)
        timer_queue_start(probe->queue, timer, probe->again_us);
}

static void probes_init(struct timer_queue *queue, struct probe *probes, unsigned count)
{
    fired_count = 0;
    timer_queue_init(queue);
    for (unsigned i = 0; i < count; i++) {
        probes[i] = (struct probe){.queue = queue};
        timer_init(&probes[i].timer, probe_fired);
    }
}

static void fires_by_deadline_then_by_order_of_arming(void **state)
{
    struct timer_queue queue;
    struct probe probes[3];
    probes_init(&queue, probes, 3);
    timer_queue_start(&queue, &probes[0].timer, 20);
    timer_queue_start(&queue, &probes[1].timer, 10);
    timer_queue_start(&queue, &probes[2].timer, 20);
    assert_int_equal(timer_queue_next_us(&queue), 10);

    timer_queue_run(&queue, 19);
    assert_int_equal(probes[1].fired_as, 1);
    assert_int_equal(fired_count, 1);

    timer_queue_run(&queue, 20);
    assert_int_equal(probes[0].fired_as, 2);
    assert_int_equal(probes[2].fired_as, 3);
    assert_true(timer_queue_next_us(&queue) == UINT64_MAX);
}

static void a_timer_stopped_by_another_due_one_does_not_fire(void **state)
{
    struct timer_queue queue;
    struct probe probes[2];
    probes_init(&queue, probes, 2);
    probes[0].victim = &probes[1].timer;
    timer_queue_start(&queue, &probes[0].timer, 5);
    timer_queue_start(&queue, &probes[1].timer, 5);
    timer_queue_run(&queue, 5);
    assert_int_equal(fired_count, 1);
    assert_false(timer_is_armed(&probes[1].timer));
}

static void a_timer_that_arms_itself_for_now_waits_for_the_next_run(void **state)
{
    struct timer_queue queue;
    struct probe probe;
    probes_init(&queue, &probe, 1);
    probe.again_us = 5;
    timer_queue_start(&queue, &probe.timer, 5);
    timer_queue_run(&queue, 5);
    assert_int_equal(fired_count, 1);
    assert_true(timer_is_armed(&probe.timer));
    timer_queue_run(&queue, 5);
    assert_int_equal(fired_count, 2);
}

static void arming_again_moves_the_deadline(void **state)
{
    struct timer_queue queue;
    struct probe probe;
    probes_init(&queue, &probe, 1);
    timer_queue_start(&queue, &probe.timer, 5);
    timer_queue_start(&queue, &probe.timer, 50);
    timer_queue_run(&queue, 49);
    assert_int_equal(fired_count, 0);
    timer_queue_stop(&probe.timer);
    timer_queue_run(&queue, 50);
    assert_int_equal(fired_count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fires_by_deadline_then_by_order_of_arming),
        cmocka_unit_test(a_timer_stopped_by_another_due_one_does_not_fire),
        cmocka_unit_test(a_timer_that_arms_itself_for_now_waits_for_the_next_run),
        cmocka_unit_test(arming_again_moves_the_deadline),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
