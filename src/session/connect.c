/*
 * Connections: their beginning, and all the ways in which they end.
 *
 * Good day: CONNECTING -> `opened` (events.c) -> the setup sequence (setup.c).
 *
 * What goes wrong, and what is done then:
 * - The attempt fails, or the session is lost: WAITING, then the next attempt. At once after a
 *   session that had been ready for a second; else (and when its LUN ceased to be ready through
 *   this portal) the portals are tried in turn without a pause,
 *   and the pause between rounds doubles from 0.1 s to backoff_max_ms, with jitter. But after a
 *   session that had been ready it is no longer than that one lasted: a connection that is cut
 *   every second is in use most of the time. (One that ended at once shows nothing.)
 * - The very first login is refused for a reason that waiting does not change: REFUSED. Once the
 *   LUN was seen, nothing is final: an administrator at the target can always mend it.
 * - Another LUN answers: WRONG_LUN; the connection is closed before anything is written, and
 *   looked at again every few seconds.
 */
#include <stdio.h>

#include "base/checked.h"
#include "session/internal.h"

#define BACKOFF_FIRST_MS   100
#define GOOD_SESSION_US    1000000
#define WRONG_LUN_AGAIN_MS 3000

static const char *const loss_words[] = {
    [LINK_LOSS_RESOLVE] = "the portal's name has no address",
    [LINK_LOSS_CONNECT] = "cannot connect",
    [LINK_LOSS_CLOSED] = "the target closed the connection",
    [LINK_LOSS_PROTOCOL] = "the target broke the iSCSI protocol",
    [LINK_LOSS_LOGOUT] = "the target asked us to leave",
    [LINK_LOSS_LOGIN_TRANSIENT] = "the target takes no login now",
    [LINK_LOSS_LOGIN_AUTH] = "the target refuses our name or secret",
    [LINK_LOSS_LOGIN_NOT_FOUND] = "not found",
    [LINK_LOSS_LOGIN_REFUSED] = "the target refuses the login",
    [LINK_LOSS_MUTUAL_CHAP] = "the target did not prove that it knows the mutual CHAP secret",
    [LINK_LOSS_CONNECT_TIMEOUT] = "no answer from the portal",
    [LINK_LOSS_LOGIN_TIMEOUT] = "the login got no answer",
    [LINK_LOSS_SETUP_TIMEOUT] = "the target takes the login but answers no command",
    [LINK_LOSS_SILENT] = "the target fell silent",
    [LINK_LOSS_DEADLINE] = "a command got no answer",
    [LINK_LOSS_SETUP_FAILED] = "the LUN cannot be set up",
    [LINK_LOSS_NETWORK_CHANGED] = "the network changed while the target was silent",
    [LINK_LOSS_STOPPED] = "hung up",
};

static void loss_reason(struct session *session, enum link_loss reason, const char *detail)
{
    session->last_loss = reason;
    if (detail)
        session_reason(session, "%s: %s", loss_words[reason], detail);
    else
        session_reason(session, "%s", loss_words[reason]);
}

static void connect_timed_out(struct session *session)
{
    session_lose(session, LINK_LOSS_CONNECT_TIMEOUT, NULL);
}

void session_connect(struct session *session)
{
    session_enter(session, SES_CONNECTING);
    session->attempt_us = session_now(session);
    session->attempts++;
    session_trace(session, TRACE_SESSION_CONNECTING, session->attempts, session->portal, 0, NULL);
    session_due_after(session, session->config.connect_timeout_ms, connect_timed_out);
    session->link_open = true;
    session->link->ops->open(session->link, session->portal);
}

void session_close(struct session *session)
{
    if (session->link_open)
        session->link->ops->close(session->link);
    session->link_open = false;
}

/*
 * The connection is over. Returns true when the session had been ready: then the owner has to be
 * told, by hand_over_loss(), as the last thing.
 */
static bool drop(struct session *session)
{
    bool was_live = session->live;
    session_close(session);
    session_due_never(session);
    session->live = false;
    session->probe_busy = false;
    session->resetting = false;
    session->pinged_us = session->not_pinged_us = session->doubted_us = 0;
    session->hang_up = false;
    if (session->in_link > 0 && !session->config.observe_only)
        session->needs_fence = true; /* the target may still carry it out: invariant I7 */
    if (was_live) {
        session->generation++;
        session->lost_us = session_now(session);
        session->attempts = 0;
    }
    return was_live;
}

static void hand_over_loss(struct session *session)
{
    bool tell = session->owner_ready;
    session->owner_ready = false;
    session_commands_hand_back(session, SES_LOST, 0);
    if (tell && session->state != SES_LOGGING_OUT)
        session->events->not_ready(session->owner);
}

static void next_portal(struct session *session)
{
    session->portal = (session->portal + 1) % session->config.portal_count;
}

static bool login_was_refused(enum link_loss reason)
{
    return reason == LINK_LOSS_LOGIN_AUTH || reason == LINK_LOSS_LOGIN_REFUSED ||
           reason == LINK_LOSS_MUTUAL_CHAP;
}

