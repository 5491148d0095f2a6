/*
 * The journal on disk, version 1.0. Little endian; a "jblk" is 4096 bytes.
 *
 *   0                superblock A, copy 1          4096         superblock B, copy 1
 *   8192 .. 65535    reserved, zero                65536 ..     the ring
 *   end - 8192       superblock A, copy 2          end - 4096   superblock B, copy 2
 *
 * A superblock of generation g goes to slot A (g even) or B (g odd), both copies. The newest copy
 * with a valid checksum counts: a torn write leaves the other slot, bit rot the other copy.
 *
 * Superblock (4096 bytes)
 *   off  size  field
 *     0     8  magic "WBJSB\0\0\1"
 *     8   2+2  version major, minor             12   4  size of the superblock (4096)
 *    16     4  compatible features              20   4  features compatible for reading
 *    24     4  incompatible features            28   4  checksum type (1 = CRC32C)
 *    32    16  journal UUID                     48   8  superblock generation
 *    56     8  incarnation                      64   8  offset of the tail in the ring
 *    72     8  sequence number of the tail      80   4  header checksum of the record before it
 *    84     4  state bits (JNL_STATE_*)         88   8  ring offset    96   8  ring length
 *   104     4  jblk (4096)                     108   4  LUN block size
 *   112     8  LUN blocks                      120   4  mode          124   4  destage order
 *   128     2  designator type                 130   2  its length
 *   132    64  designator (VPD 0x83)           196  64  unit serial (VPD 0x80)
 *   260    28  vendor, product, revision (8+16+4)
 *   288     8  LUN                             296 224  target name
 *   520   224  initiator name                  744   6  ISID
 *   752     8  reservation key                 760   1  reservation type
 *   764     4  reservation generation          768  16  hash of the machine id
 *   784    16  boot id                         800   8  last opened (ns)
 *   832  8*32  canaries {lba u64, blocks u32, CRC32C of what the LUN holds there u32, sequence
 *              number of the next record when it was noted u64, 0 u64}; blocks 0: none
 *  1088     8  durable_seq: highest sequence number known to be on stable storage
 *  1096     8  incarnation_seq: first sequence number of this incarnation
 *  1104     8  replay_epoch: entries of earlier epochs need no replay
 *  4092     4  CRC32C of bytes 0..4091, seeded with the CRC32C of the UUID
 *
 * Record: header blocks, then payload, in one contiguous write; never wraps.
 *     0     4  magic "WBR1"                      4   2  header blocks      6   2  entries
 *     8     8  sequence number                  16   8  incarnation       24   8  ring offset
 *    32     4  blocks in all (jblk)             36   4  header checksum of the record before
 *    40     8  clean_seq: records below need no replay
 *    48     8  epoch at the start               56   4  flags (JNL_RECORD_*)
 *    64    16  journal UUID                     80   8  wall clock (ns)   88   8  nexus generation
 *    96     8  durable_seq when it was built
 *   124     4  CRC32C of the header blocks with this field 0, seeded as above
 *   128  32*n  entries: lba u64 | blocks u32 | op u8 | flags u8 | 0 u16 | payload offset in 512
 *              bytes u32 | payload CRC32C u32 | epoch - epoch of the header u32 | 0 u32
 *
 * Pure: encodes and decodes memory, and believes nothing that it decodes.
 */
#ifndef JOURNAL_FORMAT_H
#define JOURNAL_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JNL_BLOCK             4096u
#define JNL_RING_OFFSET       65536u
#define JNL_TRAILER_BYTES     (2 * JNL_BLOCK)
#define JNL_UUID_BYTES        16
#define JNL_VERSION_MAJOR     1
#define JNL_VERSION_MINOR     0
#define JNL_RECORD_HEADER     128u
#define JNL_ENTRY_BYTES       32u
#define JNL_RECORD_ENTRIES    ((JNL_BLOCK - JNL_RECORD_HEADER) / JNL_ENTRY_BYTES) /* 124 */
#define JNL_RECORD_BYTES_MAX  (4u * 1024 * 1024)
#define JNL_RING_BYTES_MIN    (64u * JNL_BLOCK)
#define JNL_CANARIES          8u
#define JNL_CANARY_BLOCKS_MAX 8u /* of the LUN's */
#define JNL_CANARY_BYTES      32u

/* State bits of the superblock. */
#define JNL_STATE_EMPTY   1u /* drained: nothing to replay */
#define JNL_STATE_OPEN    2u /* in use, or left by a crash */
#define JNL_STATE_FAILED  4u /* the device failed under it: must not be replayed */
#define JNL_STATE_RETIRED 16u
#define JNL_STATE_FOREIGN 32u /* beside OPEN: somebody else wrote to the LUN meanwhile */

