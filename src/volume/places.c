#include "volume/places.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"

#define BTRFS_OFFSET 65536u

/* The master boot record: four entries of 16 bytes, and a signature. */
#define MBR_BYTES       512u
#define MBR_ENTRIES     4u
#define MBR_ENTRY       446u
#define MBR_ENTRY_BYTES 16u
#define MBR_SIGNATURE   510u

/* UEFI 5.3: the header in block 1, entries of 128 bytes and more. */
#define GPT_HEADER_BYTES 92u
#define GPT_ENTRY_MIN    128u
#define GPT_ENTRY_MAX    4096u
#define GPT_ENTRIES_MAX  128u

struct search {
    const uint8_t *head;
    size_t bytes;
    uint32_t block_bytes;
    uint64_t disk_blocks;
    struct vol_place *places;
    unsigned count;
};

static void add(struct search *search, uint64_t lba)
{
    uint64_t blocks = VOL_PLACE_BYTES / search->block_bytes;
    if (lba >= search->disk_blocks || search->count == VOL_PLACES)
        return;
    blocks = min_u64(blocks, search->disk_blocks - lba);
    for (unsigned i = 0; i < search->count; i++)
        if (ranges_overlap(search->places[i].lba, search->places[i].blocks, lba, blocks))
            return;
    search->places[search->count++] = (struct vol_place){lba, (uint32_t)blocks};
}

/* What begins here may be any file system. */
static void add_start(struct search *search, uint64_t lba)
{
    if (lba >= search->disk_blocks)
        return;
    add(search, lba);
    add(search, lba + BTRFS_OFFSET / search->block_bytes);
}

/* False: there is no GPT. */
static bool add_gpt(struct search *search)
{
    const uint8_t *header = search->head + search->block_bytes;
    if (search->bytes < search->block_bytes + GPT_HEADER_BYTES ||
        memcmp(header, "EFI PART", 8) != 0)
        return false;
    uint64_t entries_lba = get_le64(header + 72);
    uint32_t count = get_le32(header + 80), entry_bytes = get_le32(header + 84);
    static const uint8_t unused[16];
    if (entry_bytes < GPT_ENTRY_MIN || entry_bytes > GPT_ENTRY_MAX ||
        entries_lba > search->bytes / search->block_bytes)
        return true;
    uint64_t offset = entries_lba * search->block_bytes;
    count = count < GPT_ENTRIES_MAX ? count : GPT_ENTRIES_MAX;
    for (uint32_t i = 0; i < count; i++, offset += entry_bytes) {
        if (!range_is_inside(offset, entry_bytes, search->bytes))
            break;
        const uint8_t *entry = search->head + offset;
        if (memcmp(entry, unused, sizeof unused) != 0)
            add_start(search, get_le64(entry + 32));
    }
    return true;
}

static void add_mbr(struct search *search)
{
    if (search->bytes < MBR_BYTES || search->head[MBR_SIGNATURE] != 0x55 ||
        search->head[MBR_SIGNATURE + 1] != 0xaa)
        return;
    for (unsigned i = 0; i < MBR_ENTRIES; i++) {
        const uint8_t *entry = search->head + MBR_ENTRY + (size_t)i * MBR_ENTRY_BYTES;
        uint8_t type = entry[4];
        if (type != 0 && get_le32(entry + 12) > 0)
            add_start(search, get_le32(entry + 8));
    }
}

unsigned vol_places_find(const uint8_t *head, size_t bytes, uint32_t block_bytes,
                         uint64_t disk_blocks, struct vol_place ret_places[VOL_PLACES])
{
    assert(disk_blocks > 0 && block_bytes > 0 && block_bytes <= VOL_PLACE_BYTES);
    struct search search = {head, bytes, block_bytes, disk_blocks, ret_places, 0};
    add_start(&search, 0);
    if (!add_gpt(&search))
        add_mbr(&search);
    return search.count;
}
