#include "daemon/log.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/unit.h"

static int ends[2];
static char got[65536];

static int make_pipe(void **state)
{
    unsetenv("JOURNAL_STREAM");
    return pipe(ends);
}

static int close_pipe(void **state)
{
    close(ends[0]);
    return 0;
}

/* Everything that was written; the log is closed first. */
static void collect(struct log *log)
{
    log_free(log);
    close(ends[1]);
    size_t used = 0;
    ssize_t bytes;
    while ((bytes = read(ends[0], got + used, sizeof got - 1 - used)) > 0)
        used += (size_t)bytes;
    got[used] = '\0';
}

static void lines_carry_the_name(void **state)
{
    struct log *log = log_new(ends[1], "root");
    log_line(log, STORY_NOTICE, "target ready");
    log_format(log, STORY_ERROR, "%d requests", 12);
    collect(log);
    assert_string_equal(got, "root: target ready\nroot: 12 requests\n");
}

static void journald_gets_priorities(void **state)
{
    setenv("JOURNAL_STREAM", "8:1", 1);
    struct log *log = log_new(ends[1], "root");
    log_line(log, STORY_NOTICE, "target ready");
    log_line(log, STORY_ERROR, "oh");
    collect(log);
    assert_string_equal(got, "<5>root: target ready\n<3>root: oh\n");
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void a_full_pipe_blocks_nobody_and_the_loss_is_told(void **state)
{
    char filler[65536];
    memset(filler, '-', sizeof filler);
    fcntl(ends[1], F_SETFL, O_NONBLOCK);
    while (write(ends[1], filler, sizeof filler) > 0)
        continue;
    fcntl(ends[1], F_SETFL, 0);

    struct log *log = log_new(ends[1], "root");
    double before = seconds();
    for (unsigned i = 0; i < 500; i++)
        log_line(log, STORY_ERROR, "a line");
    assert_true(seconds() - before < 1);

    while (read(ends[0], filler, sizeof filler) == sizeof filler)
        continue;
    for (unsigned i = 0; i < 100 && !strstr(got, "left out"); i++) {
        usleep(10000);
        log_line(log, STORY_ERROR, "another line");
    }
    collect(log);
    assert_non_null(strstr(got, " lines were left out here\n"));
}

static void a_flood_is_thinned_out_but_errors_are_not(void **state)
{
    struct log *log = log_new(ends[1], "root");
    for (unsigned i = 0; i < 200; i++) {
        log_line(log, STORY_WARNING, "flood");
        usleep(100);
    }
    log_line(log, STORY_ERROR, "error");
    collect(log);
    unsigned lines = 0;
    for (const char *c = got; (c = strstr(c, "flood")); c++)
        lines++;
    assert_in_range(lines, 30, 62);
    assert_non_null(strstr(got, "left out here\nroot: error\n"));
}

static unsigned threads(void)
{
    DIR *tasks = opendir("/proc/self/task");
    unsigned count = 0;
    for (const struct dirent *task; (task = readdir(tasks));)
        count += task->d_name[0] != '.';
    closedir(tasks);
    return count;
}

/* The leak checker looks at what is left after it. */
static void a_thread_left_behind_ends_with_the_reader(void)
{
    close(ends[0]);
    for (unsigned i = 0; i < 500 && threads() > 1; i++)
        usleep(10000);
    assert_int_equal(threads(), 1);
}

static void a_stuck_reader_does_not_keep_the_process(void **state)
{
    char filler[65536];
    memset(filler, '-', sizeof filler);
    fcntl(ends[1], F_SETFL, O_NONBLOCK);
    while (write(ends[1], filler, sizeof filler) > 0)
        continue;
    fcntl(ends[1], F_SETFL, 0);
    struct log *log = log_new(ends[1], "root");
    log_line(log, STORY_ERROR, "never read");
    double before = seconds();
    log_free(log);
    assert_true(seconds() - before < 3);
    a_thread_left_behind_ends_with_the_reader();
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_pipe, close_pipe)
    const struct CMUnitTest tests[] = {
        TEST(lines_carry_the_name),
        TEST(journald_gets_priorities),
        TEST(a_full_pipe_blocks_nobody_and_the_loss_is_told),
        TEST(a_flood_is_thinned_out_but_errors_are_not),
        cmocka_unit_test_setup(a_stuck_reader_does_not_keep_the_process, make_pipe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
