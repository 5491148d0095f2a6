/*
 * What can be learnt of a login from libiscsi 1.19 only by reading its log and its error texts:
 * the negotiated keys, whether the target proved itself, and why a login failed. No I/O here.
 */
#ifndef OS_LOGIN_FACTS_H
#define OS_LOGIN_FACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "port/link.h"

/* Collected from the library's log lines "TargetLoginReply: Key=Value". */
struct login_facts {
    bool immediate_data;
    uint32_t first_burst_bytes;    /* FirstBurstLength */
    uint32_t target_segment_bytes; /* the target's MaxRecvDataSegmentLength */
    bool header_digest_answered;
    bool header_digest;
    bool target_named_itself;  /* CHAP_N came; the library has compared it */
    bool target_proved_itself; /* CHAP_R came; the library has compared it */
};

/* What RFC 7143 (13) says of keys that the target does not answer. */
void login_facts_init(struct login_facts *facts);

/* Takes one line of the library's log; lines of no interest are ignored. */
void login_facts_line(struct login_facts *facts, const char *line);

/* NULL when the connection may be used, else what is wrong with the answers. */
const char *login_facts_fault(const struct login_facts *facts, bool want_header_digest);

/* The largest WRITE that needs no Data-Out PDU; 0 when immediate data was refused. */
uint32_t login_facts_immediate_bytes(const struct login_facts *facts);

/*
 * The limits of trap T4: a target that pings while Data-Out PDUs are queued breaks the library's
 * count of CmdSN, and the connection with it. Where immediate data carry a decent size, no
 * Data-Out is ever made. Where not, larger writes by R2T are worth more, until the target was
 * seen to ping at the wrong moment (immediate_only).
 */
void login_facts_limits(const struct login_facts *facts, bool immediate_only,
                        struct link_limits *ret_limits);

/* The login status (class << 8 | detail, RFC 7143 11.13.5) that the library put in brackets at
 * the end of an error text; -1 when there is none. */
int login_status(const char *error);

/* Why a login failed, from the library's error text. */
enum link_loss login_loss(const char *error);

/*
 * What one of the library's error texts means, for people: a system call's error in the system's
 * words, a login's status with its number, else the text itself, or `otherwise` when it is empty.
 * Valid until the next call.
 */
const char *library_error_words(const char *error, const char *otherwise);

/* True when the text tells that a socket failed, not that the target sent nonsense. */
bool library_error_is_socket(const char *error);

/* True when the text tells that Data-Out PDUs and CmdSN fell out of step (trap T4). */
bool library_error_is_data_out(const char *error);

/* True when the text tells of a Reject PDU (RFC 7143 11.17.1) that will be the same next time. */
bool library_error_is_refusal(const char *error);

/* True for texts at the level of errors that are none, or do not say why a connection was lost. */
bool library_error_is_no_reason(const char *error);

/*
 * A fixed initiator session id: type "random" (RFC 7143 11.12.5), 24 bits of a hash over the
 * three names and the qualifier. The same for every login of this daemon to this LUN, so that a
 * login reinstates the session that was lost; another qualifier is another nexus.
 */
struct isid_parts {
    uint32_t random; /* 24 bits */
    uint16_t qualifier;
};
struct isid_parts isid_derive(const char *initiator, const char *target, uint16_t lun,
                              uint16_t qualifier);

/* The LUN field's first two bytes: peripheral addressing to 255, flat above (SAM-5 4.7.7); at
 * most 16383. */
uint16_t lun_address(uint16_t lun);

#define LUN_MAX 16383u

/*
 * Splits "host", "host:port", "[v6]:port", each with an optional ",portal-group-tag" behind it,
 * as in TargetAddress. Returns 0, or -EINVAL; host is cut out of the text into ret_host.
 */
int portal_split(const char *text, char *ret_host, size_t host_size, uint16_t *ret_port);

#define ISCSI_DEFAULT_PORT 3260

#endif
