/* Two iBFTs that iPXE wrote (tests/data/ibft), to be broken in one place each. */
#ifndef TABLE_H
#define TABLE_H

#include <assert.h>
#include <stdint.h>
#include <stdio.h>

#include "base/bytes.h"

#define TABLE_BYTES 584

/* Where iPXE puts things, by the standard's layout. */
enum { AT_LENGTH = 4, AT_CONTROL = 48, AT_INITIATOR = 0x50, AT_NIC = 0xa0, AT_TARGET = 0x180 };

struct table_bytes {
    uint8_t at[2 * TABLE_BYTES];
    size_t bytes;
};

static inline void table_fix_checksum(struct table_bytes *table)
{
    uint8_t sum = 0;
    table->at[9] = 0;
    for (size_t i = 0; i < table->bytes; i++)
        sum = (uint8_t)(sum + table->at[i]);
    table->at[9] = (uint8_t)-sum;
}

static inline void table_load(struct table_bytes *table, const char *name)
{
    char path[512];
    snprintf(path, sizeof path, TEST_DATA "/ibft/%s", name);
    FILE *file = fopen(path, "rb");
    assert(file);
    *table = (struct table_bytes){0};
    table->bytes = fread(table->at, 1, sizeof table->at, file);
    assert(table->bytes == TABLE_BYTES);
    fclose(file);
}

static inline void table_put8(struct table_bytes *table, size_t at, uint8_t value)
{
    table->at[at] = value;
    table_fix_checksum(table);
}

static inline void table_put16(struct table_bytes *table, size_t at, uint16_t value)
{
    put_le16(table->at + at, value);
    table_fix_checksum(table);
}

#endif
