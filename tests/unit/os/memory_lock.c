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
    memory_lock(MEMORY_LOCK_ALL, &result);
    if (result.locked == 0)
        assert_true(locked_kib() > 0);
    else
        assert_int_equal(locked_kib(), 0);
    munlockall();
}

static long resident_kib(void)
{
    long pages = 0, kib = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file && fscanf(file, "%*d %ld", &pages) == 1)
        kib = pages * (sysconf(_SC_PAGESIZE) / 1024);
    if (file)
        fclose(file);
    return kib;
}

/* Memory that is there at once is what an idle daemon can do without, and a disk of ours cannot. */
static void only_a_whole_lock_brings_pages_that_nobody_used(void **state)
{
#ifdef __SANITIZE_ADDRESS__
    skip();
#endif
    const size_t bytes = 16 * 1024 * 1024;
    struct memory_lock_result result;
    void *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(map, MAP_FAILED);
    long before = resident_kib();
    memory_lock(MEMORY_LOCK_TOUCHED, &result);
    if (result.locked != 0) {
        munmap(map, bytes);
        skip(); /* not allowed here */
    }
    assert_true(resident_kib() - before < 8 * 1024);
    memory_lock(MEMORY_LOCK_ALL, &result);
    assert_int_equal(result.locked, 0);
    assert_true(resident_kib() - before >= 16 * 1024);
    munlockall();
    munmap(map, bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_done_needs_no_complaint),
        cmocka_unit_test(every_refusal_is_named_with_its_mend),
        cmocka_unit_test(a_short_buffer_is_not_overrun),
        cmocka_unit_test(the_result_is_the_truth),
        cmocka_unit_test(only_a_whole_lock_brings_pages_that_nobody_used),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
