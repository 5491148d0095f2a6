#include "os/ev_loop.h"

#include <signal.h>
#include <unistd.h>

#include "tests/unit/unit.h"

struct probe {
    struct evl *loop;
    struct timer timer;
    struct evl_watch watch;
    struct evl_hook hook;
    struct evl_hook other_hook;
    struct evl_call call;
    struct evl_signal signal;
    unsigned timers, reads, writes, hooks, other_hooks, calls, signals;
    unsigned again; /* how often the hook or the call requests itself once more */
    uint64_t fired_us;
};

static int setup(void **state)
{
    static struct probe probe;
    probe = (struct probe){0};
    *state = &probe;
    return evl_new(&probe.loop);
}

static int teardown(void **state)
{
    struct probe *probe = *state;
    evl_free(probe->loop);
    return 0;
}

static void on_timer(struct timer *timer)
{
    struct probe *probe = container_of(timer, struct probe, timer);
    probe->timers++;
    probe->fired_us = port_now_us(evl_timer_port(probe->loop));
    evl_break(probe->loop);
}

static void on_ready(struct evl_watch *watch, unsigned events)
{
    struct probe *probe = container_of(watch, struct probe, watch);
    if (events & EVL_READ)
        probe->reads++;
    if (events & EVL_WRITE)
        probe->writes++;
    evl_watch_stop(probe->loop, watch);
}

static void on_hook(struct evl_hook *hook)
{
    struct probe *probe = container_of(hook, struct probe, hook);
    probe->hooks++;
    if (probe->again > 0) {
        probe->again--;
        evl_hook_request(probe->loop, hook);
    }
}

static void on_other_hook(struct evl_hook *hook)
{
    struct probe *probe = container_of(hook, struct probe, other_hook);
    probe->other_hooks++;
    evl_hook_request(probe->loop, &probe->hook);
}

static void on_call(struct evl_call *call)
{
    struct probe *probe = container_of(call, struct probe, call);
    probe->calls++;
    evl_hook_request(probe->loop, &probe->hook);
    if (probe->again > 0) {
        probe->again--;
        evl_call_defer(probe->loop, call);
    }
}

static void on_signal(struct evl_signal *signal, int number)
{
    struct probe *probe = container_of(signal, struct probe, signal);
    probe->signals++;
    assert_int_equal(number, SIGUSR1);
}

static void a_timer_fires_not_before_its_time(void **state)
{
    struct probe *probe = *state;
    struct timer_port *port = evl_timer_port(probe->loop);
    timer_init(&probe->timer, on_timer);
    uint64_t at_us = port_now_us(port) + 20000;
    port_timer_start(port, &probe->timer, at_us);
    evl_run(probe->loop);
    assert_int_equal(probe->timers, 1);
    assert_true(probe->fired_us >= at_us);
    assert_true(probe->fired_us < at_us + 2000000);
}

static void a_timer_pushed_back_fires_once_at_the_later_time(void **state)
{
    struct probe *probe = *state;
    struct timer_port *port = evl_timer_port(probe->loop);
    timer_init(&probe->timer, on_timer);
    port_timer_after_ms(port, &probe->timer, 5);
    evl_run_once(probe->loop, false);
    uint64_t at_us = port_now_us(port) + 30000;
    port_timer_start(port, &probe->timer, at_us);
    evl_run(probe->loop);
    assert_int_equal(probe->timers, 1);
    assert_true(probe->fired_us >= at_us);
}

static void a_timer_brought_forward_does_not_wait_for_the_old_time(void **state)
{
    struct probe *probe = *state;
    struct timer_port *port = evl_timer_port(probe->loop);
    timer_init(&probe->timer, on_timer);
    port_timer_after_ms(port, &probe->timer, 60000);
    evl_run_once(probe->loop, false);
    port_timer_after_ms(port, &probe->timer, 1);
    uint64_t before_us = port_now_us(port);
    evl_run(probe->loop);
    assert_int_equal(probe->timers, 1);
    assert_true(probe->fired_us - before_us < 30000000);
}

