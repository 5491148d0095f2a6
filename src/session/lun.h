/* What a LUN says about itself: its identity, its size, its abilities. */
#ifndef SESSION_LUN_H
#define SESSION_LUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LUN_DESIGNATOR_BYTES 64

/* Who the LUN is: compared after every login (DESIGN.md, promise 3). */
struct lun_identity {
    uint8_t designator_type;  /* SPC-4 7.8.5: 3 NAA, 2 EUI-64, 8 name string, 1 T10; 0 none */
    uint8_t designator_bytes; /* 0: the LUN has no designator of its own */
    uint8_t designator[LUN_DESIGNATOR_BYTES];
    char serial[65]; /* VPD 0x80, trailing spaces cut; "" when there is none */
    char vendor[9];
    char product[17];
    char revision[5]; /* shown, not compared: a firmware update is not another LUN */
};

struct lun {
    struct lun_identity identity;
    uint32_t block_bytes; /* 512 or 4096 */
    uint64_t blocks;
    uint32_t physical_blocks;       /* logical blocks per physical block, >= 1 */
    bool read_only;                 /* write-protected (MODE SENSE, WP) */
    bool write_cache;               /* WCE */
    bool fua;                       /* DPOFUA: the FUA bit is honoured */
    bool thin;                      /* LBPME */
    bool unmap;                     /* UNMAP (LBPU) */
    bool unmap_zeroes;              /* LBPRZ: an unmapped block reads as zeros */
    bool write_same;                /* WRITE SAME(16) was not refused so far */
    bool write_same_unmap;          /* WRITE SAME(16) with UNMAP (LBPWS) */
    bool lba_status;                /* GET LBA STATUS was not refused so far */
    uint32_t max_transfer_blocks;   /* VPD 0xB0; 0 = no limit reported */
    uint32_t max_unmap_blocks;      /* 0 = no limit reported */
    uint32_t unmap_granularity;     /* blocks, >= 1 */
    uint32_t unmap_alignment;       /* first aligned LBA, < unmap_granularity */
    uint64_t max_write_same_blocks; /* 0 = no limit reported */
};

/*
 * True when `now` is the LUN that `known` was. On false, why (of why_bytes) says in words what
 * differs. A LUN that answers with neither designator nor serial is told apart by vendor and
 * product alone.
 */
bool lun_is_same(const struct lun_identity *known, const struct lun_identity *now, char *ret_why,
                 size_t why_bytes);

/* Text of a target, up to its first NUL or as much as there is room for, fit for logs, terminals
 * and JSON: '?' for what cannot be printed. text_bytes > 0. */
void lun_text(const uint8_t *bytes, size_t count, char *ret_text, size_t text_bytes);

/* The identity in one word for people and scripts: "naa.6001405...", or the serial. */
void lun_name(const struct lun_identity *identity, char *ret_name, size_t name_bytes);

#endif
