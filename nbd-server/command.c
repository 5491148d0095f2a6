#include "nbd-server/command.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"

bool nsrv_command_parse(const uint8_t header[NSRV_REQUEST_HEADER_BYTES],
                        struct nsrv_command *ret_command)
{
    if (get_be32(header) != NSRV_MAGIC_REQUEST)
        return false;
    ret_command->flags = get_be16(header + 4);
    ret_command->type = get_be16(header + 6);
    memcpy(&ret_command->cookie, header + 8, 8);
    ret_command->offset = get_be64(header + 16);
    ret_command->length = get_be32(header + 24);
    return true;
}

/* What proto.md says of each command. FUA is valid on all of them. */
static const struct rule {
    uint16_t flags;      /* valid besides FUA */
    uint16_t advertised; /* transmission flag that must have been set */
    bool writes;
    bool has_range;
    uint32_t beyond_end; /* error when the range does not lie within the export */
} rules[] = {
    [NSRV_CMD_READ] = {NSRV_FLAG_DF, 0, false, true, NSRV_EINVAL},
    [NSRV_CMD_WRITE] = {0, 0, true, true, NSRV_ENOSPC},
    [NSRV_CMD_FLUSH] = {0, NSRV_SEND_FLUSH, false, false, 0},
    [NSRV_CMD_TRIM] = {0, NSRV_SEND_TRIM, true, true, NSRV_EINVAL},
    [NSRV_CMD_CACHE] = {0, NSRV_SEND_CACHE, false, true, NSRV_EINVAL},
    [NSRV_CMD_WRITE_ZEROES] = {NSRV_FLAG_NO_HOLE | NSRV_FLAG_FAST_ZERO, NSRV_SEND_WRITE_ZEROES,
                               true, true, NSRV_ENOSPC},
    [NSRV_CMD_BLOCK_STATUS] = {NSRV_FLAG_REQ_ONE, 0, false, true, NSRV_EINVAL},
};

static struct nsrv_refusal refuse(uint32_t error, const char *why)
{
    return (struct nsrv_refusal){error, why};
}

static struct nsrv_refusal check_range(const struct nsrv_command *command, const struct rule *rule,
                                       const struct nsrv_promise *promise)
{
    if (!rule->has_range) {
        if (command->offset != 0 || command->length != 0)
            return refuse(NSRV_EINVAL, "offset and length of a FLUSH must be 0");
        return refuse(0, NULL);
    }
    if (command->length == 0)
        return refuse(NSRV_EINVAL, "a length of 0 is not served");
    if (!range_is_inside(command->offset, command->length, promise->size_bytes))
        return refuse(rule->beyond_end, "beyond the end of the export");
    return refuse(0, NULL);
}

/* READ and WRITE alone move payload. */
static struct nsrv_refusal check_payload(const struct nsrv_command *command,
                                         const struct nsrv_promise *promise)
{
    if (command->type == NSRV_CMD_WRITE && command->length > NSRV_PAYLOAD_MAX)
        return refuse(NSRV_EINVAL, "more than the maximum payload");
    if (command->type != NSRV_CMD_READ)
        return refuse(0, NULL);
    if ((command->flags & NSRV_FLAG_DF) && command->length > NSRV_UNFRAGMENTED_MAX)
        return refuse(NSRV_EOVERFLOW, "too large to be sent unfragmented");
    if (command->length > NSRV_PAYLOAD_MAX)
        return refuse(promise->structured ? NSRV_EOVERFLOW : NSRV_EINVAL,
                      "more than the maximum payload");
    return refuse(0, NULL);
}

static bool flags_are_valid(const struct nsrv_command *command, const struct rule *rule,
                            const struct nsrv_promise *promise)
{
    unsigned valid = rule->flags | NSRV_FLAG_FUA;
    if (!(promise->flags & NSRV_SEND_DF))
        valid &= ~NSRV_FLAG_DF;
    if (!(promise->flags & NSRV_SEND_FAST_ZERO))
        valid &= ~NSRV_FLAG_FAST_ZERO;
    return (command->flags & ~valid) == 0;
}

struct nsrv_refusal nsrv_command_check(const struct nsrv_command *command,
                                       const struct nsrv_promise *promise)
{
    if (command->type >= sizeof rules / sizeof rules[0])
        return refuse(NSRV_EINVAL, "unknown command");
    const struct rule *rule = &rules[command->type];
    if (rule->writes && (promise->flags & NSRV_READ_ONLY))
        return refuse(NSRV_EPERM, "the export is read-only");
    if (rule->advertised && !(promise->flags & rule->advertised))
        return refuse(NSRV_EINVAL, "the command was not offered");
    if (!flags_are_valid(command, rule, promise))
        return refuse(NSRV_EINVAL, "unknown flag, or not one of this command");
    if (command->type == NSRV_CMD_BLOCK_STATUS && promise->contexts == 0)
        return refuse(NSRV_EINVAL, "no metadata context was selected");
    const struct nsrv_refusal refusal = check_range(command, rule, promise);
    return refusal.error ? refusal : check_payload(command, promise);
}

uint32_t nsrv_error_on_wire(int error, const struct nsrv_command *command)
{
    switch (-error) {
    case EPERM:
    case EROFS:
        return NSRV_EPERM;
    case ENOMEM:
        return NSRV_ENOMEM;
    case EINVAL:
        return NSRV_EINVAL;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return NSRV_ENOSPC;
    case EOPNOTSUPP: /* also ENOTSUP; only a fast zero may be answered so */
        return command->flags & NSRV_FLAG_FAST_ZERO ? NSRV_ENOTSUP : NSRV_EINVAL;
    case ESHUTDOWN:
        return NSRV_ESHUTDOWN;
    default:
        return NSRV_EIO;
    }
}