static void a_stopped_timer_lets_the_loop_end(void **state)
{
    struct probe *probe = *state;
    timer_init(&probe->timer, on_timer);
    port_timer_after_ms(evl_timer_port(probe->loop), &probe->timer, 5);
    evl_run_once(probe->loop, false);
    port_timer_stop(evl_timer_port(probe->loop), &probe->timer);
    evl_run(probe->loop); /* returns: nothing is started */
    assert_int_equal(probe->timers, 0);
}

static void a_watch_reports_what_it_was_asked_for(void **state)
{
    struct probe *probe = *state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    evl_watch_init(&probe->watch, ends[0], on_ready);
    evl_watch_set(probe->loop, &probe->watch, EVL_READ);
    evl_run_once(probe->loop, false);
    assert_int_equal(probe->reads, 0);
    assert_int_equal(write(ends[1], "x", 1), 1);
    evl_run_once(probe->loop, true);
    assert_int_equal(probe->reads, 1);
    evl_run_once(probe->loop, false); /* it stopped itself, the byte is still there */
    assert_int_equal(probe->reads, 1);
    evl_watch_set(probe->loop, &probe->watch, EVL_READ);
    evl_run_once(probe->loop, true);
    assert_int_equal(probe->reads, 2);
    close(ends[0]);

    evl_watch_init(&probe->watch, ends[1], on_ready);
    evl_watch_set(probe->loop, &probe->watch, EVL_WRITE);
    evl_run_once(probe->loop, true);
    assert_int_equal(probe->writes, 1);
    close(ends[1]);
}

static void a_hook_runs_once_a_turn_and_after_the_calls(void **state)
{
    struct probe *probe = *state;
    evl_hook_init(&probe->hook, on_hook);
    evl_call_init(&probe->call, on_call);
    evl_call_defer(probe->loop, &probe->call);
    evl_call_defer(probe->loop, &probe->call);
    evl_hook_request(probe->loop, &probe->hook);
    evl_hook_request(probe->loop, &probe->hook);
    evl_run_once(probe->loop, false);
    assert_int_equal(probe->calls, 1);
    assert_int_equal(probe->hooks, 1);
    evl_run_once(probe->loop, false);
    assert_int_equal(probe->hooks, 1);
}

static void a_hook_requested_from_a_hook_runs_in_the_same_turn(void **state)
{
    struct probe *probe = *state;
    evl_hook_init(&probe->hook, on_hook);
    evl_hook_init(&probe->other_hook, on_other_hook);
    evl_hook_request(probe->loop, &probe->hook);
    evl_hook_request(probe->loop, &probe->other_hook);
    evl_run_once(probe->loop, false);
    assert_int_equal(probe->other_hooks, 1);
    assert_int_equal(probe->hooks, 2);
}

static void hooks_that_request_themselves_do_not_stop_the_loop(void **state)
{
    struct probe *probe = *state;
    evl_hook_init(&probe->hook, on_hook);
    probe->again = 1000;
    evl_hook_request(probe->loop, &probe->hook);
    evl_run_once(probe->loop, true); /* neither stays for ever nor waits for ever */
    unsigned first_turn = probe->hooks;
    assert_true(first_turn >= 1 && first_turn < 1000);
    while (probe->again > 0)
        evl_run_once(probe->loop, true);
    evl_run_once(probe->loop, false);
    assert_int_equal(probe->hooks, 1001);
}

static void a_call_that_defers_itself_runs_in_the_next_turn(void **state)
{
    struct probe *probe = *state;
    evl_hook_init(&probe->hook, on_hook);
    evl_call_init(&probe->call, on_call);
    probe->again = 1;
    evl_call_defer(probe->loop, &probe->call);
    evl_run_once(probe->loop, false);
    assert_int_equal(probe->calls, 1);
    evl_run_once(probe->loop, true); /* does not wait: a call is due */
    assert_int_equal(probe->calls, 2);
}

