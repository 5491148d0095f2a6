/*
 * Rings written from the format alone, without the engine: for tests of what reads them, and as
 * seeds for the fuzzer (make_ring.c).
 */
#ifndef RING_H
#define RING_H

#include "journal/format.h"
#include "port/journal_device.h"

#define RING_BLOCKS     64u /* the least */
#define RING_BYTES      (RING_BLOCKS * JNL_BLOCK)
#define RING_DEVICE     (JNL_RING_OFFSET + RING_BYTES + JNL_TRAILER_BYTES)
#define RING_LUN_BLOCK  512u
#define RING_LUN_BLOCKS 4096u

enum ring_kind {
    RING_EMPTY,     /* drained, never used */
    RING_MIXED,     /* writes, zeroes and trims; all known to be durable */
    RING_TORN,      /* the last record lacks its end, and nobody claims it */
    RING_LOST,      /* the same, but a superblock claims it */
    RING_WRAPPED,   /* full: a pad in the middle, the tail far behind the start */
    RING_RESTARTED, /* two incarnations, with a leftover of the first behind the second */
    RING_FAILED,    /* its device had failed */
    RING_KINDS,
};

/* A device in memory: reads and writes in the caller's thread only. */
struct ring {
    struct jdev_port port;
    struct jnl_superblock superblock;
    uint64_t offset, seq, durable_seq, incarnation; /* of the next record */
    uint32_t prev_crc;
    unsigned records, entries; /* that recovery has to find */
    _Alignas(JNL_BLOCK) uint8_t bytes[RING_DEVICE];
};

/* Big: not on the stack. */
void ring_make(struct ring *ring, enum ring_kind kind);

/* Computes the checksum of every superblock and record header anew: what was changed counts. */
void ring_seal(struct ring *ring);

#endif
