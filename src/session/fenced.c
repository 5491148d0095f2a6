/*
 * RESERVATION CONFLICT: another initiator holds the LUN now. We never write again (a cluster that
 * fences a node relies on it), ask once who it is, and give up.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "session/cdb.h"
#include "session/internal.h"

static void finish(struct session *session, uint64_t key)
{
    session_due_never(session);
    session_close(session);
    session->live = false;
    session->probe_busy = false;
    session->generation++;
    session_reason(session,
                   "another initiator holds a reservation on the LUN (key 0x%llx); "
                   "nothing is written any more",
                   (unsigned long long)key);
    session_trace(session, TRACE_SESSION_RESERVATION_CONFLICT, key, 0, 0, NULL);

    bool tell = session->owner_ready;
    session->owner_ready = false;
    session_commands_hand_back(session, SES_FAILED, -EIO);
    if (tell && session->state == SES_FENCED)
        session->events->not_ready(session->owner);
    if (session->state == SES_FENCED)
        session->events->gave_up(session->owner);
}

void session_fenced_lost(struct session *session)
{
    finish(session, 0);
}

/* SPC-4 6.15.3: generation, length, then the key of the holder, if there is one. */
static void got_reservation(struct link_command *probe)
{
    struct session *session = container_of(probe, struct session, probe);
    const uint8_t *data = session->probe_data;
    struct judgement judgement;
    sense_judge(probe, true, &judgement);
    bool held = judgement.verdict == VERDICT_OK && get_be32(data + 4) >= 16;
    finish(session, held ? get_be64(data + 8) : 0);
}

static void ask_for_holder(struct session *session)
{
    struct link_command *probe = &session->probe;
    memset(session->probe_data, 0, sizeof session->probe_data);
    memset(probe, 0, sizeof *probe);
    probe->cdb_bytes = cdb_read_reservation(probe->cdb);
    probe->direction = LINK_DATA_IN;
    probe->data_bytes = CDB_RESERVATION_BYTES;
    session->probe_iov = (struct iovec){session->probe_data, CDB_RESERVATION_BYTES};
    probe->iov = &session->probe_iov;
    probe->iov_count = 1;
    probe->done = got_reservation;
    session->probe_busy = true;
    session->probe_us = session_now(session);
    session->link->ops->submit(session->link, probe);
}

void session_fenced(struct session *session)
{
    if (session->state == SES_FENCED)
        return;
    session_enter(session, SES_FENCED);
    session_reason(session, "another initiator holds a reservation on the LUN");
    bool ask = !session->probe_busy; /* else our one question is under way: do without */
    session_due_after(session, ask ? session->config.setup_timeout_ms : 0, session_fenced_lost);
    if (ask)
        ask_for_holder(session);
}
