/*
 * What an answer of the target does to the command, to the generation and to the window.
 *
 * Good day: GOOD, and the owner gets SES_OK. All else follows the table in sense.c. Retries go on
 * for ever: a target that is busy, full or being repaired is not a reason for an I/O error.
 */
#include <errno.h>

#include "base/checked.h"
#include "base/mutant.h"
#include "session/internal.h"

#define SOON_MS            4
#define SOON_MAX_MS        1000
#define SLOW_MS            500
#define SLOW_MAX_MS        2000
#define AT_ONCE_MAX        8        /* unit attentions that one command takes without a pause */
#define NOT_READY_AFTER    3        /* attempts: "not ready" then means a look at the LUN */
#define TROUBLE_ATTEMPTS   6        /* retries that are too common to be told */
#define TROUBLE_SILENCE_US 60000000 /* the same trouble is told once a minute */

void session_trouble(struct session *session, enum ses_op op, const struct judgement *judgement)
{
    uint32_t code = sense_code(&judgement->sense);
    uint64_t trouble = (uint64_t)judgement->status << 32 | code | UINT64_C(1) << 40;
    uint64_t now = session_now(session);
    if (trouble == session->trouble && now - session->trouble_us < TROUBLE_SILENCE_US)
        return;
    session->trouble = trouble;
    session->trouble_us = now;
    session_trace(session, TRACE_SESSION_WAITING, op, judgement->status, code, NULL);
}

void session_new_generation(struct session *session, const struct sense *sense)
{
    bool attention = sense && !sense->deferred;
    if (MUTANT(IGNORE_UA29) && attention)
        return;
    session->generation++;
    session_trace(session, TRACE_SESSION_GENERATION, session->generation, sense ? sense->asc : 0,
                  sense ? sense->ascq : 0, NULL);
    if (attention)
        session_commands_hurry(session);
    if (session->live)
        session->events->generation_changed(session->owner);
}

/* TASK SET FULL halves the window, once for all the commands that were sent into the same
 * fullness; every full window of GOOD answers lets it grow by one. */
static void shrink_window(struct session *session, const struct ses_command *command)
{
    if (command->sent_us < session->window_shrunk_us)
        return;
    session->window = (unsigned)max_u64(1, min_u64(session->window, session->in_link + 1) / 2);
    session->window_credit = 0;
    session->window_shrunk_us = session_now(session);
}

static void grow_window(struct session *session)
{
    if (session->window == SESSION_WINDOW_MAX || ++session->window_credit < session->window)
        return;
    session->window++;
    session->window_credit = 0;
}

static void wait_soon(struct session *session, struct ses_command *command,
                      const struct judgement *judgement)
{
    if (command->attempts >= TROUBLE_ATTEMPTS)
        session_trouble(session, command->op, judgement);
    session_command_wait(session, command,
                         session_backoff(session, command->attempts, SOON_MS, SOON_MAX_MS));
}

/* With more than one portal, the setup decides whether to stay with this one. */
static bool must_look_again(const struct session *session, const struct ses_command *command,
                            const struct judgement *judgement)
{
    return session->config.portal_count > 1 && command->attempts >= NOT_READY_AFTER &&
           judgement->sense.key == KEY_NOT_READY && session->live;
}

static void wait_long(struct session *session, struct ses_command *command,
                      const struct judgement *judgement)
{
    session_trouble(session, command->op, judgement);
    session_command_wait(session, command,
                         session_backoff(session, command->attempts, SLOW_MS, SLOW_MAX_MS));
    /* A SYNC that failed may have thrown away what it could not write: its retry would lie. */
    if (command->op == SES_SYNC)
        session_new_generation(session, NULL);
    if (must_look_again(session, command, judgement))
        session_look_again(session);
}

/* A unit attention: the command was not carried out, and goes again when we know what changed. */
static void wait_for_look(struct session *session, struct ses_command *command,
                          const struct judgement *judgement)
{
    if (command->attempts > AT_ONCE_MAX)
        wait_soon(session, command, judgement);
    else
        session_command_wait(session, command, 0);
    session->look_again = true; /* no room for commands from here on */
    if (judgement->verdict == VERDICT_NEW_NEXUS)
        session_new_generation(session, &judgement->sense);
    if (session->live)
        session_look_again(session);
}

/* An optional command was refused: not offered any more. */
static void forget_ability(struct session *session, const struct ses_command *command)
{
    struct lun *lun = &session->lun;
    switch (command->op) {
    case SES_UNMAP:
        session->unmap_refused = true;
        lun->unmap = false;
        break;
    case SES_WRITE_SAME:
        if (command->flags & SES_WRITE_SAME_UNMAP) {
            session->write_same_unmap_refused = true;
            lun->write_same_unmap = false;
        } else {
            session->write_same_refused = true;
            lun->write_same = false;
        }
        break;
    case SES_LBA_STATUS:
        session->lba_status_refused = true;
        lun->lba_status = false;
        break;
    default:
        return;
    }
    session->events->lun_changed(session->owner);
}

