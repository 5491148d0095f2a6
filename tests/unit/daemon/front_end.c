#include "daemon/front_end.h"

#include <string.h>

#include "tests/unit/unit.h"

static struct front_end_nbd nbd;
static struct fault fault;

static void unix_sockets(void **state)
{
    char path[130] = "unix:/";
    assert_int_equal(front_end_parse_nbd("unix:/run/a.sock", &nbd, &fault), 0);
    assert_true(nbd.is_unix);
    assert_string_equal(nbd.path, "/run/a.sock");
    assert_true(front_end_parse_nbd("unix:a.sock", &nbd, &fault) < 0);
    assert_non_null(strstr(fault.text, "no absolute path"));
    memset(path + 6, 'a', 106);
    assert_int_equal(front_end_parse_nbd(path, &nbd, &fault), 0);
    memset(path + 6, 'a', 107);
    assert_true(front_end_parse_nbd(path, &nbd, &fault) < 0);
    assert_non_null(strstr(fault.text, "too long for a socket"));
}

static void tcp_addresses_have_nbd_s_port_by_default(void **state)
{
    assert_int_equal(front_end_parse_nbd("tcp:127.0.0.1:10810", &nbd, &fault), 0);
    assert_false(nbd.is_unix);
    assert_string_equal(nbd.tcp.host, "127.0.0.1");
    assert_int_equal(nbd.tcp.port, 10810);
    assert_int_equal(front_end_parse_nbd("tcp:localhost", &nbd, &fault), 0);
    assert_int_equal(nbd.tcp.port, 10809);
    assert_int_equal(front_end_parse_nbd("tcp:[::1]", &nbd, &fault), 0);
    assert_int_equal(nbd.tcp.port, 10809);
    assert_int_equal(front_end_parse_nbd("tcp:[::1]:3260", &nbd, &fault), 0);
    assert_int_equal(nbd.tcp.port, 3260);
    assert_int_equal(front_end_parse_nbd("tcp:::1", &nbd, &fault), 0);
    assert_int_equal(nbd.tcp.port, 10809);
}

static void all_addresses(void **state)
{
    char text[FRONT_END_LISTEN_BYTES];
    assert_int_equal(front_end_parse_nbd("tcp::10810", &nbd, &fault), 0);
    front_end_print_nbd(&nbd, text, sizeof text);
    assert_string_equal(text, "tcp::10810");
    assert_true(front_end_parse_nbd("tcp::0", &nbd, &fault) < 0);
}

static void printing_adds_the_port(void **state)
{
    char text[FRONT_END_LISTEN_BYTES];
    assert_int_equal(front_end_parse_nbd("tcp:::1", &nbd, &fault), 0);
    front_end_print_nbd(&nbd, text, sizeof text);
    assert_string_equal(text, "tcp:[::1]:10809");
    assert_int_equal(front_end_parse_nbd("unix:/run/a.sock", &nbd, &fault), 0);
    front_end_print_nbd(&nbd, text, sizeof text);
    assert_string_equal(text, "unix:/run/a.sock");
}

static void anything_else_is_refused(void **state)
{
    assert_true(front_end_check_nbd("/run/a.sock", &fault) < 0);
    assert_true(front_end_check_nbd("tcp:", &fault) < 0);
    assert_true(front_end_check_nbd("tcp:h:0", &fault) < 0);
    assert_true(front_end_check_nbd("", &fault) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unix_sockets),
        cmocka_unit_test(tcp_addresses_have_nbd_s_port_by_default),
        cmocka_unit_test(all_addresses),
        cmocka_unit_test(printing_adds_the_port),
        cmocka_unit_test(anything_else_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
