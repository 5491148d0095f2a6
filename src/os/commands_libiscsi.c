/*
 * Good day: a free slot takes the command, the library sends it, its callback translates status,
 * sense and residual and calls done().
 *
 * READ data go straight into the caller's buffers, with canaries against short answers. All other
 * data-in (INQUIRY and its like) go through a buffer of the library's: it tells how many bytes
 * really came, and no page is ever parsed that was not sent whole (traps T8, T16).
 *
 * What can go wrong: the library cancels commands when the connection dies, or never calls back
 * at all; both are the connection's business, which abandons everything here. A target that
 * answers a WRITE while Data-Out PDUs of it are still queued leaves PDUs that point at the slot:
 * the slot's vector is taken away when the command ends, so the library fails the connection
 * instead of sending bytes that no longer belong to anybody.
 */
#include "os/commands_libiscsi.h"

#include <assert.h>
#include <errno.h>
#include <iscsi/iscsi.h>
#include <iscsi/scsi-lowlevel.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "base/list.h"
#include "os/read_canary.h"

#define OPCODE_READ6  0x08
#define OPCODE_READ10 0x28
#define OPCODE_READ12 0xa8
#define OPCODE_READ16 0x88

struct slot {
    struct list_node node; /* in commands->free, or alone */
    struct commands *commands;
    struct link_command *command;
    uint64_t canary;
    struct scsi_task task;
    struct iovec iov[LINK_IOV];
};

struct commands {
    struct random_port *random;
    const struct commands_events *events;
    void *owner;
    bool abandoned;
    struct list_node free; /* first in, first out: a slot rests as long as possible */
    struct slot slots[LINK_COMMANDS];
};

/* The library's vector is the system's by another name; it is cast, so hold it to that. */
_Static_assert(sizeof(struct scsi_iovec) == sizeof(struct iovec) &&
                   offsetof(struct scsi_iovec, iov_base) == offsetof(struct iovec, iov_base) &&
                   offsetof(struct scsi_iovec, iov_len) == offsetof(struct iovec, iov_len),
               "struct scsi_iovec is not struct iovec");

struct commands *commands_new(struct random_port *random, const struct commands_events *events,
                              void *owner)
{
    struct commands *commands = calloc(1, sizeof *commands);
    if (commands == NULL)
        return NULL;
    commands->random = random;
    commands->events = events;
    commands->owner = owner;
    list_init(&commands->free);
    for (unsigned i = 0; i < LINK_COMMANDS; i++) {
        commands->slots[i].commands = commands;
        list_append(&commands->free, &commands->slots[i].node);
    }
    return commands;
}

void commands_free(struct commands *commands)
{
    free(commands);
}

void commands_abandon(struct commands *commands)
{
    commands->abandoned = true;
    for (unsigned i = 0; i < LINK_COMMANDS; i++) {
        commands->slots[i].command = NULL;
        commands->slots[i].task.iovector_in.iov = NULL;
        commands->slots[i].task.iovector_out.iov = NULL;
    }
}

/* --- answers --- */

static bool is_read(const struct link_command *command)
{
    uint8_t opcode = command->cdb[0];
    return opcode == OPCODE_READ16 || opcode == OPCODE_READ10 || opcode == OPCODE_READ12 ||
           opcode == OPCODE_READ6;
}

/* The library hands the response's data segment over as it came: a 2-byte length, then sense. */
static void take_sense(struct link_command *command, const struct scsi_task *task)
{
    command->sense_bytes = 0;
    if (task->status != SCSI_STATUS_CHECK_CONDITION || task->datain.data == NULL ||
        task->datain.size < 2)
        return;
    uint64_t bytes = min_u64(get_be16(task->datain.data), (uint64_t)task->datain.size - 2);
    command->sense_bytes = (uint8_t)min_u64(bytes, LINK_SENSE_BYTES);
    memcpy(command->sense, task->datain.data + 2, command->sense_bytes);
}

static void take_residual(struct link_command *command, const struct scsi_task *task)
{
    command->residual_kind = LINK_RESIDUAL_NONE;
    command->residual_bytes = (uint32_t)min_u64(task->residual, UINT32_MAX);
    if (task->residual_status == SCSI_RESIDUAL_UNDERFLOW)
        command->residual_kind = LINK_RESIDUAL_UNDERFLOW;
    else if (task->residual_status == SCSI_RESIDUAL_OVERFLOW)
        command->residual_kind = LINK_RESIDUAL_OVERFLOW;
}

static void note_missing(struct link_command *command, uint32_t missing)
{
    if (missing == 0 || command->residual_kind == LINK_RESIDUAL_OVERFLOW)
        return;
    if (command->residual_kind == LINK_RESIDUAL_UNDERFLOW && command->residual_bytes >= missing)
        return;
    command->residual_kind = LINK_RESIDUAL_UNDERFLOW;
    command->residual_bytes = missing;
}