static bool is_optional(enum ses_op op)
{
    return op == SES_UNMAP || op == SES_WRITE_SAME || op == SES_LBA_STATUS;
}

/* What the refusal means for the LUN as a whole; returns the error for the owner. */
static int learn_from(struct session *session, const struct ses_command *command,
                      const struct judgement *judgement)
{
    int error = judgement->error;
    bool bad_field =
        error == -EINVAL && (judgement->sense.asc == 0x24 || judgement->sense.asc == 0x26);
    if (bad_field && is_optional(command->op))
        error = -EOPNOTSUPP;
    if (error == -EOPNOTSUPP)
        forget_ability(session, command);
    if (error == -EPERM && !session->lun.read_only) {
        session->lun.read_only = true;
        session->events->lun_changed(session->owner);
    }
    return error;
}

static void sync_failed(struct session *session, struct ses_command *command,
                        const struct judgement *judgement)
{
    bool refused = judgement->sense.key == KEY_ILLEGAL_REQUEST;
    if (refused && !session->sync10) {
        session->sync10 = true;
        session_command_wait(session, command, 0);
    } else if (refused) {
        /* Neither form is known: there is no cache that could be written back. */
        session_command_finish(session, command, SES_OK, 0);
    } else {
        session_new_generation(session, NULL);
        session_command_finish(session, command, SES_FAILED, judgement->error);
    }
}

static void fail(struct session *session, struct ses_command *command,
                 const struct judgement *judgement)
{
    if (command->op == SES_SYNC) {
        sync_failed(session, command, judgement);
        return;
    }
    session_trace(session, TRACE_SESSION_COMMAND_FAILED, command->op, command->lba,
                  sense_code(&judgement->sense), NULL);
    int error = learn_from(session, command, judgement);
    session_command_finish(session, command, SES_FAILED, error);
}

static void space_is_out(struct session *session, struct ses_command *command,
                         struct judgement *judgement)
{
    judgement->error = -ENOSPC;
    if (session->config.wait_when_full)
        wait_long(session, command, judgement);
    else
        fail(session, command, judgement);
}

static void succeed(struct session *session, struct ses_command *command)
{
    const struct link_command *link = &command->link;
    grow_window(session);
    if (command->op == SES_SYNC && command->generation != session->generation) {
        session_command_finish(session, command, SES_LOST, 0);
        return;
    }
    if (command->op == SES_LBA_STATUS) {
        uint32_t missing =
            link->residual_kind == LINK_RESIDUAL_UNDERFLOW ? link->residual_bytes : 0;
        command->data_bytes = link->data_bytes - (uint32_t)min_u64(missing, link->data_bytes);
    }
    session_command_finish(session, command, SES_OK, 0);
}

static void conflict(struct session *session, struct ses_command *command)
{
    if (!session->config.observe_only)
        session_fenced(session); /* first: the owner must not send another one from done() */
    session_command_finish(session, command, SES_FAILED, -EIO);
}

static void act(struct session *session, struct ses_command *command, struct judgement *judgement)
{
    switch (judgement->verdict) {
    case VERDICT_OK:
        succeed(session, command);
        break;
    case VERDICT_RETRY_SMALLER:
        shrink_window(session, command);
        wait_soon(session, command, judgement);
        break;
    case VERDICT_RETRY:
        wait_soon(session, command, judgement);
        break;
    case VERDICT_RETRY_SLOWLY:
        wait_long(session, command, judgement);
        break;
    case VERDICT_SPACE:
        space_is_out(session, command, judgement);
        break;
    case VERDICT_NEW_NEXUS:
    case VERDICT_LOOK_AGAIN:
        wait_for_look(session, command, judgement);
        break;
    case VERDICT_NO_LUN:
        session_command_wait(session, command, 0);
        session_no_lun(session);
        break;
    case VERDICT_FENCED:
        conflict(session, command);
        break;
    case VERDICT_FAIL:
        fail(session, command, judgement);
        break;
    }
}

void session_command_settle(struct session *session, struct ses_command *command)
{
    /* tgt counts the whole parameter list of an UNMAP as residual, every time; nobody but TRIM, a
     * hint, uses UNMAP, so believing its GOOD cannot cost a byte. */
    bool short_is_fine = command->op == SES_LBA_STATUS || command->op == SES_UNMAP;
    struct judgement judgement;
    sense_judge(&command->link, short_is_fine, &judgement);
    if (session->state == SES_FENCED && judgement.verdict != VERDICT_OK)
        session_command_finish(session, command, SES_FAILED, -EIO);
    else
        act(session, command, &judgement);
}
