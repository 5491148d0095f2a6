/* What a command meets on arrival, and what the LUN says about itself (SPC-4, SBC-3). */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "tests/sim/target.h"

#define STATUS_GOOD            0x00
#define STATUS_CHECK_CONDITION 0x02
#define STATUS_BUSY            0x08
#define STATUS_TASK_SET_FULL   0x28

#define STUCK_US_MAX 40000000u

/* --- answers --- */

static void finish(struct message *message)
{
    struct target *target = message->target;
    if (message->conn) {
        message_answer(message);
        return;
    }
    message_free(message);
    target_ghost_gone(target);
}

void scsi_status(struct message *message, uint8_t status)
{
    message->status = status;
    finish(message);
}

void scsi_good(struct message *message)
{
    scsi_status(message, STATUS_GOOD);
}

static void sense_with(struct message *message, uint8_t response_code, uint8_t key, uint8_t asc,
                       uint8_t ascq)
{
    uint8_t *sense = message->sense;
    if (message->target->options->descriptor_sense) {
        const uint8_t descriptor[8] = {(uint8_t)(response_code + 2), key, asc, ascq};
        memcpy(sense, descriptor, sizeof descriptor);
        message->sense_bytes = 8;
    } else {
        const uint8_t fixed[18] = {response_code, 0, key, 0, 0, 0, 0, 10, 0, 0, 0, 0, asc, ascq};
        memcpy(sense, fixed, sizeof fixed);
        message->sense_bytes = 18;
    }
    scsi_status(message, STATUS_CHECK_CONDITION);
}

void scsi_sense(struct message *message, uint8_t key, uint8_t asc, uint8_t ascq)
{
    sense_with(message, 0x70, key, asc, ascq);
}

void scsi_reply(struct message *message, const uint8_t *data, uint32_t bytes, uint32_t allocation)
{
    uint32_t sent = bytes < allocation ? bytes : allocation;
    if (sent > message->data_bytes)
        sent = message->data_bytes;
    message->residual_bytes = message->data_bytes - sent;
    free(message->data);
    message->data = malloc(message->data_bytes ? message->data_bytes : 1);
    assert(message->data);
    memcpy(message->data, data, sent);
    message->data_bytes = sent;
    scsi_good(message);
}

/* --- arrival --- */

static unsigned commands_inside(const struct conn *conn)
{
    unsigned count = 0;
    list_for_each(it, &conn->messages)
    {
        const struct message *message = container_of(it, struct message, node);
        count += message->stage == STAGE_IN_TARGET && message->kind == MESSAGE_COMMAND;
    }
    return count;
}

/* SPC-4 5.14: INQUIRY, REPORT LUNS and REQUEST SENSE pass by a unit attention. */
static bool passes_attention(uint8_t opcode)
{
    return opcode == 0x12 || opcode == 0xa0 || opcode == 0x03;
}

static bool meets_attention(struct message *message)
{
    struct target *target = message->target;
    if (target->attention_count == 0 || passes_attention(message->cdb[0]))
        return false;
    struct attention first = target->attentions[0];
    target->attention_count--;
    memmove(target->attentions, target->attentions + 1,
            target->attention_count * sizeof *target->attentions);
    target->stats.attentions++;
    TRACE(target->world, "target: sense %02x %x/%02x/%02x", first.response_code, first.key,
          first.asc, first.ascq);
    sense_with(message, first.response_code, first.key, first.asc, first.ascq);
    return true;
}

/* The target runs, but its LUN is not configured yet. */
static void answer_as_absent(struct message *message)
{
    const uint8_t none[36] = {0x7f, 0, 0x06, 0x12, 31}; /* no peripheral device */
    if (message->cdb[0] == 0x12 && !(message->cdb[1] & 1))
        scsi_reply(message, none, sizeof none, get_be16(message->cdb + 3));
    else
        scsi_sense(message, 0x05, 0x25, 0x00);
}

static bool meets_shortage(struct message *message)
{
    struct target *target = message->target;
    const struct options *options = target->options;
    if (target->world->now_us < target->not_ready_until_us) {
        if (options->absent && target->is_known(target->owner)) {
            answer_as_absent(message);
            return true;
        }
        if (!passes_attention(message->cdb[0])) {
            scsi_sense(message, 0x02, 0x04, 0x01);
            return true;
        }
    }
    if (commands_inside(message->conn) > options->queue_depth) {
        scsi_status(message, STATUS_TASK_SET_FULL);
        return true;
    }
    if (!target->calm && rng_chance(&target->rng, options->busy_pm)) {
        scsi_status(message, rng_chance(&target->rng, 500) ? STATUS_BUSY : STATUS_TASK_SET_FULL);
        return true;
    }
    return false;
}

void scsi_accept(struct message *message)
{
    struct target *target = message->target;
    target->stats.commands++;
    if (target->wrong && scsi_changes(message->cdb[0])) {
        world_fail(target->world, "O13 command %02x reached the wrong LUN", message->cdb[0]);
        return;
    }
    if (meets_attention(message) || scsi_meets_conflict(message) || meets_shortage(message))
        return;
    uint64_t delay_us = rng_range(&target->rng, 1, target->options->exec_us);
    if (!target->calm && rng_chance(&target->rng, target->options->stuck_pm)) {
        delay_us = rng_log_range(&target->rng, 1000, STUCK_US_MAX);
        target->stats.stuck++;
        TRACE(target->world, "target: a command is stuck for %llu us",
              (unsigned long long)delay_us);
    }
    world_after(target->world, &message->event, delay_us);
}

