#include "os/journal_device.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "tests/unit/os/scratch.h"
#include "tests/unit/unit.h"

#define DEVICE_BYTES (4u * 1024 * 1024)
#define BLOCK        4096u
#define MANY         200u /* more than are on their way at once */

/* Every test runs with each engine, on a disk and in memory. */
struct variant {
    enum jdev_engine_choice engine;
    const char *place;
};

struct rig {
    const struct variant *variant;
    struct scratch scratch;
    char path[160];
    char why[JDEV_WHY_BYTES];
    struct evl *loop;
    struct jdev_port *device;
    char *memory; /* MANY blocks, aligned */
    unsigned ended;
};

struct probe {
    struct jdev_op op;
    struct iovec iov[3];
    struct rig *rig;
    unsigned times;
    unsigned ended_as; /* place in the order of ending, from 1 */
    int error;
    unsigned again; /* how often done() submits it once more, one block further */
};

static void ended(struct jdev_op *op, int error)
{
    struct probe *probe = container_of(op, struct probe, op);
    probe->times++;
    probe->error = error;
    probe->ended_as = ++probe->rig->ended;
    evl_break(probe->rig->loop); /* when it was a hook that called: do not wait after it */
    if (probe->again > 0) {
        probe->again--;
        op->offset += op->bytes;
        probe->rig->device->ops->submit(probe->rig->device, op);
    }
}

static struct jdev_config rig_config(struct rig *rig)
{
    return (struct jdev_config){
        .path = rig->path, .create_bytes = DEVICE_BYTES, .engine = rig->variant->engine};
}

static int setup(void **state)
{
    struct rig *rig = calloc(1, sizeof *rig);
    rig->variant = *state;
    scratch_make(&rig->scratch, rig->variant->place);
    scratch_path(&rig->scratch, "journal", rig->path, sizeof rig->path);
    rig->memory = aligned_alloc(BLOCK, MANY * BLOCK);
    memset(rig->memory, 0, MANY * BLOCK);
    assert_int_equal(evl_new(&rig->loop), 0);
    struct jdev_config config = rig_config(rig);
    int error = jdev_open(&config, rig->loop, rig->why, sizeof rig->why, &rig->device);
    if (error < 0)
        print_error("%s\n", rig->why);
    *state = rig;
    return error;
}

static int teardown(void **state)
{
    struct rig *rig = *state;
    int error = jdev_close(rig->device);
    evl_free(rig->loop);
    free(rig->memory);
    scratch_remove(&rig->scratch);
    free(rig);
    return error;
}

static void probe_init(struct probe *probe, struct rig *rig, enum jdev_kind kind, uint64_t offset,
                       void *memory, size_t bytes)
{
    *probe = (struct probe){.rig = rig, .error = 1};
    probe->iov[0] = (struct iovec){.iov_base = memory, .iov_len = bytes};
    probe->op = (struct jdev_op){.kind = kind,
                                 .offset = offset,
                                 .iov = probe->iov,
                                 .iov_count = 1,
                                 .bytes = bytes,
                                 .done = ended};
}

static void submit(struct probe *probe)
{
    probe->rig->device->ops->submit(probe->rig->device, &probe->op);
}

static void run_until_ended(struct rig *rig, unsigned count)
{
    while (rig->ended < count)
        evl_run_once(rig->loop, true);
    assert_int_equal(rig->ended, count);
}

static int run(struct rig *rig, struct probe *probe)
{
    rig->ended = 0;
    submit(probe);
    run_until_ended(rig, 1 + probe->again);
    return probe->error;
}

/* What a stranger reads from the file. */
static void assert_file_has(struct rig *rig, uint64_t offset, const void *expected, size_t bytes)
{
    char *found = malloc(bytes);
    int fd = open(rig->path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, found, bytes, (off_t)offset), bytes);
    assert_memory_equal(found, expected, bytes);
    close(fd);
    free(found);
}

static void a_write_lands_and_reads_back(void **state)
{
    struct rig *rig = *state;
    struct probe probe;
    memset(rig->memory, 'a', BLOCK);
    probe_init(&probe, rig, JDEV_WRITE, 3 * BLOCK, rig->memory, BLOCK);
    assert_int_equal(run(rig, &probe), 0);
    assert_file_has(rig, 3 * BLOCK, rig->memory, BLOCK);

    probe_init(&probe, rig, JDEV_READ, 3 * BLOCK, rig->memory + BLOCK, BLOCK);
    assert_int_equal(run(rig, &probe), 0);
    assert_memory_equal(rig->memory, rig->memory + BLOCK, BLOCK);
}

