/*
 * The session as its owner sees it: made, started, asked, stopped. The work is done in connect.c
 * (connections and their ends), setup.c (from a login to READY), command.c and verdict.c (the
 * owner's commands), liveness.c (silence and deadlines); state.c declares the transitions.
 */
#include "session/session.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "session/internal.h"

/*
 * backoff_max_ms: a target that was away for long has to be found within 3 s of its return, so
 * the pause between two attempts must not be longer than that.
 */
const struct ses_config ses_config_default = {
    .portal_count = 1,
    .connect_timeout_ms = 5000,
    .setup_timeout_ms = 10000,
    .command_timeout_ms = 30000,
    .nop_interval_ms = 5000,
    .nop_timeout_ms = 5000,
    .backoff_max_ms = 2000,
    .refused_grace_ms = 30000,
    .wait_when_full = true,
};

struct session *ses_new(const struct ses_config *config, struct link_port *link,
                        struct timer_port *timer, struct random_port *random,
                        struct trace_port *trace, const struct ses_events *events, void *owner)
{
    assert(config->portal_count > 0 && config->command_timeout_ms > 0);
    struct session *session = calloc(1, sizeof *session);
    if (!session)
        return NULL;
    session->config = *config;
    session->link = link;
    session->timer = timer;
    session->random = random;
    session->trace = trace;
    session->events = events;
    session->owner = owner;
    session->state = SES_IDLE;
    session->generation = 1;
    session->window = SESSION_WINDOW_MAX;
    session->needs_fence = !config->observe_only; /* what a daemon before us left is unknown */
    list_init(&session->commands);
    session_clock_init(session);
    link->events = &session_link_events;
    link->owner = session;
    return session;
}

void ses_free(struct session *session)
{
    if (!session)
        return;
    port_timer_stop(session->timer, &session->clock);
    session_close(session);
    free(session);
}

void ses_bind(struct session *session, const struct lun_identity *identity)
{
    assert(session->state == SES_IDLE);
    session->identity = *identity;
    session->identity_known = true;
}

void ses_start(struct session *session)
{
    session->lost_us = session_now(session);
    session_reason(session, "connecting");
    session_connect(session);
}

static void stop(struct session *session)
{
    session_commands_hand_back(session, SES_LOST, 0);
    session_enter(session, SES_STOPPED);
    session->events->stopped(session->owner);
}

static void logged_out(void *owner)
{
    struct session *session = owner;
    session->link_open = false;
    stop(session);
}

void ses_stop(struct session *session)
{
    if (session->state == SES_LOGGING_OUT || session->state == SES_STOPPED)
        return;
    bool polite = session->state == SES_READY && session_commands_count(session) == 0;
    session->live = false;
    session->owner_ready = false;
    session->hang_up = false;
    session_due_never(session);
    session_enter(session, SES_LOGGING_OUT);
    session_reason(session, "stopping");
    if (polite) {
        session->link->ops->logout(session->link, logged_out);
    } else {
        session_close(session);
        session_due_after(session, 0, stop);
    }
}

void ses_reconnect(struct session *session)
{
    if (session->state == SES_LOGGING_OUT || session->state == SES_STOPPED)
        return;
    session->hang_up = true;
    session_wake_by(session, session_now(session));
}

uint64_t ses_generation(const struct session *session)
{
    return session->generation;
}

const struct lun_identity *ses_identity(const struct session *session)
{
    return session->identity_known ? &session->identity : NULL;
}

const struct lun *ses_lun(const struct session *session)
{
    return session->lun_known ? &session->lun : NULL;
}

const struct link_limits *ses_limits(const struct session *session)
{
    return &session->limits;
}

void ses_status(const struct session *session, struct ses_status *ret_status)
{
    *ret_status = (struct ses_status){
        .state = session->state,
        .last_loss = session->last_loss,
        .portal_index = session->portal,
        .attempts = session->attempts,
        .generation = session->generation,
        .since_us = session->state == SES_READY ? session->ready_us : session->lost_us,
        .sessions = session->sessions,
        .in_flight = session_commands_count(session),
        .window = session->window,
    };
    memcpy(ret_status->reason, session->reason, sizeof ret_status->reason);
}
