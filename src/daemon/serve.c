/*
 * The daemon: builds its parts, opens the front ends at once, and runs the loop.
 *
 * Good day: secrets, volume and session, run directory and lock, control socket, journal, front
 * ends, memory locked, "ready"; then the loop, until somebody says stop (stop.c).
 *
 * What can go wrong before "ready" ends the process with one line: a second daemon, a bad secret,
 * a busy socket. After it, only this does: the very first login is refused for good (wrong CHAP,
 * no such target or LUN). Once the LUN was seen the daemon never ends by itself.
 */
#include "daemon/serve.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "daemon/control_socket.h"
#include "daemon/daemon.h"
#include "daemon/device.h"
#include "daemon/front_ends.h"
#include "daemon/hold.h"
#include "daemon/human.h"
#include "daemon/memory.h"
#include "daemon/root_disk.h"
#include "daemon/story_words.h"
#include "os/link_libiscsi.h"

#define FILL_SAMPLE_MS 1000
/* A client that has more to do than this before its next request may want the very CPU for it. */
#define CLIENT_POLL_US 200u

uint64_t daemon_now_us(const struct daemon *daemon)
{
    return port_now_us(evl_timer_port(daemon->loop));
}

static void told(void *owner, enum story_priority priority, const char *text)
{
    struct daemon *daemon = owner;
    log_line(daemon->log, priority, text);
    if (priority <= STORY_NOTICE)
        sd_notify_status(&daemon->notifier, text);
}

static void tell_lun(struct daemon *daemon)
{
    const struct lun *lun = ses_lun(vol_session(daemon->volume));
    char name[128], size[HUMAN_BYTES];
    if (!lun)
        return;
    lun_name(&lun->identity, name, sizeof name);
    log_format(daemon->log, STORY_INFO, "LUN %u: %s, %s in blocks of %u%s%s%s",
               daemon->login.config.lun, name, human_size(lun->blocks * lun->block_bytes, size),
               lun->block_bytes, lun->write_cache ? ", write cache" : "", lun->thin ? ", thin" : "",
               lun->read_only ? ", read-only" : "");
}

static void settle(struct evl_hook *hook)
{
    struct daemon *daemon = container_of(hook, struct daemon, settle);
    story_settle(&daemon->story);
    if (daemon->story.was_ready && !daemon->was_ready) {
        daemon->was_ready = true;
        daemon->supervision->lun_seen = true;
        tell_lun(daemon);
    }
}

static void emit(struct trace_port *port, const struct trace_event *event)
{
    struct daemon *daemon = container_of(port, struct daemon, trace);
    story_tell(&daemon->story, event, daemon_now_us(daemon));
    evl_hook_request(daemon->loop, &daemon->settle);
}

static void give_up(struct evl_call *call)
{
    struct daemon *daemon = container_of(call, struct daemon, give_up);
    struct ses_status status;
    ses_status(vol_session(daemon->volume), &status);
    log_format(daemon->log, STORY_ERROR, "giving up: %s%s", status.reason,
               story_mend(status.last_loss));
    daemon->exit_status = 1;
    daemon->refused = true;
    daemon_stop_now(daemon);
}

/* Refused at the very first login. Fenced by another initiator is told already, and final, but no
 * reason to end: who still reads errors knows more than who finds no disk. */
static void gave_up(void *owner)
{
    struct daemon *daemon = owner;
    struct ses_status status;
    ses_status(vol_session(daemon->volume), &status);
    if (status.state == SES_REFUSED)
        evl_call_defer(daemon->loop, &daemon->give_up);
}

static void signalled(struct evl_signal *signal, int number)
{
    struct daemon *daemon = number == SIGTERM ? container_of(signal, struct daemon, terminate)
                                              : container_of(signal, struct daemon, interrupt);
    daemon_stop(daemon);
}

static void watchdog_fired(struct timer *timer)
{
    struct daemon *daemon = container_of(timer, struct daemon, watchdog);
    sd_notify_watchdog(&daemon->notifier);
    port_timer_start(evl_timer_port(daemon->loop), timer,
                     daemon_now_us(daemon) + daemon->notifier.watchdog_us / 2);
}

static void sample_fill(struct timer *timer)
{
    struct daemon *daemon = container_of(timer, struct daemon, fill_timer);
    struct vol_status status;
    vol_status(daemon->volume, &status);
    fill_rate_sample(&daemon->fill, daemon_now_us(daemon), status.ring_used_bytes);
    hold_look(daemon);
    port_timer_after_ms(evl_timer_port(daemon->loop), timer, FILL_SAMPLE_MS);
}

