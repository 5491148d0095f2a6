/* Sockets: accepting, limits, stopping, clients that vanish. */
#include "nbd-server/server.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/bytes.h"
#include "os/ev_loop.h"
#include "os/process.h"
#include "tests/tools/memory_volume.h"
#include "tests/unit/unit.h"

struct fixture {
    char folder[64];
    struct sockaddr_un address;
    struct evl *loop;
    struct volume *volume;
    struct nsrv *server;
    unsigned stopped;
    unsigned first_uses;
};

static void count_first_use(void *owner)
{
    ((struct fixture *)owner)->first_uses++;
}

static void turn(struct fixture *fixture)
{
    for (unsigned i = 0; i < 20; i++)
        evl_run_once(fixture->loop, false);
}

static void start(struct fixture *fixture, unsigned connections_max)
{
    char where[200], why[200] = "";
    const struct nsrv_config config = {
        .export_name = "disk",
        .listen = where,
        .listen_fd = -1,
        .connections_max = connections_max,
        .first_use = count_first_use,
        .owner = fixture,
    };
    snprintf(where, sizeof where, "unix:%s", fixture->address.sun_path);
    assert_int_equal(
        nsrv_new(&config, fixture->loop, fixture->volume, why, sizeof why, &fixture->server), 0);
}

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.folder = "/tmp/holdfast-unit-XXXXXX"};
    assert_non_null(mkdtemp(fixture.folder));
    fixture.address.sun_family = AF_UNIX;
    snprintf(fixture.address.sun_path, sizeof fixture.address.sun_path, "%s/s", fixture.folder);
    assert_int_equal(evl_new(&fixture.loop), 0);
    fixture.volume = memvol_new(&memvol_config_default);
    assert_non_null(fixture.volume);
    start(&fixture, 2);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    nsrv_free(fixture->server);
    assert_int_equal(buffer_pool_used(vol_buffers(fixture->volume)), 0);
    memvol_free(fixture->volume);
    evl_free(fixture->loop);
    assert_int_equal(rmdir(fixture->folder), 0);
    return 0;
}

static struct nsrv_status status(struct fixture *fixture)
{
    struct nsrv_status now;
    nsrv_status(fixture->server, &now);
    return now;
}

static int dial(struct fixture *fixture)
{
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&fixture->address, sizeof fixture->address), 0);
    turn(fixture);
    return fd;
}

static void put(int fd, const void *bytes, size_t count)
{
    assert_int_equal(send(fd, bytes, count, MSG_NOSIGNAL), count);
}

static void expect_bytes(int fd, size_t count)
{
    uint8_t bytes[512];
    assert_int_equal(recv(fd, bytes, sizeof bytes, 0), count);
}

static int dial_and_go(struct fixture *fixture)
{
    const int fd = dial(fixture);
    expect_bytes(fd, 18);
    put(fd, "\0\0\0\3IHAVEOPT\0\0\0\1\0\0\0\0", 20);
    turn(fixture);
    expect_bytes(fd, 10);
    return fd;
}

static void the_first_client_past_its_handshake_is_told_of_once(void **state)
{
    struct fixture *fixture = *state;
    const int looks = dial(fixture);
    assert_int_equal(fixture->first_uses, 0);
    const int goes = dial_and_go(fixture);
    assert_int_equal(fixture->first_uses, 1);
    close(looks);
    turn(fixture);
    close(dial_and_go(fixture));
    assert_int_equal(fixture->first_uses, 1);
    close(goes);
    turn(fixture);
}

static void ask(int fd, uint16_t type, uint64_t offset, uint32_t length)
{
    uint8_t header[28] = {0};
    put_be32(header, NSRV_MAGIC_REQUEST);
    put_be16(header + 6, type);
    put_be64(header + 16, offset);
    put_be32(header + 24, length);
    put(fd, header, sizeof header);
}

static bool is_hung_up(int fd)
{
    char byte;
    return recv(fd, &byte, 1, 0) == 0;
}

static void serves_a_client_and_counts(void **state)
{
    struct fixture *fixture = *state;
    const int fd = dial_and_go(fixture);
    ask(fd, NSRV_CMD_READ, 0, 100);
    ask(fd, NSRV_CMD_READ, UINT64_MAX, 100);
    turn(fixture);
    expect_bytes(fd, 16 + 100 + 16);
    assert_int_equal(status(fixture).connections, 1);
    assert_int_equal(status(fixture).counters.requests, 2);
    assert_int_equal(status(fixture).counters.errors, 1);
    close(fd);
    turn(fixture);
    assert_int_equal(status(fixture).connections, 0);
    assert_int_equal(status(fixture).counters.read_bytes, 100); /* not forgotten */
}

static void answers_of_one_turn_leave_together(void **state)
{
    struct fixture *fixture = *state;
    const int fd = dial_and_go(fixture);
    memvol_hold(fixture->volume, true);
    for (unsigned i = 0; i < 10; i++)
        ask(fd, NSRV_CMD_FLUSH, 0, 0);
    turn(fixture);
    assert_int_equal(status(fixture).in_flight, 10);
    memvol_release(fixture->volume, 10);
    turn(fixture);
    expect_bytes(fd, 160);
    close(fd);
}

static void more_clients_than_allowed_wait_for_their_turn(void **state)
{
    struct fixture *fixture = *state;
    const int first = dial(fixture), second = dial(fixture), third = dial(fixture);
    char byte;
    expect_bytes(first, 18);
    expect_bytes(second, 18);
    assert_int_equal(recv(third, &byte, 1, 0), -1);
    assert_int_equal(status(fixture).connections, 2);
    close(first);
    turn(fixture);
    expect_bytes(third, 18);
    close(second);
    close(third);
}

