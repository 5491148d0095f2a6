#include "os/journal_file.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "tests/unit/os/scratch.h"
#include "tests/unit/unit.h"

#define MIB (1024u * 1024u)

struct rig {
    struct scratch scratch;
    char path[160];
    char why[JDEV_WHY_BYTES];
    struct jdev_config config;
    struct journal_file file;
    struct journal_file other;
    unsigned calls;
    uint64_t last_bytes;
    unsigned stop_after; /* calls of the progress callback; 0: never */
};

static bool progress(void *owner, uint64_t done_bytes, uint64_t total_bytes)
{
    struct rig *rig = owner;
    assert_true(done_bytes > rig->last_bytes && done_bytes <= total_bytes);
    rig->last_bytes = done_bytes;
    return ++rig->calls != rig->stop_after;
}

static int setup(void **state)
{
    struct rig *rig = calloc(1, sizeof *rig);
    scratch_make(&rig->scratch, SCRATCH_DISK);
    scratch_path(&rig->scratch, "journal", rig->path, sizeof rig->path);
    rig->config = (struct jdev_config){
        .path = rig->path, .create_bytes = 2 * MIB, .progress = progress, .owner = rig};
    rig->file.fd = rig->other.fd = -1;
    *state = rig;
    return 0;
}

static int teardown(void **state)
{
    struct rig *rig = *state;
    journal_file_close(&rig->file);
    journal_file_close(&rig->other);
    scratch_remove(&rig->scratch);
    free(rig);
    return 0;
}

static int open_it(struct rig *rig)
{
    return journal_file_open(&rig->config, rig->why, sizeof rig->why, &rig->file);
}

