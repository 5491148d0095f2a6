#include <libnbd.h>
#include <stdlib.h>

#include "bench/load.h"

static struct nbd_handle *nbd;

static uint64_t open_export(const char *target, unsigned depth)
{
    nbd = nbd_create();
    /* What we send is right; the checks would be counted as the server's time. */
    if (!nbd || nbd_set_strict_mode(nbd, 0) != 0 || nbd_connect_uri(nbd, target) != 0)
        load_fail("%s: %s", target, nbd_get_error());
    return (uint64_t)nbd_get_size(nbd);
}

static int finished(void *slot, int *error)
{
    load_done((unsigned)(uintptr_t)slot, *error);
    return 1; /* the command is retired */
}

static void submit(const struct load_op *op)
{
    nbd_completion_callback done = {.callback = finished, .user_data = (void *)(uintptr_t)op->slot};
    int64_t cookie = -1;
    if (op->kind == LOAD_READ)
        cookie = nbd_aio_pread(nbd, op->data, op->bytes, op->offset, done, 0);
    else if (op->kind == LOAD_WRITE)
        cookie = nbd_aio_pwrite(nbd, op->data, op->bytes, op->offset, done,
                                op->fua ? LIBNBD_CMD_FLAG_FUA : 0);
    else
        cookie = nbd_aio_flush(nbd, done, 0);
    if (cookie < 0)
        load_fail("NBD: %s", nbd_get_error());
}

static void turn(void)
{
    if (nbd_poll(nbd, -1) < 0)
        load_fail("NBD: %s", nbd_get_error());
}

static void close_export(void)
{
    nbd_shutdown(nbd, 0);
    nbd_close(nbd);
}

const struct load_engine load_libnbd = {"nbd", open_export, submit, turn, close_export};