/* How long until the next attempt, after `failures` of them in a row. */
static uint64_t pause_ms(struct session *session, enum link_loss reason)
{
    uint64_t max_ms = session->config.backoff_max_ms;
    if (login_was_refused(reason))
        return session_jitter(session, max_ms);
    unsigned rounds = session->failures / session->config.portal_count;
    if (session->failures % session->config.portal_count != 0 || rounds == 0)
        return 0;
    return session_backoff(session, rounds, BACKOFF_FIRST_MS, max_ms);
}

/* A target that is being restarted listens before it knows all its targets and LUNs: what is not
 * found right after an outage may come. */
static bool not_found_is_final(struct session *session)
{
    uint64_t now = session_now(session);
    if (!session->target_was_down)
        return true;
    if (session->not_found_us == 0)
        session->not_found_us = now;
    return now - session->not_found_us >= (uint64_t)session->config.refused_grace_ms * 1000;
}

/* Who knows its LUN, from an earlier session or from a journal, is not mistaken about it: waits. */
static bool is_final(struct session *session, enum link_loss reason)
{
    if (session->sessions > 0 || session->identity_known)
        return false;
    if (reason == LINK_LOSS_LOGIN_NOT_FOUND)
        return not_found_is_final(session);
    if (login_was_refused(reason))
        return true;
    if (reason != LINK_LOSS_SETUP_FAILED)
        session->target_was_down = true;
    return false;
}

static void refuse(struct session *session)
{
    session_enter(session, SES_REFUSED);
    session->events->gave_up(session->owner);
}

static void attempt_failed(struct session *session, enum link_loss reason, const char *detail)
{
    session->failures++;
    next_portal(session);
    bool final = is_final(session, reason);
    uint64_t pause = final ? 0 : pause_ms(session, reason);
    session_trace(session, TRACE_SESSION_ATTEMPT_FAILED, reason, session->attempts, pause, detail);
    if (final) {
        refuse(session);
        return;
    }
    session_enter(session, SES_WAITING);
    session_due_after(session, pause, session_connect);
}

static uint64_t pause_after_session_ms(struct session *session, enum link_loss reason,
                                       uint64_t ready_for_us)
{
    uint64_t ready_for_ms = ready_for_us / 1000;
    uint64_t limit_ms = ready_for_ms >= BACKOFF_FIRST_MS ? ready_for_ms : UINT64_MAX;
    return min_u64(pause_ms(session, reason), limit_ms);
}

static void session_was_lost(struct session *session, enum link_loss reason, const char *detail)
{
    uint64_t ready_for_us = session_now(session) - session->ready_us;
    session_trace(session, TRACE_SESSION_LOST, reason, session_commands_count(session),
                  ready_for_us / 1000, detail);
    bool was_good = ready_for_us >= GOOD_SESSION_US;
    if (was_good)
        session->failures = 0;
    if (!was_good || reason == LINK_LOSS_SETUP_FAILED) {
        session->failures++;
        next_portal(session);
    }
    session_enter(session, SES_WAITING);
    session_due_after(session, pause_after_session_ms(session, reason, ready_for_us),
                      session_connect);
    hand_over_loss(session);
}

void session_lose(struct session *session, enum link_loss reason, const char *detail)
{
    loss_reason(session, reason, detail);
    if (drop(session))
        session_was_lost(session, reason, detail);
    else
        attempt_failed(session, reason, detail);
}

void session_wrong_lun(struct session *session, const char *why)
{
    drop(session);
    session_reason(session, "the target answers with another LUN: %s", why);
    if (!session->wrong_lun_told)
        session_trace(session, TRACE_SESSION_WRONG_LUN, 0, 0, 0, why);
    session->wrong_lun_told = true;
    next_portal(session);
    session_enter(session, SES_WRONG_LUN);
    session_due_after(session, session_jitter(session, WRONG_LUN_AGAIN_MS), session_connect);
    hand_over_loss(session);
}

void session_unusable(struct session *session, const char *why)
{
    drop(session);
    session->last_loss = LINK_LOSS_SETUP_FAILED;
    session_reason(session, "%s", why);
    session_trace(session, TRACE_SESSION_UNUSABLE, 0, 0, 0, why);
    refuse(session);
}

void session_no_lun(struct session *session)
{
    char why[64];
    snprintf(why, sizeof why, "the target has no LUN %llu",
             (unsigned long long)session->config.lun);
    session_lose(session, LINK_LOSS_LOGIN_NOT_FOUND, why);
}

void session_begin_again(struct session *session)
{
    session_lose(session, LINK_LOSS_NETWORK_CHANGED, NULL);
    if (session->state == SES_WAITING) {
        session->failures = 0;
        session_due_after(session, 0, session_connect);
    }
}

void session_hang_up(struct session *session)
{
    session->hang_up = false;
    session->failures = 0;
    if (session->state == SES_WAITING || session->state == SES_WRONG_LUN)
        session_connect(session);
    else if (session->link_open && session->state != SES_FENCED)
        session_lose(session, LINK_LOSS_STOPPED, "asked to connect again");
}
