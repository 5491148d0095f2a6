/*
 * Asks the question of the current setup step, again and again until it is answered.
 *
 * One question is under way at a time. BUSY and the like are waited out for as long as the target
 * answers at all; every single question has setup_timeout_ms, or the time of a command where
 * NOP-Outs watch over the target. A portal through which the LUN stays NOT READY is left for
 * another one, if there is one: the controller behind it may stand by (SPC-4, asymmetric access).
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "session/cdb.h"
#include "session/identify.h"
#include "session/internal.h"

#define UNIT_ATTENTIONS_MAX 64 /* a target that has more to say is beyond us */
#define SENSELESS_MAX       3  /* CHECK CONDITION without sense: then taken as "refused" */
#define SOON_MS             20
#define SOON_MAX_MS         1000
#define NOT_READY_MAX       4 /* answers of a portal that another one may do better than */
#define SLOW_MS             500
#define SLOW_MAX_MS         2000

#define INQUIRY_BYTES     96
#define CAPACITY_10_BYTES 8
#define CAPACITY_16_BYTES 32

/* Fills the CDB of the step; returns how many bytes of data it asks for. */
static uint32_t step_cdb(const struct session *session, struct link_command *probe)
{
    uint8_t *cdb = probe->cdb;
    uint32_t bytes = SESSION_PROBE_BYTES;
    switch (session->step) {
    case STEP_INQUIRY:
        bytes = INQUIRY_BYTES;
        probe->cdb_bytes = cdb_inquiry(cdb, INQUIRY_BYTES);
        break;
    case STEP_SERIAL:
        probe->cdb_bytes = cdb_vital_product_data(cdb, VPD_SERIAL, SESSION_PROBE_BYTES);
        break;
    case STEP_DESIGNATORS:
        probe->cdb_bytes = cdb_vital_product_data(cdb, VPD_DESIGNATORS, SESSION_PROBE_BYTES);
        break;
    case STEP_SETTLE:
        bytes = 0;
        probe->cdb_bytes = cdb_test_unit_ready(cdb);
        break;
    case STEP_PAGES:
        probe->cdb_bytes = cdb_vital_product_data(cdb, VPD_SUPPORTED_PAGES, SESSION_PROBE_BYTES);
        break;
    case STEP_LIMITS:
        probe->cdb_bytes = cdb_vital_product_data(cdb, VPD_BLOCK_LIMITS, SESSION_PROBE_BYTES);
        break;
    case STEP_PROVISIONING:
        probe->cdb_bytes = cdb_vital_product_data(cdb, VPD_PROVISIONING, SESSION_PROBE_BYTES);
        break;
    case STEP_CAPACITY_16:
        bytes = CAPACITY_16_BYTES;
        probe->cdb_bytes = cdb_read_capacity16(cdb, CAPACITY_16_BYTES);
        break;
    case STEP_CAPACITY_10:
        bytes = CAPACITY_10_BYTES;
        probe->cdb_bytes = cdb_read_capacity10(cdb);
        break;
    case STEP_MODE_6:
        probe->cdb_bytes = cdb_mode_sense6(cdb, MODE_PAGE_CACHING, SESSION_PROBE_BYTES);
        break;
    case STEP_MODE_10:
        probe->cdb_bytes = cdb_mode_sense10(cdb, MODE_PAGE_CACHING, SESSION_PROBE_BYTES);
        break;
    case STEP_SYNC:
        bytes = 0;
        probe->cdb_bytes =
            session->sync10 ? cdb_synchronize_cache10(cdb) : cdb_synchronize_cache16(cdb);
        break;
    }
    return bytes;
}

void session_setup_timed_out(struct session *session)
{
    if (session_is_watched(session) && session->step == STEP_SYNC)
        session_overdue(session, SES_SYNC, session->probe_us);
    else
        session_lose(session, LINK_LOSS_SETUP_TIMEOUT, NULL);
}

static void settle_anew(struct session *session)
{
    if (session->state != SES_SETTLING && session->state != SES_FENCING)
        session_enter(session, SES_SETTLING);
    session_step(session, session->state == SES_FENCING ? STEP_INQUIRY : STEP_SETTLE);
}

static void attention(struct session *session, const struct judgement *judgement)
{
    if (++session->unit_attentions > UNIT_ATTENTIONS_MAX) {
        session_lose(session, LINK_LOSS_SETUP_FAILED, "no end of unit attentions");
        return;
    }
    /* After a login, a reset is what we expect to hear of; later it is news. */
    bool expected =
        !session->live && (session->state == SES_FENCING || session->state == SES_SETTLING);
    enum ses_state state = session->state;
    if (judgement->verdict == VERDICT_NEW_NEXUS && !expected)
        session_new_generation(session, &judgement->sense);
    if (session->state == state)
        settle_anew(session);
}

static void ask(struct session *session);

static void ask_later(struct session *session, const struct judgement *judgement, bool slowly)
{
    const struct sense *sense = &judgement->sense;
    session_reason(session, "the LUN is not ready (status %02xh, sense %xh/%02xh/%02xh)",
                   judgement->status, sense->key, sense->asc, sense->ascq);
    if (slowly)
        session_trouble(session, SES_SYNC, judgement); /* the nearest that the owner knows */
    unsigned attempt = session->probe_attempts;
    session_due_after(session,
                      slowly ? session_backoff(session, attempt, SLOW_MS, SLOW_MAX_MS)
                             : session_backoff(session, attempt, SOON_MS, SOON_MAX_MS),
                      ask);
    /* As for a SYNC of the owner: what this one could not write may be gone (I15). */
    if (slowly && session->step == STEP_SYNC)
        session_new_generation(session, NULL);
}

