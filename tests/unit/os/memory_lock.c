#include "os/memory_lock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/unit/unit.h"

static void what_was_done_needs_no_complaint(void **state)
{
    const struct memory_lock_result result = {0};
    char text[200] = "old";
    assert_int_equal(memory_lock_complaint(&result, text, sizeof text), 0);
    assert_string_equal(text, "");
}

static void every_refusal_is_named_with_its_mend(void **state)
{
    const struct memory_lock_result result = {
        .locked = -ENOMEM, .io_flusher = -EINVAL, .oom_protected = -EACCES};
    char text[400];
    size_t bytes = memory_lock_complaint(&result, text, sizeof text);
    assert_int_equal(bytes, strlen(text));
    assert_non_null(strstr(text, "LimitMEMLOCK=infinity"));
    assert_non_null(strstr(text, "I/O flusher"));
    assert_non_null(strstr(text, "OOMScoreAdjust=-1000"));
}

static void a_short_buffer_is_not_overrun(void **state)
{
    const struct memory_lock_result result = {
        .locked = -ENOMEM, .io_flusher = -EINVAL, .oom_protected = -EACCES};
    for (size_t size = 0; size < 300; size++) {
        char text[301];
        memset(text, 'x', sizeof text);
        size_t bytes = memory_lock_complaint(&result, text, size);
        assert_true(size == 0 ? bytes == 0 : bytes < size && text[bytes] == '\0');
        assert_int_equal(text[size], 'x');
    }
}

static long locked_kib(void)
{
    char line[200];
    long kib = -1;
    FILE *file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof line, file))
        sscanf(line, "VmLck: %ld", &kib);
    if (file)
        fclose(file);
    return kib;
}

static void the_result_is_the_truth(void **state)
{
#ifdef __SANITIZE_ADDRESS__
    skip(); /* there mlockall() does nothing and says that it did */
#endif
    struct memory_lock_result result;
    memory_lock(&result);
    if (result.locked == 0)
        assert_true(locked_kib() > 0);
    else
        assert_int_equal(locked_kib(), 0);
    munlockall();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_done_needs_no_complaint),
        cmocka_unit_test(every_refusal_is_named_with_its_mend),
        cmocka_unit_test(a_short_buffer_is_not_overrun),
        cmocka_unit_test(the_result_is_the_truth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
