/* On files in a folder of its own. */
#include "daemon/journal_setup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/log.h"
#include "journal/journal.h"
#include "tests/unit/unit.h"

#define MIB (1024u * 1024)

static char folder[64], path[128];
static struct options options;
static struct journal_setup setup;
static struct fault fault;
static struct log *quiet;
static struct sd_notifier nobody = {.fd = -1};
static int null_fd;

static int set_up(void **state)
{
    strcpy(folder, "/dev/shm/holdfast-setup-XXXXXX"); /* quick, and a tmpfs */
    if (!mkdtemp(folder))
        strcpy(folder, mkdtemp(strcpy(path, "/tmp/holdfast-setup-XXXXXX")));
    snprintf(path, sizeof path, "%s/journal", folder);
    null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    quiet = log_new(null_fd, "t");
    options_init(&options);
    snprintf(options.journal, sizeof options.journal, "%s", path);
    snprintf(options.run_dir, sizeof options.run_dir, "%s", folder);
    options.journal_size = 6 * MIB;
    return 0;
}

static int tear_down(void **state)
{
    log_free(quiet);
    close(null_fd);
    unlink(path);
    rmdir(folder);
    return 0;
}

static int open_it(void)
{
    return journal_setup_open(&options, NULL, quiet, &nobody, &setup, &fault);
}

static void put_file(const void *data, size_t bytes)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, data, bytes), bytes);
    close(fd);
}

static bool is_there(void)
{
    return access(path, F_OK) == 0;
}

static void none_is_nothing(void **state)
{
    strcpy(options.journal, "none");
    assert_int_equal(open_it(), 0);
    assert_null(setup.device);
    assert_int_equal(
        journal_setup_use(&setup, &options, "iqn.i", &(struct journal_owner){0}, NULL, &fault), 0);
    journal_setup_close(&setup, true, quiet);
}

static void a_missing_file_is_made(void **state)
{
    struct stat made;
    assert_int_equal(open_it(), 0);
    assert_false(setup.is_there);
    assert_int_equal(stat(path, &made), 0);
    assert_int_equal(made.st_size, 6 * MIB);
    assert_int_equal(setup.persistent, !jdev_get_facts(setup.device)->memory);
    journal_setup_close(&setup, true, quiet);
    assert_true(is_there()); /* somebody asked for this path */
}

static void one_that_is_too_small_is_refused(void **state)
{
    put_file("", 1);
    assert_int_equal(open_it(), -EINVAL);
    assert_non_null(strstr(fault.text, "a journal needs 1024 KiB at least"));
}

static void one_that_is_there_is_taken_and_never_removed_while_it_holds_data(void **state)
{
    struct jnl_superblock superblock = {.lun_block_bytes = 512, .lun_blocks = 4096};
    strcpy(options.journal, "memory");
    assert_int_equal(open_it(), 0);
    assert_int_equal(jnl_create(setup.device, &superblock), 0);
    uint8_t *block = aligned_alloc(JNL_BLOCK, JNL_BLOCK);
    superblock.state = JNL_STATE_OPEN;
    superblock.generation = 2;
    jnl_superblock_encode(&superblock, block);
    assert_int_equal(setup.device->ops->write_now(setup.device, 0, block, JNL_BLOCK), 0);
    free(block);
    journal_setup_close(&setup, true, quiet);
    assert_true(is_there());
    assert_int_equal(open_it(), 0);
    assert_true(setup.is_there);
    journal_setup_close(&setup, false, quiet);
}

static void foreign_contents_are_left_alone(void **state)
{
    static uint8_t data[6 * MIB];
    data[sizeof data - 1] = 1; /* at the end only */
    put_file(data, sizeof data);
    assert_int_equal(open_it(), -EINVAL);
    assert_non_null(strstr(fault.text, "holds something, but no journal"));
    assert_null(setup.device);
    data[sizeof data - 1] = 0;
    put_file(data, sizeof data);
    assert_int_equal(open_it(), 0);
    journal_setup_close(&setup, false, quiet);
}

static void two_at_once_is_refused(void **state)
{
    struct journal_setup first;
    assert_int_equal(open_it(), 0);
    first = setup;
    char why[JDEV_WHY_BYTES];
    struct jdev_port *second;
    const struct jdev_config config = {.path = path};
    assert_int_equal(jdev_open(&config, NULL, why, sizeof why, &second), -EBUSY);
    assert_non_null(strstr(why, "is in use by another process"));
    journal_setup_close(&first, false, quiet);
}

static void our_own_in_memory_is_removed_when_it_is_empty(void **state)
{
    strcpy(options.journal, "memory");
    assert_int_equal(open_it(), 0);
    assert_true(is_there());
    assert_false(setup.persistent);
    journal_setup_close(&setup, false, quiet);
    assert_true(is_there()); /* not a good end */
    assert_int_equal(open_it(), 0);
    journal_setup_close(&setup, true, quiet);
    assert_false(is_there());
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(none_is_nothing),
        TEST(a_missing_file_is_made),
        TEST(one_that_is_too_small_is_refused),
        TEST(one_that_is_there_is_taken_and_never_removed_while_it_holds_data),
        TEST(foreign_contents_are_left_alone),
        TEST(two_at_once_is_refused),
        TEST(our_own_in_memory_is_removed_when_it_is_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
