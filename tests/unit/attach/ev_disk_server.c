/* The socket that goes to the kernel, with the test in the kernel's place. */
#include "attach/ev_disk_server.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "nbd-server/protocol.h"
#include "os/ev_loop.h"
#include "tests/tools/memory_volume.h"
#include "tests/unit/unit.h"

struct fixture {
    struct evl *loop;
    struct volume *volume;
    struct nsrv_export export;
    struct att_server *server;
    struct att_server_port *port;
    unsigned closed;
};

static void turn(struct fixture *fixture)
{
    for (unsigned i = 0; i < 20; i++)
        evl_run_once(fixture->loop, false);
}

static void closed(void *owner)
{
    ((struct fixture *)owner)->closed++;
}

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.export = {.name = "disk", .description = ""}};
    assert_int_equal(evl_new(&fixture.loop), 0);
    fixture.volume = memvol_new(&memvol_config_default);
    fixture.export.volume = fixture.volume;
    fixture.server = att_server_new(fixture.loop, &fixture.export);
    assert_non_null(fixture.server);
    fixture.port = att_server_port(fixture.server);
    fixture.port->closed = closed;
    fixture.port->owner = &fixture;
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    att_server_free(fixture->server);
    assert_int_equal(buffer_pool_used(vol_buffers(fixture->volume)), 0);
    memvol_free(fixture->volume);
    evl_free(fixture->loop);
    return 0;
}

static int open_socket(struct fixture *fixture)
{
    int fd = -1;
    assert_int_equal(fixture->port->ops->open(fixture->port, &fd), 0);
    fcntl(fd, F_SETFL, O_NONBLOCK); /* the kernel waits, the test must not */
    return fd;
}

static void ask(struct fixture *fixture, int fd, uint16_t type, uint64_t offset, uint32_t length)
{
    uint8_t header[28] = {0};
    put_be32(header, NSRV_MAGIC_REQUEST);
    put_be16(header + 6, type);
    put_be64(header + 8, 0x0102030405060708ull);
    put_be64(header + 16, offset);
    put_be32(header + 24, length);
    assert_int_equal(send(fd, header, sizeof header, MSG_NOSIGNAL), sizeof header);
    turn(fixture);
}

static void expect_answer(int fd, uint32_t error, size_t payload)
{
    uint8_t bytes[5000];
    assert_int_equal(recv(fd, bytes, sizeof bytes, 0), 16 + payload);
    assert_int_equal(get_be32(bytes), NSRV_MAGIC_SIMPLE);
    assert_int_equal(get_be32(bytes + 4), error);
}

static bool is_at_end(int fd)
{
    char byte;
    return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

static struct att_server_status status(struct fixture *fixture)
{
    struct att_server_status now;
    att_server_status(fixture->server, &now);
    return now;
}

static void requests_are_answered_without_a_handshake(void **state)
{
    struct fixture *fixture = *state;
    int fd = open_socket(fixture);
    ask(fixture, fd, NSRV_CMD_READ, 0, 4096);
    expect_answer(fd, 0, 4096);
    ask(fixture, fd, NSRV_CMD_FLUSH, 0, 0);
    expect_answer(fd, 0, 0);
    assert_true(status(fixture).open);
    assert_int_equal(status(fixture).counters.requests, 2);
    close(fd);
    turn(fixture);
}

static void a_socket_is_taken_while_somebody_holds_its_other_end(void **state)
{
    struct fixture *fixture = *state;
    int fd = open_socket(fixture);
    assert_true(fixture->port->ops->is_taken(fixture->port));
    int kernels = dup(fd);
    close(fd);
    assert_true(fixture->port->ops->is_taken(fixture->port));
    close(kernels);
    assert_false(fixture->port->ops->is_taken(fixture->port)); /* at once, not after a turn */
    turn(fixture);
    assert_false(fixture->port->ops->is_taken(fixture->port));
}

static void a_request_that_waits_in_the_socket_does_not_look_like_an_end(void **state)
{
    struct fixture *fixture = *state;
    uint8_t header[28] = {0};
    int fd = open_socket(fixture);
    assert_int_equal(send(fd, header, sizeof header, MSG_NOSIGNAL), sizeof header);
    assert_true(fixture->port->ops->is_taken(fixture->port));
    close(fd);
    turn(fixture);
}

static void the_end_of_the_socket_is_told_once(void **state)
{
    struct fixture *fixture = *state;
    close(open_socket(fixture));
    turn(fixture);
    assert_int_equal(fixture->closed, 1);
    assert_false(status(fixture).open);
    int fd = open_socket(fixture); /* and another one may come */
    ask(fixture, fd, NSRV_CMD_READ, 0, 512);
    expect_answer(fd, 0, 512);
    close(fd);
    turn(fixture);
    assert_int_equal(fixture->closed, 2);
}

static void hanging_up_answers_nothing_and_tells_nothing(void **state)
{
    struct fixture *fixture = *state;
    int fd = open_socket(fixture);
    memvol_hold(fixture->volume, true);
    ask(fixture, fd, NSRV_CMD_READ, 0, 512);
    assert_int_equal(memvol_held(fixture->volume), 1);
    fixture->port->ops->hang_up(fixture->port);
    assert_true(is_at_end(fd)); /* the kernel sends it again, to the next daemon */
    memvol_release(fixture->volume, 1);
    turn(fixture);
    assert_true(is_at_end(fd));
    assert_int_equal(fixture->closed, 0);
    fixture->port->ops->hang_up(fixture->port); /* no effect */
    close(fd);
}

static void stopping_answers_what_is_under_way(void **state)
{
    struct fixture *fixture = *state;
    int fd = open_socket(fixture);
    memvol_hold(fixture->volume, true);
    ask(fixture, fd, NSRV_CMD_READ, 0, 512);
    fixture->port->ops->stop(fixture->port);
    turn(fixture);
    assert_int_equal(fixture->closed, 0);
    memvol_release(fixture->volume, 1);
    turn(fixture);
    expect_answer(fd, 0, 512);
    assert_true(is_at_end(fd));
    assert_int_equal(fixture->closed, 1);
    close(fd);
}

static void an_old_client_finishes_beside_the_next(void **state)
{
    struct fixture *fixture = *state;
    int fd = open_socket(fixture);
    memvol_hold(fixture->volume, true);
    ask(fixture, fd, NSRV_CMD_READ, 0, 512);
    close(fd);
    turn(fixture);
    assert_int_equal(fixture->closed, 1);
    int next = open_socket(fixture);
    assert_int_equal(status(fixture).in_flight, 1);
    memvol_hold(fixture->volume, false);
    memvol_release(fixture->volume, 1);
    turn(fixture);
    assert_int_equal(status(fixture).in_flight, 0);
    assert_int_equal(fixture->closed, 1); /* not of the one that lives */
    ask(fixture, next, NSRV_CMD_READ, 0, 512);
    expect_answer(next, 0, 512);
    close(next);
    turn(fixture);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(requests_are_answered_without_a_handshake),
        TEST(a_socket_is_taken_while_somebody_holds_its_other_end),
        TEST(a_request_that_waits_in_the_socket_does_not_look_like_an_end),
        TEST(the_end_of_the_socket_is_told_once),
        TEST(hanging_up_answers_nothing_and_tells_nothing),
        TEST(stopping_answers_what_is_under_way),
        TEST(an_old_client_finishes_beside_the_next),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
