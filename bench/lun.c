#include "bench/lun.h"

#include <iscsi/scsi-lowlevel.h>
#include <poll.h>
#include <stddef.h>

#include "os/tcp_congestion.h"

static void connected(struct iscsi_context *iscsi, int status, void *data, void *ended)
{
    *(int *)ended = status == SCSI_STATUS_GOOD ? 1 : -1;
}

/* Not by iscsi_full_connect_sync(): the congestion control has to be set before it is connected. */
static int connect_to(struct lun *lun, const char *portal, const char *congestion)
{
    int ended = 0;
    if (iscsi_full_connect_async(lun->iscsi, portal, lun->number, connected, &ended) != 0)
        return -1;
    tcp_congestion_set(iscsi_get_fd(lun->iscsi), congestion);
    while (ended == 0) {
        struct pollfd ready = {iscsi_get_fd(lun->iscsi), (short)iscsi_which_events(lun->iscsi), 0};
        if (poll(&ready, 1, -1) > 0 && iscsi_service(lun->iscsi, ready.revents) != 0)
            return -1;
    }
    return ended;
}

static int ask_for_capacity(struct lun *lun)
{
    struct scsi_task *task = iscsi_readcapacity16_sync(lun->iscsi, lun->number);
    struct scsi_readcapacity16 *answer = task ? scsi_datain_unmarshall(task) : NULL;
    if (!answer || task->status != SCSI_STATUS_GOOD)
        return -1;
    lun->block_bytes = answer->block_length;
    lun->bytes = (answer->returned_lba + 1) * answer->block_length;
    scsi_free_scsi_task(task);
    return 1;
}

const char *lun_open(struct lun *lun, const char *target, const char *congestion)
{
    lun->iscsi = iscsi_create_context("iqn.2026-11.org.holdfast:bench");
    if (!lun->iscsi)
        return "no memory";
    struct iscsi_url *url = iscsi_parse_full_url(lun->iscsi, target);
    if (!url)
        return iscsi_get_error(lun->iscsi);
    lun->number = url->lun;
    iscsi_set_targetname(lun->iscsi, url->target);
    iscsi_set_session_type(lun->iscsi, ISCSI_SESSION_NORMAL);
    iscsi_set_header_digest(lun->iscsi, ISCSI_HEADER_DIGEST_NONE);
    iscsi_set_noautoreconnect(lun->iscsi, 1);
    if (connect_to(lun, url->portal, congestion) < 0 || ask_for_capacity(lun) < 0)
        return iscsi_get_error(lun->iscsi);
    iscsi_destroy_url(url);
    return NULL;
}