static void front_ends_stopped(void *owner)
{
    daemon_front_ends_stopped(owner);
}

static void set_up_notifier(struct daemon *daemon)
{
    struct sd_environment environment;
    sd_environment_read(&environment);
    int error = sd_notifier_init(&daemon->notifier, &environment, getpid());
    if (error)
        log_format(daemon->log, STORY_WARNING, "NOTIFY_SOCKET cannot be used: %s",
                   strerror(-error));
}

static enum evl_wait waits_for(void *owner)
{
    const struct daemon *daemon = owner;
    if (!vol_is_calm(daemon->volume))
        return EVL_WAIT_LONG;
    return vol_is_empty(daemon->volume) ? EVL_WAIT_CLIENT : EVL_WAIT_ANSWER;
}

static uint32_t rests_us(void *owner)
{
    const struct daemon *daemon = owner;
    return (uint32_t)min_u64(daemon->options->rest_us, vol_rest_us(daemon->volume));
}

static void set_up_polling(struct daemon *daemon)
{
    const uint64_t max_us = daemon->options->poll_us;
    const struct evl_polling polling = {
        .max_us = {[EVL_WAIT_CLIENT] = (uint32_t)min_u64(max_us, CLIENT_POLL_US),
                   [EVL_WAIT_ANSWER] = (uint32_t)max_us},
        .waits_for = waits_for,
        .rests_us = rests_us,
        .owner = daemon,
    };
    evl_poll(daemon->loop, &polling);
}

static int set_up_disk(struct daemon *daemon, struct fault *fault)
{
    struct ses_config sessions = session_config(daemon->options);
    struct vol_config volumes = volume_config(daemon->options);
    random_os_init(&daemon->random);
    int error =
        link_libiscsi_new(&daemon->login.config, daemon->loop, &daemon->random.port, &daemon->link);
    if (!error)
        error = vol_new(&volumes, &sessions, daemon->link, evl_timer_port(daemon->loop),
                        &daemon->random.port, &daemon->trace, &daemon->volume);
    if (error)
        return fault_set(fault, error, "no memory for the volume; lower memory=SIZE");
    vol_on_gave_up(daemon->volume, gave_up, daemon);
    set_up_polling(daemon);
    return 0;
}

static int set_up_places(struct daemon *daemon, struct fault *fault)
{
    char path[OPTION_PATH_BYTES + 16];
    int error = run_dir_take(&daemon->run_dir, daemon->options->run_dir, fault);
    if (!error)
        error = run_dir_claim_lun(&daemon->run_dir, daemon->options->url.target,
                                  daemon->options->url.lun, fault);
    if (error)
        return error;
    snprintf(path, sizeof path, "%s/%s", daemon->options->run_dir, CONTROL_SOCKET);
    return control_socket_new(daemon->loop, path, &daemon_verbs, daemon, &daemon->control, fault);
}

/* In the run directory, perhaps; so after its lock. */
static int set_up_journal(struct daemon *daemon, struct fault *fault)
{
    int error = journal_setup_open(daemon->options, daemon->loop, daemon->log, &daemon->notifier,
                                   &daemon->journal, fault);
    if (error)
        return error;
    const struct journal_owner owner = {condemn_start, daemon};
    return journal_setup_use(&daemon->journal, daemon->options, daemon->login.initiator, &owner,
                             daemon->volume, fault);
}

static int set_up(struct daemon *daemon, struct fault *fault)
{
    int error = set_up_disk(daemon, fault);
    if (!error)
        error = set_up_places(daemon, fault);
    if (!error)
        error = set_up_journal(daemon, fault);
    if (!error)
        error = front_ends_new(daemon->options, daemon->loop, daemon->volume, daemon->log,
                               front_ends_stopped, daemon, &daemon->front_ends, fault);
    return error;
}

static void start(struct daemon *daemon)
{
    char places[STORY_LINE_BYTES];
    evl_signal_start(daemon->loop, &daemon->terminate, SIGTERM, signalled);
    evl_signal_start(daemon->loop, &daemon->interrupt, SIGINT, signalled);
    memory_keep(daemon->options, memory_wanted(daemon->options), daemon->log);
    vol_start(daemon->volume);
    timer_init(&daemon->fill_timer, sample_fill);
    if (daemon->journal.device)
        sample_fill(&daemon->fill_timer);
    timer_init(&daemon->watchdog, watchdog_fired);
    if (daemon->notifier.watchdog_us > 0)
        watchdog_fired(&daemon->watchdog);
    front_ends_print(daemon->front_ends, places, sizeof places);
    log_format(daemon->log, STORY_NOTICE, "ready: %s", places);
    sd_notify_ready(&daemon->notifier);
}

