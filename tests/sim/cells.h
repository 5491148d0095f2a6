/*
 * Cells: the registers of the oracle, the smallest thing that clients write.
 *
 * A logical block is cut into 1 to 4 cells of odd lengths, so that requests have any alignment
 * but no cell spans two blocks (a block is what a target writes in one piece). A cell is filled
 * from the unique id of its write, every byte of it, so that a byte in the wrong place shows.
 */
#ifndef SIM_CELLS_H
#define SIM_CELLS_H

#include <stdbool.h>
#include <stdint.h>

#define CELLS_PER_BLOCK_MAX 4u

struct cells {
    uint32_t block_bytes;
    uint32_t per_block;
    uint32_t start[CELLS_PER_BLOCK_MAX + 1]; /* offsets in a block; the last is block_bytes */
};

/* What a cell holds: the id of a write to this cell, 0 for zeros, or: */
#define CELL_GARBAGE UINT64_MAX /* none of ours, or two mixed */

/* The id of write number `write` (> 0) to `cell`. */
static inline uint64_t cell_id(uint64_t write, uint32_t cell)
{
    return write << 20 | cell;
}

static inline uint32_t cell_of_id(uint64_t id)
{
    return (uint32_t)(id & 0xfffff);
}

static inline uint64_t cell_offset(const struct cells *cells, uint32_t cell)
{
    return (uint64_t)(cell / cells->per_block) * cells->block_bytes +
           cells->start[cell % cells->per_block];
}

static inline uint32_t cell_bytes(const struct cells *cells, uint32_t cell)
{
    uint32_t in_block = cell % cells->per_block;
    return cells->start[in_block + 1] - cells->start[in_block];
}

/* Writes the pattern of `id` (zeros for 0) over a whole cell. */
void cell_fill(const struct cells *cells, uint32_t cell, uint64_t id, uint8_t *data);

/* Which id the bytes of a cell are the pattern of; 0 or CELL_GARBAGE else. */
uint64_t cell_parse(const struct cells *cells, uint32_t cell, const uint8_t *data);

#endif
