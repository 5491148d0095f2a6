/* Requests of any alignment on a disk of whole blocks. */
#include <assert.h>
#include <string.h>

#include "volume/internal.h"

void vol_edges_of(uint64_t offset, uint64_t length, uint32_t block_bytes,
                  struct vol_edges *ret_edges)
{
    assert(length > 0);
    struct vol_edges edges = {.head_skip = (uint32_t)(offset % block_bytes)};
    uint64_t end = offset + length;
    uint64_t first = offset / block_bytes, last = (end - 1) / block_bytes;
    edges.head_lba = first;
    edges.tail_lba = last;
    edges.middle_lba = first;
    uint64_t middle_end = last + 1;

    bool head_is_partial = edges.head_skip > 0 || (first == last && end % block_bytes != 0);
    if (head_is_partial) {
        uint64_t block_end = (first + 1) * block_bytes;
        edges.head_bytes = (uint32_t)((end < block_end ? end : block_end) - offset);
        edges.middle_lba++;
    }
    if (first != last && end % block_bytes != 0) {
        edges.tail_bytes = (uint32_t)(end % block_bytes);
        middle_end--;
    }
    edges.middle_blocks = middle_end - edges.middle_lba;
    *ret_edges = edges;
}

void vol_segment_add(struct vol_transfer *transfer, uint64_t lba, uint64_t blocks,
                     struct buffer *buffer, uint32_t offset)
{
    assert(transfer->segment_count < transfer->segment_room);
    transfer->segments[transfer->segment_count++] =
        (struct vol_segment){.lba = lba, .blocks = blocks, .buffer = buffer, .offset = offset};
}

void vol_fetch_add(struct vol_fetch *fetch, uint64_t lba, uint64_t blocks, struct buffer *buffer,
                   uint32_t offset)
{
    assert(fetch->segment_count < VOL_SEGMENTS);
    fetch->segments[fetch->segment_count++] =
        (struct vol_segment){.lba = lba, .blocks = blocks, .buffer = buffer, .offset = offset};
}

void vol_edges_segments(struct vol_io *io, const struct vol_edges *edges, struct buffer *middle)
{
    io->fetch.segment_count = 0;
    if (edges->head_bytes > 0)
        vol_fetch_add(&io->fetch, edges->head_lba, 1, io->edges, 0);
    if (middle && edges->middle_blocks > 0)
        vol_fetch_add(&io->fetch, edges->middle_lba, edges->middle_blocks, middle,
                      edges->head_bytes);
    if (edges->tail_bytes > 0)
        vol_fetch_add(&io->fetch, edges->tail_lba, 1, io->edges, VOL_BLOCK_BYTES_MAX);
}

void vol_edges_set(struct vol_io *io, const struct vol_edges *edges)
{
    const struct vol_request *request = io->request;
    uint8_t *head = vol_edge_head(io) + edges->head_skip;
    if (request->op == VOL_WRITE) {
        const uint8_t *data = request->buffer->data;
        memcpy(head, data, edges->head_bytes);
        memcpy(vol_edge_tail(io), data + request->length - edges->tail_bytes, edges->tail_bytes);
    } else {
        memset(head, 0, edges->head_bytes);
        memset(vol_edge_tail(io), 0, edges->tail_bytes);
    }
}
