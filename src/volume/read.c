/* READ: the newest contents, through fetch.c; partial blocks at the edges by way of io->edges. */
#include <string.h>

#include "volume/internal.h"

static void copy_edges_out(struct vol_io *io, const struct vol_edges *edges)
{
    uint8_t *data = io->request->buffer->data;
    if (edges->head_bytes > 0)
        memcpy(data, vol_edge_head(io) + edges->head_skip, edges->head_bytes);
    if (edges->tail_bytes > 0)
        memcpy(data + io->request->length - edges->tail_bytes, vol_edge_tail(io),
               edges->tail_bytes);
}

static void newest_is_here(struct vol_io *io, int error)
{
    if (!error) {
        struct vol_edges edges;
        vol_edges_of(io->request->offset, io->request->length, vol_block_bytes(io->volume), &edges);
        if (vol_edges_any(&edges))
            copy_edges_out(io, &edges);
    }
    vol_io_finish(io, error);
}

void vol_read_start(struct vol_io *io)
{
    const struct vol_request *request = io->request;
    struct vol_edges edges;
    vol_edges_of(request->offset, request->length, vol_block_bytes(io->volume), &edges);
    vol_edges_segments(io, &edges, request->buffer);
    vol_fetch_begin(io, newest_is_here);
}