static void assert_refused(struct rig *rig, int error, const char *words)
{
    rig->why[0] = '\0';
    assert_int_equal(open_it(rig), error);
    assert_int_equal(strncmp(rig->why, "journal ", 8), 0);
    if (strstr(rig->why, words) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", rig->why, words);
}

static void put(struct rig *rig, const char *text, off_t offset)
{
    int fd = open(rig->path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(pwrite(fd, text, strlen(text), offset), strlen(text));
    close(fd);
}

static void assert_has(struct rig *rig, const char *text, off_t offset)
{
    char found[64] = "";
    int fd = open(rig->path, O_RDONLY | O_CLOEXEC);
    assert_int_equal(pread(fd, found, strlen(text), offset), strlen(text));
    assert_string_equal(found, text);
    close(fd);
}

static bool has_holes(struct rig *rig)
{
    int fd = open(rig->path, O_RDONLY | O_CLOEXEC);
    off_t end = lseek(fd, 0, SEEK_END);
    off_t hole = lseek(fd, 0, SEEK_HOLE);
    close(fd);
    return hole < end;
}

static void a_missing_file_is_made_and_filled_with_zeros(void **state)
{
    struct rig *rig = *state;
    struct stat made;
    rig->config.create_bytes = 40 * MIB + 5000;
    assert_int_equal(open_it(rig), 0);
    assert_int_equal(rig->file.size_bytes, 40 * MIB + 4096);
    assert_true(rig->file.facts.created);
    assert_false(rig->file.facts.block_device || rig->file.facts.memory);
    assert_int_equal(stat(rig->path, &made), 0);
    assert_int_equal(made.st_size, 40 * MIB + 4096);
    assert_int_equal(made.st_mode & 0777, 0600);
    assert_false(has_holes(rig));
    assert_in_range(rig->calls, 2, 10);
    assert_int_equal(rig->last_bytes, rig->file.size_bytes);
}

static void a_file_that_is_there_keeps_its_size_and_its_bytes(void **state)
{
    struct rig *rig = *state;
    assert_int_equal(open_it(rig), 0);
    journal_file_close(&rig->file);
    put(rig, "old", 70000);
    rig->config.create_bytes = 8 * MIB;
    rig->calls = 0;
    assert_int_equal(open_it(rig), 0);
    assert_int_equal(rig->file.size_bytes, 2 * MIB);
    assert_false(rig->file.facts.created);
    assert_int_equal(rig->calls, 0);
    assert_has(rig, "old", 70000);
}

static void an_empty_file_is_filled_like_a_missing_one(void **state)
{
    struct rig *rig = *state;
    put(rig, "", 0);
    assert_int_equal(open_it(rig), 0);
    assert_int_equal(rig->file.size_bytes, 2 * MIB);
    assert_true(rig->file.facts.created);
    assert_false(has_holes(rig));
}

static void holes_are_filled_around_what_is_there(void **state)
{
    struct rig *rig = *state;
    put(rig, "middle", 1 * MIB);
    assert_int_equal(truncate(rig->path, 3 * MIB + 100), 0);
    assert_true(has_holes(rig));
    assert_int_equal(open_it(rig), 0);
    assert_int_equal(rig->file.size_bytes, 3 * MIB);
    assert_false(rig->file.facts.created);
    assert_int_equal(truncate(rig->path, 3 * MIB), 0);
    assert_false(has_holes(rig));
    assert_has(rig, "middle", 1 * MIB);
}

static void who_gives_up_leaves_nothing_behind(void **state)
{
    struct rig *rig = *state;
    rig->stop_after = 1;
    assert_refused(rig, -ECANCELED, "stopped");
    assert_int_equal(access(rig->path, F_OK), -1);
}

static int open_with_limit(struct rig *rig, rlim_t bytes)
{
    struct rlimit before, limit;
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    limit = before;
    limit.rlim_cur = bytes;
    setrlimit(RLIMIT_FSIZE, &limit);
    int error = open_it(rig);
    setrlimit(RLIMIT_FSIZE, &before);
    return error;
}

static void a_file_that_cannot_be_filled_is_removed_or_emptied_again(void **state)
{
    struct rig *rig = *state;
    struct stat left;
    assert_int_equal(open_with_limit(rig, MIB), -EFBIG);
    assert_int_equal(access(rig->path, F_OK), -1);
    put(rig, "", 0);
    assert_int_equal(open_with_limit(rig, MIB), -EFBIG);
    assert_int_equal(stat(rig->path, &left), 0);
    assert_int_equal(left.st_size, 0);
}

static void a_file_that_was_there_outlives_a_failure_to_fill_it(void **state)
{
    struct rig *rig = *state;
    put(rig, "keep", 0);
    assert_int_equal(truncate(rig->path, 2 * MIB), 0);
    assert_int_equal(open_with_limit(rig, MIB), -EFBIG);
    assert_non_null(strstr(rig->why, "can only be filled up to"));
    assert_has(rig, "keep", 0);
    assert_int_equal(truncate(rig->path, 2 * MIB), 0); /* it is still there */
}

static void a_full_file_system_is_not_filled_up_for_nothing(void **state)
{
    struct rig *rig = *state;
    char path[200];
    if (mount("none", rig->scratch.folder, "tmpfs", 0, "size=3m") < 0)
        skip();
    scratch_path(&rig->scratch, "journal", path, sizeof path);
    rig->config.create_bytes = 4 * MIB;
    rig->why[0] = '\0';
    int error = open_it(rig);
    bool is_there = access(path, F_OK) == 0;
    umount2(rig->scratch.folder, MNT_DETACH);
    assert_int_equal(error, -ENOSPC);
    assert_non_null(strstr(rig->why, "needs 4 MiB, and there is room for 3 MiB"));
    assert_int_equal(rig->calls, 0);
    assert_false(is_there);
}

static void two_cannot_have_it(void **state)
{
    struct rig *rig = *state;
    assert_int_equal(open_it(rig), 0);
    struct journal_file mine = rig->file;
    assert_refused(rig, -EBUSY, "in use by another process");
    rig->config.flags = JDEV_READ_ONLY;
    assert_refused(rig, -EBUSY, "in use by another process");
    rig->config.flags = 0;
    journal_file_close(&mine);
    assert_int_equal(open_it(rig), 0);
}

/* As after a kill: the kernel lets go of the lock a little later. */
static void a_lock_is_waited_for(void **state)
{
    struct rig *rig = *state;
    assert_int_equal(open_it(rig), 0);
    pid_t holder = fork();
    if (holder == 0) {
        usleep(150000);
        _exit(0);
    }
    journal_file_close(&rig->file); /* the child still has it */
    assert_refused(rig, -EBUSY, "in use");
    rig->config.lock_wait_ms = 20000;
    assert_int_equal(open_it(rig), 0);
    waitpid(holder, NULL, 0);
}

static void readers_share_and_cannot_write(void **state)
{
    struct rig *rig = *state;
    rig->config.flags = JDEV_READ_ONLY;
    assert_refused(rig, -ENOENT, "does not exist");
    put(rig, "data", 0);
    assert_int_equal(truncate(rig->path, 2 * MIB), 0);
    assert_int_equal(journal_file_open(&rig->config, rig->why, sizeof rig->why, &rig->other), 0);
    assert_int_equal(open_it(rig), 0);
    assert_int_equal(write(rig->file.fd, "x", 1), -1);
    assert_true(has_holes(rig)); /* untouched */
    struct journal_file mine = rig->file;
    rig->config.flags = 0;
    assert_refused(rig, -EBUSY, "in use");
    journal_file_close(&mine);
}

static void what_is_not_a_journals_place_is_refused(void **state)
{
    struct rig *rig = *state;
    rig->config.path = rig->scratch.folder;
    assert_refused(rig, -EINVAL, "neither a file nor a block device");
    rig->config.path = "/dev/null";
    assert_refused(rig, -EINVAL, "neither a file nor a block device");
    rig->config.path = "/dev/disk/by-partlabel/holdfast-test-none";
    assert_refused(rig, -ENOENT, "is the disk there");
    assert_int_equal(access(rig->config.path, F_OK), -1);
    rig->config.path = "/nonexistent/folder/journal";
    assert_refused(rig, -ENOENT, "cannot be made: No such file");
    rig->config.path = rig->path;
    rig->config.create_bytes = 0;
    assert_refused(rig, -ENOENT, "does not exist");
    put(rig, "", 0);
    assert_refused(rig, -EINVAL, "is empty");
}

static void what_is_too_small_is_refused(void **state)
{
    struct rig *rig = *state;
    rig->config.create_bytes = MIB - 1;
    assert_refused(rig, -EINVAL, "needs 1024 KiB at least");
    assert_int_equal(access(rig->path, F_OK), -1);
    rig->config.create_bytes = 2 * MIB;
    put(rig, "small", 0);
    assert_refused(rig, -EINVAL, "needs 1024 KiB at least");
    assert_has(rig, "small", 0);
}

static void our_own_export_is_refused(void **state)
{
    struct rig *rig = *state;
    struct stat folder;
    assert_int_equal(stat(rig->scratch.folder, &folder), 0);
    rig->config.own_devices = &folder.st_dev;
    rig->config.own_device_count = 1;
    assert_refused(rig, -EDEADLK, "the very disk");
    assert_int_equal(access(rig->path, F_OK), -1);
}

static void overlayfs_is_refused(void **state)
{
    struct rig *rig = *state;
    char options[600], root[] = "/dev/shm/holdfast-test-XXXXXX", path[200];
    assert_non_null(mkdtemp(root));
    for (const char *const *name = (const char *const[]){"upper", "work", NULL}; *name; name++) {
        snprintf(path, sizeof path, "%s/%s", root, *name);
        mkdir(path, 0700);
    }
    snprintf(options, sizeof options, "lowerdir=%s,upperdir=%s/upper,workdir=%s/work",
             rig->scratch.folder, root, root);
    bool mounted = mount("none", rig->scratch.folder, "overlay", 0, options) == 0;
    int error = mounted ? open_it(rig) : 0;
    bool is_there = access(rig->path, F_OK) == 0;
    umount2(rig->scratch.folder, mounted ? MNT_DETACH : 0);
    snprintf(options, sizeof options, "rm -r %s", root);
    assert_int_equal(system(options), 0);
    if (!mounted)
        skip();
    assert_int_equal(error, -EOPNOTSUPP);
    assert_non_null(strstr(rig->why, "overlayfs"));
    assert_false(is_there);
}

/* Prints the loop device that it made of the file. */
static bool attach_loop(const char *file, char *ret_device, size_t bytes)
{
    char command[256];
    snprintf(command, sizeof command, "losetup --find --show '%s' 2>/dev/null", file);
    FILE *output = popen(command, "re");
    bool attached = output && fgets(ret_device, (int)bytes, output) != NULL;
    if (output)
        pclose(output);
    ret_device[strcspn(ret_device, "\n")] = '\0';
    return attached;
}

static void a_block_device_is_taken_whole_and_known_by_what_it_lies_on(void **state)
{
    struct rig *rig = *state;
    char device[64], command[128];
    struct stat folder;
    put(rig, "block", 0);
    assert_int_equal(truncate(rig->path, 5 * MIB), 0);
    if (!attach_loop(rig->path, device, sizeof device))
        skip();
    stat(rig->scratch.folder, &folder);
    rig->config.path = device;
    int error = open_it(rig);
    struct journal_file mine = rig->file;
    int second = journal_file_open(&rig->config, rig->why, sizeof rig->why, &rig->other);
    rig->config.own_devices = &folder.st_dev;
    rig->config.own_device_count = 1;
    journal_file_close(&rig->file);
    int own = open_it(rig);
    snprintf(command, sizeof command, "losetup -d %s", device);
    assert_int_equal(system(command), 0);

    assert_int_equal(error, 0);
    assert_true(mine.facts.block_device);
    assert_int_equal(mine.size_bytes, 5 * MIB);
    assert_int_equal(second, -EBUSY);
    assert_int_equal(own, -EDEADLK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_missing_file_is_made_and_filled_with_zeros),
        TEST(a_file_that_is_there_keeps_its_size_and_its_bytes),
        TEST(an_empty_file_is_filled_like_a_missing_one),
        TEST(holes_are_filled_around_what_is_there),
        TEST(who_gives_up_leaves_nothing_behind),
        TEST(a_file_that_cannot_be_filled_is_removed_or_emptied_again),
        TEST(a_file_that_was_there_outlives_a_failure_to_fill_it),
        TEST(a_full_file_system_is_not_filled_up_for_nothing),
        TEST(two_cannot_have_it),
        TEST(a_lock_is_waited_for),
        TEST(readers_share_and_cannot_write),
        TEST(what_is_not_a_journals_place_is_refused),
        TEST(what_is_too_small_is_refused),
        TEST(our_own_export_is_refused),
        TEST(overlayfs_is_refused),
        TEST(a_block_device_is_taken_whole_and_known_by_what_it_lies_on),
    };
    if (!scratch_disk_is_fit()) {
        print_message("no journal can lie in %s: skipped\n", SCRATCH_DISK);
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
