/*
 * What iSCSI costs by itself: libiscsi without a daemon in between. Writes go in pieces of what
 * the target takes unsolicited (256 KiB), which is the fast way, and the sound one (facts T4).
 */
#include <errno.h>
#include <iscsi/iscsi.h>
#include <iscsi/scsi-lowlevel.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "bench/load.h"

#define PIECE_BYTES (256u * 1024)

static struct iscsi_context *iscsi;
static int lun;
static uint32_t block_bytes;

static struct {
    unsigned left; /* pieces under way */
    int error;
} slots[LOAD_DEPTH_MAX];

static uint64_t capacity(void)
{
    struct scsi_task *task = iscsi_readcapacity16_sync(iscsi, lun);
    struct scsi_readcapacity16 *answer = task ? scsi_datain_unmarshall(task) : NULL;
    if (!answer || task->status != SCSI_STATUS_GOOD)
        load_fail("READ CAPACITY: %s", iscsi_get_error(iscsi));
    block_bytes = answer->block_length;
    uint64_t bytes = (answer->returned_lba + 1) * block_bytes;
    scsi_free_scsi_task(task);
    return bytes;
}

static uint64_t open_lun(const char *target, unsigned depth)
{
    iscsi = iscsi_create_context("iqn.2026-11.org.holdfast:bench");
    struct iscsi_url *url = iscsi ? iscsi_parse_full_url(iscsi, target) : NULL;
    if (!url)
        load_fail("%s: %s", target, iscsi ? iscsi_get_error(iscsi) : "no memory");
    lun = url->lun;
    iscsi_set_targetname(iscsi, url->target);
    iscsi_set_session_type(iscsi, ISCSI_SESSION_NORMAL);
    iscsi_set_header_digest(iscsi, ISCSI_HEADER_DIGEST_NONE);
    iscsi_set_noautoreconnect(iscsi, 1);
    if (iscsi_full_connect_sync(iscsi, url->portal, lun) != 0)
        load_fail("%s: %s", target, iscsi_get_error(iscsi));
    iscsi_destroy_url(url);
    return capacity();
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
    struct scsi_task *task =
        iscsi_read16_task(iscsi, lun, offset / block_bytes, bytes, (int)block_bytes, 0, 0, 0, 0, 0,
                          finished, (void *)(uintptr_t)op->slot);
    if (task)
        scsi_task_add_data_in_buffer(task, (int)bytes, data);
    return task;
}

static struct scsi_task *write_piece(const struct load_op *op, uint64_t offset, uint32_t bytes,
                                     void *data)
{
    return iscsi_write16_task(iscsi, lun, offset / block_bytes, data, bytes, (int)block_bytes, 0, 0,
                              op->fua, 0, 0, finished, (void *)(uintptr_t)op->slot);
}

static void submit(const struct load_op *op)
{
    uint32_t pieces = (op->bytes + PIECE_BYTES - 1) / PIECE_BYTES;
    slots[op->slot].left = pieces ? pieces : 1;
    slots[op->slot].error = 0;
    if (op->kind == LOAD_FLUSH && !iscsi_synchronizecache10_task(iscsi, lun, 0, 0, 0, 0, finished,
                                                                 (void *)(uintptr_t)op->slot))
        load_fail("SYNCHRONIZE CACHE: %s", iscsi_get_error(iscsi));
    for (uint32_t i = 0; i < pieces; i++) {
        uint32_t at = i * PIECE_BYTES, left = op->bytes - at;
        uint32_t bytes = left < PIECE_BYTES ? left : PIECE_BYTES;
        struct scsi_task *(*send)(const struct load_op *, uint64_t, uint32_t, void *) =
            op->kind == LOAD_READ ? read_piece : write_piece;
        if (!send(op, op->offset + at, bytes, (char *)op->data + at))
            load_fail("iSCSI: %s", iscsi_get_error(iscsi));
    }
}

static void turn(void)
{
    struct pollfd pollfd = {iscsi_get_fd(iscsi), (short)iscsi_which_events(iscsi), 0};
    int found;
    do
        found = poll(&pollfd, 1, load_polls ? 0 : -1);
    while (found == 0);
    if (found < 0 && errno != EINTR)
        load_fail("poll: %s", strerror(errno));
    if (iscsi_service(iscsi, pollfd.revents) < 0)
        load_fail("iSCSI: %s", iscsi_get_error(iscsi));
}

static void close_lun(void)
{
    iscsi_logout_sync(iscsi);
    iscsi_destroy_context(iscsi);
}

const struct load_engine load_libiscsi = {"iscsi://", open_lun, submit, turn, close_lun};