static void what_is_cancelled_does_not_run(void **state)
{
    struct probe *probe = *state;
    evl_hook_init(&probe->hook, on_hook);
    evl_call_init(&probe->call, on_call);
    evl_hook_request(probe->loop, &probe->hook);
    evl_call_defer(probe->loop, &probe->call);
    evl_hook_cancel(&probe->hook);
    evl_call_cancel(&probe->call);
    evl_run_once(probe->loop, false);
    assert_int_equal(probe->hooks, 0);
    assert_int_equal(probe->calls, 0);
}

static void a_signal_arrives_through_the_loop(void **state)
{
    struct probe *probe = *state;
    evl_signal_start(probe->loop, &probe->signal, SIGUSR1, on_signal);
    raise(SIGUSR1);
    assert_int_equal(probe->signals, 0);
    evl_run_once(probe->loop, true);
    assert_int_equal(probe->signals, 1);
    evl_signal_stop(probe->loop, &probe->signal);
}

/* Bytes that come one by one, through a loop that may look for them. */
struct poller {
    struct probe *probe;
    struct evl_watch watch;
    int write_end;
    unsigned asked, bytes;
    enum evl_wait wait;
    uint32_t rest_us;
    unsigned rests;
};

static void on_byte(struct evl_watch *watch, unsigned events)
{
    struct poller *poller = container_of(watch, struct poller, watch);
    char byte;
    assert_int_equal(read(watch->fd, &byte, 1), 1);
    poller->bytes++;
}

static enum evl_wait waits_for(void *owner)
{
    struct poller *poller = owner;
    poller->asked++;
    return poller->wait;
}

static uint32_t rests_us(void *owner)
{
    struct poller *poller = owner;
    poller->rests++;
    return poller->rest_us;
}

/* With one CPU the loop never looks: nothing to be tested. */
static void poller_init(struct poller *poller, struct probe *probe, enum evl_wait wait)
{
    int ends[2];
    if (sysconf(_SC_NPROCESSORS_ONLN) == 1)
        skip();
    assert_int_equal(pipe(ends), 0);
    *poller = (struct poller){.probe = probe, .write_end = ends[1], .wait = wait};
    evl_watch_init(&poller->watch, ends[0], on_byte);
    evl_watch_set(probe->loop, &poller->watch, EVL_READ);
    const struct evl_polling polling = {
        .max_us = {[EVL_WAIT_CLIENT] = 1000000, [EVL_WAIT_ANSWER] = 1000000},
        .waits_for = waits_for,
        .rests_us = rests_us,
        .owner = poller,
    };
    evl_poll(probe->loop, &polling);
}

static void poller_done(struct poller *poller)
{
    evl_watch_stop(poller->probe->loop, &poller->watch);
    close(poller->watch.fd);
    close(poller->write_end);
}

/* Each comes so late that the window opens to more than that. */
static void give_bytes(struct poller *poller, unsigned count)
{
    unsigned before = poller->bytes;
    for (unsigned i = 0; i < count; i++) {
        usleep(5000);
        assert_int_equal(write(poller->write_end, "x", 1), 1);
        while (poller->bytes == before + i)
            evl_run_once(poller->probe->loop, true);
    }
}

/* One turn with nothing to come but a timer: whether it slept until that. */
static bool slept(struct poller *poller)
{
    struct probe *probe = poller->probe;
    unsigned before = probe->timers;
    timer_init(&probe->timer, on_timer);
    port_timer_after_ms(evl_timer_port(probe->loop), &probe->timer, 300);
    evl_run_once(probe->loop, true);
    port_timer_stop(evl_timer_port(probe->loop), &probe->timer);
    return probe->timers > before;
}

