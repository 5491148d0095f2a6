#include "daemon/condemned.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/unit.h"

static char base[] = "/tmp/holdfast-unit-condemned-XXXXXX";
static struct condemned_places places;
static const uint8_t uuid[16] = {1, 2, 3, 255}, other[16] = {1, 2, 3, 254};

static int make_base(void **state)
{
    char run_dir[100], states[200];
    if (!mkdtemp(base))
        return -1;
    snprintf(run_dir, sizeof run_dir, "%s/run/one", base);
    snprintf(states, sizeof states, "%s/state:/nowhere", base);
    setenv("STATE_DIRECTORY", states, 1);
    condemned_places(run_dir, &places);
    return 0;
}

static int remove_base(void **state)
{
    char command[100];
    snprintf(command, sizeof command, "rm -rf -- %s", base);
    return system(command);
}

static void the_places_are_beside_the_run_directory_and_where_state_is_kept(void **state)
{
    struct condemned_places usual;
    char wanted[100];
    snprintf(wanted, sizeof wanted, "%s/run", base);
    assert_string_equal(places.run, wanted);
    snprintf(wanted, sizeof wanted, "%s/state", base);
    assert_string_equal(places.lasting, wanted);
    unsetenv("STATE_DIRECTORY");
    condemned_places("/run/holdfast/x/", &usual);
    assert_string_equal(usual.run, "/run/holdfast");
    condemned_places("/run/holdfast/x", &usual);
    assert_string_equal(usual.run, "/run/holdfast");
    assert_string_equal(usual.lasting, "/var/lib/holdfast");
}

static void a_note_in_either_place_counts_until_it_is_forgotten(void **state)
{
    const char *const directories[] = {places.run, places.lasting};
    for (unsigned i = 0; i < 2; i++) {
        assert_false(condemned_is_noted(&places, uuid));
        assert_int_equal(condemned_note(directories[i], false, uuid), 0);
        assert_int_equal(condemned_note(directories[i], false, uuid), 0);
        assert_true(condemned_is_noted(&places, uuid));
        assert_false(condemned_is_noted(&places, other));
        condemned_forget(&places, uuid);
        assert_false(condemned_is_noted(&places, uuid));
    }
}

static void memory_is_no_lasting_place(void **state)
{
    char directory[] = "/dev/shm/holdfast-unit-XXXXXX";
    if (!mkdtemp(directory))
        skip();
    assert_int_equal(condemned_note(directory, true, uuid), -EROFS);
    assert_int_equal(condemned_note(directory, false, uuid), 0);
    char command[100];
    snprintf(command, sizeof command, "rm -rf -- %s", directory);
    assert_int_equal(system(command), 0);
}

static void what_cannot_be_written_is_told(void **state)
{
    assert_int_equal(condemned_note("/proc/no/such", false, uuid), -ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_places_are_beside_the_run_directory_and_where_state_is_kept),
        cmocka_unit_test(a_note_in_either_place_counts_until_it_is_forgotten),
        cmocka_unit_test(memory_is_no_lasting_place),
        cmocka_unit_test(what_cannot_be_written_is_told),
    };
    return cmocka_run_group_tests(tests, make_base, remove_base);
}
