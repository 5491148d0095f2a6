#include "session/sense.h"

#include <errno.h>
#include <string.h>

#include "base/mutant.h"

#define ANY 0x100u

struct row {
    uint8_t key;
    uint16_t asc;
    uint16_t ascq;
    enum verdict verdict;
    int error;
};

/* The first row that fits decides. Keys that have no row: VERDICT_RETRY_SLOWLY. */
static const struct row rows[] = {
    /* SPC-4: the command was carried out, the device just wants to say how hard it was. */
    {KEY_RECOVERED_ERROR, ANY, ANY, VERDICT_OK, 0},
    {KEY_NO_SENSE, ANY, ANY, VERDICT_RETRY, 0},

    {KEY_NOT_READY, 0x04, 0x01, VERDICT_RETRY, 0}, /* becoming ready */
    {KEY_NOT_READY, 0x04, 0x04, VERDICT_RETRY, 0}, /* format in progress */
    {KEY_NOT_READY, 0x04, 0x07, VERDICT_RETRY, 0}, /* operation in progress */
    {KEY_NOT_READY, ANY, ANY, VERDICT_RETRY_SLOWLY, 0},

    {KEY_MEDIUM_ERROR, ANY, ANY, VERDICT_FAIL, -EIO},
    {KEY_HARDWARE_ERROR, ANY, ANY, VERDICT_RETRY_SLOWLY, 0},

    {KEY_ILLEGAL_REQUEST, 0x20, ANY, VERDICT_FAIL, -EOPNOTSUPP}, /* invalid operation code */
    {KEY_ILLEGAL_REQUEST, 0x25, ANY, VERDICT_NO_LUN, 0},         /* not supported */
    {KEY_ILLEGAL_REQUEST, ANY, ANY, VERDICT_FAIL, -EINVAL},

    {KEY_UNIT_ATTENTION, 0x29, ANY, VERDICT_NEW_NEXUS, 0},  /* power on, reset, nexus loss */
    {KEY_UNIT_ATTENTION, 0x2f, 0x01, VERDICT_NEW_NEXUS, 0}, /* cleared by power loss notice */
    {KEY_UNIT_ATTENTION, ANY, ANY, VERDICT_LOOK_AGAIN, 0},

    {KEY_DATA_PROTECT, 0x27, 0x07, VERDICT_SPACE, 0}, /* space allocation failed */
    {KEY_DATA_PROTECT, ANY, ANY, VERDICT_FAIL, -EPERM},

    {KEY_BLANK_CHECK, ANY, ANY, VERDICT_FAIL, -EIO},
    {KEY_ABORTED_COMMAND, ANY, ANY, VERDICT_RETRY, 0},
    {KEY_VOLUME_OVERFLOW, ANY, ANY, VERDICT_FAIL, -ENOSPC},
    {KEY_MISCOMPARE, ANY, ANY, VERDICT_FAIL, -EIO},
};

void sense_parse(const uint8_t *bytes, size_t count, struct sense *ret_sense)
{
    *ret_sense = (struct sense){0};
    if (count < 1)
        return;
    uint8_t code = bytes[0] & 0x7f;
    ret_sense->deferred = code == 0x71 || code == 0x73;
    if ((code == 0x70 || code == 0x71) && count >= 8) {
        /* ASC and ASCQ are optional: the additional length says whether they came. */
        size_t end = 8u + bytes[7] < count ? 8u + bytes[7] : count;
        ret_sense->key = bytes[2] & 0x0f;
        ret_sense->asc = end > 12 ? bytes[12] : 0;
        ret_sense->ascq = end > 13 ? bytes[13] : 0;
        ret_sense->valid = true;
    } else if ((code == 0x72 || code == 0x73) && count >= 4) {
        ret_sense->key = bytes[1] & 0x0f;
        ret_sense->asc = bytes[2];
        ret_sense->ascq = bytes[3];
        ret_sense->valid = true;
    }
}

uint32_t sense_code(const struct sense *sense)
{
    return (uint32_t)sense->key << 16 | (uint32_t)sense->asc << 8 | sense->ascq;
}

static bool row_fits(const struct row *row, const struct sense *sense)
{
    return row->key == sense->key && (row->asc == ANY || row->asc == sense->asc) &&
           (row->ascq == ANY || row->ascq == sense->ascq);
}

static void judge_sense(struct judgement *judgement)
{
    judgement->verdict = VERDICT_RETRY_SLOWLY;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (row_fits(&rows[i], &judgement->sense)) {
            judgement->verdict = rows[i].verdict;
            judgement->error = rows[i].error;
            return;
        }
    }
}

static void judge_check_condition(const struct link_command *command, struct judgement *judgement)
{
    size_t count =
        command->sense_bytes < LINK_SENSE_BYTES ? command->sense_bytes : LINK_SENSE_BYTES;
    sense_parse(command->sense, count, &judgement->sense);
    if (judgement->sense.deferred)
        /* Whatever it says: an earlier, acknowledged write was lost, and this command was not
         * carried out. */
        judgement->verdict = VERDICT_NEW_NEXUS;
    else if (judgement->sense.valid)
        judge_sense(judgement);
    else
        judgement->verdict = VERDICT_RETRY; /* no sense came (trap T15) */
}

void sense_judge(const struct link_command *command, bool short_is_fine,
                 struct judgement *ret_judgement)
{
    *ret_judgement = (struct judgement){.verdict = VERDICT_RETRY, .status = command->status};
    if (command->response != 0)
        return; /* the target failed to deliver; its status means nothing */

    switch (command->status) {
    case SAM_GOOD:
        ret_judgement->verdict = VERDICT_OK;
        break;
    case SAM_CHECK_CONDITION:
        judge_check_condition(command, ret_judgement);
        break;
    case SAM_RESERVATION_CONFLICT:
        ret_judgement->verdict = MUTANT(CONFLICT_IS_BUSY) ? VERDICT_RETRY : VERDICT_FENCED;
        break;
    case SAM_TASK_SET_FULL:
        ret_judgement->verdict = VERDICT_RETRY_SMALLER;
        break;
    default: /* BUSY, TASK ABORTED, ACA ACTIVE, and what nobody has defined yet */
        break;
    }
    bool cut = command->residual_kind != LINK_RESIDUAL_NONE && command->residual_bytes != 0;
    if (ret_judgement->verdict == VERDICT_OK && cut && !short_is_fine)
        ret_judgement->verdict = VERDICT_RETRY;
}
