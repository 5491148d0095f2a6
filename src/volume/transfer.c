/*
 * Transfers: a linear job of an io, cut into commands that the session and the LUN can carry.
 *
 * Good day: vol_transfer_begin() queues it in volume.sending; vol_transfer_pump() sends one
 * command of each queued transfer in turn while the session has room, so that a long one does
 * not hold up the others; when the last command is back, finished(io, 0).
 *
 * What can go wrong: the session is lost; then the commands come back as SES_LOST and, once the
 * last one is back, the transfer starts again from its beginning (nothing tells which of its
 * commands the target carried out, and all are idempotent). A command that fails for good stops
 * the transfer: finished(io, error). A target that refuses WRITE SAME gets the zeros written.
 */
#include <assert.h>
#include <errno.h>

#include "base/checked.h"
#include "volume/internal.h"

/* Zeros to write, one block of it also for WRITE SAME. Never written to. */
static uint8_t zero_area[VOL_ZERO_AREA_BYTES];

static void rewind_transfer(struct vol_transfer *transfer)
{
    transfer->segment = 0;
    transfer->position = 0;
    transfer->lost = false;
    transfer->oldest_generation = UINT64_MAX;
}

void vol_transfer_begin(struct vol_io *io, void (*finished)(struct vol_io *io, int error))
{
    struct vol_transfer *transfer = &io->transfer;
    assert(transfer->segment_count > 0 && transfer->in_flight == 0);
    rewind_transfer(transfer);
    transfer->error = 0;
    transfer->finished = finished;
    list_append(&io->volume->sending, &transfer->node);
}

static uint64_t capped(uint64_t blocks, uint64_t limit)
{
    return limit > 0 ? min_u64(blocks, limit) : blocks;
}

/* Largest command over plain data: the connection's limit and the LUN's. At least one block. */
static uint64_t data_blocks_max(const struct volume *volume, uint32_t limit_bytes)
{
    uint64_t blocks = max_u64(limit_bytes / vol_block_bytes(volume), 1);
    return capped(blocks, ses_lun(volume->session)->max_transfer_blocks);
}

uint64_t vol_read_blocks_max(const struct volume *volume)
{
    return data_blocks_max(volume, ses_limits(volume->session)->max_read_bytes);
}

static void command_add_data(struct vol_command *command, uint8_t *data, uint64_t bytes)
{
    assert((size_t)command->ses.iov_count < sizeof command->iov / sizeof command->iov[0]);
    command->iov[command->ses.iov_count++] = (struct iovec){.iov_base = data, .iov_len = bytes};
}

/* Segments that follow each other on the disk share a command, wherever they lie in memory. */
static bool goes_on(const struct vol_transfer *transfer, unsigned segment)
{
    const struct vol_segment *before = &transfer->segments[segment - 1];
    const struct vol_segment *next = &transfer->segments[segment];
    return segment < transfer->segment_count && next->buffer &&
           next->lba == before->lba + before->blocks;
}

static void build_data(struct vol_command *command, const struct vol_transfer *transfer,
                       uint32_t limit_bytes)
{
    const struct volume *volume = command->io->volume;
    uint32_t block_bytes = vol_block_bytes(volume);
    uint64_t left = data_blocks_max(volume, limit_bytes), position = transfer->position;
    unsigned index = transfer->segment;
    command->ses.blocks = 0;
    do {
        const struct vol_segment *segment = &transfer->segments[index];
        uint64_t blocks = min_u64(segment->blocks - position, left);
        command_add_data(command, segment->buffer->data + segment->offset + position * block_bytes,
                         blocks * block_bytes);
        command->ses.blocks += blocks;
        left -= blocks;
        position = 0;
    } while (goes_on(transfer, ++index) && left > 0);
}

static void build_zeroes(struct vol_command *command, uint32_t transfer_flags, uint64_t blocks)
{
    const struct volume *volume = command->io->volume;
    const struct lun *lun = ses_lun(volume->session);
    uint32_t block_bytes = vol_block_bytes(volume);
    enum vol_zero_way way = volume->zero_way;
    if (way == ZERO_BY_UNMAP && (transfer_flags & VOL_NO_HOLE))
        way = ZERO_BY_WRITE_SAME;
    if (way != ZERO_BY_WRITE) {
        uint64_t step = way == ZERO_BY_UNMAP ? VOL_STEP_BYTES : VOL_ZERO_STEP_BYTES;
        command->ses.op = SES_WRITE_SAME;
        command->ses.flags = way == ZERO_BY_UNMAP ? SES_WRITE_SAME_UNMAP : 0;
        command->ses.blocks =
            min_u64(capped(blocks, lun->max_write_same_blocks), step / block_bytes);
        command_add_data(command, zero_area, block_bytes);
        return;
    }
    uint32_t limit = ses_limits(volume->session)->max_write_bytes;
    limit = limit < VOL_ZERO_AREA_BYTES ? limit : VOL_ZERO_AREA_BYTES;
    command->ses.blocks = min_u64(blocks, data_blocks_max(volume, limit));
    command_add_data(command, zero_area, command->ses.blocks * block_bytes);
}

