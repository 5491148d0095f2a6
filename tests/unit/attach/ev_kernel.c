/*
 * Jobs as processes. What they do to a kernel is tested in a guest (tests/boot/test-nbd-*): here
 * is one that has no such device, so each job fails, and that has to be told well.
 */
#include "attach/ev_kernel.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "os/ev_loop.h"
#include "tests/unit/unit.h"

#define NO_INDEX 99999u /* a device that nobody has */

struct fixture {
    struct evl *loop;
    struct att_kernel *kernel;
    struct att_kernel_port *port;
    struct att_disk disk;
    unsigned done;
    struct att_job job;
};

static void job_done(struct att_job *job)
{
    container_of(job, struct fixture, job)->done++;
}

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.disk = {.size_bytes = 1048576, .block_bytes = 512}};
    strcpy(fixture.disk.backend, "holdfast:unit-test:none");
    assert_int_equal(evl_new(&fixture.loop), 0);
    fixture.kernel = att_kernel_new(fixture.loop);
    assert_non_null(fixture.kernel);
    fixture.port = att_kernel_port(fixture.kernel);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    att_kernel_free(fixture->kernel);
    evl_free(fixture->loop);
    return 0;
}

static void start(struct fixture *fixture, enum att_op op, int socket)
{
    fixture->job = (struct att_job){
        .op = op, .index = NO_INDEX, .disk = &fixture->disk, .socket = socket, .done = job_done};
    fixture->port->ops->start(fixture->port, &fixture->job);
    assert_int_equal(fixture->done, 0); /* never from inside */
}

static void finish(struct fixture *fixture)
{
    while (fixture->done == 0)
        evl_run_once(fixture->loop, true);
    assert_int_equal(fixture->done, 1);
}

static void a_job_that_fails_says_why(void **state)
{
    struct fixture *fixture = *state;
    start(fixture, ATT_TUNE, -1);
    finish(fixture);
    assert_int_equal(fixture->job.error, -ENOENT);
    assert_non_null(strstr(fixture->job.reason, "/sys/block/nbd99999/queue/io_timeout"));
}

static void a_device_that_is_not_there_cannot_be_released(void **state)
{
    struct fixture *fixture = *state;
    start(fixture, ATT_RELEASE, -1);
    finish(fixture);
    assert_int_equal(fixture->job.error, -ENOENT);
    assert_non_null(strstr(fixture->job.reason, "/dev/nbd99999"));
}

static void the_kernels_end_is_closed_when_the_job_is_done(void **state)
{
    struct fixture *fixture = *state;
    char byte;
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    start(fixture, ATT_RECONNECT, ends[1]);
    finish(fixture);
    assert_int_not_equal(fixture->job.error, 0);
    assert_int_equal(recv(ends[0], &byte, 1, MSG_DONTWAIT), 0); /* nobody holds it */
    close(ends[0]);
}

static void a_cancelled_job_is_not_told(void **state)
{
    struct fixture *fixture = *state;
    int ends[2];
    char byte;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    start(fixture, ATT_RECONNECT, ends[1]);
    fixture->port->ops->cancel(fixture->port, &fixture->job);
    assert_int_equal(recv(ends[0], &byte, 1, 0), 0); /* until its process is dead */
    evl_run_once(fixture->loop, false);
    assert_int_equal(fixture->done, 0);
    close(ends[0]);
}

static void two_jobs_may_run_at_once(void **state)
{
    struct fixture *fixture = *state;
    struct fixture other = {.loop = fixture->loop, .port = fixture->port, .disk = fixture->disk};
    start(fixture, ATT_TUNE, -1);
    start(&other, ATT_SCAN, -1);
    finish(fixture);
    finish(&other);
    assert_int_equal(other.job.error, -ENOENT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_job_that_fails_says_why),
        TEST(a_device_that_is_not_there_cannot_be_released),
        TEST(the_kernels_end_is_closed_when_the_job_is_done),
        TEST(a_cancelled_job_is_not_told),
        TEST(two_jobs_may_run_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
