/*
 * Good day: a descriptor becomes ready, its callback hands work to the core, the core requests
 * hooks and deferred calls, and an ev_prepare watcher runs those before the loop waits again.
 *
 * Timers of the port stand in one queue; one ev_timer is armed for the earliest. It is moved
 * only to an earlier time: a deadline that keeps being pushed back (as that of a busy session
 * is) costs nothing, the timer fires once at the old time and is armed for the new one.
 *
 * Between turns the loop sleeps; after evl_poll() it may first go round without waiting, for as
 * long as the window says of what it waits for. Only descriptors count as events there: timers are
 * what it waits out. Or, where many events come one by one, it first rests, and looks at none: each
 * would wake it up, and whoever sent it would pay for that.
 *
 * What can go wrong: hooks that request each other for ever. After HOOK_ROUNDS the rest waits
 * for the next turn, so descriptors and timers get their chance.
 */
#include "os/ev_loop.h"

#include <assert.h>
#include <errno.h>
#include <ev.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "base/poll_window.h"

#define HOOK_ROUNDS    8
#define NOT_ARMED      UINT64_MAX
#define REST_US_MIN    20u   /* to fall asleep and to be woken takes about as long */
#define TIMER_SLACK_NS 1000u /* the kernel's own 50 us would double a rest */

struct evl {
    struct timer_port timer_port;
    struct ev_loop *libev;
    struct timer_queue timers;
    uint64_t armed_us; /* what `timer` is armed for, or NOT_ARMED */
    ev_timer timer;
    ev_prepare end_of_turn;
    ev_idle do_not_wait; /* started while something is left to do at once */
    struct list_node hooks;
    struct list_node calls;

    struct poll_window windows[EVL_WAITS];
    enum evl_wait (*waits_for)(void *owner); /* NULL: never look */
    uint32_t (*rests_us)(void *owner);       /* NULL: never rest */
    void *polling_owner;
    enum evl_wait wait; /* what for, since done_us */
    uint64_t done_us;   /* when what the last event brought was dealt with */
    uint64_t event_us;  /* the first event of this turn; 0: none */
};

_Static_assert(sizeof(ev_io) <= sizeof(((struct evl_watch *)0)->library), "ev_io outgrew its room");
_Static_assert(sizeof(ev_signal) <= sizeof(((struct evl_signal *)0)->library),
               "ev_signal outgrew its room");

static ev_io *watch_io(struct evl_watch *watch)
{
    return (ev_io *)watch->library;
}

/* --- timers --- */

static struct evl *from_timer_port(struct timer_port *port)
{
    return container_of(port, struct evl, timer_port);
}

static uint64_t timer_port_now_us(struct timer_port *port)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void timer_port_start(struct timer_port *port, struct timer *timer, uint64_t at_us)
{
    timer_queue_start(&from_timer_port(port)->timers, timer, at_us);
}

static void timer_port_stop(struct timer_port *port, struct timer *timer)
{
    timer_queue_stop(timer);
}

static const struct timer_port_ops timer_port_ops = {
    .now_us = timer_port_now_us,
    .start = timer_port_start,
    .stop = timer_port_stop,
};

/* Arms the ev_timer when the earliest deadline is earlier than what it is armed for. */
static void arm_timer(struct evl *loop)
{
    uint64_t next_us = timer_queue_next_us(&loop->timers);
    if (next_us >= loop->armed_us)
        return;
    uint64_t now_us = timer_port_now_us(&loop->timer_port);
    double after = next_us > now_us ? (double)(next_us - now_us) / 1e6 : 0.;

    ev_timer_stop(loop->libev, &loop->timer);
    ev_now_update(loop->libev); /* libev counts from its cached time, which may be old */
    ev_timer_set(&loop->timer, after, 0.);
    ev_timer_start(loop->libev, &loop->timer);
    loop->armed_us = next_us;
}

static void timer_expired(struct ev_loop *libev, ev_timer *timer, int revents)
{
    struct evl *loop = container_of(timer, struct evl, timer);
    loop->armed_us = NOT_ARMED;
    timer_queue_run(&loop->timers, timer_port_now_us(&loop->timer_port));
    arm_timer(loop);
}

/* --- the end of a turn --- */

