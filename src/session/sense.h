/* What an answer of the target means: the verdict table of DESIGN.md, section 3. */
#ifndef SESSION_SENSE_H
#define SESSION_SENSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "port/link.h"

/* SAM-5 table 43, the ones we name. */
enum sam_status {
    SAM_GOOD = 0x00,
    SAM_CHECK_CONDITION = 0x02,
    SAM_BUSY = 0x08,
    SAM_RESERVATION_CONFLICT = 0x18,
    SAM_TASK_SET_FULL = 0x28,
    SAM_TASK_ABORTED = 0x40,
};

enum sense_key {
    KEY_NO_SENSE = 0x0,
    KEY_RECOVERED_ERROR = 0x1,
    KEY_NOT_READY = 0x2,
    KEY_MEDIUM_ERROR = 0x3,
    KEY_HARDWARE_ERROR = 0x4,
    KEY_ILLEGAL_REQUEST = 0x5,
    KEY_UNIT_ATTENTION = 0x6,
    KEY_DATA_PROTECT = 0x7,
    KEY_BLANK_CHECK = 0x8,
    KEY_ABORTED_COMMAND = 0xb,
    KEY_VOLUME_OVERFLOW = 0xd,
    KEY_MISCOMPARE = 0xe,
};

struct sense {
    bool valid;    /* false: no sense came, or nothing that can be read */
    bool deferred; /* response code 71h, 73h: about an earlier command */
    uint8_t key;
    uint8_t asc;
    uint8_t ascq;
};

enum verdict {
    VERDICT_OK,
    VERDICT_RETRY,         /* passes by itself, soon */
    VERDICT_RETRY_SMALLER, /* TASK SET FULL: and give it fewer commands */
    VERDICT_RETRY_SLOWLY,  /* may pass, perhaps after a repair */
    VERDICT_SPACE,         /* the thin pool is full: slowly, or -ENOSPC, as configured */
    VERDICT_NEW_NEXUS,     /* reset or deferred error: acknowledged data may be lost; retry */
    VERDICT_LOOK_AGAIN,    /* something about the LUN changed: identify again; retry */
    VERDICT_NO_LUN,        /* the target has no such LUN (any more) */
    VERDICT_FENCED,        /* RESERVATION CONFLICT */
    VERDICT_FAIL,          /* will not change by waiting: judgement.error */
};

struct judgement {
    enum verdict verdict;
    int error; /* VERDICT_FAIL: -errno; else 0 */
    uint8_t status;
    struct sense sense;
};

/* SPC-4 4.5: fixed (70h, 71h) and descriptor format (72h, 73h); bytes beyond count are not read. */
void sense_parse(const uint8_t *bytes, size_t count, struct sense *ret_sense);

/* The sense as the trace events carry it: key << 16 | ASC << 8 | ASCQ. */
uint32_t sense_code(const struct sense *sense);

/* short_is_fine: the amount of data is the target's to choose (INQUIRY, GET LBA STATUS, ...); for
 * READ and WRITE a residual means that the command was not carried out as asked. */
void sense_judge(const struct link_command *command, bool short_is_fine,
                 struct judgement *ret_judgement);

#endif
