#include "daemon/config_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/unit.h"

static struct options options;
static struct fault fault;
static char path[] = "/tmp/holdfast-unit-config-XXXXXX";

static int make_file(void **state)
{
    int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
    return unlink(path);
}

static int reads(const char *text)
{
    FILE *file = fopen(path, "w");
    fputs(text, file);
    fclose(file);
    options_init(&options);
    return config_file_read(path, &options, &fault);
}

/* Refused with "PATH:" and the rest of the line. */
static void refuses(const char *text, const char *rest)
{
    assert_true(reads(text) < 0);
    assert_memory_equal(fault.text, path, strlen(path));
    if (strncmp(fault.text + strlen(path), rest, strlen(rest)) != 0)
        fail_msg("'%s' does not go on with '%s'", fault.text, rest);
}

static void keys_comments_and_sections(void **state)
{
    assert_int_equal(reads("# root's disk\n"
                           "url = iscsi://192.0.2.7/iqn.2026-11.org.example:root/1 ; the array\n"
                           "\n"
                           "[front ends]\n"
                           "nbd = unix:/run/a.sock\n"
                           "nbd=tcp:127.0.0.1:10809\n"
                           "read_only\n"
                           "stop_timeout: 3s"),
                     0);
    assert_string_equal(options.url.target, "iqn.2026-11.org.example:root");
    assert_int_equal(options.url.lun, 1);
    assert_int_equal(options.nbd.count, 2);
    assert_true(options.read_only);
    assert_true(options.stop_timeout == 3000);
}

static void a_fault_names_file_and_line(void **state)
{
    refuses("# one\n\n[x]\nconect_timeout = 3s\n",
            ":4: unknown key 'conect_timeout'; did you mean 'connect_timeout'?");
    refuses("memory = 32M\nstop_timeout = 10\nmemory = x\n", ":2: stop_timeout: '10' lacks a unit");
    refuses("memory = 32M\nmemory = 16M\n", ":2: memory: given a second time");
    refuses("\n[half a section\n", ":2: not understood");
    refuses("stop_timeout\n", ":1: stop_timeout: the value is missing");
}

static void an_indented_line_is_not_glued_to_the_one_before(void **state)
{
    assert_int_equal(reads("nbd = unix:/a\n  fuse = /b\n"), 0);
    assert_int_equal(options.nbd.count, 1);
    assert_string_equal(options.fuse.items[0], "/b");
}

static void a_long_line_is_not_cut_in_silence(void **state)
{
    char text[5000] = "fuse = /";
    memset(text + 8, 'a', 900);
    text[908] = '\0';
    assert_int_equal(reads(text), 0);
    assert_int_equal(strlen(options.fuse.items[0]), 901);

    memset(text + 8, 'a', sizeof text - 9);
    text[sizeof text - 1] = '\0';
    refuses(text, ":1: the line is longer than");
}

static void a_missing_file_is_named(void **state)
{
    options_init(&options);
    assert_int_equal(config_file_read("/nonexistent/x.conf", &options, &fault), -ENOENT);
    assert_string_equal(fault.text, "/nonexistent/x.conf: No such file or directory");
}

static void a_directory_is_no_file(void **state)
{
    options_init(&options);
    assert_true(config_file_read("/tmp", &options, &fault) < 0);
    assert_memory_equal(fault.text, "/tmp: ", 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_comments_and_sections),
        cmocka_unit_test(a_fault_names_file_and_line),
        cmocka_unit_test(an_indented_line_is_not_glued_to_the_one_before),
        cmocka_unit_test(a_long_line_is_not_cut_in_silence),
        cmocka_unit_test(a_missing_file_is_named),
        cmocka_unit_test(a_directory_is_no_file),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