static void a_durable_write_and_a_sync_succeed(void **state)
{
    struct rig *rig = *state;
    struct probe probe;
    memset(rig->memory, 'd', BLOCK);
    probe_init(&probe, rig, JDEV_WRITE, 0, rig->memory, BLOCK);
    probe.op.durable = true;
    assert_int_equal(run(rig, &probe), 0);
    assert_file_has(rig, 0, rig->memory, BLOCK);

    probe_init(&probe, rig, JDEV_SYNC, 0, NULL, 0);
    probe.op.iov = NULL;
    probe.op.iov_count = 0;
    assert_int_equal(run(rig, &probe), 0);
}

static void scattered_memory_becomes_one_contiguous_write(void **state)
{
    struct rig *rig = *state;
    struct probe probe;
    char expected[3 * BLOCK];
    memset(rig->memory, '1', BLOCK);
    memset(rig->memory + 8 * BLOCK, '2', BLOCK);
    memset(rig->memory + 4 * BLOCK, '3', BLOCK);
    memset(expected, '1', BLOCK);
    memset(expected + BLOCK, '2', BLOCK);
    memset(expected + 2 * BLOCK, '3', BLOCK);
    probe_init(&probe, rig, JDEV_WRITE, 5 * BLOCK, rig->memory, BLOCK);
    probe.iov[1] = (struct iovec){.iov_base = rig->memory + 8 * BLOCK, .iov_len = BLOCK};
    probe.iov[2] = (struct iovec){.iov_base = rig->memory + 4 * BLOCK, .iov_len = BLOCK};
    probe.op.iov_count = 3;
    probe.op.bytes = 3 * BLOCK;
    assert_int_equal(run(rig, &probe), 0);
    assert_file_has(rig, 5 * BLOCK, expected, sizeof expected);
}

static void nothing_ends_outside_the_loop(void **state)
{
    struct rig *rig = *state;
    struct probe probe;
    probe_init(&probe, rig, JDEV_WRITE, 0, rig->memory, BLOCK);
    submit(&probe);
    usleep(20000);
    assert_int_equal(probe.times, 0);
    run_until_ended(rig, 1);
    assert_int_equal(probe.times, 1);
}

static void more_than_fit_at_once_all_end_and_all_land(void **state)
{
    struct rig *rig = *state;
    static struct probe probes[MANY];
    for (unsigned i = 0; i < MANY; i++) {
        memset(rig->memory + (size_t)i * BLOCK, 'A' + (int)(i % 50), BLOCK);
        probe_init(&probes[i], rig, JDEV_WRITE, (uint64_t)i * BLOCK,
                   rig->memory + (size_t)i * BLOCK, BLOCK);
        submit(&probes[i]);
    }
    run_until_ended(rig, MANY);
    for (unsigned i = 0; i < MANY; i++) {
        assert_int_equal(probes[i].times, 1);
        assert_int_equal(probes[i].error, 0);
    }
    assert_file_has(rig, 0, rig->memory, MANY * BLOCK);
}

static void reads_writes_and_syncs_may_be_on_their_way_together(void **state)
{
    struct rig *rig = *state;
    struct probe probes[30];
    for (unsigned i = 0; i < 30; i++) {
        enum jdev_kind kind = (enum jdev_kind)(i % 3);
        probe_init(&probes[i], rig, kind, (uint64_t)i * BLOCK, rig->memory + (size_t)i * BLOCK,
                   BLOCK);
        submit(&probes[i]);
    }
    run_until_ended(rig, 30);
    for (unsigned i = 0; i < 30; i++)
        assert_int_equal(probes[i].error, 0);
}

static void the_next_may_be_submitted_from_done(void **state)
{
    struct rig *rig = *state;
    struct probe probe;
    memset(rig->memory, 'n', BLOCK);
    probe_init(&probe, rig, JDEV_WRITE, 0, rig->memory, BLOCK);
    probe.again = 100;
    assert_int_equal(run(rig, &probe), 0);
    assert_int_equal(probe.times, 101);
    assert_file_has(rig, 100ull * BLOCK, rig->memory, BLOCK);
}