static void tear_down(struct daemon *daemon)
{
    if (daemon->started) {
        evl_signal_stop(daemon->loop, &daemon->terminate);
        evl_signal_stop(daemon->loop, &daemon->interrupt);
        port_timer_stop(evl_timer_port(daemon->loop), &daemon->watchdog);
        port_timer_stop(evl_timer_port(daemon->loop), &daemon->fill_timer);
        port_timer_stop(evl_timer_port(daemon->loop), &daemon->stop_timer);
    }
    evl_hook_cancel(&daemon->settle);
    evl_call_cancel(&daemon->give_up);
    condemn_done(daemon);
    control_socket_free(daemon->control);
    front_ends_free(daemon->front_ends);
    vol_free(daemon->volume);
    journal_setup_close(&daemon->journal, daemon->volume_stopped, daemon->log);
    link_libiscsi_free(daemon->link);
    login_done(&daemon->login);
    evl_free(daemon->loop);
    sd_notifier_done(&daemon->notifier);
}

static void run(struct daemon *daemon)
{
    daemon->started = true;
    start(daemon);
    evl_run(daemon->loop);
    story_settle(&daemon->story);
    if (!daemon->volume_stopped) { /* broken: touch nothing any more */
        log_free(daemon->log);
        _exit(1);
    }
    if (daemon->refused)
        return;
    bool all_written = daemon->exit_status == 0 && !daemon->left_in_journal;
    log_line(daemon->log, STORY_NOTICE, all_written ? SERVE_WROTE_ALL : "stopped");
}

/* The daemon itself. Under a supervisor in a process that has forgotten nothing of prepare(). */
static int work(void *owner)
{
    struct daemon *daemon = owner;
    struct fault fault;
    daemon->log = log_new(STDERR_FILENO, daemon->options->name);
    if (!daemon->log || evl_new(&daemon->loop) != 0) {
        fprintf(stderr, "holdfast: no memory\n");
        return 1;
    }
    set_up_notifier(daemon);
    daemon->started_us = daemon_now_us(daemon);
    evl_hook_init(&daemon->settle, settle);
    evl_call_init(&daemon->give_up, give_up);
    story_init(&daemon->story, daemon->started_us, told, daemon);
    if (set_up(daemon, &fault) == 0) {
        run(daemon);
    } else {
        log_line(daemon->log, STORY_ERROR, fault.text);
        daemon->exit_status = 1;
    }
    tear_down(daemon);
    log_free(daemon->log);
    run_dir_release(&daemon->run_dir); /* who waited for that reads our last words next */
    return daemon->exit_status;
}

/* All that needs files of the system: a worker that is started again must do without them. */
static int prepare(struct daemon *daemon)
{
    static struct supervision own;
    struct fault fault;
    const struct options *options = daemon->options;
    struct log *log = log_new(STDERR_FILENO, options->name);
    int error = log ? login_init(&daemon->login, options, false, log, &fault)
                    : fault_set(&fault, -ENOMEM, "no memory");
    daemon->supervision = options->supervise ? supervision_new() : &own;
    if (!error && !daemon->supervision)
        error = fault_set(&fault, -ENOMEM, "no memory for the supervisor");
    if (!error && *options->device)
        error = device_prepare(options->device, &fault);
    if (!error)
        error = root_disk_check(options, &fault);
    if (error && log)
        log_line(log, STORY_ERROR, fault.text);
    log_free(log); /* its thread would not live on in a worker */
    if (error)
        return error;
    error = root_disk_prepare(options, &fault);
    if (error)
        fprintf(stderr, "%s: %s\n", options->name, fault.text);
    return error;
}

int serve(const struct options *options)
{
    /* One per process; big, and locked with the rest. */
    static struct daemon daemon;
    daemon = (struct daemon){.options = options, .trace = {emit}, .run_dir = {"", -1, -1}};
    memory_prepare();
    int status = 1;
    if (prepare(&daemon) == 0) {
        if (options->supervise)
            memory_keep(options, MEMORY_LOCK_ALL, NULL); /* the worker says what was refused */
        status = options->supervise ? supervise(options->name, daemon.supervision, work, &daemon)
                                    : work(&daemon);
    }
    login_done(&daemon.login);
    return status;
}
