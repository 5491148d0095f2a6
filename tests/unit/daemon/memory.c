#include "daemon/memory.h"

#include <string.h>

#include "daemon/options.h"
#include "tests/unit/unit.h"

static struct options options;

static int start(void **state)
{
    options_init(&options);
    return 0;
}

static void exports_alone_take_memory_as_it_is_used(void **state)
{
    options.nbd.count = 1;
    assert_int_equal(memory_wanted(&options), MEMORY_LOCK_TOUCHED);
}

static void a_disk_of_this_machine_takes_all_of_it_at_once(void **state)
{
    strcpy(options.device, "nbd");
    assert_int_equal(memory_wanted(&options), MEMORY_LOCK_ALL);
    start(state);
    options.fuse.count = 1;
    assert_int_equal(memory_wanted(&options), MEMORY_LOCK_ALL);
    start(state);
    options.root = true;
    assert_int_equal(memory_wanted(&options), MEMORY_LOCK_ALL);
}

static void who_asks_for_it_gets_all_of_it(void **state)
{
    options.lock_memory = LOCK_YES;
    assert_int_equal(memory_wanted(&options), MEMORY_LOCK_ALL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(exports_alone_take_memory_as_it_is_used, start),
        cmocka_unit_test_setup(a_disk_of_this_machine_takes_all_of_it_at_once, start),
        cmocka_unit_test_setup(who_asks_for_it_gets_all_of_it, start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
