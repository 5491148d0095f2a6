/*
 * The frame of the handshake: greeting, client flags, and options one after the other.
 *
 * Good day: greeting, flags, a few options, GO. What goes wrong: unknown flags or a wrong magic
 * number end the connection (proto.md demands it: nothing after them can be understood); an
 * option with more data than any option needs is skipped and refused, in sync; a client that
 * sends options for ever is cut off after NSRV_OPTIONS_MAX of them.
 */
#include "nbd-server/handshake.h"

#include <assert.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"

void nsrv_handshake_init(struct nsrv_handshake *handshake, const struct nsrv_export *export)
{
    memset(handshake, 0, sizeof *handshake);
    handshake->export = export;
    put_be64(handshake->reply, NSRV_MAGIC_GREETING);
    put_be64(handshake->reply + 8, NSRV_MAGIC_OPTION);
    put_be16(handshake->reply + 16, NSRV_FIXED_NEWSTYLE | NSRV_NO_ZEROES);
    handshake->reply_bytes = 18;
}

void nsrv_handshake_reply(struct nsrv_handshake *handshake, uint32_t type, const void *data,
                          size_t bytes)
{
    uint8_t *at = handshake->reply + handshake->reply_bytes;
    assert(handshake->reply_bytes + 20 + bytes <= sizeof handshake->reply);
    put_be64(at, NSRV_MAGIC_REPLY);
    put_be32(at + 8, handshake->option);
    put_be32(at + 12, type);
    put_be32(at + 16, (uint32_t)bytes);
    if (bytes > 0)
        memcpy(at + 20, data, bytes);
    handshake->reply_bytes += 20 + bytes;
}

enum nsrv_step nsrv_handshake_error(struct nsrv_handshake *handshake, uint32_t type,
                                    const char *message)
{
    nsrv_handshake_reply(handshake, type, message, strlen(message));
    return NSRV_NEXT;
}

static enum nsrv_step take_flags(struct nsrv_handshake *handshake, const uint8_t *bytes,
                                 size_t count, size_t *ret_taken)
{
    if (count < 4)
        return NSRV_MORE;
    const uint32_t flags = get_be32(bytes);
    if (flags & ~(NSRV_FIXED_NEWSTYLE | NSRV_NO_ZEROES))
        return NSRV_CLOSE;
    handshake->has_flags = true;
    handshake->no_zeroes = flags & NSRV_NO_ZEROES;
    *ret_taken = 4;
    return NSRV_NEXT;
}

static enum nsrv_step skip(struct nsrv_handshake *handshake, size_t count, size_t *ret_taken)
{
    *ret_taken = (size_t)min_u64(handshake->skip, count);
    handshake->skip -= *ret_taken;
    if (handshake->skip > 0)
        return NSRV_MORE;
    return nsrv_handshake_error(handshake, handshake->refusal,
                                handshake->refusal == NSRV_REP_ERR_UNSUP ? "unknown option"
                                                                         : "too much option data");
}

/* An option whose data no option needs: EXPORT_NAME cannot be refused but by closing. */
static enum nsrv_step begin_skip(struct nsrv_handshake *handshake, uint32_t length,
                                 size_t *ret_taken)
{
    if (handshake->option == NSRV_OPT_EXPORT_NAME)
        return NSRV_CLOSE;
    handshake->options++;
    handshake->skip = length;
    handshake->refusal =
        nsrv_handshake_knows(handshake->option) ? NSRV_REP_ERR_TOO_BIG : NSRV_REP_ERR_UNSUP;
    *ret_taken = NSRV_OPTION_HEADER_BYTES;
    return NSRV_NEXT;
}

static enum nsrv_step take_option(struct nsrv_handshake *handshake, const uint8_t *bytes,
                                  size_t count, size_t *ret_taken)
{
    if (count < NSRV_OPTION_HEADER_BYTES)
        return NSRV_MORE;
    const uint32_t length = get_be32(bytes + 12);
    handshake->option = get_be32(bytes + 8);
    if (get_be64(bytes) != NSRV_MAGIC_OPTION || handshake->options >= NSRV_OPTIONS_MAX)
        return NSRV_CLOSE;
    if (length > NSRV_OPTION_BYTES_MAX)
        return begin_skip(handshake, length, ret_taken);
    if (count - NSRV_OPTION_HEADER_BYTES < length)
        return NSRV_MORE;
    const enum nsrv_step step =
        nsrv_handshake_option(handshake, bytes + NSRV_OPTION_HEADER_BYTES, length);
    if (step == NSRV_PARKED)
        return step;
    handshake->options++;
    *ret_taken = NSRV_OPTION_HEADER_BYTES + length;
    return step;
}

enum nsrv_step nsrv_handshake_step(struct nsrv_handshake *handshake, const uint8_t *bytes,
                                   size_t count, size_t *ret_taken)
{
    handshake->reply_bytes = 0;
    *ret_taken = 0;
    if (!handshake->has_flags)
        return take_flags(handshake, bytes, count, ret_taken);
    if (handshake->skip > 0)
        return skip(handshake, count, ret_taken);
    return take_option(handshake, bytes, count, ret_taken);
}
