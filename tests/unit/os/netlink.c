#include "os/netlink.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/unit.h"

/* One message of the kernel's, as large as `bytes` says it is. */
struct message {
    struct nlmsghdr header;
    struct ifinfomsg link;
};

static bool tells(uint16_t type, unsigned flags)
{
    const struct message message = {
        .header = {.nlmsg_len = sizeof message, .nlmsg_type = type},
        .link = {.ifi_flags = flags},
    };
    return netlink_tells_of_change(&message, sizeof message);
}

static void what_comes_up_is_a_change(void **state)
{
    assert_true(tells(RTM_NEWLINK, IFF_UP | IFF_RUNNING));
    assert_true(tells(RTM_NEWADDR, 0));
    assert_true(tells(RTM_NEWROUTE, 0));
}

static void what_goes_away_is_none(void **state)
{
    assert_false(tells(RTM_NEWLINK, IFF_UP)); /* no carrier */
    assert_false(tells(RTM_NEWLINK, 0));
    assert_false(tells(RTM_DELLINK, IFF_UP | IFF_RUNNING));
    assert_false(tells(RTM_DELADDR, 0));
    assert_false(tells(RTM_DELROUTE, 0));
}

static void messages_cut_short_are_not_read_beyond(void **state)
{
    struct message message = {
        .header = {.nlmsg_len = sizeof message, .nlmsg_type = RTM_NEWLINK},
        .link = {.ifi_flags = IFF_UP | IFF_RUNNING},
    };
    for (size_t bytes = 0; bytes < sizeof message; bytes++) {
        void *copy = malloc(bytes ? bytes : 1); /* valgrind and asan watch its end */
        memcpy(copy, &message, bytes);
        assert_false(netlink_tells_of_change(copy, bytes));
        free(copy);
    }
    message.header.nlmsg_len = NLMSG_LENGTH(4); /* says itself that the link is not in it */
    assert_false(netlink_tells_of_change(&message, sizeof message));
}

static void the_second_message_counts_too(void **state)
{
    const struct message messages[2] = {
        {.header = {.nlmsg_len = sizeof messages[0], .nlmsg_type = RTM_DELLINK}},
        {.header = {.nlmsg_len = sizeof messages[0], .nlmsg_type = RTM_NEWADDR}},
    };
    assert_true(netlink_tells_of_change(messages, sizeof messages));
}

struct probe {
    struct evl *loop;
    unsigned changes;
    struct timer timer;
};

static void on_changed(void *owner)
{
    ((struct probe *)owner)->changes++;
}

static void on_timer(struct timer *timer)
{
}

static void run_ms(struct probe *probe, unsigned ms)
{
    timer_init(&probe->timer, on_timer);
    port_timer_after_ms(evl_timer_port(probe->loop), &probe->timer, ms);
    while (timer_is_armed(&probe->timer))
        evl_run_once(probe->loop, true);
}

static void set_loopback(bool up)
{
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = up ? IFF_UP : 0};
    assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &request), 0);
    close(fd);
}

/* In a network namespace of our own, with a loopback interface to play with. */
static void an_interface_that_flaps_is_told_seldom(void **state)
{
    struct probe probe = {0};
    if (unshare(CLONE_NEWNET) < 0)
        skip();
    assert_int_equal(evl_new(&probe.loop), 0);
    struct netlink *netlink = netlink_new(probe.loop, on_changed, &probe);
    assert_non_null(netlink);

    set_loopback(true);
    run_ms(&probe, 20);
    assert_int_equal(probe.changes, 1); /* at once */
    run_ms(&probe, 3 * NETLINK_QUIET_MS);
    unsigned first = probe.changes;
    assert_true(first <= 2); /* its addresses and routes, by one more call */

    set_loopback(false);
    run_ms(&probe, 2 * NETLINK_QUIET_MS);
    assert_int_equal(probe.changes, first); /* going away is no news */

    for (int i = 0; i < 40; i++) {
        set_loopback(true);
        run_ms(&probe, 5);
        set_loopback(false);
        run_ms(&probe, 5);
    }
    run_ms(&probe, 2 * NETLINK_QUIET_MS);
    assert_in_range(probe.changes - first, 2, 8); /* 400 ms or a little more */
    netlink_free(netlink);
    evl_free(probe.loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_comes_up_is_a_change),
        cmocka_unit_test(what_goes_away_is_none),
        cmocka_unit_test(messages_cut_short_are_not_read_beyond),
        cmocka_unit_test(the_second_message_counts_too),
        cmocka_unit_test(an_interface_that_flaps_is_told_seldom),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