/* A busy machine may be late. */
static bool learns_to_look(struct poller *poller)
{
    bool looked = false;
    for (int tries = 0; tries < 10 && !looked; tries++) {
        give_bytes(poller, 16);
        looked = !slept(poller);
    }
    return looked;
}

static void after_events_that_came_soon_it_looks_again_before_it_sleeps(void **state)
{
    struct poller poller;
    poller_init(&poller, *state, EVL_WAIT_ANSWER);
    assert_true(learns_to_look(&poller));
    poller_done(&poller);
}

static void what_it_learns_of_answers_says_nothing_of_clients(void **state)
{
    struct poller poller;
    poller_init(&poller, *state, EVL_WAIT_ANSWER);
    assert_true(learns_to_look(&poller));
    poller.wait = EVL_WAIT_CLIENT;
    assert_true(slept(&poller));
    poller_done(&poller);
}

static void for_what_does_not_come_soon_it_sleeps_at_once(void **state)
{
    struct poller poller;
    poller_init(&poller, *state, EVL_WAIT_LONG);
    give_bytes(&poller, 16);
    assert_true(poller.asked > 0);
    assert_true(slept(&poller));
    poller_done(&poller);
}

/* How long one turn takes that finds an event at once. */
static uint64_t turn_us(struct poller *poller)
{
    struct timer_port *port = evl_timer_port(poller->probe->loop);
    assert_int_equal(write(poller->write_end, "x", 1), 1);
    uint64_t before_us = port_now_us(port);
    evl_run_once(poller->probe->loop, true);
    return port_now_us(port) - before_us;
}

static void before_it_sleeps_it_rests_as_long_as_it_is_told(void **state)
{
    struct poller poller;
    poller_init(&poller, *state, EVL_WAIT_LONG);
    poller.rest_us = 50000;
    assert_true(turn_us(&poller) >= 50000);
    assert_int_equal(poller.rests, 1);
    assert_int_equal(poller.bytes, 1);
    poller_done(&poller);
}

static void with_something_left_to_do_it_does_not_rest(void **state)
{
    struct poller poller;
    poller_init(&poller, *state, EVL_WAIT_LONG);
    struct probe *probe = poller.probe;
    probe->again = 1;
    evl_call_init(&probe->call, on_call);
    evl_hook_init(&probe->hook, on_hook);
    evl_call_defer(probe->loop, &probe->call);
    evl_run_once(probe->loop, true);
    assert_int_equal(poller.rests, 0);
    evl_run_once(probe->loop, false);
    assert_int_equal(probe->calls, 2);
    assert_int_equal(poller.rests, 1);
    poller_done(&poller);
}

#define LOOP_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOOP_TEST(a_timer_fires_not_before_its_time),
        LOOP_TEST(a_timer_pushed_back_fires_once_at_the_later_time),
        LOOP_TEST(a_timer_brought_forward_does_not_wait_for_the_old_time),
        LOOP_TEST(a_stopped_timer_lets_the_loop_end),
        LOOP_TEST(a_watch_reports_what_it_was_asked_for),
        LOOP_TEST(a_hook_runs_once_a_turn_and_after_the_calls),
        LOOP_TEST(a_hook_requested_from_a_hook_runs_in_the_same_turn),
        LOOP_TEST(hooks_that_request_themselves_do_not_stop_the_loop),
        LOOP_TEST(a_call_that_defers_itself_runs_in_the_next_turn),
        LOOP_TEST(what_is_cancelled_does_not_run),
        LOOP_TEST(a_signal_arrives_through_the_loop),
        LOOP_TEST(after_events_that_came_soon_it_looks_again_before_it_sleeps),
        LOOP_TEST(what_it_learns_of_answers_says_nothing_of_clients),
        LOOP_TEST(for_what_does_not_come_soon_it_sleeps_at_once),
        LOOP_TEST(before_it_sleeps_it_rests_as_long_as_it_is_told),
        LOOP_TEST(with_something_left_to_do_it_does_not_rest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
