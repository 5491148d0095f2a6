/*
 * From a fresh login to READY.
 *
 * Good day: FENCING: a short look at the identity when we know whom to expect, then LOGICAL UNIT
 * RESET, so that no command of a dead session can still write (invariant I7). SETTLING: TEST UNIT
 * READY until GOOD. IDENTIFYING: all that is in struct lun. SYNCING: one SYNCHRONIZE CACHE, so
 * that what clients read from now on is on the medium (invariant I12). READY.
 *
 * What goes wrong, and what is done then:
 * - The target refuses the reset: we wait out a quarantine instead, QUARANTINE_MS, in which old
 *   commands may end; there is nothing better without a reset.
 * - It is not the LUN we know, or it shrank: session_wrong_lun(), before anything is written. The
 *   fence is then still owed to the right LUN.
 * - A step is refused (ILLEGAL REQUEST): what the step would have told keeps its cautious default.
 * - A unit attention under the identification: it is begun again (probe.c).
 *
 * The same way is gone again, from SETTLING on, when a unit attention says that the LUN changed
 * under a live session.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/mutant.h"
#include "session/internal.h"

#define QUARANTINE_MS          5000
#define TMF_LUN_DOES_NOT_EXIST 2

static void settle(struct session *session)
{
    session_enter(session, SES_SETTLING);
    session->look_again = false;
    session->unit_attentions = 0;
    session_step(session, STEP_SETTLE);
}

static void reset(struct session *session)
{
    session->generation++;
    session->resetting = true;
    session->probe_us = session_now(session);
    session_due_after(session, session->config.setup_timeout_ms, session_setup_timed_out);
    session->link->ops->reset_lun(session->link);
}

void session_setup(struct session *session)
{
    session_due_never(session);
    if (!session->needs_fence || MUTANT(NO_FENCE)) {
        settle(session);
        return;
    }
    session_enter(session, SES_FENCING);
    session->unit_attentions = 0;
    if (session->identity_known)
        session_step(session, STEP_INQUIRY);
    else
        reset(session);
}

static void quarantine_is_over(struct session *session)
{
    session->needs_fence = false;
    settle(session);
}

void session_reset_done(struct session *session, uint8_t response)
{
    assert(session->state == SES_FENCING && session->resetting);
    session->resetting = false;
    session_due_never(session);
    session_trace(session, TRACE_SESSION_FENCED_OLD_NEXUS, response, 0, 0, NULL);
    if (response == TMF_LUN_DOES_NOT_EXIST) {
        session_no_lun(session);
    } else if (response == 0) {
        session->needs_fence = false;
        settle(session);
    } else {
        session_reason(session,
                       "the target refuses LOGICAL UNIT RESET (response %u): "
                       "waiting %u s for commands of the old session",
                       response, QUARANTINE_MS / 1000);
        session_due_after(session, QUARANTINE_MS, quarantine_is_over);
    }
}

void session_look_again(struct session *session)
{
    if (session->state != SES_READY) {
        session->look_again = true;
        return;
    }
    bool tell = session->owner_ready;
    session->owner_ready = false;
    settle(session);
    if (tell)
        session->events->not_ready(session->owner);
}

void session_become_ready(struct session *session)
{
    if (session->look_again) { /* something changed under the identification */
        settle(session);
        return;
    }
    bool again = session->live;
    bool changed = session->lun_changed;
    uint64_t now = session_now(session);
    session_enter(session, SES_READY);
    session->reason[0] = '\0';
    session->wrong_lun_told = false;
    session->lun_changed = false;
    session->attempts = 0;
    if (!again) {
        session->live = true;
        session->ready_us = now;
        session->window = SESSION_WINDOW_MAX;
        session->window_credit = 0;
        uint64_t outage_ms = session->sessions > 0 ? (now - session->lost_us) / 1000 : 0;
        session->sessions++;
        session_trace(session, TRACE_SESSION_READY, session->portal, outage_ms, session->generation,
                      NULL);
    }
    session_liveness_begin(session);
    session_commands_resume(session);
    if (session->state == SES_READY) {
        session->owner_ready = true;
        session->events->ready(session->owner);
    }
    if (session->state == SES_READY && again && changed)
        session->events->lun_changed(session->owner);
}

/* True when the candidate is the LUN we know, as big as before or bigger. */
static bool is_our_lun(const struct session *session, char *ret_why, size_t why_bytes)
{
    const struct lun *known = &session->lun, *now = &session->candidate;
    if (MUTANT(NO_IDENTITY))
        return true;
    if (session->identity_known &&
        !lun_is_same(&session->identity, &now->identity, ret_why, why_bytes))
        return false;
    if (!session->lun_known || session->state == SES_FENCING)
        return true; /* while fencing, the size is not known yet */
    if (now->block_bytes != known->block_bytes) {
        snprintf(ret_why, why_bytes, "blocks of %u bytes, expected %u", now->block_bytes,
                 known->block_bytes);
        return false;
    }
    if (now->blocks < known->blocks) {
        snprintf(ret_why, why_bytes, "%llu blocks, expected %llu or more",
                 (unsigned long long)now->blocks, (unsigned long long)known->blocks);
        return false;
    }
    return true;
}

/* Makes the candidate our LUN. */
static void adopt(struct session *session)
{
    struct lun *lun = &session->candidate;
    lun->write_same &= !session->write_same_refused;
    lun->write_same_unmap &= !session->write_same_unmap_refused;
    lun->unmap &= !session->unmap_refused;
    lun->lba_status &= !session->lba_status_refused;

    if (session->lun_known && lun->blocks != session->lun.blocks)
        session_trace(session, TRACE_SESSION_CAPACITY, session->lun.blocks, lun->blocks,
                      lun->block_bytes, NULL);
    /* Both were zeroed as memory first (identify_begin), so padding compares equal. */
    session->lun_changed |= session->lun_known && memcmp(lun, &session->lun, sizeof *lun) != 0;
    memcpy(&session->lun, lun, sizeof *lun);
    session->lun_known = true;
    if (!session->identity_known)
        session->identity = lun->identity;
    session->identity_known = true;
}

void session_peeked(struct session *session)
{
    char why[160];
    if (is_our_lun(session, why, sizeof why))
        reset(session);
    else
        session_wrong_lun(session, why);
}

void session_identified(struct session *session)
{
    char why[160];
    uint32_t block = session->candidate.block_bytes;
    if (!is_our_lun(session, why, sizeof why)) {
        session_wrong_lun(session, why);
        return;
    }
    if (block != 512 && block != 4096) {
        snprintf(why, sizeof why, "the LUN has blocks of %u bytes; only 512 and 4096 are supported",
                 block);
        /* Who knows its LUN waits until it is itself again. */
        if (session->identity_known)
            session_wrong_lun(session, why);
        else
            session_unusable(session, why);
        return;
    }
    adopt(session);
    if (session->config.observe_only || MUTANT(NO_ATTACH_SYNC)) {
        session_become_ready(session);
    } else {
        session_enter(session, SES_SYNCING);
        session_step(session, STEP_SYNC);
    }
}
