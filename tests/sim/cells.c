#include "tests/sim/cells.h"

#include <string.h>

/* The 8 bytes at `word` of the pattern: word 0 is the id itself. */
static uint64_t pattern(uint64_t id, uint32_t word)
{
    return id ^ (word * 0x9e3779b97f4a7c15u);
}

void cell_fill(const struct cells *cells, uint32_t cell, uint64_t id, uint8_t *data)
{
    uint32_t bytes = cell_bytes(cells, cell);
    if (id == 0) {
        memset(data, 0, bytes);
        return;
    }
    uint32_t at = 0;
    for (; at + 8 <= bytes; at += 8) {
        uint64_t value = pattern(id, at / 8);
        memcpy(data + at, &value, 8);
    }
    uint64_t tail = pattern(id, at / 8);
    memcpy(data + at, &tail, bytes - at);
}

uint64_t cell_parse(const struct cells *cells, uint32_t cell, const uint8_t *data)
{
    uint32_t bytes = cell_bytes(cells, cell);
    uint64_t id;
    memcpy(&id, data, 8);
    uint64_t wrong = 0;
    uint32_t at = 0;
    for (; at + 8 <= bytes; at += 8) {
        uint64_t value;
        memcpy(&value, data + at, 8);
        wrong |= value ^ (id == 0 ? 0 : pattern(id, at / 8));
    }
    uint64_t tail = id == 0 ? 0 : pattern(id, at / 8);
    if (wrong || memcmp(data + at, &tail, bytes - at) != 0)
        return CELL_GARBAGE;
    return id;
}