static void run_calls(struct evl *loop)
{
    struct list_node due;
    list_init(&due);
    list_splice(&due, &loop->calls);
    while (!list_is_empty(&due)) {
        struct evl_call *call = list_first(&due, struct evl_call, node);
        list_remove(&call->node);
        call->run(call);
    }
}

static void run_hooks(struct evl *loop)
{
    for (int round = 0; round < HOOK_ROUNDS && !list_is_empty(&loop->hooks); round++) {
        struct list_node due;
        list_init(&due);
        list_splice(&due, &loop->hooks);
        while (!list_is_empty(&due)) {
            struct evl_hook *hook = list_first(&due, struct evl_hook, node);
            list_remove(&hook->node);
            hook->run(hook);
        }
    }
}

/* Whether to look for events once more, instead of sleeping until there is one. */
static bool looks_again(struct evl *loop)
{
    if (!loop->waits_for)
        return false;
    uint64_t now_us = timer_port_now_us(&loop->timer_port);
    if (loop->event_us > 0) {
        poll_window_event(&loop->windows[loop->wait], loop->event_us - loop->done_us);
        loop->done_us = now_us;
        loop->event_us = 0;
    }
    loop->wait = loop->waits_for(loop->polling_owner);
    return now_us - loop->done_us < loop->windows[loop->wait].us;
}

/* A signal ends it, which is as good. */
static void rest(const struct evl *loop)
{
    uint32_t us = loop->rests_us ? loop->rests_us(loop->polling_owner) : 0;
    const struct timespec pause = {.tv_nsec = (long)us * 1000};
    if (us >= REST_US_MIN)
        clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
}

static void turn_ends(struct ev_loop *libev, ev_prepare *prepare, int revents)
{
    struct evl *loop = container_of(prepare, struct evl, end_of_turn);
    run_calls(loop);
    run_hooks(loop);
    arm_timer(loop);
    bool something_is_left = !list_is_empty(&loop->calls) || !list_is_empty(&loop->hooks);
    bool looks = looks_again(loop);
    if (looks)
        sched_yield(); /* who waits for this CPU may be who it waits for */
    if (looks || something_is_left) {
        ev_idle_start(libev, &loop->do_not_wait);
    } else {
        ev_idle_stop(libev, &loop->do_not_wait);
        rest(loop);
    }
}

static void did_not_wait(struct ev_loop *libev, ev_idle *idle, int revents)
{
}

/* --- the loop --- */

int evl_new(struct evl **ret_loop)
{
    struct evl *loop = calloc(1, sizeof *loop);
    if (loop == NULL)
        return -ENOMEM;
    loop->libev = ev_loop_new(EVBACKEND_EPOLL | EVFLAG_NOENV | EVFLAG_NOINOTIFY | EVFLAG_NOSIGMASK |
                              EVFLAG_NOTIMERFD);
    if (loop->libev == NULL) {
        free(loop);
        return -ENOSYS;
    }
    loop->timer_port.ops = &timer_port_ops;
    timer_queue_init(&loop->timers);
    loop->armed_us = NOT_ARMED;
    list_init(&loop->hooks);
    list_init(&loop->calls);
    ev_timer_init(&loop->timer, timer_expired, 0., 0.);
    ev_idle_init(&loop->do_not_wait, did_not_wait);
    ev_prepare_init(&loop->end_of_turn, turn_ends);
    ev_prepare_start(loop->libev, &loop->end_of_turn);
    ev_set_userdata(loop->libev, loop);
    ev_unref(loop->libev); /* it alone does not keep evl_run() going */
    *ret_loop = loop;
    return 0;
}

void evl_free(struct evl *loop)
{
    if (loop == NULL)
        return;
    assert(list_is_empty(&loop->hooks) && list_is_empty(&loop->calls));
    ev_ref(loop->libev);
    ev_prepare_stop(loop->libev, &loop->end_of_turn);
    ev_idle_stop(loop->libev, &loop->do_not_wait);
    ev_timer_stop(loop->libev, &loop->timer);
    ev_loop_destroy(loop->libev);
    free(loop);
}

void evl_run(struct evl *loop)
{
    ev_run(loop->libev, 0);
}

void evl_run_once(struct evl *loop, bool wait)
{
    ev_run(loop->libev, wait ? EVRUN_ONCE : EVRUN_NOWAIT);
}

