#include "mount/source.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/config_file.h"

#include "tests/unit/unit.h"

#define URL "iscsi://192.0.2.7/iqn.2026-11.org.example:disk/1"

static struct mount_call call;
static struct mount_source source;
static struct fault fault;

static int find(const char *from, const char *list)
{
    const char *words[] = {"mount.holdfast", from, "/mnt", "-o", list, NULL};
    assert_int_equal(mount_call_parse(&call, 5, (char **)words, &fault), 0);
    return mount_source_find(&source, &call, &fault);
}

static void a_url_has_always_the_same_name(void **state)
{
    char first[OPTION_TEXT_BYTES];
    assert_int_equal(find(URL, "rw"), 0);
    assert_true(source.is_url);
    assert_memory_equal(source.name, "disk-1-", 7);
    strcpy(first, source.name);
    assert_int_equal(find("iscsi://192.0.2.8:3261/iqn.2026-11.org.example:disk/1", "ro"), 0);
    assert_string_equal(source.name, first);
}

static void what_is_called_alike_is_kept_apart(void **state)
{
    char first[OPTION_TEXT_BYTES];
    assert_int_equal(find(URL, ""), 0);
    strcpy(first, source.name);
    assert_int_equal(find("iscsi://192.0.2.7/iqn.2025-01.com.example:disk/1", ""), 0);
    assert_string_not_equal(source.name, first);
    assert_int_equal(find("iscsi://192.0.2.7/iqn.2026-11.org.example:disk/2", ""), 0);
    assert_string_not_equal(source.name, first);
}

static void the_longest_target_has_a_name_that_is_one(void **state)
{
    char url[400];
    snprintf(url, sizeof url, "iscsi://h/iqn.2026-11.org.example:%0150d/16383", 7);
    assert_int_equal(find(url, ""), 0);
    assert_int_equal(options_check_name(source.name, &fault), 0);
    assert_int_equal(strlen(source.name), 64);
}

static void a_name_may_be_given(void **state)
{
    assert_int_equal(find(URL, "name=my-disk"), 0);
    assert_string_equal(source.name, "my-disk");
}

static void the_configuration_is_one_that_the_daemon_reads(void **state)
{
    static struct options options;
    char text[4096], path[] = "/tmp/holdfast-source-XXXXXX";
    assert_int_equal(find(URL, "rw,retain=4M,portal=192.0.2.8,portal=192.0.2.9,read_only"), 0);
    assert_int_equal(
        mount_source_configuration(&source, &call, "fuse = /x/disk", text, sizeof text, &fault), 0);
    assert_memory_equal(text, SOURCE_HEAD_LINE, strlen(SOURCE_HEAD_LINE));
    int fd = mkstemp(path);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    options_init(&options);
    int error = config_file_read(path, &options, &fault);
    unlink(path);
    if (error)
        fail_msg("%s", fault.text);
    assert_int_equal(options_complete(&options, &fault), 0);
    assert_string_equal(options.name, source.name);
    assert_int_equal(options.retain, 4 << 20);
    assert_int_equal(options.url.portal_count, 3);
    assert_true(options.read_only);
    assert_string_equal(options.fuse.items[0], "/x/disk");
}

static void a_configuration_that_does_not_fit_is_refused(void **state)
{
    char text[64];
    assert_int_equal(find(URL, ""), 0);
    assert_int_equal(mount_source_configuration(&source, &call, "x", text, sizeof text, &fault),
                     -EINVAL);
}

static void a_name_that_nobody_configured_is_not_found(void **state)
{
    assert_int_equal(find("holdfast-no-such-name", ""), -ENOENT);
    assert_non_null(strstr(fault.text, "/etc/holdfast/holdfast-no-such-name.conf does not exist"));
    assert_int_equal(find("holdfast:holdfast-no-such-name", ""), -ENOENT);
    assert_int_equal(find("/root/holdfast-no-such-name", ""), -ENOENT);
}

static void what_is_neither_is_refused(void **state)
{
    assert_int_equal(find("/", ""), -EINVAL);
    assert_int_equal(find("holdfast:", ""), -EINVAL);
    assert_int_equal(find("LABEL=x", ""), -EINVAL);
    assert_int_equal(find("http://x/y", ""), -EINVAL);
    assert_int_equal(find("iscsi://h/iqn.2026-11.x:y", ""), -EINVAL);
    assert_int_equal(find(URL, "target=iqn.2026-11.x:z"), -EINVAL);
    assert_int_equal(find(URL, "chap_user=me"), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_url_has_always_the_same_name),
        cmocka_unit_test(what_is_called_alike_is_kept_apart),
        cmocka_unit_test(the_longest_target_has_a_name_that_is_one),
        cmocka_unit_test(a_name_may_be_given),
        cmocka_unit_test(the_configuration_is_one_that_the_daemon_reads),
        cmocka_unit_test(a_configuration_that_does_not_fit_is_refused),
        cmocka_unit_test(a_name_that_nobody_configured_is_not_found),
        cmocka_unit_test(what_is_neither_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
