/*
 * The end of a daemon, in bounded time whatever the target does.
 *
 * Good day: the front ends stop (NBD clients are hung up, files unmounted while the loop goes on
 * serving what is still written to them), then the volume finishes what is under way,
 * synchronises the target's cache and logs out; then the loop ends.
 *
 * What can go wrong: somebody still uses a file, or the target is away. Then stop_timeout counts:
 * the front ends have the first half of it, the volume the rest. After that nobody is waited for:
 * requests are answered with an error, mounts are detached. What was not written is said, and the
 * exit status is 1; of mere reads nothing is lost but their answers. A second signal ends the
 * waiting at once.
 */
#include <inttypes.h>
#include <stdio.h>

#include "daemon/daemon.h"
#include "daemon/front_ends.h"
#include "daemon/human.h"

/* Left of stop_timeout for the end itself. */
#define MARGIN_US 500000ull

/* For the end itself, when nobody is waited for: beyond it something is broken. */
#define HANG_US 3000000ull

static void tell_what_is_lost(struct daemon *daemon, const struct vol_status *status)
{
    char lines[2][96] = {"", ""};
    char size[HUMAN_BYTES];
    if (status->requests > 0)
        snprintf(lines[0], sizeof lines[0], "%u request%s (%s to be written) %s never answered",
                 status->requests, human_plural(status->requests),
                 human_size(status->parked_write_bytes, size),
                 status->requests == 1 ? "was" : "were");
    if (status->unsynced_bytes > 0 && !status->journal_open)
        snprintf(lines[1], sizeof lines[1],
                 "%s of acknowledged writes were not flushed to the target",
                 human_size(status->unsynced_bytes, size));
    bool both = *lines[0] && *lines[1];
    log_format(daemon->log, STORY_ERROR, "stopping without the target; %s%s%s", lines[0],
               both ? ", " : "", lines[1]);
}

static void tell_what_is_kept(struct daemon *daemon, const struct vol_status *status)
{
    char size[HUMAN_BYTES];
    bool persistent = status->journal_mode == VOL_JOURNAL_PERSISTENT;
    daemon->left_in_journal = true;
    log_format(daemon->log, STORY_WARNING,
               "stopping without the target; %s that are not on the LUN stay in the journal, and "
               "are sent when this daemon is started again%s",
               human_size(status->unsynced_bytes, size),
               persistent ? "" : ". They do not survive a restart of this host");
}

static void arm(struct daemon *daemon, uint64_t at_us)
{
    port_timer_start(evl_timer_port(daemon->loop), &daemon->stop_timer, at_us);
}

/* The last words can be the good ones then: whoever reads them asks for what was written. */
static void tell_what_is_unread(struct daemon *daemon, const struct vol_status *status)
{
    log_format(daemon->log, STORY_WARNING,
               "stopping without the target; %u read%s %s never answered", status->requests,
               human_plural(status->requests), status->requests == 1 ? "was" : "were");
}

/* Also ranges that were only zeroed, of which no payload is retained. */
static bool is_something_lost(const struct vol_status *status)
{
    return status->changes > 0 || (status->unsynced_bytes > 0 && !status->journal_open);
}

/* What is unflushed now, or unanswered and no mere read, is lost: said once. */
static void give_up(struct daemon *daemon)
{
    struct vol_status status;
    if (daemon->hurried)
        return;
    daemon->hurried = true;
    vol_status(daemon->volume, &status);
    if (status.journal_open && status.unsynced_bytes > 0)
        tell_what_is_kept(daemon, &status);
    if (is_something_lost(&status)) {
        tell_what_is_lost(daemon, &status);
        daemon->exit_status = 1;
    } else if (status.requests > 0) {
        tell_what_is_unread(daemon, &status);
    }
    front_ends_stop_now(daemon->front_ends);
}

static void volume_stopped(void *owner)
{
    struct daemon *daemon = owner;
    daemon->volume_stopped = true;
    port_timer_stop(evl_timer_port(daemon->loop), &daemon->stop_timer);
    evl_break(daemon->loop);
}

static void stop_volume(struct daemon *daemon)
{
    if (!daemon->volume_stopping) {
        daemon->volume_stopping = true;
        vol_stop(daemon->volume, volume_stopped, daemon);
    }
    if (daemon->hurried)
        vol_stop_now(daemon->volume);
}

void daemon_front_ends_stopped(struct daemon *daemon)
{
    stop_volume(daemon);
}

/* First the front ends had their half, then the volume had its; last, what should have ended long
 * ago did not. */
static void stop_timer_fired(struct timer *timer)
{
    struct daemon *daemon = container_of(timer, struct daemon, stop_timer);
    if (daemon->hurried) {
        log_line(daemon->log, STORY_ERROR, "the end itself hangs; ending without it");
        daemon->exit_status = 1;
        evl_break(daemon->loop);
    } else if (!daemon->volume_stopping && daemon_now_us(daemon) < daemon->stop_deadline_us) {
        log_line(daemon->log, STORY_WARNING, "somebody still uses the disk; no longer waited for");
        front_ends_stop_now(daemon->front_ends);
        stop_volume(daemon);
        arm(daemon, daemon->stop_deadline_us);
    } else {
        daemon_stop_now(daemon);
    }
}

static void begin(struct daemon *daemon)
{
    uint64_t now = daemon_now_us(daemon);
    uint64_t patience_us = daemon->options->stop_timeout * 1000;
    uint64_t margin_us = patience_us / 4 < MARGIN_US ? patience_us / 4 : MARGIN_US;
    daemon->stopping = true;
    daemon->stop_deadline_us = now + patience_us - margin_us;
    timer_init(&daemon->stop_timer, stop_timer_fired);
    arm(daemon, now + (patience_us - margin_us) / 2);
    sd_notify_stopping(&daemon->notifier, patience_us + 2 * HANG_US);
    if (!daemon->refused)
        log_line(daemon->log, STORY_NOTICE, "stopping");
    front_ends_stop(daemon->front_ends);
}

void daemon_stop_now(struct daemon *daemon)
{
    if (!daemon->stopping)
        begin(daemon);
    if (daemon->hurried)
        return;
    give_up(daemon);
    stop_volume(daemon);
    if (!daemon->volume_stopped)
        arm(daemon, daemon_now_us(daemon) + HANG_US);
}

void daemon_stop(struct daemon *daemon)
{
    daemon->supervision->stopping = true;
    if (daemon->stopping)
        daemon_stop_now(daemon);
    else
        begin(daemon);
}