static void without_io_uring_writes_and_syncs_keep_their_order(void **state)
{
    struct rig *rig = *state;
    struct probe probes[40];
    if (jdev_get_facts(rig->device)->uring)
        skip();
    for (unsigned i = 0; i < 40; i++) {
        probe_init(&probes[i], rig, i % 4 == 3 ? JDEV_SYNC : JDEV_WRITE, 0, rig->memory, BLOCK);
        submit(&probes[i]);
    }
    run_until_ended(rig, 40);
    for (unsigned i = 0; i < 40; i++)
        assert_int_equal(probes[i].ended_as, i + 1);
}

static void a_read_beyond_what_is_left_of_the_device_is_eio(void **state)
{
    struct rig *rig = *state;
    struct probe probe;
    assert_int_equal(truncate(rig->path, 4 * BLOCK), 0);
    probe_init(&probe, rig, JDEV_READ, 3 * BLOCK, rig->memory, 2 * BLOCK);
    assert_int_equal(run(rig, &probe), -EIO);
    assert_int_equal(rig->device->ops->read_now(rig->device, 4 * BLOCK, rig->memory, BLOCK), -EIO);
}

/* A limit on file sizes makes the kernel write less than it was asked to, then nothing. */
static void a_write_that_is_cut_short_goes_on_and_tells_what_stopped_it(void **state)
{
    struct rig *rig = *state;
    struct rlimit before, limit;
    struct probe probe;
    memset(rig->memory, 's', 2 * BLOCK);
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    limit = before;
    limit.rlim_cur = 6 * BLOCK;
    setrlimit(RLIMIT_FSIZE, &limit);
    probe_init(&probe, rig, JDEV_WRITE, 5 * BLOCK, rig->memory, 2 * BLOCK);
    int error = run(rig, &probe);
    setrlimit(RLIMIT_FSIZE, &before);

    assert_int_equal(error, -EFBIG);
    assert_file_has(rig, 5 * BLOCK, rig->memory, BLOCK);
    memset(rig->memory, 0, BLOCK);
    assert_file_has(rig, 6 * BLOCK, rig->memory, BLOCK);
    assert_int_equal(run(rig, &probe), 0);
}

static void close_waits_for_what_is_on_its_way_and_calls_nobody(void **state)
{
    struct rig *rig = *state;
    static struct probe probes[MANY];
    for (unsigned i = 0; i < MANY; i++) {
        probe_init(&probes[i], rig, i % 8 == 7 ? JDEV_SYNC : JDEV_WRITE, (uint64_t)i * BLOCK,
                   rig->memory + (size_t)i * BLOCK, BLOCK);
        submit(&probes[i]);
    }
    evl_run_once(rig->loop, false);
    unsigned ended_before = rig->ended;
    assert_int_equal(jdev_close(rig->device), 0);
    rig->device = NULL;
    memset(rig->memory, 0xff, MANY * BLOCK);
    evl_run_once(rig->loop, false);
    assert_int_equal(rig->ended, ended_before);
}

static void alarm_rang(struct timer *timer)
{
    timer->fired = NULL;
}

/* A few wake-ups are the kernel's (io_uring interrupts the wait when it starts a helper), however
 * long the sleep is; a loop that looked every millisecond would have many more. */
static void an_idle_device_lets_the_loop_sleep(void **state)
{
    struct rig *rig = *state;
    struct probe probe;
    struct timer alarm;
    unsigned turns = 0;
    probe_init(&probe, rig, JDEV_WRITE, 0, rig->memory, BLOCK);
    assert_int_equal(run(rig, &probe), 0);
    timer_init(&alarm, alarm_rang);
    port_timer_after_ms(evl_timer_port(rig->loop), &alarm, 100);
    for (evl_run_once(rig->loop, false); alarm.fired; turns++)
        evl_run_once(rig->loop, true);
    assert_in_range(turns, 1, 20);
}

static void blocking_calls_take_memory_that_is_not_aligned(void **state)
{
    struct rig *rig = *state;
    const struct jdev_port_ops *ops = rig->device->ops;
    size_t bytes = 300 * JDEV_ALIGN;
    char *odd = rig->memory + 7, *back = rig->memory + 100 * BLOCK + 3;
    for (size_t i = 0; i < bytes; i++)
        odd[i] = (char)(i * 31);
    assert_int_equal(ops->write_now(rig->device, 3 * JDEV_ALIGN, odd, bytes), 0);
    assert_file_has(rig, 3 * JDEV_ALIGN, odd, bytes);
    assert_int_equal(ops->sync_now(rig->device), 0);
    assert_int_equal(ops->read_now(rig->device, 3 * JDEV_ALIGN, back, bytes), 0);
    assert_memory_equal(odd, back, bytes);
}

