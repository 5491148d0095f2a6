#include "nbd-server/budget.h"

#include "tests/tools/memory_volume.h"
#include "tests/unit/unit.h"

#define MIB (1u << 20)

struct fixture {
    struct nsrv_export export;
    struct nsrv_budget budget;
    struct nsrv_budget other;
};

static unsigned wakes;

static void wake(struct nsrv_budget *budget)
{
    wakes++;
}

static int set_up(void **state)
{
    static struct fixture fixture;
    struct memvol_config config = memvol_config_default;
    config.memory_bytes = 8 * MIB;
    fixture = (struct fixture){.export = {.volume = memvol_new(&config), .transmitting = 1}};
    nsrv_budget_init(&fixture.budget, &fixture.export, wake);
    nsrv_budget_init(&fixture.other, &fixture.export, wake);
    wakes = 0;
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    nsrv_budget_done(&fixture->budget);
    nsrv_budget_done(&fixture->other);
    assert_int_equal(buffer_pool_used(vol_buffers(fixture->export.volume)), 0);
    memvol_free(fixture->export.volume);
    return 0;
}

static void holds_half_of_the_memory_divided_by_the_connections(void **state)
{
    struct fixture *fixture = *state;
    struct buffer *buffers[4];
    for (unsigned i = 0; i < 4; i++)
        assert_non_null(buffers[i] = nsrv_budget_take(&fixture->budget, MIB));
    assert_null(nsrv_budget_take(&fixture->budget, 4096)); /* its share, not memory, is short */
    assert_false(buffer_pool_has_waiters(fixture->budget.pool));
    fixture->export.transmitting = 4;
    for (unsigned i = 0; i < 3; i++)
        nsrv_budget_give(&fixture->budget, buffers[i]);
    assert_null(nsrv_budget_take(&fixture->budget, 4096));
    nsrv_budget_give(&fixture->budget, buffers[3]);
    fixture->export.transmitting = 1000;
    buffers[0] = nsrv_budget_take(&fixture->budget, MIB); /* one is always allowed */
    assert_non_null(buffers[0]);
    nsrv_budget_give(&fixture->budget, buffers[0]);
    assert_int_equal(fixture->budget.held_bytes, 0);
}

static void waits_in_the_pool_and_finds_its_buffer_when_woken(void **state)
{
    struct fixture *fixture = *state;
    struct buffer *taken[8];
    for (unsigned i = 0; i < 8; i++)
        taken[i] = buffer_get(fixture->budget.pool, MIB);
    assert_null(nsrv_budget_take(&fixture->budget, MIB));
    assert_null(nsrv_budget_take(&fixture->budget, MIB)); /* repeated, queued once */
    assert_null(nsrv_budget_try(&fixture->other, 4096));
    buffer_unref(taken[0]);
    assert_int_equal(wakes, 1);
    assert_false(buffer_pool_has_waiters(fixture->budget.pool));
    assert_null(buffer_get(fixture->budget.pool, 4096)); /* it is kept for the one who waited */
    assert_null(nsrv_budget_try(&fixture->budget, MIB)); /* ... and for the take */
    struct buffer *buffer = nsrv_budget_take(&fixture->budget, MIB);
    assert_non_null(buffer);
    assert_int_equal(fixture->budget.held_bytes, MIB);
    nsrv_budget_give(&fixture->budget, buffer);
    for (unsigned i = 1; i < 8; i++)
        buffer_unref(taken[i]);
}

static void who_leaves_while_waiting_keeps_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct buffer *taken[8];
    for (unsigned i = 0; i < 8; i++)
        taken[i] = buffer_get(fixture->budget.pool, MIB);
    assert_null(nsrv_budget_take(&fixture->budget, MIB));
    assert_null(nsrv_budget_take(&fixture->other, MIB));
    nsrv_budget_done(&fixture->budget);
    buffer_unref(taken[0]);
    assert_int_equal(wakes, 1);
    nsrv_budget_done(&fixture->other); /* was granted one, and gives it back */
    assert_int_equal(buffer_pool_used(fixture->budget.pool), 7 * MIB);
    for (unsigned i = 1; i < 8; i++)
        buffer_unref(taken[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(holds_half_of_the_memory_divided_by_the_connections, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(waits_in_the_pool_and_finds_its_buffer_when_woken, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(who_leaves_while_waiting_keeps_nothing, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
