#include "os/tcp_congestion.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/unit.h"

#define NAME_BYTES 16

static void name_of(int fd, char name[NAME_BYTES])
{
    socklen_t bytes = NAME_BYTES;
    memset(name, 0, NAME_BYTES);
    assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &bytes), 0);
}

static void a_connection_gets_what_was_asked_for(void **state)
{
    char name[NAME_BYTES];
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(tcp_congestion_set(fd, "reno"), 0); /* no kernel is without it */
    name_of(fd, name);
    assert_string_equal(name, "reno");
    close(fd);
}

static void the_systems_own_is_left_alone(void **state)
{
    char before[NAME_BYTES], after[NAME_BYTES];
    int fd = socket(AF_INET6, SOCK_STREAM, 0);
    name_of(fd, before);
    assert_int_equal(tcp_congestion_set(fd, TCP_CONGESTION_SYSTEM), 0);
    name_of(fd, after);
    assert_string_equal(before, after);
    close(fd);
}

static void what_the_kernel_does_not_know_is_told(void **state)
{
    assert_int_equal(tcp_congestion_try("reno"), 0);
    assert_int_equal(tcp_congestion_try("nosuch"), -ENOENT);
    assert_int_equal(tcp_congestion_try("a-name-that-is-too-long"), -ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_connection_gets_what_was_asked_for),
        cmocka_unit_test(the_systems_own_is_left_alone),
        cmocka_unit_test(what_the_kernel_does_not_know_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
