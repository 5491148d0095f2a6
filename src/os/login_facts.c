#include "os/login_facts.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"

#define REPLY_PREFIX     "TargetLoginReply: "
#define FIRST_BURST_RFC  65536u  /* RFC 7143 13.14 */
#define SEGMENT_RFC      8192u   /* RFC 7143 13.12 */
#define SEGMENT_SMALLEST 512u    /* RFC 7143 13.12; less makes the library loop (trap T19) */
#define OUR_BURST        262144u /* what libiscsi offers as FirstBurstLength and segment */

/* Immediate data of this size or more are as good as R2T, and safe from pings. */
#define IMMEDIATE_DECENT 65536u
/* Below this even immediate-only is of no use: a block may have 4096 bytes. */
#define IMMEDIATE_USABLE 4096u
#define WRITE_BY_R2T     (256u * 1024u)
/* Reads have no such trap. 1 MiB is one buffer, and 8 ms of the wire at 1 Gbit/s: longer ones
 * would hold up the answers behind them and gain nothing. */
#define READ_BYTES (1024u * 1024u)

static bool starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

void login_facts_init(struct login_facts *facts)
{
    *facts = (struct login_facts){
        .immediate_data = true,
        .first_burst_bytes = FIRST_BURST_RFC,
        .target_segment_bytes = SEGMENT_RFC,
    };
}

/* The value of `key` in "key=value", or NULL. */
static const char *value_of(const char *text, const char *key)
{
    size_t bytes = strlen(key);
    if (strncmp(text, key, bytes) != 0 || text[bytes] != '=')
        return NULL;
    return text + bytes + 1;
}

/* The library appends " [target name]" to the values. */
static bool value_is(const char *value, const char *wanted)
{
    return starts_with(value, wanted) &&
           (value[strlen(wanted)] == '\0' || value[strlen(wanted)] == ' ');
}

static uint32_t value_number(const char *value)
{
    unsigned long long number = strtoull(value, NULL, 10);
    return number > UINT32_MAX ? UINT32_MAX : (uint32_t)number;
}

/*
 * Before our challenge went out, the library's expected response is all zeros, and a target that
 * sends just that passes its comparison. An honest one has a chance of 2^-128 to look like it.
 */
static bool response_is_real(const char *value)
{
    const char *digit = starts_with(value, "0x") ? value + 2 : value;
    for (; isxdigit((unsigned char)*digit); digit++)
        if (*digit != '0')
            return true;
    return false;
}

void login_facts_line(struct login_facts *facts, const char *line)
{
    if (!starts_with(line, REPLY_PREFIX))
        return;
    const char *key = line + strlen(REPLY_PREFIX);
    const char *value;
    if ((value = value_of(key, "ImmediateData")))
        facts->immediate_data = !value_is(value, "No");
    else if ((value = value_of(key, "FirstBurstLength")))
        facts->first_burst_bytes = value_number(value);
    else if ((value = value_of(key, "MaxRecvDataSegmentLength")))
        facts->target_segment_bytes = value_number(value);
    else if ((value = value_of(key, "CHAP_N")))
        facts->target_named_itself = true;
    else if ((value = value_of(key, "CHAP_R")))
        facts->target_proved_itself = response_is_real(value);
    else if ((value = value_of(key, "HeaderDigest"))) {
        facts->header_digest_answered = true;
        facts->header_digest = value_is(value, "CRC32C");
    }
}

const char *login_facts_fault(const struct login_facts *facts, bool want_header_digest)
{
    if (facts->target_segment_bytes < SEGMENT_SMALLEST)
        return "the target declares a MaxRecvDataSegmentLength below 512";
    if (want_header_digest && !facts->header_digest_answered)
        return "the target did not answer HeaderDigest; set header_digest=none for it";
    if (want_header_digest && !facts->header_digest)
        return "the target refuses HeaderDigest=CRC32C; set header_digest=none for it";
    return NULL;
}

uint32_t login_facts_immediate_bytes(const struct login_facts *facts)
{
    if (!facts->immediate_data)
        return 0;
    uint64_t bytes = min_u64(facts->first_burst_bytes, facts->target_segment_bytes);
    return (uint32_t)round_down(min_u64(bytes, OUR_BURST), SEGMENT_SMALLEST);
}

void login_facts_limits(const struct login_facts *facts, bool immediate_only,
                        struct link_limits *ret_limits)
{
    uint32_t immediate = login_facts_immediate_bytes(facts);
    bool no_data_out = immediate >= (immediate_only ? IMMEDIATE_USABLE : IMMEDIATE_DECENT);
    *ret_limits = (struct link_limits){
        .max_write_bytes = no_data_out ? immediate : WRITE_BY_R2T,
        .max_read_bytes = READ_BYTES,
        .header_digest = facts->header_digest,
    };
}

int login_status(const char *error)
{
    const char *text = strstr(error, "Failed to log in to target. Status: ");
    const char *bracket = text ? strchr(text, '(') : NULL;
    /* "Target moved (unknown)(256)": the last bracket that holds a number */
    for (; bracket; bracket = strchr(bracket + 1, '(')) {
        char *end;
        long status = strtol(bracket + 1, &end, 10);
        if (end != bracket + 1 && *end == ')' && status >= 0 && status <= UINT16_MAX)
            return (int)status;
    }
    return -1;
}

static bool is_mutual_chap_text(const char *error)
{
    return strstr(error, "CHAP_N") || strstr(error, "CHAP_R") ||
           strstr(error, "Wrong CHAP targetname");
}

