/*
 * Where whoever mounts a disk writes first: its start (partition tables, boot sectors, the
 * superblocks of ext4 and XFS), 64 KiB behind it (btrfs), and the same of its first partitions.
 *
 * Pure. Believes nothing that the disk says: a partition outside of it is left out, and a table
 * that makes no sense has none.
 */
#ifndef VOLUME_PLACES_H
#define VOLUME_PLACES_H

#include <stddef.h>
#include <stdint.h>

#define VOL_PLACES      8u
#define VOL_PLACE_BYTES 4096u
/* Of the disk's start: holds a partition table, with blocks of 512 and of 4096 bytes. */
#define VOL_HEAD_BYTES 16384u

struct vol_place {
    uint64_t lba;
    uint32_t blocks;
};

/*
 * From the disk's first `bytes` (a multiple of its blocks, at least one of them). Returns how many
 * places there are, at least one: the first is the disk's start. None overlaps another one.
 */
unsigned vol_places_find(const uint8_t *head, size_t bytes, uint32_t block_bytes,
                         uint64_t disk_blocks, struct vol_place ret_places[VOL_PLACES]);

#endif