/* --- what the LUN says about itself --- */

static void inquiry_standard(struct message *message, uint32_t allocation)
{
    uint8_t data[96] = {0x00, 0, 0x06, 0x12, 91, 0, 0, 0x02};
    memcpy(data + 8, "SIM     HOLDFAST-DISK   0001", 28);
    scsi_reply(message, data, sizeof data, allocation);
}

static void vpd_designator(struct message *message, uint32_t allocation)
{
    uint8_t data[24] = {0x00, 0x83, 0, 20, 0x01, 0x03, 0, 16, 0x60, 0x01, 0x40, 0x5f};
    data[23] = message->target->wrong ? 0xbb : 0xaa;
    scsi_reply(message, data, sizeof data, allocation);
}

static void vpd_limits(struct message *message, uint32_t allocation)
{
    const struct options *options = message->target->options;
    uint8_t data[64] = {0x00, 0xb0, 0, 60};
    put_be32(data + 8, 0); /* maximum transfer length: not reported */
    if (options->unmap) {
        put_be32(data + 20, 1 + options->blocks / 2);
        put_be32(data + 24, 1);
    }
    put_be64(data + 36, options->write_same ? 1 + options->blocks / 2 : 0);
    scsi_reply(message, data, sizeof data, allocation);
}

static void vpd_provisioning(struct message *message, uint32_t allocation)
{
    const struct options *options = message->target->options;
    uint8_t data[8] = {0x00, 0xb2, 0, 4};
    data[5] = (uint8_t)((options->unmap ? 0x80 : 0) | (options->write_same_unmap ? 0x40 : 0) |
                        (options->unmap_zeroes ? 0x04 : 0));
    data[6] = options->thin ? 2 : 0;
    scsi_reply(message, data, sizeof data, allocation);
}

static void inquiry(struct message *message)
{
    const uint8_t *cdb = message->cdb;
    uint32_t allocation = get_be16(cdb + 3);
    static const uint8_t pages[] = {0x00, 0x00, 0, 6, 0x00, 0x80, 0x83, 0xb0, 0xb1, 0xb2};
    uint8_t serial[12] = {0x00, 0x80, 0, 8, 'S', 'I', 'M', '0', '0', '0', '0', '1'};
    static const uint8_t characteristics[64] = {0x00, 0xb1, 0, 60};
    if (message->target->wrong)
        serial[11] = '2';
    if (!(cdb[1] & 1)) {
        inquiry_standard(message, allocation);
        return;
    }
    switch (cdb[2]) {
    case 0x00:
        scsi_reply(message, pages, sizeof pages, allocation);
        break;
    case 0x80:
        scsi_reply(message, serial, sizeof serial, allocation);
        break;
    case 0x83:
        vpd_designator(message, allocation);
        break;
    case 0xb0:
        vpd_limits(message, allocation);
        break;
    case 0xb1:
        scsi_reply(message, characteristics, sizeof characteristics, allocation);
        break;
    case 0xb2:
        vpd_provisioning(message, allocation);
        break;
    default:
        scsi_sense(message, 0x05, 0x24, 0x00);
    }
}

static void read_capacity(struct message *message)
{
    const struct target *target = message->target;
    uint8_t data[32] = {0};
    put_be64(data, target->capacity - 1);
    put_be32(data + 8, target->options->block_bytes);
    data[14] =
        (uint8_t)((target->options->thin ? 0x80 : 0) | (target->options->unmap_zeroes ? 0x40 : 0));
    scsi_reply(message, data, sizeof data, get_be32(message->cdb + 10));
}

/* MODE SENSE(6) or (10): the caching page, with WCE. */
static void mode_sense(struct message *message)
{
    const struct options *options = message->target->options;
    bool ten = message->cdb[0] == 0x5a;
    unsigned header = ten ? 8 : 4;
    uint8_t page = message->cdb[2] & 0x3f;
    uint8_t data[8 + 20] = {0};
    if (page != 0x08 && page != 0x3f) {
        scsi_sense(message, 0x05, 0x24, 0x00);
        return;
    }
    uint8_t *caching = data + header;
    caching[0] = 0x08;
    caching[1] = 18;
    caching[2] = options->write_cache ? 0x04 : 0;
    if (ten)
        put_be16(data, (uint16_t)(header + 20 - 2));
    else
        data[0] = (uint8_t)(header + 20 - 1);
    data[ten ? 3 : 2] = options->dpofua ? 0x10 : 0;
    scsi_reply(message, data, header + 20, ten ? get_be16(message->cdb + 7) : message->cdb[4]);
}

static void describe(struct message *message)
{
    static const uint8_t luns[16] = {0, 0, 0, 8};
    switch (message->cdb[0]) {
    case 0x00: /* TEST UNIT READY */
        scsi_good(message);
        break;
    case 0x12:
        inquiry(message);
        break;
    case 0x1a:
    case 0x5a:
        mode_sense(message);
        break;
    case 0x5e:
        scsi_read_reservation(message);
        break;
    case 0x9e:
        if ((message->cdb[1] & 0x1f) == 0x10) {
            read_capacity(message);
            break;
        }
        scsi_sense(message, 0x05, 0x20, 0x00);
        break;
    case 0xa0:
        scsi_reply(message, luns, sizeof luns, get_be32(message->cdb + 6));
        break;
    default:
        scsi_sense(message, 0x05, 0x20, 0x00);
    }
}

void scsi_execute(struct message *message)
{
    if (!scsi_io(message))
        describe(message);
}
