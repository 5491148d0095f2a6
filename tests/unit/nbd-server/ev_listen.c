#include "nbd-server/ev_listen.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/unit/unit.h"

static char folder[64], path[80], where[96], why[256];

static int set_up(void **state)
{
    strcpy(folder, "/tmp/holdfast-unit-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/nbd.sock", folder);
    snprintf(where, sizeof where, "unix:%s", path);
    why[0] = 0;
    return 0;
}

static int tear_down(void **state)
{
    unlink(path);
    assert_int_equal(rmdir(folder), 0);
    return 0;
}

static int listen_on(const char *place, struct nsrv_listeners *ret_listeners)
{
    const int error = nsrv_listen(place, why, sizeof why, ret_listeners);
    if (error) {
        assert_true(strlen(why) > 0); /* a reason in words */
        assert_null(strchr(why, '\n'));
    }
    return error;
}

static void a_unix_socket_belongs_to_its_owner_alone_and_goes_with_him(void **state)
{
    struct nsrv_listeners listeners;
    struct stat status;
    assert_int_equal(listen_on(where, &listeners), 0);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode, S_IFSOCK | 0600);
    assert_string_equal(listeners.address, where);
    nsrv_listeners_close(&listeners);
    assert_int_equal(stat(path, &status), -1);
    nsrv_listeners_close(&listeners);
}

static void a_socket_that_a_dead_process_left_behind_is_replaced(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct nsrv_listeners listeners;
    strcpy(address.sun_path, path);
    const int dead = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(dead, (struct sockaddr *)&address, sizeof address), 0);
    close(dead);
    assert_int_equal(listen_on(where, &listeners), 0);
    nsrv_listeners_close(&listeners);
}

static void a_socket_in_use_is_left_alone(void **state)
{
    struct nsrv_listeners first, second;
    struct stat status;
    assert_int_equal(listen_on(where, &first), 0);
    assert_int_equal(listen_on(where, &second), -EADDRINUSE);
    assert_non_null(strstr(why, path));
    assert_non_null(strstr(why, "in use"));
    assert_int_equal(stat(path, &status), 0);
    nsrv_listeners_close(&first);
}

static void a_file_that_is_no_socket_is_left_alone(void **state)
{
    struct nsrv_listeners listeners;
    const int fd = open(path, O_CREAT | O_WRONLY, 0600);
    assert_int_equal(write(fd, "precious", 8), 8);
    close(fd);
    assert_int_equal(listen_on(where, &listeners), -EEXIST);
    assert_non_null(strstr(why, "not a socket"));
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_size, 8);
}

static void a_socket_that_took_our_place_is_not_removed(void **state)
{
    struct nsrv_listeners old, successor;
    struct stat status;
    assert_int_equal(listen_on(where, &old), 0);
    unlink(path);
    assert_int_equal(listen_on(where, &successor), 0);
    nsrv_listeners_close(&old);
    assert_int_equal(stat(path, &status), 0);
    nsrv_listeners_close(&successor);
}

static void tcp_listens_on_every_address_of_the_name_with_one_port(void **state)
{
    struct nsrv_listeners listeners;
    assert_int_equal(listen_on("tcp:127.0.0.1:0", &listeners), 0);
    assert_int_equal(listeners.count, 1);
    assert_memory_equal(listeners.address, "127.0.0.1:", 10);
    char again[160];
    snprintf(again, sizeof again, "tcp:%s", listeners.address);
    struct nsrv_listeners second;
    assert_int_equal(listen_on(again, &second), -EADDRINUSE);
    nsrv_listeners_close(&listeners);
    assert_int_equal(listen_on("tcp::0", &listeners), 0);
    assert_true(listeners.count >= 1);
    nsrv_listeners_close(&listeners);
}

static void ipv6_addresses_stand_in_brackets(void **state)
{
    struct nsrv_listeners listeners;
    const int error = listen_on("tcp:[::1]:0", &listeners);
    if (error == -EADDRNOTAVAIL || error == -EAFNOSUPPORT)
        skip(); /* a host without IPv6 */
    assert_int_equal(error, 0);
    assert_memory_equal(listeners.address, "[::1]:", 6);
    nsrv_listeners_close(&listeners);
    assert_int_equal(listen_on("tcp:::1:0", &listeners), -EINVAL);
}

static void addresses_that_make_no_sense_are_refused_in_words(void **state)
{
    static const char *const bad[] = {"",      "unix:",      "unix:relative",
                                      "tcp:",  "tcp:host",   "tcp:host:",
                                      "/path", "udp:host:1", "tcp:127.0.0.1:http"};
    struct nsrv_listeners listeners;
    char longest[200] = "unix:/";
    memset(longest + 6, 'x', 110);
    assert_int_equal(listen_on(longest, &listeners), -EINVAL);
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_true(listen_on(bad[i], &listeners) < 0);
}

static void an_inherited_descriptor_must_be_listening(void **state)
{
    struct nsrv_listeners listeners, inherited;
    assert_int_equal(listen_on(where, &listeners), 0);
    const int copy = dup(listeners.fds[0]);
    assert_int_equal(nsrv_listen_inherited(copy, why, sizeof why, &inherited), 0);
    assert_string_equal(inherited.address, where);
    nsrv_listeners_close(&inherited);
    assert_int_equal(access(path, F_OK), 0); /* it is not ours to remove */
    const int idle = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(nsrv_listen_inherited(idle, why, sizeof why, &inherited), -EINVAL);
    close(idle);
    const int file = open("/dev/null", O_RDONLY);
    assert_int_equal(nsrv_listen_inherited(file, why, sizeof why, &inherited), -ENOTSOCK);
    close(file);
    nsrv_listeners_close(&listeners);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_unix_socket_belongs_to_its_owner_alone_and_goes_with_him),
        TEST(a_socket_that_a_dead_process_left_behind_is_replaced),
        TEST(a_socket_in_use_is_left_alone),
        TEST(a_file_that_is_no_socket_is_left_alone),
        TEST(a_socket_that_took_our_place_is_not_removed),
        TEST(tcp_listens_on_every_address_of_the_name_with_one_port),
        TEST(ipv6_addresses_stand_in_brackets),
        TEST(addresses_that_make_no_sense_are_refused_in_words),
        TEST(an_inherited_descriptor_must_be_listening),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