static void build_unmap(struct vol_command *command, uint64_t blocks)
{
    const struct volume *volume = command->io->volume;
    const struct lun *lun = ses_lun(volume->session);
    command->ses.op = SES_UNMAP;
    command->ses.blocks =
        min_u64(capped(blocks, lun->max_unmap_blocks), VOL_STEP_BYTES / vol_block_bytes(volume));
}

static void build(struct vol_command *command, const struct vol_transfer *transfer)
{
    const struct vol_segment *segment = &transfer->segments[transfer->segment];
    const struct link_limits *limits = ses_limits(command->io->volume->session);
    uint64_t blocks = segment->blocks - transfer->position;
    command->ses.lba = segment->lba + transfer->position;
    command->ses.flags = transfer->flags & SES_FUA;
    command->ses.iov_count = 0;
    switch (transfer->kind) {
    case TRANSFER_READ:
        command->ses.op = SES_READ;
        command->ses.flags = 0;
        build_data(command, transfer, limits->max_read_bytes);
        break;
    case TRANSFER_WRITE:
        command->ses.op = SES_WRITE;
        if (segment->buffer)
            build_data(command, transfer, limits->max_write_bytes);
        else
            build_zeroes(command, transfer->flags, blocks);
        break;
    case TRANSFER_UNMAP:
        build_unmap(command, blocks);
        break;
    case TRANSFER_LBA_STATUS:
        command->ses.op = SES_LBA_STATUS;
        command->ses.blocks = blocks;
        command_add_data(command, segment->buffer->data, segment->buffer->capacity);
        break;
    }
}

/* Moves on behind the command just built; true when there is more to send. */
static bool advance(struct vol_transfer *transfer, uint64_t blocks)
{
    transfer->position += blocks;
    while (transfer->segment < transfer->segment_count &&
           transfer->position >= transfer->segments[transfer->segment].blocks)
        transfer->position -= transfer->segments[transfer->segment++].blocks;
    return transfer->segment < transfer->segment_count;
}

/* After the last command is back. */
static void conclude(struct vol_io *io)
{
    struct vol_transfer *transfer = &io->transfer;
    if (io->abandoned)
        vol_io_finish(io, io->abandoned);
    else if (transfer->error)
        transfer->finished(io, transfer->error);
    else if (transfer->lost) {
        rewind_transfer(transfer);
        list_append(&io->volume->sending, &transfer->node);
        vol_rewrites_are_parked(io->volume); /* or, while `ready`, in session_not_ready() */
    } else {
        transfer->finished(io, 0);
    }
}

/* The target does not know WRITE SAME (or not with UNMAP): the next best way from now on. */
static bool zero_way_was_refused(struct volume *volume, const struct ses_command *command)
{
    if (command->op != SES_WRITE_SAME ||
        (command->error != -EOPNOTSUPP && command->error != -EINVAL))
        return false;
    enum vol_zero_way next =
        command->flags & SES_WRITE_SAME_UNMAP ? ZERO_BY_WRITE_SAME : ZERO_BY_WRITE;
    if (volume->zero_way < next)
        volume->zero_way = next;
    return true;
}

static void command_done(struct ses_command *ses)
{
    struct vol_command *command = container_of(ses, struct vol_command, ses);
    struct vol_io *io = command->io;
    struct volume *volume = io->volume;
    struct vol_transfer *transfer = &io->transfer;
    vol_enter(volume);
    list_prepend(&volume->free_commands, &command->node);
    transfer->in_flight--;
    if (ses->result == SES_OK) {
        transfer->oldest_generation = min_u64(transfer->oldest_generation, ses->generation);
        transfer->data_bytes = ses->data_bytes;
    } else if (ses->result == SES_LOST || zero_way_was_refused(volume, ses)) {
        transfer->lost = true;
    } else if (transfer->error == 0) {
        transfer->error = ses->error;
    }
    bool stop = transfer->lost || transfer->error || io->abandoned;
    if (stop)
        list_remove(&transfer->node);
    if (transfer->in_flight == 0 && (stop || transfer->segment == transfer->segment_count))
        conclude(io);
    else if (transfer->in_flight == 0)
        vol_rewrites_are_parked(volume); /* the rest of it cannot be sent now */
    vol_leave(volume);
}

static void send_one(struct volume *volume, struct vol_transfer *transfer)
{
    struct vol_io *io = container_of(transfer, struct vol_io, transfer);
    struct vol_command *command = list_first(&volume->free_commands, struct vol_command, node);
    list_remove(&command->node);
    command->io = io;
    command->ses.iov = command->iov;
    command->ses.done = command_done;
    build(command, transfer);
    transfer->in_flight++;
    list_remove(&transfer->node);
    if (advance(transfer, command->ses.blocks))
        list_append(&volume->sending, &transfer->node);
    ses_submit(volume->session, &command->ses);
}

void vol_transfer_pump(struct volume *volume)
{
    while (volume->ready && !list_is_empty(&volume->sending) &&
           !list_is_empty(&volume->free_commands) && ses_room(volume->session) > 0)
        send_one(volume, list_first(&volume->sending, struct vol_transfer, node));
}
