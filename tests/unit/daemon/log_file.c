#include "daemon/log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/log.h"
#include "tests/unit/unit.h"

static char path[] = "/tmp/holdfast-log-XXXXXX";
static char got[2 * LOG_FILE_BYTES + 1];

static int make(void **state)
{
    unsetenv("JOURNAL_STREAM");
    strcpy(strrchr(path, '-'), "-XXXXXX");
    close(mkstemp(path));
    return 0;
}

static int clear(void **state)
{
    return unlink(path);
}

static size_t file_bytes(void)
{
    struct stat file;
    assert_int_equal(stat(path, &file), 0);
    return (size_t)file.st_size;
}

static size_t collect(void)
{
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    size_t bytes = fread(got, 1, sizeof got - 1, file);
    got[bytes] = '\0';
    fclose(file);
    return bytes;
}

static unsigned append_line(int fd, unsigned number)
{
    char line[64];
    int bytes = snprintf(line, sizeof line, "root: line %u of an outage\n", number);
    log_file_make_room(fd, (size_t)bytes);
    assert_int_equal(write(fd, line, (size_t)bytes), bytes);
    return number + 1;
}

static void a_log_begins_empty_and_for_its_owner_alone(void **state)
{
    struct stat file;
    unlink(path);
    int fd = log_file_open(path);
    append_line(fd, 1);
    close(fd);
    fd = log_file_open(path);
    assert_int_equal(fstat(fd, &file), 0);
    assert_int_equal(file.st_size, 0);
    assert_int_equal(file.st_mode & 07777, 0600);
    close(fd);
    assert_int_equal(log_file_open("/nonexistent/log"), -ENOENT);
}

static void only_such_a_file_is_ours(void **state)
{
    int ends[2];
    int fd = log_file_open(path);
    int redirected = open(path, O_WRONLY | O_APPEND);
    assert_int_equal(pipe(ends), 0);
    assert_true(log_file_is_ours(fd));
    assert_false(log_file_is_ours(redirected));
    assert_false(log_file_is_ours(ends[1]));
    assert_false(log_file_is_ours(-1));
    close(fd);
    close(redirected);
    close(ends[0]);
    close(ends[1]);
}

static void what_fits_is_not_touched(void **state)
{
    int fd = log_file_open(path);
    for (unsigned i = 0; file_bytes() + 64 < LOG_FILE_BYTES;)
        i = append_line(fd, i);
    size_t bytes = collect();
    assert_memory_equal(got, "root: line 0 ", 13);
    log_file_make_room(fd, LOG_FILE_BYTES - bytes);
    assert_int_equal(file_bytes(), bytes);
    log_file_make_room(fd, LOG_FILE_BYTES - bytes + 1);
    assert_in_range(file_bytes(), bytes / 2 - 64, bytes / 2 + 128);
    close(fd);
}

/* Each line but the first is whole, and they count up to the last one without a gap. */
static void a_log_without_end_keeps_its_newest_lines(void **state)
{
    const unsigned count = 120000;
    unsigned before = 0, number;
    int fd = log_file_open(path);
    for (unsigned i = 0; i < count;)
        i = append_line(fd, i);
    close(fd);
    assert_in_range(collect(), LOG_FILE_BYTES / 3, LOG_FILE_BYTES);
    assert_memory_equal(got, "holdfast: older lines were left out here", 40);
    for (char *line = strchr(got, '\n') + 1; *line; line = strchr(line, '\n') + 1) {
        assert_int_equal(sscanf(line, "root: line %u of an outage\n", &number), 1);
        assert_true(before == 0 || number == before + 1);
        before = number;
    }
    assert_int_equal(before, count - 1);
}

static void the_daemons_log_keeps_to_it(void **state)
{
    int fd = log_file_open(path);
    for (unsigned i = 0; file_bytes() + 20 < LOG_FILE_BYTES;)
        i = append_line(fd, i);
    struct log *log = log_new(fd, "root");
    log_line(log, STORY_NOTICE, "target lost, and all that is waited for");
    log_line(log, STORY_NOTICE, "target ready");
    log_free(log);
    close(fd);
    size_t bytes = collect();
    assert_in_range(bytes, LOG_FILE_BYTES / 3, LOG_FILE_BYTES * 2 / 3);
    assert_non_null(strstr(got, "\nroot: target lost, and all that is waited for\n"));
    assert_string_equal(got + bytes - 19, "root: target ready\n");
}

static void one_endless_line_is_cut_too(void **state)
{
    char page[4096];
    int fd = log_file_open(path);
    memset(page, '-', sizeof page);
    while (file_bytes() < LOG_FILE_BYTES)
        assert_int_equal(write(fd, page, sizeof page), sizeof page);
    append_line(fd, 7);
    close(fd);
    assert_true(collect() < LOG_FILE_BYTES);
    assert_non_null(strstr(got, "root: line 7 of"));
}

static const char *last_line_of(const char *log)
{
    static char line[64];
    FILE *file = fopen(path, "we");
    fputs(log, file);
    fclose(file);
    log_file_last_line(path, line, sizeof line);
    return line;
}

static void the_last_line_says_why_a_daemon_ended(void **state)
{
    assert_string_equal(last_line_of("root: ready\nroot: no memory\n"), "root: no memory");
    assert_string_equal(last_line_of("root: no memory"), "root: no memory");
    assert_string_equal(last_line_of("root: no memory\n\n"), "root: no memory");
    assert_string_equal(last_line_of(""), "");
    assert_string_equal(last_line_of("\n"), "");
}

static void the_last_line_of_a_long_log_is_found(void **state)
{
    int fd = log_file_open(path);
    for (unsigned i = 0; i < 1000;)
        i = append_line(fd, i);
    close(fd);
    char line[64];
    log_file_last_line(path, line, sizeof line);
    assert_string_equal(line, "root: line 999 of an outage");
    log_file_last_line(path, line, 11);
    assert_string_equal(line, "root: line");
}

static void a_log_that_is_not_there_has_no_last_line(void **state)
{
    char line[64] = "x";
    log_file_last_line("/nonexistent/log", line, sizeof line);
    assert_string_equal(line, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_log_begins_empty_and_for_its_owner_alone, make, clear),
        cmocka_unit_test_setup_teardown(only_such_a_file_is_ours, make, clear),
        cmocka_unit_test_setup_teardown(what_fits_is_not_touched, make, clear),
        cmocka_unit_test_setup_teardown(a_log_without_end_keeps_its_newest_lines, make, clear),
        cmocka_unit_test_setup_teardown(the_daemons_log_keeps_to_it, make, clear),
        cmocka_unit_test_setup_teardown(one_endless_line_is_cut_too, make, clear),
        cmocka_unit_test_setup_teardown(the_last_line_says_why_a_daemon_ended, make, clear),
        cmocka_unit_test_setup_teardown(the_last_line_of_a_long_log_is_found, make, clear),
        cmocka_unit_test(a_log_that_is_not_there_has_no_last_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
