/*
 * The numbers of the NBD protocol: doc/proto.md of github.com/NetworkBlockDevice/nbd, section
 * "Values". All fields on the wire are big-endian.
 */
#ifndef NBD_SERVER_PROTOCOL_H
#define NBD_SERVER_PROTOCOL_H

#define NSRV_MAGIC_GREETING 0x4e42444d41474943ULL /* "NBDMAGIC" */
#define NSRV_MAGIC_OPTION   0x49484156454f5054ULL /* "IHAVEOPT" */
#define NSRV_MAGIC_REPLY    0x0003e889045565a9ULL /* of an option */
#define NSRV_MAGIC_REQUEST  0x25609513u
#define NSRV_MAGIC_SIMPLE   0x67446698u
#define NSRV_MAGIC_CHUNK    0x668e33efu

/* Handshake flags; the client's have the same numbers. */
#define NSRV_FIXED_NEWSTYLE 0x1u
#define NSRV_NO_ZEROES      0x2u

/* Transmission flags. */
#define NSRV_HAS_FLAGS         0x0001u
#define NSRV_READ_ONLY         0x0002u
#define NSRV_SEND_FLUSH        0x0004u
#define NSRV_SEND_FUA          0x0008u
#define NSRV_SEND_TRIM         0x0020u
#define NSRV_SEND_WRITE_ZEROES 0x0040u
#define NSRV_SEND_DF           0x0080u
#define NSRV_CAN_MULTI_CONN    0x0100u
#define NSRV_SEND_CACHE        0x0400u
#define NSRV_SEND_FAST_ZERO    0x0800u

#define NSRV_OPT_EXPORT_NAME       1u
#define NSRV_OPT_ABORT             2u
#define NSRV_OPT_LIST              3u
#define NSRV_OPT_STARTTLS          5u
#define NSRV_OPT_INFO              6u
#define NSRV_OPT_GO                7u
#define NSRV_OPT_STRUCTURED_REPLY  8u
#define NSRV_OPT_LIST_META_CONTEXT 9u
#define NSRV_OPT_SET_META_CONTEXT  10u
#define NSRV_OPT_EXTENDED_HEADERS  11u

#define NSRV_REP_ACK          1u
#define NSRV_REP_SERVER       2u
#define NSRV_REP_INFO         3u
#define NSRV_REP_META_CONTEXT 4u
#define NSRV_REP_ERR_UNSUP    0x80000001u
#define NSRV_REP_ERR_INVALID  0x80000003u
#define NSRV_REP_ERR_UNKNOWN  0x80000006u
#define NSRV_REP_ERR_SHUTDOWN 0x80000007u
#define NSRV_REP_ERR_TOO_BIG  0x80000009u

#define NSRV_INFO_EXPORT      0u
#define NSRV_INFO_NAME        1u
#define NSRV_INFO_DESCRIPTION 2u
#define NSRV_INFO_BLOCK_SIZE  3u

#define NSRV_CMD_READ         0u
#define NSRV_CMD_WRITE        1u
#define NSRV_CMD_DISC         2u
#define NSRV_CMD_FLUSH        3u
#define NSRV_CMD_TRIM         4u
#define NSRV_CMD_CACHE        5u
#define NSRV_CMD_WRITE_ZEROES 6u
#define NSRV_CMD_BLOCK_STATUS 7u

#define NSRV_FLAG_FUA       0x01u
#define NSRV_FLAG_NO_HOLE   0x02u
#define NSRV_FLAG_DF        0x04u
#define NSRV_FLAG_REQ_ONE   0x08u
#define NSRV_FLAG_FAST_ZERO 0x10u

#define NSRV_CHUNK_DONE 0x1u /* structured reply flag */

#define NSRV_CHUNK_NONE         0u
#define NSRV_CHUNK_OFFSET_DATA  1u
#define NSRV_CHUNK_BLOCK_STATUS 5u
#define NSRV_CHUNK_ERROR        0x8001u

/* base:allocation */
#define NSRV_STATE_HOLE 0x1u
#define NSRV_STATE_ZERO 0x2u
/* holdfast:dirty */
#define NSRV_STATE_DIRTY 0x1u

/* The errors that may stand on the wire; they never depend on the server's own errno values. */
#define NSRV_EPERM     1u
#define NSRV_EIO       5u
#define NSRV_ENOMEM    12u
#define NSRV_EINVAL    22u
#define NSRV_ENOSPC    28u
#define NSRV_EOVERFLOW 75u
#define NSRV_ENOTSUP   95u
#define NSRV_ESHUTDOWN 108u

#define NSRV_OPTION_HEADER_BYTES  16u
#define NSRV_REQUEST_HEADER_BYTES 28u
#define NSRV_SIMPLE_HEADER_BYTES  16u
#define NSRV_CHUNK_HEADER_BYTES   20u

#define NSRV_STRING_BYTES_MAX 4096u /* names, descriptions, messages */

/* Our limits (facts: 2.5). */
#define NSRV_PAYLOAD_MAX       (32u << 20) /* of a READ or WRITE; advertised */
#define NSRV_PAYLOAD_DRAIN_MAX (64u << 20) /* a WRITE beyond this ends the connection */
#define NSRV_OPTION_BYTES_MAX  65536u      /* data of an option; more is skipped and refused */
#define NSRV_OPTIONS_MAX       64u         /* options that one connection may send */
#define NSRV_UNFRAGMENTED_MAX  (1u << 20)  /* READ with DF; the protocol demands 64 KiB */

#endif
