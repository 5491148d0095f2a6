/*
 * Walks the records of a journal and changes nothing: for the tools, and as a second opinion on
 * recovery (open.c), with which it shares no more than the decoding of single blocks.
 *
 * The log ends at the first record that does not follow. That is the good end when nobody claims
 * that a further record was on stable storage; otherwise something is missing: CORRUPT. Such
 * claims (durable_seq) are in the superblock, in every record before, and in every record behind
 * that survived; all of them are looked at.
 */
#ifndef JOURNAL_READER_H
#define JOURNAL_READER_H

#include "journal/format.h"
#include "port/journal_device.h"

enum jnl_reading {
    JNL_READING_RECORD,  /* a whole, valid record is in the reader */
    JNL_READING_END,     /* the log ends here */
    JNL_READING_TORN,    /* it ends here, in a record that was being written at a crash */
    JNL_READING_CORRUPT, /* what follows is damaged, and had been on stable storage */
    JNL_READING_IO,      /* the device does not read */
};

struct jnl_reader {
    struct jdev_port *device;
    struct jnl_superblock superblock;
    uint8_t *memory;      /* JNL_RECORD_BYTES_MAX, aligned to JNL_BLOCK: the caller's */
    uint64_t offset;      /* of the next record, in the ring */
    uint64_t seq;         /* that it must have */
    uint32_t prev_crc;    /* that it must carry */
    uint64_t incarnation; /* of the record before */
    uint64_t bytes;       /* read so far: less than a lap */
    uint64_t durable_seq; /* the highest that was claimed so far */

    /* After RECORD. */
    struct jnl_record_header header;
    struct jnl_entry_header entries[JNL_RECORD_ENTRIES];

    /* After another answer: the end of a sentence about record `seq`, and who claims it. */
    const char *why;
    uint64_t claimed_by; /* CORRUPT: sequence number; 0: the superblock, or a record before */
};

/* The superblock is jnl_peek()'s. */
void jnl_reader_init(struct jnl_reader *reader, struct jdev_port *device,
                     const struct jnl_superblock *superblock, uint8_t *memory);

/* The next record. After an answer other than RECORD nothing follows. */
enum jnl_reading jnl_reader_next(struct jnl_reader *reader);

/* The payload of an entry of the present record; NULL when it has none. */
const uint8_t *jnl_reader_payload(const struct jnl_reader *reader, unsigned index);

#endif