static void blocking_calls_refuse_what_lies_outside(void **state)
{
    struct rig *rig = *state;
    const struct jdev_port_ops *ops = rig->device->ops;
    assert_int_equal(ops->read_now(rig->device, DEVICE_BYTES, rig->memory, BLOCK), -EINVAL);
    assert_int_equal(ops->read_now(rig->device, UINT64_MAX - 511, rig->memory, BLOCK), -EINVAL);
    assert_int_equal(ops->write_now(rig->device, 7, rig->memory, BLOCK), -EINVAL);
    assert_int_equal(ops->write_now(rig->device, 0, rig->memory, 100), -EINVAL);
}

static void the_facts_tell_engine_and_place(void **state)
{
    struct rig *rig = *state;
    const struct jdev_facts *facts = jdev_get_facts(rig->device);
    struct stat folder;
    assert_int_equal(stat(rig->scratch.folder, &folder), 0);
    assert_int_equal(facts->uring, rig->variant->engine == JDEV_ENGINE_URING);
    assert_int_equal(facts->memory, strcmp(rig->variant->place, SCRATCH_MEMORY) == 0);
    assert_true(facts->created);
    assert_int_equal(rig->device->size_bytes, DEVICE_BYTES);
    assert_true(jdev_lies_on(rig->device, &folder.st_dev, 1));
    folder.st_dev++;
    assert_false(jdev_lies_on(rig->device, &folder.st_dev, 1));
}

static void without_a_loop_the_blocking_calls_work(void **state)
{
    struct rig *rig = *state;
    assert_int_equal(jdev_close(rig->device), 0);
    rig->device = NULL;
    struct jdev_config config = rig_config(rig);
    assert_int_equal(jdev_open(&config, NULL, rig->why, sizeof rig->why, &rig->device), 0);
    memset(rig->memory, 'w', BLOCK);
    assert_int_equal(rig->device->ops->write_now(rig->device, 0, rig->memory, BLOCK), 0);
    assert_file_has(rig, 0, rig->memory, BLOCK);
}

/* --- what a sandbox may do to us --- */

/* From now on this process, for good, is refused this system call. */
static bool forbid(int system_call)
{
    struct sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)system_call, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = {.len = sizeof program / sizeof program[0], .filter = program};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

/* Runs `body` in a process of its own; it returns 0 when all is well. */
static void in_a_sandbox(int (*body)(struct rig *rig), struct rig *rig)
{
    int status;
    pid_t child = fork();
    if (child == 0) {
        evl_free(rig->loop);
        int result = evl_new(&rig->loop) == 0 ? body(rig) : 99;
        if (result == 0)
            evl_free(rig->loop);
        _exit(result);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77)
        skip();
    assert_int_equal(WEXITSTATUS(status), 0);
}

static int reopen(struct rig *rig, enum jdev_engine_choice engine)
{
    struct jdev_config config = rig_config(rig);
    config.engine = engine;
    return jdev_open(&config, rig->loop, rig->why, sizeof rig->why, &rig->device);
}

static int without_io_uring(struct rig *rig)
{
    struct probe probe;
    if (!forbid(SYS_io_uring_setup))
        return 77;
    if (reopen(rig, JDEV_ENGINE_URING) != -ENOSYS)
        return 1;
    if (reopen(rig, JDEV_ENGINE_AUTO) != 0 || jdev_get_facts(rig->device)->uring)
        return 2;
    probe_init(&probe, rig, JDEV_WRITE, 0, rig->memory, BLOCK);
    return run(rig, &probe) == 0 ? jdev_close(rig->device) : 3;
}

static int io_uring_until_now(struct rig *rig)
{
    static struct probe probes[MANY];
    struct probe chain;
    if (reopen(rig, JDEV_ENGINE_URING) != 0)
        return 1;
    probe_init(&chain, rig, JDEV_WRITE, 0, rig->memory, BLOCK);
    if (run(rig, &chain) != 0)
        return 2;
    if (!forbid(SYS_io_uring_enter))
        return 77;
    rig->ended = 0;
    for (unsigned i = 0; i < MANY; i++) {
        probe_init(&probes[i], rig, JDEV_WRITE, 0, rig->memory, BLOCK);
        submit(&probes[i]);
    }
    run_until_ended(rig, MANY);
    for (unsigned i = 0; i < MANY; i++) {
        if (probes[i].error != -EPERM || probes[i].times != 1)
            return 3;
    }
    chain.again = 100;
    chain.op.offset = 0;
    return run(rig, &chain) == -EPERM ? jdev_close(rig->device) : 4;
}

