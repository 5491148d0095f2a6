/*
 * The session's one timer. It serves three purposes, each of which knows when it wants to be
 * woken next: the state itself (a deadline, or the end of a pause), commands that wait for their
 * next attempt, and liveness. The timer is moved only to earlier times; when it fires too early,
 * nothing is due and it is armed for the next. So the path of a command arms nothing.
 */
#include <assert.h>

#include "base/checked.h"
#include "session/internal.h"

static void run_due(struct session *session)
{
    if (session_now(session) < session->due_us)
        return;
    void (*due)(struct session *) = session->due;
    session_due_never(session);
    due(session);
}

static void clock_fired(struct timer *timer)
{
    struct session *session = container_of(timer, struct session, clock);
    if (session->hang_up)
        session_hang_up(session);
    run_due(session);
    if (!session_is_dead(session))
        session_commands_resume(session);

    uint64_t next = min_u64(session->due_us, session_commands_next_us(session));
    session_wake_by(session, min_u64(next, session_liveness_next_us(session)));
}

void session_clock_init(struct session *session)
{
    timer_init(&session->clock, clock_fired);
    session->due_us = SESSION_NEVER;
}

uint64_t session_now(const struct session *session)
{
    return port_now_us(session->timer);
}

void session_due_after(struct session *session, uint64_t ms, void (*due)(struct session *))
{
    assert(due != NULL);
    session->due_us = session_now(session) + ms * 1000;
    session->due = due;
    session_wake_by(session, session->due_us);
}

void session_due_never(struct session *session)
{
    session->due_us = SESSION_NEVER;
    session->due = NULL;
}

void session_wake_by(struct session *session, uint64_t at_us)
{
    if (at_us == SESSION_NEVER)
        return;
    if (!timer_is_armed(&session->clock) || session->clock.at_us > at_us)
        port_timer_start(session->timer, &session->clock, at_us);
}

uint64_t session_jitter(struct session *session, uint64_t ms)
{
    uint32_t half = (uint32_t)(ms / 2);
    return half == 0 ? ms : ms - half / 2 + port_random_below(session->random, half + 1);
}

uint64_t session_backoff(struct session *session, unsigned attempt, uint64_t base_ms,
                         uint64_t max_ms)
{
    assert(attempt > 0);
    uint64_t doubled = base_ms << min_u64(attempt - 1, 20);
    return min_u64(session_jitter(session, min_u64(doubled, max_ms)), max_ms);
}
