/*
 * The steps of the setup sequence. Each gets what the target sent, or refused = true, and says
 * what comes next; what a refused step would have told keeps its cautious default.
 *
 * FENCING, when we know whom to expect: INQUIRY, serial, designators.
 * SETTLING: TEST UNIT READY. IDENTIFYING: INQUIRY, serial, designators, the list of VPD pages,
 * block limits, provisioning, capacity, mode page. SYNCING: SYNCHRONIZE CACHE.
 */
#include <errno.h>
#include <stdio.h>

#include "session/identify.h"
#include "session/internal.h"

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
    if (!refused)
        identify_designators(data, count, &session->candidate);
    if (session->state == SES_FENCING)
        session_peeked(session);
    else
        session_step(session, STEP_PAGES);
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
    session_identified(session);
}

static void got_mode10(struct session *session, const uint8_t *data, size_t count, bool refused)
{
    if (!refused)
        identify_mode10(data, count, &session->candidate);
    session_identified(session);
}

static void synchronized(struct session *session, const uint8_t *data, size_t count, bool refused)
{
    if (refused && !session->sync10) {
        session->sync10 = true;
        session_step(session, STEP_SYNC);
        return;
    }
    /* A target that knows neither form has no cache that could be written back. */
    session_become_ready(session);
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
