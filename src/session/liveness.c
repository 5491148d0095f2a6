/*
 * Is the target still there? A NOP-Out after nop_interval_ms of silence, and a deadline for every
 * command. What expires is never the command alone: a command that may still run at the target
 * cannot be given up, only fenced, so the session is dropped (DESIGN.md, section 3).
 *
 * A command that needs more than the deadline (an UNMAP of a terabyte) would run into it for
 * ever; so the deadline doubles with each session that it costs, up to DEADLINE_FACTOR_MAX. The
 * SYNCHRONIZE CACHE after a login is such a command, too: the target has to write what it kept
 * during an outage.
 *
 * A NOP-Out waits for the target's command window as commands do: one that cannot leave proves
 * nothing, and the deadlines of the commands that fill the window decide.
 */
#include "base/checked.h"
#include "session/internal.h"

#define DEADLINE_FACTOR_MAX  8
#define DEADLINE_HOLD        40      /* a raised deadline is kept for so many command timeouts */
#define DEADLINE_INTERVAL_US 1000000 /* deadlines are looked at no more often */
#define DOUBT_US             1000000 /* the network changed: an answer later than this is lost */

void session_heard(struct session *session)
{
    session->heard_us = session_now(session);
    session->doubted_us = 0;
}

void session_liveness_begin(struct session *session)
{
    session_heard(session);
    session_wake_by(session, session_liveness_next_us(session));
}

uint64_t session_command_timeout_us(const struct session *session)
{
    uint64_t base = (uint64_t)session->config.command_timeout_ms * 1000;
    bool raised = session_now(session) < session->deadline_slow_until_us;
    return raised ? base * session->deadline_factor : base;
}

static void raise_deadline(struct session *session)
{
    uint64_t now = session_now(session);
    uint64_t base = (uint64_t)session->config.command_timeout_ms * 1000;
    unsigned factor = now < session->deadline_slow_until_us ? session->deadline_factor : 1;
    session->deadline_factor = (unsigned)min_u64(factor * 2, DEADLINE_FACTOR_MAX);
    session->deadline_slow_until_us = now + DEADLINE_HOLD * base;
}

void session_commands_hurry(struct session *session)
{
    uint64_t limit = session_now(session) + (uint64_t)session->config.setup_timeout_ms * 1000;
    list_for_each(node, &session->commands)
    {
        struct ses_command *command = container_of(node, struct ses_command, node);
        if (!command->waiting)
            command->deadline_us = min_u64(command->deadline_us, limit);
    }
    if (session->in_link > 0)
        session_wake_by(session, limit);
}

static struct ses_command *most_urgent(const struct session *session)
{
    struct ses_command *urgent = NULL;
    list_for_each(node, &session->commands)
    {
        struct ses_command *command = container_of(node, struct ses_command, node);
        if (!command->waiting && (!urgent || command->deadline_us < urgent->deadline_us))
            urgent = command;
    }
    return urgent;
}

void session_overdue(struct session *session, enum ses_op op, uint64_t sent_us)
{
    session_trace(session, TRACE_SESSION_DEADLINE, op, (session_now(session) - sent_us) / 1000, 0,
                  NULL);
    raise_deadline(session);
    session_lose(session, LINK_LOSS_DEADLINE, NULL);
}

static bool deadline_passed(struct session *session)
{
    uint64_t now = session_now(session);
    const struct ses_command *command = most_urgent(session);
    session->deadline_check_us = now;
    if (!command || now < command->deadline_us)
        return false;
    session_overdue(session, command->op, command->sent_us);
    return true;
}

/* When silence calls for the next step: a NOP-Out, or the end. */
static uint64_t silence_ends_us(const struct session *session)
{
    if (session->doubted_us)
        return session->doubted_us + DOUBT_US;
    uint64_t ms =
        session->pinged_us ? session->config.nop_timeout_ms : session->config.nop_interval_ms;
    uint64_t since = max_u64(session->heard_us, session->pinged_us);
    return max_u64(since, session->not_pinged_us) + ms * 1000;
}

/* False: it cannot be asked now. */
static bool ping(struct session *session)
{
    uint64_t now = session_now(session);
    bool sent = session->link->ops->ping(session->link);
    session->pinged_us = sent ? now : 0;
    session->not_pinged_us = sent ? 0 : now;
    return sent;
}

static bool is_silent(struct session *session)
{
    uint64_t now = session_now(session);
    if (now < silence_ends_us(session))
        return false;
    if (session->doubted_us) {
        session_begin_again(session);
        return true;
    }
    if (session->pinged_us == 0) {
        ping(session);
        return false;
    }
    session_trace(session, TRACE_SESSION_SILENT, (now - session->heard_us) / 1000, 0, 0, NULL);
    session_lose(session, LINK_LOSS_SILENT, NULL);
    return true;
}

bool session_doubt(struct session *session)
{
    if (session->doubted_us)
        return true;
    if (session->pinged_us == 0 && !ping(session))
        return false;
    session->doubted_us = session_now(session);
    session_wake_by(session, silence_ends_us(session));
    return true;
}

bool session_is_watched(const struct session *session)
{
    return (session->live || session->state == SES_SYNCING) && session->link_open &&
           session->state != SES_FENCED;
}

bool session_is_dead(struct session *session)
{
    if (!session_is_watched(session))
        return false;
    return is_silent(session) || deadline_passed(session);
}

uint64_t session_liveness_next_us(const struct session *session)
{
    if (!session_is_watched(session))
        return SESSION_NEVER;
    uint64_t next = silence_ends_us(session);
    const struct ses_command *command = most_urgent(session);
    if (command)
        next = min_u64(
            next, max_u64(command->deadline_us, session->deadline_check_us + DEADLINE_INTERVAL_US));
    return next;
}