static void where_io_uring_is_forbidden_threads_are_chosen(void **state)
{
    struct rig *rig = *state;
    assert_int_equal(jdev_close(rig->device), 0);
    rig->device = NULL;
    in_a_sandbox(without_io_uring, rig);
}

static void when_io_uring_is_taken_away_everything_fails_and_nothing_hangs(void **state)
{
    struct rig *rig = *state;
    if (!jdev_get_facts(rig->device)->uring)
        skip();
    assert_int_equal(jdev_close(rig->device), 0);
    rig->device = NULL;
    in_a_sandbox(io_uring_until_now, rig);
}

static bool works(const struct variant *variant)
{
    struct rig rig = {.variant = variant};
    if (strcmp(variant->place, SCRATCH_DISK) == 0 && !scratch_disk_is_fit())
        return false;
    if (evl_new(&rig.loop) < 0)
        return false;
    scratch_make(&rig.scratch, variant->place);
    scratch_path(&rig.scratch, "journal", rig.path, sizeof rig.path);
    struct jdev_config config = rig_config(&rig);
    int error = jdev_open(&config, rig.loop, rig.why, sizeof rig.why, &rig.device);
    jdev_close(rig.device);
    evl_free(rig.loop);
    scratch_remove(&rig.scratch);
    return error != -ENOSYS; /* anything else is for the tests to complain of */
}

static const char *variant_name(const struct variant *variant)
{
    static char name[64];
    static const char *const engines[] = {
        [JDEV_ENGINE_AUTO] = "the loop",
        [JDEV_ENGINE_URING] = "io_uring",
        [JDEV_ENGINE_THREAD] = "threads",
    };
    snprintf(name, sizeof name, "%s in %s", engines[variant->engine], variant->place);
    return name;
}

#define TEST(name)                                                                                 \
    {                                                                                              \
#name, name, setup, teardown, NULL                                                         \
    }

static int run_all(const struct variant *variant)
{
    struct CMUnitTest tests[] = {
        TEST(a_write_lands_and_reads_back),
        TEST(a_durable_write_and_a_sync_succeed),
        TEST(scattered_memory_becomes_one_contiguous_write),
        TEST(nothing_ends_outside_the_loop),
        TEST(more_than_fit_at_once_all_end_and_all_land),
        TEST(reads_writes_and_syncs_may_be_on_their_way_together),
        TEST(the_next_may_be_submitted_from_done),
        TEST(without_io_uring_writes_and_syncs_keep_their_order),
        TEST(a_read_beyond_what_is_left_of_the_device_is_eio),
        TEST(a_write_that_is_cut_short_goes_on_and_tells_what_stopped_it),
        TEST(close_waits_for_what_is_on_its_way_and_calls_nobody),
        TEST(an_idle_device_lets_the_loop_sleep),
        TEST(blocking_calls_take_memory_that_is_not_aligned),
        TEST(blocking_calls_refuse_what_lies_outside),
        TEST(the_facts_tell_engine_and_place),
        TEST(without_a_loop_the_blocking_calls_work),
        TEST(where_io_uring_is_forbidden_threads_are_chosen),
        TEST(when_io_uring_is_taken_away_everything_fails_and_nothing_hangs),
    };
    for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++)
        tests[i].initial_state = (void *)variant;
    return cmocka_run_group_tests_name(variant_name(variant), tests, NULL, NULL);
}

int main(void)
{
    const struct variant variants[] = {
        {JDEV_ENGINE_THREAD, SCRATCH_DISK}, {JDEV_ENGINE_THREAD, SCRATCH_MEMORY},
        {JDEV_ENGINE_URING, SCRATCH_DISK},  {JDEV_ENGINE_URING, SCRATCH_MEMORY},
        {JDEV_ENGINE_AUTO, SCRATCH_MEMORY},
    };
    int failed = 0;
    for (size_t i = 0; i < sizeof variants / sizeof variants[0]; i++) {
        if (works(&variants[i]))
            failed += run_all(&variants[i]);
        else
            print_message("not tested here: %s\n", variant_name(&variants[i]));
    }
    return failed;
}