/* Flags of a record. */
#define JNL_RECORD_PAD 1u /* fills the ring up to its end; header only */
#define JNL_RECORD_FUA 4u

enum jnl_op { JNL_WRITE = 1, JNL_ZERO = 2, JNL_TRIM = 3, JNL_REVOKE = 4 };

#define JNL_ENTRY_FUA          1u
#define JNL_ENTRY_NO_HOLE      2u
#define JNL_ENTRY_EPOCH_BEFORE 4u
#define JNL_ENTRY_EPOCH_AFTER  8u

/* Who the journal belongs to: compared with the LUN before anything is replayed (I14). */
struct jnl_binding {
    uint16_t designator_type;
    uint16_t designator_bytes;
    uint8_t designator[64];
    char serial[65];
    char vendor[9], product[17], revision[5];
    uint64_t lun;
    char target[225];
    char initiator[225];
    uint8_t isid[6];
};

/* What the LUN holds in a place where nothing of ours is left to be written: see canary.c. */
struct jnl_canary {
    uint64_t lba;
    uint32_t blocks; /* 0: there is none */
    uint32_t crc;
    uint64_t seq; /* for people: of the next record, when it was noted */
};

struct jnl_superblock {
    uint8_t uuid[JNL_UUID_BYTES];
    uint64_t generation;
    uint64_t incarnation;
    uint64_t tail_offset; /* in the ring */
    uint64_t tail_seq;
    uint32_t tail_prev_crc;
    uint32_t state;
    uint64_t ring_bytes;
    uint32_t lun_block_bytes;
    uint64_t lun_blocks;
    uint32_t mode;
    uint32_t destage;
    uint64_t durable_seq;
    uint64_t incarnation_seq;
    uint64_t replay_epoch; /* entries of earlier epochs are on the LUN for good (ordered destage) */
    uint64_t opened_ns;
    uint32_t feat_compat, feat_ro_compat, feat_incompat;
    struct jnl_binding binding;
    struct jnl_canary canaries[JNL_CANARIES];
};

struct jnl_record_header {
    uint16_t header_blocks;
    uint16_t entry_count;
    uint64_t seq;
    uint64_t incarnation;
    uint64_t ring_offset;
    uint32_t blocks;
    uint32_t prev_crc;
    uint64_t clean_seq;
    uint64_t epoch;
    uint32_t flags;
    uint64_t wall_ns;
    uint64_t nexus_generation;
    uint64_t durable_seq;
    uint32_t crc; /* filled by encode and decode */
};

struct jnl_entry_header {
    uint64_t lba;
    uint32_t blocks;
    uint8_t op;
    uint8_t flags;
    uint32_t payload_offset; /* bytes from the start of the record; 0 without payload */
    uint32_t payload_crc;
    uint64_t epoch;
};

enum jnl_verdict {
    JNL_VALID,
    JNL_NOT_OURS, /* no magic, or another journal's */
    JNL_DAMAGED,  /* checksum, or a field that contradicts another */
    JNL_NEWER,    /* another major version, or features that this version does not know */
};

/* The seed of all checksums of a journal. */
uint32_t jnl_seed(const uint8_t uuid[JNL_UUID_BYTES]);

/* Where copy `copy` (0, 1) of the superblock of `generation` lies. */
uint64_t jnl_superblock_offset(uint64_t device_bytes, uint64_t generation, unsigned copy);

/* Bytes of ring that fit on a device, or 0 when it is too small. */
uint64_t jnl_ring_bytes_for(uint64_t device_bytes);

void jnl_superblock_encode(const struct jnl_superblock *superblock, uint8_t out[JNL_BLOCK]);

/* device_bytes bounds what the fields may say. A canary that cannot be one is left out. */
enum jnl_verdict jnl_superblock_decode(const uint8_t in[JNL_BLOCK], uint64_t device_bytes,
                                       struct jnl_superblock *ret_superblock);

/*
 * Encodes a header of one block with its entries (entry_count <= JNL_RECORD_ENTRIES); sets
 * header->crc, which the next record carries as prev_crc.
 */
void jnl_record_encode(struct jnl_record_header *header, const struct jnl_entry_header *entries,
                       const uint8_t uuid[JNL_UUID_BYTES], uint8_t out[JNL_BLOCK]);

/* Decodes and checks one header block by itself; the chain is the caller's to check. */
enum jnl_verdict jnl_record_decode(const uint8_t in[JNL_BLOCK], const uint8_t uuid[JNL_UUID_BYTES],
                                   struct jnl_record_header *ret_header,
                                   struct jnl_entry_header ret_entries[JNL_RECORD_ENTRIES]);

/* Bytes of payload that an entry has in its record (before padding); 0 for ZERO and TRIM. */
uint64_t jnl_payload_bytes(const struct jnl_entry_header *entry, uint32_t lun_block_bytes);

#endif