/* Copies what came into the caller's vector and clears the rest of it. */
static void scatter(const struct link_command *command, const uint8_t *data, size_t bytes)
{
    for (int i = 0; i < command->iov_count; i++) {
        const struct iovec *to = &command->iov[i];
        size_t part = bytes < to->iov_len ? bytes : to->iov_len;
        if (part > 0)
            memcpy(to->iov_base, data, part);
        memset((uint8_t *)to->iov_base + part, 0, to->iov_len - part);
        data = part > 0 ? data + part : data;
        bytes -= part;
    }
}

static void take_data(struct slot *slot)
{
    struct link_command *command = slot->command;
    if (command->direction != LINK_DATA_IN || slot->task.status != SCSI_STATUS_GOOD)
        return;
    if (is_read(command)) {
        note_missing(command, read_canary_missing(command->iov, command->iov_count, slot->canary));
        return;
    }
    size_t came =
        slot->task.datain.data && slot->task.datain.size > 0 ? (size_t)slot->task.datain.size : 0;
    scatter(command, slot->task.datain.data, came);
    note_missing(command, came < command->data_bytes ? command->data_bytes - (uint32_t)came : 0);
}

static void slot_release(struct slot *slot)
{
    free(slot->task.datain.data); /* from the library's malloc() */
    slot->task.datain.data = NULL;
    slot->task.iovector_out.iov = NULL;
    slot->task.iovector_in.iov = NULL;
    slot->command = NULL;
    list_append(&slot->commands->free, &slot->node);
}

static void answered(struct iscsi_context *context, int status, void *data, void *private_data)
{
    struct slot *slot = private_data;
    struct commands *commands = slot->commands;
    if (commands->abandoned) {
        free(slot->task.datain.data);
        slot->task.datain.data = NULL;
        return;
    }
    if (status < 0 || status > UINT8_MAX) { /* cancelled, rejected, unknown: never an answer */
        commands->events->given_up(
            commands->owner, status == SCSI_STATUS_CANCELLED ? NULL : iscsi_get_error(context));
        return;
    }
    struct link_command *command = slot->command;
    command->status = (uint8_t)status;
    command->response = 0; /* not told by the library (trap T7) */
    take_sense(command, &slot->task);
    take_residual(command, &slot->task);
    take_data(slot);
    slot_release(slot);
    command->done(command);
}

/* --- submitting --- */

static int library_direction(enum link_direction direction)
{
    switch (direction) {
    case LINK_DATA_IN:
        return SCSI_XFER_READ;
    case LINK_DATA_OUT:
        return SCSI_XFER_WRITE;
    case LINK_NO_DATA:
        break;
    }
    return SCSI_XFER_NONE;
}

static uint64_t iov_bytes(const struct link_command *command)
{
    uint64_t bytes = 0;
    for (int i = 0; i < command->iov_count; i++)
        bytes += command->iov[i].iov_len;
    return bytes;
}

static void slot_attach_data(struct slot *slot)
{
    struct link_command *command = slot->command;
    memcpy(slot->iov, command->iov, (size_t)command->iov_count * sizeof slot->iov[0]);
    struct scsi_iovec *iov = (struct scsi_iovec *)slot->iov;
    if (command->direction == LINK_DATA_OUT) {
        scsi_task_set_iov_out(&slot->task, iov, command->iov_count);
    } else if (is_read(command)) {
        struct random_port *random = slot->commands->random;
        slot->canary = (uint64_t)random->next(random) << 32 | random->next(random);
        read_canary_plant(command->iov, command->iov_count, slot->canary);
        scsi_task_set_iov_in(&slot->task, iov, command->iov_count);
    }
}

static void slot_fill(struct slot *slot, struct link_command *command)
{
    slot->command = command;
    slot->task = (struct scsi_task){
        .cdb_size = command->cdb_bytes,
        .xfer_dir = library_direction(command->direction),
        .expxferlen = command->direction == LINK_NO_DATA ? 0 : (int)command->data_bytes,
    };
    memcpy(slot->task.cdb, command->cdb, command->cdb_bytes);
    if (command->direction != LINK_NO_DATA)
        slot_attach_data(slot);
}

int commands_submit(struct commands *commands, struct iscsi_context *context, uint16_t lun,
                    struct link_command *command)
{
    assert(command->cdb_bytes > 0 && command->cdb_bytes <= sizeof command->cdb);
    assert(command->iov_count >= 0 && command->iov_count <= LINK_IOV);
    assert(command->data_bytes <= INT32_MAX);
    assert(command->direction == LINK_NO_DATA || iov_bytes(command) == command->data_bytes);

    struct slot *slot = list_first(&commands->free, struct slot, node);
    assert(slot != NULL); /* at most LINK_COMMANDS unanswered */
    list_remove(&slot->node);
    slot_fill(slot, command);
    command->link_private = slot;
    if (iscsi_scsi_command_async(context, lun, &slot->task, answered, NULL, slot) != 0)
        return -ENOMEM;
    return 0;
}
