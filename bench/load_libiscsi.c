/* What iSCSI costs by itself: libiscsi without a daemon in between. */
#include <errno.h>
#include <iscsi/iscsi.h>
#include <iscsi/scsi-lowlevel.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "bench/load.h"
#include "bench/lun.h"
#include "os/tcp_congestion.h"

static struct lun lun;

static struct {
    unsigned left; /* pieces under way */
    int error;
} slots[LOAD_DEPTH_MAX];

static uint64_t open_lun(const char *target, unsigned depth)
{
    const char *error = lun_open(&lun, target, TCP_CONGESTION_SYSTEM);
    if (error)
        load_fail("%s: %s", target, error);
    return lun.bytes;
}

static void finished(struct iscsi_context *context, int status, void *task, void *slot_number)
{
    unsigned slot = (unsigned)(uintptr_t)slot_number;
    if (status != SCSI_STATUS_GOOD)
        slots[slot].error = EIO;
    scsi_free_scsi_task(task);
    if (--slots[slot].left == 0)
        load_done(slot, slots[slot].error);
}

/* Reads land where they are wanted, without a copy. */
static struct scsi_task *read_piece(const struct load_op *op, uint64_t offset, uint32_t bytes,
                                    void *data)
{
    struct scsi_task *task = iscsi_read16_task(lun.iscsi, lun.number, offset / lun.block_bytes,
                                               bytes, (int)lun.block_bytes, 0, 0, 0, 0, 0, finished,
                                               (void *)(uintptr_t)op->slot);
    if (task)
        scsi_task_add_data_in_buffer(task, (int)bytes, data);
    return task;
}

static struct scsi_task *write_piece(const struct load_op *op, uint64_t offset, uint32_t bytes,
                                     void *data)
{
    return iscsi_write16_task(lun.iscsi, lun.number, offset / lun.block_bytes, data, bytes,
                              (int)lun.block_bytes, 0, 0, op->fua, 0, 0, finished,
                              (void *)(uintptr_t)op->slot);
}

static void submit(const struct load_op *op)
{
    uint32_t pieces = (op->bytes + LUN_PIECE_BYTES - 1) / LUN_PIECE_BYTES;
    slots[op->slot].left = pieces ? pieces : 1;
    slots[op->slot].error = 0;
    if (op->kind == LOAD_FLUSH &&
        !iscsi_synchronizecache10_task(lun.iscsi, lun.number, 0, 0, 0, 0, finished,
                                       (void *)(uintptr_t)op->slot))
        load_fail("SYNCHRONIZE CACHE: %s", iscsi_get_error(lun.iscsi));
    for (uint32_t i = 0; i < pieces; i++) {
        uint32_t at = i * LUN_PIECE_BYTES, left = op->bytes - at;
        uint32_t bytes = left < LUN_PIECE_BYTES ? left : LUN_PIECE_BYTES;
        struct scsi_task *(*send)(const struct load_op *, uint64_t, uint32_t, void *) =
            op->kind == LOAD_READ ? read_piece : write_piece;
        if (!send(op, op->offset + at, bytes, (char *)op->data + at))
            load_fail("iSCSI: %s", iscsi_get_error(lun.iscsi));
    }
}

static void turn(void)
{
    struct pollfd pollfd = {iscsi_get_fd(lun.iscsi), (short)iscsi_which_events(lun.iscsi), 0};
    int found;
    do
        found = poll(&pollfd, 1, load_polls ? 0 : -1);
    while (found == 0);
    if (found < 0 && errno != EINTR)
        load_fail("poll: %s", strerror(errno));
    if (iscsi_service(lun.iscsi, pollfd.revents) < 0)
        load_fail("iSCSI: %s", iscsi_get_error(lun.iscsi));
}

static void close_lun(void)
{
    iscsi_logout_sync(lun.iscsi);
    iscsi_destroy_context(lun.iscsi);
}

const struct load_engine load_libiscsi = {"iscsi://", open_lun, submit, turn, close_lun};
