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
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/mutant.h"
#include "session/identify.h"
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

static void become_ready(struct session *session)
{
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
    session->lun_changed = session->lun_known && memcmp(lun, &session->lun, sizeof *lun) != 0;
    memcpy(&session->lun, lun, sizeof *lun);
    session->lun_known = true;
    if (!session->identity_known)
        session->identity = lun->identity;
    session->identity_known = true;
}

static void identified(struct session *session)
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
        session_unusable(session, why);
        return;
    }
    adopt(session);
    if (session->config.observe_only || MUTANT(NO_ATTACH_SYNC)) {
        become_ready(session);
    } else {
        session_enter(session, SES_SYNCING);
        session_step(session, STEP_SYNC);
    }
}

/* The steps. Each gets what the target sent, or refused = true, and says what comes next. */

static void settled(struct session *session, const uint8_t *data, size_t count, bool refused)
{
    session_enter(session, SES_IDENTIFYING);
    session_step(session, STEP_INQUIRY);
}

static void not_a_disk(struct session *session, uint8_t type)
{
    char why[96];
    snprintf(why, sizeof why, "LUN %llu is not a disk (peripheral device type %u)",
             (unsigned long long)session->config.lun, type);
    if (session->identity_known)
        session_wrong_lun(session, why);
    else
        session_unusable(session, why);
}

static void got_inquiry(struct session *session, const uint8_t *data, size_t count, bool refused)
{
    uint8_t type = 0;
    identify_begin(&session->candidate);
    int r = refused ? -EPROTO : identify_inquiry(data, count, &session->candidate, &type);
    if (r == -ENODEV)
        session_no_lun(session);
    else if (r == -ENOTBLK)
        not_a_disk(session, type);
    else if (r < 0)
        session_lose(session, LINK_LOSS_SETUP_FAILED, "no usable answer to INQUIRY");
    else
        session_step(session, STEP_SERIAL);
}

static void got_serial(struct session *session, const uint8_t *data, size_t count, bool refused)
{
    if (!refused)
        identify_serial(data, count, &session->candidate);
    session_step(session, STEP_DESIGNATORS);
}

static void got_designators(struct session *session, const uint8_t *data, size_t count,
                            bool refused)
{
    char why[160];
    if (!refused)
        identify_designators(data, count, &session->candidate);
    if (session->state != SES_FENCING)
        session_step(session, STEP_PAGES);
    else if (is_our_lun(session, why, sizeof why))
        reset(session);
    else
        session_wrong_lun(session, why);
}

static void step_after_limits(struct session *session)
{
    session_step(session, session->has_provisioning_page ? STEP_PROVISIONING : STEP_CAPACITY_16);
}

static void got_pages(struct session *session, const uint8_t *data, size_t count, bool refused)
{
    session->has_provisioning_page = !refused && identify_has_page(data, count, VPD_PROVISIONING);
    if (!refused && identify_has_page(data, count, VPD_BLOCK_LIMITS))
        session_step(session, STEP_LIMITS);
    else
        step_after_limits(session);
}

static void got_limits(struct session *session, const uint8_t *data, size_t count, bool refused)
{
    if (!refused)
        identify_limits(data, count, &session->candidate);
    step_after_limits(session);
}

static void got_provisioning(struct session *session, const uint8_t *data, size_t count,
                             bool refused)
{
    if (!refused)
        identify_provisioning(data, count, &session->candidate);
    session_step(session, STEP_CAPACITY_16);
}

static void got_capacity16(struct session *session, const uint8_t *data, size_t count, bool refused)
{
    if (refused)
        session_step(session, STEP_CAPACITY_10);
    else if (identify_capacity16(data, count, &session->candidate) < 0)
        session_lose(session, LINK_LOSS_SETUP_FAILED, "no usable answer to READ CAPACITY(16)");
    else
        session_step(session, STEP_MODE_6);
}

static void got_capacity10(struct session *session, const uint8_t *data, size_t count, bool refused)
{
    if (refused || identify_capacity10(data, count, &session->candidate) < 0)
        session_lose(session, LINK_LOSS_SETUP_FAILED, "no usable answer to READ CAPACITY");
    else
        session_step(session, STEP_MODE_6);
}

static void got_mode6(struct session *session, const uint8_t *data, size_t count, bool refused)
{
    if (refused) {
        session_step(session, STEP_MODE_10);
        return;
    }
    identify_mode6(data, count, &session->candidate);
    identified(session);
}

static void got_mode10(struct session *session, const uint8_t *data, size_t count, bool refused)
{
    if (!refused)
        identify_mode10(data, count, &session->candidate);
    identified(session);
}

static void synchronized(struct session *session, const uint8_t *data, size_t count, bool refused)
{
    if (refused && !session->sync10) {
        session->sync10 = true;
        session_step(session, STEP_SYNC);
        return;
    }
    /* A target that knows neither form has no cache that could be written back. */
    become_ready(session);
}

void session_step_answered(struct session *session, const uint8_t *data, size_t count, bool refused)
{
    static void (*const next[])(struct session *, const uint8_t *, size_t, bool) = {
        [STEP_INQUIRY] = got_inquiry,
        [STEP_SERIAL] = got_serial,
        [STEP_DESIGNATORS] = got_designators,
        [STEP_SETTLE] = settled,
        [STEP_PAGES] = got_pages,
        [STEP_LIMITS] = got_limits,
        [STEP_PROVISIONING] = got_provisioning,
        [STEP_CAPACITY_16] = got_capacity16,
        [STEP_CAPACITY_10] = got_capacity10,
        [STEP_MODE_6] = got_mode6,
        [STEP_MODE_10] = got_mode10,
        [STEP_SYNC] = synchronized,
    };
    next[session->step](session, data, count, refused);
}
