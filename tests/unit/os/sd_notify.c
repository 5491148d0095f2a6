#include "os/sd_notify.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/unit/unit.h"

/* A manager's end, bound to an abstract name. */
static int manager(char *ret_name, size_t size)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(ret_name, size, "@holdfast-test-%d", getpid());
    memcpy(address.sun_path + 1, ret_name + 1, strlen(ret_name) - 1);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(ret_name))),
                     0);
    return fd;
}

static void expect_message(int fd, const char *wanted)
{
    char message[600] = {0};
    ssize_t bytes = recv(fd, message, sizeof message - 1, 0);
    assert_int_equal(bytes, strlen(wanted));
    assert_string_equal(message, wanted);
}

static void a_manager_hears_every_state(void **state)
{
    char name[64];
    int fd = manager(name, sizeof name);
    const struct sd_environment environment = {.notify_socket = name};
    struct sd_notifier notifier;
    assert_int_equal(sd_notifier_init(&notifier, &environment, getpid()), 0);
    sd_notify_starting(&notifier, 60000000);
    expect_message(fd, "EXTEND_TIMEOUT_USEC=60000000");
    sd_notify_ready(&notifier);
    expect_message(fd, "READY=1");
    sd_notify_status(&notifier, "target gone\n12 requests wait");
    expect_message(fd, "STATUS=target gone 12 requests wait");
    sd_notify_watchdog(&notifier);
    expect_message(fd, "WATCHDOG=1");
    sd_notify_stopping(&notifier, 15000000);
    expect_message(fd, "STOPPING=1\nEXTEND_TIMEOUT_USEC=15000000");
    close(fd);
    sd_notify_ready(&notifier); /* nobody listens any more: no harm */
    sd_notifier_done(&notifier);
}

static void a_manager_that_reads_slowly_holds_nobody_up(void **state)
{
    char name[64];
    int fd = manager(name, sizeof name);
    const struct sd_environment environment = {.notify_socket = name};
    struct sd_notifier notifier;
    assert_int_equal(sd_notifier_init(&notifier, &environment, getpid()), 0);
    for (int i = 0; i < 2000; i++)
        sd_notify_status(&notifier, "still here");
    expect_message(fd, "STATUS=still here");
    sd_notifier_done(&notifier);
    close(fd);
}

static void without_a_manager_nothing_happens(void **state)
{
    const struct sd_environment environment = {0};
    struct sd_notifier notifier;
    assert_int_equal(sd_notifier_init(&notifier, &environment, getpid()), 0);
    assert_int_equal(notifier.fd, -1);
    sd_notify_ready(&notifier);
    sd_notifier_done(&notifier);
}

static void a_socket_that_cannot_be_used_is_told(void **state)
{
    struct sd_notifier notifier;
    struct sd_environment environment = {.notify_socket = "relative/path"};
    assert_int_equal(sd_notifier_init(&notifier, &environment, 1), -EINVAL);
    environment.notify_socket = "/nonexistent/notify";
    assert_int_equal(sd_notifier_init(&notifier, &environment, 1), -ENOENT);
    char longest[200];
    memset(longest, 'x', sizeof longest - 1);
    longest[0] = '/';
    longest[sizeof longest - 1] = '\0';
    environment.notify_socket = longest;
    assert_int_equal(sd_notifier_init(&notifier, &environment, 1), -ENAMETOOLONG);
    assert_int_equal(notifier.fd, -1);
}

static void the_watchdog_is_for_the_named_process_only(void **state)
{
    char name[64];
    int fd = manager(name, sizeof name);
    struct sd_environment environment = {.notify_socket = name, .watchdog_usec = "30000000"};
    struct sd_notifier notifier;
    assert_int_equal(sd_notifier_init(&notifier, &environment, 7), 0);
    assert_int_equal(notifier.watchdog_us, 30000000);
    sd_notifier_done(&notifier);
    environment.watchdog_pid = "8";
    assert_int_equal(sd_notifier_init(&notifier, &environment, 7), 0);
    assert_int_equal(notifier.watchdog_us, 0);
    sd_notifier_done(&notifier);
    environment.watchdog_pid = "7";
    environment.watchdog_usec = "30s";
    assert_int_equal(sd_notifier_init(&notifier, &environment, 7), 0);
    assert_int_equal(notifier.watchdog_us, 0);
    sd_notifier_done(&notifier);
    close(fd);
}

static void sockets_are_counted_and_named(void **state)
{
    struct sd_listen_fd fds[SD_LISTEN_FDS_MAX];
    struct sd_environment environment = {
        .listen_pid = "42", .listen_fds = "3", .listen_names = "nbd::control"};
    assert_int_equal(sd_listen_fds_parse(&environment, 42, fds), 3);
    assert_int_equal(fds[0].fd, 3);
    assert_int_equal(fds[2].fd, 5);
    assert_string_equal(fds[0].name, "nbd");
    assert_string_equal(fds[1].name, "");
    assert_string_equal(fds[2].name, "control");
    environment.listen_names = "only";
    assert_int_equal(sd_listen_fds_parse(&environment, 42, fds), 3);
    assert_string_equal(fds[0].name, "only");
    assert_string_equal(fds[1].name, "");
    environment.listen_names = NULL;
    assert_int_equal(sd_listen_fds_parse(&environment, 42, fds), 3);
    assert_string_equal(fds[0].name, "");
}

static void sockets_of_another_process_are_left_alone(void **state)
{
    struct sd_listen_fd fds[SD_LISTEN_FDS_MAX];
    struct sd_environment environment = {.listen_pid = "41", .listen_fds = "1"};
    assert_int_equal(sd_listen_fds_parse(&environment, 42, fds), 0);
    environment.listen_pid = NULL;
    assert_int_equal(sd_listen_fds_parse(&environment, 42, fds), 0);
}

static void nonsense_in_the_variables_is_refused(void **state)
{
    struct sd_listen_fd fds[SD_LISTEN_FDS_MAX];
    static const char *const counts[] = {"", "-1", "x", "1x", "17", "99999999999999999999"};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        const struct sd_environment environment = {.listen_pid = "42", .listen_fds = counts[i]};
        assert_int_equal(sd_listen_fds_parse(&environment, 42, fds), -EINVAL);
    }
    const struct sd_environment environment = {.listen_pid = "me", .listen_fds = "1"};
    assert_int_equal(sd_listen_fds_parse(&environment, 42, fds), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_manager_hears_every_state),
        cmocka_unit_test(a_manager_that_reads_slowly_holds_nobody_up),
        cmocka_unit_test(without_a_manager_nothing_happens),
        cmocka_unit_test(a_socket_that_cannot_be_used_is_told),
        cmocka_unit_test(the_watchdog_is_for_the_named_process_only),
        cmocka_unit_test(sockets_are_counted_and_named),
        cmocka_unit_test(sockets_of_another_process_are_left_alone),
        cmocka_unit_test(nonsense_in_the_variables_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