void evl_poll(struct evl *loop, const struct evl_polling *polling)
{
    assert(polling->max_us[EVL_WAIT_LONG] == 0);
    if (sysconf(_SC_NPROCESSORS_ONLN) == 1)
        return;
    for (int i = 0; i < EVL_WAITS; i++)
        loop->windows[i] = (struct poll_window){.max_us = polling->max_us[i]};
    loop->waits_for = polling->waits_for;
    loop->rests_us = polling->rests_us;
    loop->polling_owner = polling->owner;
    if (loop->rests_us)
        prctl(PR_SET_TIMERSLACK, TIMER_SLACK_NS, 0, 0, 0);
    loop->done_us = timer_port_now_us(&loop->timer_port);
}

void evl_break(struct evl *loop)
{
    ev_break(loop->libev, EVBREAK_ALL);
}

struct timer_port *evl_timer_port(struct evl *loop)
{
    return &loop->timer_port;
}

/* --- descriptors --- */

static unsigned from_libev(int revents)
{
    return (revents & EV_READ ? EVL_READ : 0) | (revents & EV_WRITE ? EVL_WRITE : 0);
}

static int to_libev(unsigned events)
{
    return (events & EVL_READ ? EV_READ : 0) | (events & EVL_WRITE ? EV_WRITE : 0);
}

static void io_ready(struct ev_loop *libev, ev_io *io, int revents)
{
    struct evl_watch *watch = container_of((uint64_t *)io, struct evl_watch, library[0]);
    struct evl *loop = ev_userdata(libev);
    if (loop->event_us == 0 && loop->waits_for)
        loop->event_us = timer_port_now_us(&loop->timer_port);
    watch->ready(watch, from_libev(revents));
}

void evl_watch_init(struct evl_watch *watch, int fd,
                    void (*ready)(struct evl_watch *watch, unsigned events))
{
    *watch = (struct evl_watch){.fd = fd, .ready = ready};
    ev_io_init(watch_io(watch), io_ready, fd, 0);
}

void evl_watch_set(struct evl *loop, struct evl_watch *watch, unsigned events)
{
    if (events == watch->events)
        return;
    ev_io *io = watch_io(watch);
    ev_io_stop(loop->libev, io);
    /* A start tells epoll of the descriptor anew, because its number may have been used again;
     * a change does not, so that one that is taken back within the turn costs nothing. */
    bool starts = watch->events == 0;
    watch->events = events;
    if (events == 0)
        return;
    assert(watch->fd >= 0);
    if (starts)
        ev_io_set(io, watch->fd, to_libev(events));
    else
        ev_io_modify(io, to_libev(events));
    ev_io_start(loop->libev, io);
}

void evl_watch_stop(struct evl *loop, struct evl_watch *watch)
{
    evl_watch_set(loop, watch, 0);
}

/* --- hooks and calls --- */

void evl_hook_init(struct evl_hook *hook, void (*run)(struct evl_hook *hook))
{
    list_init(&hook->node);
    hook->run = run;
}

void evl_hook_request(struct evl *loop, struct evl_hook *hook)
{
    if (list_is_empty(&hook->node))
        list_append(&loop->hooks, &hook->node);
}

void evl_hook_cancel(struct evl_hook *hook)
{
    list_remove(&hook->node);
}

void evl_call_init(struct evl_call *call, void (*run)(struct evl_call *call))
{
    list_init(&call->node);
    call->run = run;
}

void evl_call_defer(struct evl *loop, struct evl_call *call)
{
    if (list_is_empty(&call->node))
        list_append(&loop->calls, &call->node);
}

void evl_call_cancel(struct evl_call *call)
{
    list_remove(&call->node);
}

/* --- signals --- */

static void signal_raised(struct ev_loop *libev, ev_signal *watcher, int revents)
{
    struct evl_signal *signal = container_of((uint64_t *)watcher, struct evl_signal, library[0]);
    signal->raised(signal, watcher->signum);
}

void evl_signal_start(struct evl *loop, struct evl_signal *signal, int number,
                      void (*raised)(struct evl_signal *signal, int number))
{
    *signal = (struct evl_signal){.raised = raised};
    ev_signal *watcher = (ev_signal *)signal->library;
    ev_signal_init(watcher, signal_raised, number);
    ev_signal_start(loop->libev, watcher);
}

void evl_signal_stop(struct evl *loop, struct evl_signal *signal)
{
    ev_signal_stop(loop->libev, (ev_signal *)signal->library);
}
