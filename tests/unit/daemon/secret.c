#include "daemon/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/unit.h"

static char directory[] = "/tmp/holdfast-unit-secret-XXXXXX";
static char path[64];
static struct secret secret;
static struct fault fault;

static int make_directory(void **state)
{
    if (!mkdtemp(directory))
        return -1;
    snprintf(path, sizeof path, "%s/secret", directory);
    return 0;
}

static int remove_directory(void **state)
{
    unlink(path);
    return rmdir(directory);
}

static int reads(const char *bytes, size_t count, mode_t mode)
{
    unlink(path);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    assert_int_equal(write(fd, bytes, count), count);
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
    return secret_read(path, &secret, &fault);
}

static void one_newline_at_the_end_is_cut(void **state)
{
    assert_int_equal(reads("correct horse battery\n", 22, 0600), 0);
    assert_string_equal(secret.text, "correct horse battery");
    assert_false(secret.is_short);
    assert_int_equal(reads("correct horse battery ", 22, 0400), 0);
    assert_string_equal(secret.text, "correct horse battery ");
    assert_true(reads("two newlines\n\n", 14, 0600) < 0);
}

static void a_short_secret_is_marked(void **state)
{
    assert_int_equal(reads("elevenbytes", 11, 0600), 0);
    assert_true(secret.is_short);
    assert_int_equal(reads("twelve bytes", 12, 0600), 0);
    assert_false(secret.is_short);
}

static void a_file_that_others_may_touch_is_refused_with_the_mend(void **state)
{
    static const mode_t modes[] = {0640, 0604, 0620, 0602, 0610, 0666};
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        assert_int_equal(reads("correct horse battery", 21, modes[i]), -EPERM);
        assert_non_null(strstr(fault.text, "run: chmod 600 "));
        assert_null(strstr(fault.text, "horse"));
    }
}

static void what_is_no_secret_is_refused(void **state)
{
    char longest[300];
    memset(longest, 'x', sizeof longest);
    assert_int_equal(reads("", 0, 0600), -EINVAL);
    assert_int_equal(reads("\n", 1, 0600), -EINVAL);
    assert_int_equal(reads("a\0b", 3, 0600), -EINVAL);
    assert_int_equal(reads("user\nsecret\n", 12, 0600), -EINVAL);
    assert_int_equal(reads(longest, sizeof longest, 0600), -EFBIG);
    assert_int_equal(secret_read("/nonexistent", &secret, &fault), -ENOENT);
    assert_int_equal(secret_read("/dev/null", &secret, &fault), -EINVAL);
    assert_non_null(strstr(fault.text, "not a regular file"));
}

static void a_fifo_does_not_hang(void **state)
{
    unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(secret_read(path, &secret, &fault), -EINVAL);
}

static void credentials_come_from_systemd(void **state)
{
    assert_int_equal(reads("correct horse battery", 21, 0440), -EPERM);
    setenv("CREDENTIALS_DIRECTORY", directory, 1);
    assert_int_equal(secret_read("credential:secret", &secret, &fault), 0);
    assert_string_equal(secret.text, "correct horse battery");
    assert_int_equal(secret_read("credential:../secret", &secret, &fault), -EINVAL);
    assert_int_equal(secret_read("credential:", &secret, &fault), -EINVAL);
    unsetenv("CREDENTIALS_DIRECTORY");
    assert_int_equal(secret_read("credential:secret", &secret, &fault), -ENOENT);
    assert_non_null(strstr(fault.text, "LoadCredential=secret:PATH"));
}

static void a_failure_leaves_nothing_behind(void **state)
{
    memset(&secret, 'x', sizeof secret);
    assert_true(reads("two lines\nof text\n", 18, 0600) < 0);
    for (size_t i = 0; i < sizeof secret.text; i++)
        assert_int_equal(secret.text[i], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_newline_at_the_end_is_cut),
        cmocka_unit_test(a_short_secret_is_marked),
        cmocka_unit_test(a_file_that_others_may_touch_is_refused_with_the_mend),
        cmocka_unit_test(what_is_no_secret_is_refused),
        cmocka_unit_test(a_fifo_does_not_hang),
        cmocka_unit_test(credentials_come_from_systemd),
        cmocka_unit_test(a_failure_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