static void a_client_that_vanished_gives_its_place_back_before_its_requests_are_done(void **state)
{
    struct fixture *fixture = *state;
    memvol_hold(fixture->volume, true);
    const int first = dial_and_go(fixture);
    ask(first, NSRV_CMD_FLUSH, 0, 0);
    turn(fixture);
    close(first);
    turn(fixture);
    assert_int_equal(status(fixture).connections, 0);
    assert_int_equal(status(fixture).finishing, 1);
    memvol_release(fixture->volume, 1);
    turn(fixture);
    assert_int_equal(status(fixture).finishing, 0);
}

static void those_who_linger_are_bounded_too(void **state)
{
    struct fixture *fixture = *state;
    memvol_hold(fixture->volume, true);
    for (unsigned i = 0; i < 2; i++) {
        const int fd = dial_and_go(fixture);
        ask(fd, NSRV_CMD_FLUSH, 0, 0);
        turn(fixture);
        close(fd);
        turn(fixture);
    }
    const int third = dial(fixture);
    assert_int_equal(status(fixture).connections, 0);
    memvol_release(fixture->volume, 2);
    turn(fixture);
    assert_int_equal(status(fixture).connections, 1);
    close(third);
}

static void on_stopped(void *owner)
{
    ((struct fixture *)owner)->stopped++;
}

static void stopping_closes_the_idle_and_finishes_the_others(void **state)
{
    struct fixture *fixture = *state;
    const int idle = dial_and_go(fixture), busy = dial_and_go(fixture);
    memvol_hold(fixture->volume, true);
    ask(busy, NSRV_CMD_FLUSH, 0, 0);
    turn(fixture);
    nsrv_stop(fixture->server, on_stopped, fixture);
    turn(fixture);
    assert_true(is_hung_up(idle));
    assert_int_equal(access(fixture->address.sun_path, F_OK), -1);
    assert_int_equal(fixture->stopped, 0);
    memvol_release(fixture->volume, 1);
    turn(fixture);
    expect_bytes(busy, 16);
    assert_true(is_hung_up(busy));
    assert_int_equal(fixture->stopped, 1);
    close(idle);
    close(busy);
}

static void stopping_without_clients_is_over_at_once(void **state)
{
    struct fixture *fixture = *state;
    nsrv_stop(fixture->server, on_stopped, fixture);
    assert_int_equal(fixture->stopped, 1);
}

static void a_client_that_does_not_read_stops_nobody_else(void **state)
{
    struct fixture *fixture = *state;
    const int deaf = dial_and_go(fixture), other = dial_and_go(fixture);
    for (unsigned i = 0; i < 100; i++)
        ask(deaf, NSRV_CMD_READ, 0, 1u << 20);
    turn(fixture);
    ask(other, NSRV_CMD_READ, 0, 100);
    turn(fixture);
    expect_bytes(other, 116);
    close(deaf);
    turn(fixture);
    assert_int_equal(status(fixture).connections, 1);
    assert_int_equal(buffer_pool_used(vol_buffers(fixture->volume)), 0);
    close(other);
}

static void an_adopted_socket_is_a_client_like_others(void **state)
{
    struct fixture *fixture = *state;
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    assert_int_equal(nsrv_adopt(fixture->server, pair[0]), 0);
    ask(pair[1], NSRV_CMD_READ, 0, 100);
    turn(fixture);
    expect_bytes(pair[1], 116);
    ask(pair[1], NSRV_CMD_DISC, 0, 0);
    turn(fixture);
    assert_true(is_hung_up(pair[1]));
    close(pair[1]);
}

static unsigned visited;

static void visit(void *owner, const char *peer, const struct nsrv_connection_status *now)
{
    char expected[32];
    snprintf(expected, sizeof expected, "pid %d, uid %u", (int)getpid(), getuid());
    assert_string_equal(peer, expected);
    visited++;
}

static void tells_who_is_connected(void **state)
{
    struct fixture *fixture = *state;
    const int fd = dial(fixture);
    visited = 0;
    nsrv_each_connection(fixture->server, visit, NULL);
    assert_int_equal(visited, 1);
    close(fd);
}

static void names_that_are_no_utf8_are_refused(void **state)
{
    struct fixture *fixture = *state;
    const struct nsrv_config config = {.export_name = "\xff", .listen = "tcp::0", .listen_fd = -1};
    struct nsrv *server;
    char why[200] = "";
    assert_int_equal(nsrv_new(&config, fixture->loop, fixture->volume, why, sizeof why, &server),
                     -EINVAL);
    assert_non_null(strstr(why, "UTF-8"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    os_process_init();
    const struct CMUnitTest tests[] = {
        TEST(the_first_client_past_its_handshake_is_told_of_once),
        TEST(serves_a_client_and_counts),
        TEST(answers_of_one_turn_leave_together),
        TEST(more_clients_than_allowed_wait_for_their_turn),
        TEST(a_client_that_vanished_gives_its_place_back_before_its_requests_are_done),
        TEST(those_who_linger_are_bounded_too),
        TEST(stopping_closes_the_idle_and_finishes_the_others),
        TEST(stopping_without_clients_is_over_at_once),
        TEST(a_client_that_does_not_read_stops_nobody_else),
        TEST(an_adopted_socket_is_a_client_like_others),
        TEST(tells_who_is_connected),
        TEST(names_that_are_no_utf8_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
