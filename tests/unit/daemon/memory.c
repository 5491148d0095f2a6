#include "daemon/memory.h"

#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "daemon/log.h"
#include "daemon/options.h"
#include "tests/unit/unit.h"

static struct options options;

static int start(void **state)
{
    options_init(&options);
    return 0;
}

static void exports_alone_wait_for_a_client(void **state)
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

static unsigned lines_of(const char *text)
{
    unsigned lines = 0;
    for (; *text; text++)
        lines += *text == '\n';
    return lines;
}

static void what_is_refused_is_said_once(void **state)
{
    char got[4096];
    int ends[2];
    unsetenv("JOURNAL_STREAM");
    assert_int_equal(pipe(ends), 0);
    struct log *log = log_new(ends[1], "root");
    options.lock_memory = LOCK_YES;
    const uid_t before = geteuid();
    if (before == 0)
        assert_int_equal(seteuid(65534), 0); /* nobody: not even of the OOM killer's score */
    memory_keep(&options, MEMORY_LOCK_TOUCHED, NULL);
    memory_keep(&options, MEMORY_LOCK_TOUCHED, log);
    memory_keep(&options, MEMORY_LOCK_TOUCHED, log);
    log_free(log);
    assert_int_equal(seteuid(before), 0);
    prctl(PR_SET_DUMPABLE, 1); /* or a sanitizer cannot look at us */
    close(ends[1]);
    ssize_t bytes = read(ends[0], got, sizeof got - 1);
    got[bytes > 0 ? bytes : 0] = '\0';
    close(ends[0]);
    assert_non_null(strstr(got, "not protected from the OOM killer"));
    assert_int_equal(lines_of(got), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(exports_alone_wait_for_a_client, start),
        cmocka_unit_test_setup(a_disk_of_this_machine_takes_all_of_it_at_once, start),
        cmocka_unit_test_setup(who_asks_for_it_gets_all_of_it, start),
        cmocka_unit_test_setup(what_is_refused_is_said_once, start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