static bool is_for_another_portal(struct session *session, const struct judgement *judgement)
{
    if (judgement->verdict == VERDICT_RETRY_SLOWLY && judgement->sense.key == KEY_NOT_READY)
        session->probe_not_ready++;
    return session->config.portal_count > 1 && session->probe_not_ready >= NOT_READY_MAX;
}

static void try_another_portal(struct session *session, const struct judgement *judgement)
{
    char why[96];
    const struct sense *sense = &judgement->sense;
    snprintf(why, sizeof why, "it is not ready through this portal (sense %xh/%02xh/%02xh)",
             sense->key, sense->asc, sense->ascq);
    session->target_was_down = true; /* it may know more later */
    session_lose(session, LINK_LOSS_SETUP_FAILED, why);
}

/* Not now: later, or taken as a refusal where the target seems unable to say it properly. */
static void not_now(struct session *session, const struct judgement *judgement)
{
    bool senseless = judgement->status == SAM_CHECK_CONDITION && !judgement->sense.valid;
    bool may_be_refused = session->step != STEP_SETTLE && session->step != STEP_SYNC;
    if (senseless && may_be_refused && session->probe_attempts >= SENSELESS_MAX)
        session_step_answered(session, NULL, 0, true);
    else if (is_for_another_portal(session, judgement))
        try_another_portal(session, judgement);
    else
        ask_later(session, judgement,
                  judgement->verdict == VERDICT_RETRY_SLOWLY ||
                      judgement->verdict == VERDICT_SPACE);
}

static void answered_well(struct session *session)
{
    const struct link_command *probe = &session->probe;
    uint32_t missing = probe->residual_kind == LINK_RESIDUAL_UNDERFLOW ? probe->residual_bytes : 0;
    size_t count = probe->data_bytes - min_u64(missing, probe->data_bytes);
    session_step_answered(session, session->probe_data, count, false);
}

/* Only ILLEGAL REQUEST is a refusal; and a write-protected LUN may refuse to synchronise. */
static bool is_refusal(const struct session *session, int error)
{
    bool illegal = error == -EOPNOTSUPP || error == -EINVAL;
    return illegal || (session->step == STEP_SYNC && error == -EPERM);
}

static void failed(struct session *session, const struct judgement *judgement)
{
    if (is_refusal(session, judgement->error))
        session_step_answered(session, NULL, 0, true);
    else
        ask_later(session, judgement, true); /* and nobody reads what is not on the medium */
}

static void act(struct session *session, const struct judgement *judgement)
{
    switch (judgement->verdict) {
    case VERDICT_OK:
        answered_well(session);
        break;
    case VERDICT_RETRY:
    case VERDICT_RETRY_SMALLER:
    case VERDICT_RETRY_SLOWLY:
    case VERDICT_SPACE:
        not_now(session, judgement);
        break;
    case VERDICT_NEW_NEXUS:
    case VERDICT_LOOK_AGAIN:
        attention(session, judgement);
        break;
    case VERDICT_NO_LUN:
        session_no_lun(session);
        break;
    case VERDICT_FENCED:
        if (session->config.observe_only)
            session_step_answered(session, NULL, 0, true);
        else
            session_fenced(session);
        break;
    case VERDICT_FAIL:
        failed(session, judgement);
        break;
    }
}

static void answered(struct link_command *probe)
{
    struct session *session = container_of(probe, struct session, probe);
    struct judgement judgement;
    session->probe_busy = false;
    if (session->state == SES_FENCED)
        return; /* the conflict came while this question was under way */
    session_due_never(session);
    session_heard(session);
    sense_judge(probe, true, &judgement);
    act(session, &judgement);
}

static uint64_t question_timeout_ms(const struct session *session)
{
    uint64_t ms = session->config.setup_timeout_ms;
    return session_is_watched(session) ? max_u64(ms, session_command_timeout_us(session) / 1000)
                                       : ms;
}

static void ask(struct session *session)
{
    struct link_command *probe = &session->probe;
    /* What the target does not send must not look like an answer (trap T8). */
    memset(session->probe_data, 0, sizeof session->probe_data);
    memset(probe, 0, sizeof *probe);
    probe->data_bytes = step_cdb(session, probe);
    probe->direction = probe->data_bytes > 0 ? LINK_DATA_IN : LINK_NO_DATA;
    session->probe_iov = (struct iovec){session->probe_data, probe->data_bytes};
    probe->iov = &session->probe_iov;
    probe->iov_count = probe->data_bytes > 0 ? 1 : 0;
    probe->done = answered;

    session->probe_attempts++;
    session->probe_busy = true;
    session->probe_us = session_now(session);
    session_due_after(session, question_timeout_ms(session), session_setup_timed_out);
    session_wake_by(session, session_liveness_next_us(session));
    session->link->ops->submit(session->link, probe);
}

void session_step(struct session *session, enum setup_step step)
{
    session->step = step;
    session->probe_attempts = session->probe_not_ready = 0;
    ask(session);
}