enum link_loss login_loss(const char *error)
{
    int status = login_status(error);
    switch (status) {
    case 0x0201:
    case 0x0202:
        return LINK_LOSS_LOGIN_AUTH;
    case 0x0203:
    case 0x0204:
        return LINK_LOSS_LOGIN_NOT_FOUND;
    case 0x0206: /* too many connections: some will end */
        return LINK_LOSS_LOGIN_TRANSIENT;
    default:
        break;
    }
    if (status >> 8 == 0x02)
        return LINK_LOSS_LOGIN_REFUSED;
    if (status >> 8 == 0x03 || status >> 8 == 0x01)
        return LINK_LOSS_LOGIN_TRANSIENT;
    if (is_mutual_chap_text(error))
        return LINK_LOSS_MUTUAL_CHAP;
    return LINK_LOSS_PROTOCOL;
}

/* The errno in "... errno:104", "... to socket :32 ..." or "socket error Text(111) ...". */
static int errno_in(const char *error)
{
    static const char *const before[] = {"errno:", "to socket :"};
    for (size_t i = 0; i < sizeof before / sizeof before[0]; i++) {
        const char *place = strstr(error, before[i]);
        if (place)
            return atoi(place + strlen(before[i]));
    }
    if (!strstr(error, "socket error") && !strstr(error, "Connect failed with errno"))
        return 0;
    const char *bracket = strchr(error, '(');
    return bracket ? atoi(bracket + 1) : 0;
}

/* "Failed to log in to target. Status: Target not found(515)" as "login refused: Target not found
 * (0203h)": the number stands in the standard's notation, to be searched for. */
static const char *login_words(const char *error, int status)
{
    static char words[128];
    const char *from = strstr(error, "Status: ") + strlen("Status: ");
    const char *end = strrchr(from, '(');
    int bytes = end && end - from < 80 ? (int)(end - from) : 0;
    snprintf(words, sizeof words, "login refused: %.*s (%04xh)", bytes, from, (unsigned)status);
    return words;
}

const char *library_error_words(const char *error, const char *otherwise)
{
    int status = login_status(error);
    if (status >= 0)
        return login_words(error, status);
    int number = errno_in(error);
    if (number > 0)
        return strerror(number);
    return error[0] != '\0' ? error : otherwise;
}

bool library_error_is_socket(const char *error)
{
    return error[0] == '\0' || errno_in(error) > 0;
}

bool library_error_is_data_out(const char *error)
{
    return strstr(error, "->cmdsn < expcmdsn") != NULL ||
           strstr(error, "iovector data for DATA-OUT") != NULL;
}

bool library_error_is_refusal(const char *error)
{
    /* Command not supported, invalid PDU field. */
    return strstr(error, "rejected with reason: 0x05") != NULL ||
           strstr(error, "rejected with reason: 0x09") != NULL;
}

bool library_error_is_no_reason(const char *error)
{
    static const char *const texts[] = {/* ordinary answers of a LUN */
                                        "SENSE KEY:", "RESERVATION CONFLICT", "TASK_SET_FULL",
                                        "ACA_ACTIVE", "TASK_ABORTED", "BUSY",
                                        /* talk about pings */
                                        "NOP",
                                        /* set when the far end just closed */
                                        "iscsi_service_reconnect_if_loggedin"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (starts_with(error, texts[i]))
            return true;
    return false;
}

/* FNV-1a */
static uint32_t hash_bytes(uint32_t hash, const void *bytes, size_t count)
{
    const uint8_t *byte = bytes;
    for (size_t i = 0; i < count; i++)
        hash = (hash ^ byte[i]) * 16777619u;
    return hash;
}

struct isid_parts isid_derive(const char *initiator, const char *target, uint16_t lun,
                              uint16_t qualifier)
{
    const uint8_t lun_bytes[2] = {(uint8_t)(lun >> 8), (uint8_t)lun};
    uint32_t hash = 2166136261u;
    hash = hash_bytes(hash, initiator, strlen(initiator) + 1);
    hash = hash_bytes(hash, target, strlen(target) + 1);
    hash = hash_bytes(hash, lun_bytes, sizeof lun_bytes);
    return (struct isid_parts){.random = (hash ^ hash >> 24) & 0xffffff, .qualifier = qualifier};
}

uint16_t lun_address(uint16_t lun)
{
    return lun > 255 ? (uint16_t)(0x4000 | lun) : lun;
}

static int parse_port(const char *text, uint16_t *ret_port)
{
    char *end;
    unsigned long port = strtoul(text, &end, 10);
    if (!isdigit((unsigned char)text[0]) || *end != '\0' || port == 0 || port > UINT16_MAX)
        return -EINVAL;
    *ret_port = (uint16_t)port;
    return 0;
}

int portal_split(const char *text, char *ret_host, size_t host_size, uint16_t *ret_port)
{
    char portal[300];
    size_t bytes = strcspn(text, ",");
    if (bytes >= sizeof portal)
        return -EINVAL;
    memcpy(portal, text, bytes);
    portal[bytes] = '\0';

    char *host = portal;
    char *rest; /* "" or ":port" */
    if (host[0] == '[') {
        host++;
        rest = strchr(host, ']');
        if (rest == NULL)
            return -EINVAL;
        *rest++ = '\0';
    } else {
        char *colon = strchr(host, ':');
        /* a bare IPv6 address has several colons and no port */
        rest = colon && !strchr(colon + 1, ':') ? colon : host + strlen(host);
    }
    uint16_t port = ISCSI_DEFAULT_PORT;
    if (rest[0] == ':' && parse_port(rest + 1, &port) < 0)
        return -EINVAL;
    if (rest[0] != ':' && rest[0] != '\0')
        return -EINVAL;
    rest[0] = '\0';
    if (host[0] == '\0' || strlen(host) >= host_size)
        return -EINVAL;
    memcpy(ret_host, host, strlen(host) + 1);
    *ret_port = port;
    return 0;
}
