/*
 * What the link tells us.
 *
 * One of its events is not about the connection: the network of this host changed. Then what is
 * stuck is given up, and tried again at once: after an outage at our own end TCP may need a minute
 * to notice that the way is open again. But most changes have nothing to do with the target (a
 * container starts), and a command may just be slow: a session is asked first.
 */
#include <assert.h>

#include "base/checked.h"
#include "session/internal.h"

#define CONNECT_STALE_US 500000  /* network_changed: an attempt this old is begun again */
#define SILENCE_STALE_US 1000000 /* network_changed: an answer this late is not waited for */

static void link_opened(void *owner, const struct link_limits *limits)
{
    struct session *session = owner;
    assert(session->state == SES_CONNECTING);
    assert(limits->max_read_bytes > 0 && limits->max_write_bytes > 0);
    session->limits = *limits;
    session_heard(session);
    session_setup(session);
}

static void link_lost(void *owner, enum link_loss reason, const char *detail)
{
    struct session *session = owner;
    assert(session->link_open);
    session->link_open = false;
    if (session->state == SES_FENCED)
        session_fenced_lost(session);
    else
        session_lose(session, reason, detail);
}

static void link_reset_done(void *owner, uint8_t response)
{
    struct session *session = owner;
    session_heard(session);
    session_reset_done(session, response);
}

static void link_pong(void *owner)
{
    struct session *session = owner;
    session->pinged_us = 0;
    session_heard(session);
}

/* Since when an answer is missing; SESSION_NEVER: none is. */
static uint64_t missing_since_us(const struct session *session)
{
    const struct ses_command *oldest = NULL;
    list_for_each(node, &session->commands)
    {
        const struct ses_command *command = container_of(node, struct ses_command, node);
        if (!command->waiting && (!oldest || command->sent_us < oldest->sent_us))
            oldest = command;
    }
    uint64_t since = oldest ? oldest->sent_us : SESSION_NEVER;
    if (session->pinged_us != 0)
        since = min_u64(since, session->pinged_us);
    if (session->probe_busy || session->resetting)
        since = min_u64(since, session->probe_us);
    return since;
}

/* True when the target owes us an answer for so long that the change of the network may well be
 * why: better to begin again than to wait for TCP to notice. */
static bool is_stuck(const struct session *session)
{
    uint64_t now = session_now(session);
    if (session->state == SES_CONNECTING)
        return now - session->attempt_us >= CONNECT_STALE_US;
    uint64_t since = missing_since_us(session);
    if (!session->link_open || since == SESSION_NEVER)
        return false;
    return now - max_u64(since, session->heard_us) >= SILENCE_STALE_US;
}

static bool ping_is_late(const struct session *session)
{
    return session->pinged_us != 0 &&
           session_now(session) - max_u64(session->pinged_us, session->heard_us) >=
               SILENCE_STALE_US;
}

static void link_network_changed(void *owner)
{
    struct session *session = owner;
    if (session->state == SES_WAITING) {
        session->failures = 0;
        session_connect(session);
    } else if (session->link_open && session->state <= SES_READY && is_stuck(session)) {
        if (!session_is_watched(session) || ping_is_late(session) || !session_doubt(session))
            session_begin_again(session);
    }
}

const struct link_events session_link_events = {
    .opened = link_opened,
    .lost = link_lost,
    .reset_done = link_reset_done,
    .pong = link_pong,
    .network_changed = link_network_changed,
};
