/* The options, each a small function; the table at the end says which there are. */
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "nbd-server/handshake.h"
#include "nbd-server/meta_context.h"

/* A cursor over the data of an option; `bad` once it was asked for more than there is. */
struct reader {
    const uint8_t *at;
    size_t left;
    bool bad;
};

static const uint8_t *read_bytes(struct reader *reader, uint64_t bytes)
{
    const uint8_t *at = reader->at;
    if (bytes > reader->left) {
        reader->bad = true;
        reader->left = 0;
        return NULL;
    }
    reader->at += bytes;
    reader->left -= bytes;
    return at;
}

static uint32_t read_u32(struct reader *reader)
{
    const uint8_t *at = read_bytes(reader, 4);
    return at ? get_be32(at) : 0;
}

static uint16_t read_u16(struct reader *reader)
{
    const uint8_t *at = read_bytes(reader, 2);
    return at ? get_be16(at) : 0;
}

/* A length and so many bytes; strings longer than the protocol allows are bad too. */
static const uint8_t *read_string(struct reader *reader, uint32_t *ret_bytes)
{
    *ret_bytes = read_u32(reader);
    if (*ret_bytes > NSRV_STRING_BYTES_MAX)
        reader->bad = true;
    return read_bytes(reader, *ret_bytes);
}

static enum nsrv_step invalid(struct nsrv_handshake *handshake)
{
    return nsrv_handshake_error(handshake, NSRV_REP_ERR_INVALID, "malformed option data");
}

static enum nsrv_step unknown_export(struct nsrv_handshake *handshake)
{
    return nsrv_handshake_error(handshake, NSRV_REP_ERR_UNKNOWN, "no export of this name");
}

static enum nsrv_step acknowledge(struct nsrv_handshake *handshake)
{
    nsrv_handshake_reply(handshake, NSRV_REP_ACK, NULL, 0);
    return NSRV_NEXT;
}

/* What this client is promised from now on. */
static void promise(struct nsrv_handshake *handshake)
{
    vol_geometry(handshake->export->volume, &handshake->geometry);
    handshake->flags = nsrv_export_flags(&handshake->geometry, handshake->structured);
}

static enum nsrv_step do_export_name(struct nsrv_handshake *handshake, struct reader data)
{
    if (!nsrv_export_has_name(handshake->export, data.at, data.left))
        return NSRV_CLOSE;
    if (!vol_is_known(handshake->export->volume))
        return NSRV_PARKED;
    promise(handshake);
    handshake->reply_bytes = handshake->no_zeroes ? 10 : 10 + 124;
    memset(handshake->reply, 0, handshake->reply_bytes);
    put_be64(handshake->reply, handshake->geometry.size_bytes);
    put_be16(handshake->reply + 8, handshake->flags);
    return NSRV_TRANSMIT;
}

static enum nsrv_step do_abort(struct nsrv_handshake *handshake, struct reader data)
{
    acknowledge(handshake);
    return NSRV_GOODBYE;
}

static enum nsrv_step do_list(struct nsrv_handshake *handshake, struct reader data)
{
    const char *name = handshake->export->name;
    const char *description = handshake->export->description;
    uint8_t entry[4 + 2 * NSRV_STRING_BYTES_MAX];
    put_be32(entry, (uint32_t)strlen(name));
    memcpy(entry + 4, name, strlen(name));
    memcpy(entry + 4 + strlen(name), description, strlen(description));
    nsrv_handshake_reply(handshake, NSRV_REP_SERVER, entry, 4 + strlen(name) + strlen(description));
    return acknowledge(handshake);
}

static enum nsrv_step do_unsupported(struct nsrv_handshake *handshake, struct reader data)
{
    return nsrv_handshake_error(handshake, NSRV_REP_ERR_UNSUP, "not supported by this server");
}

static enum nsrv_step do_structured_reply(struct nsrv_handshake *handshake, struct reader data)
{
    handshake->structured = true;
    return acknowledge(handshake);
}

static void tell_export(struct nsrv_handshake *handshake)
{
    uint8_t info[12];
    put_be16(info, NSRV_INFO_EXPORT);
    put_be64(info + 2, handshake->geometry.size_bytes);
    put_be16(info + 10, handshake->flags);
    nsrv_handshake_reply(handshake, NSRV_REP_INFO, info, sizeof info);
}

static void tell_string(struct nsrv_handshake *handshake, uint16_t type, const char *string)
{
    uint8_t info[2 + NSRV_STRING_BYTES_MAX];
    put_be16(info, type);
    memcpy(info + 2, string, strlen(string));
    nsrv_handshake_reply(handshake, NSRV_REP_INFO, info, 2 + strlen(string));
}

/*
 * The minimum is 1, the protocol's default: the volume carries out requests of any alignment, and
 * its read-modify-write is atomic against the neighbours, which that of a client is not. The
 * preferred size is what spares everybody the read-modify-write.
 */
static void tell_block_size(struct nsrv_handshake *handshake)
{
    uint8_t info[14];
    put_be16(info, NSRV_INFO_BLOCK_SIZE);
    put_be32(info + 2, 1);
    put_be32(info + 6, (uint32_t)min_u64(max_u64(4096, handshake->geometry.physical_block_bytes),
                                         NSRV_PAYLOAD_MAX));
    put_be32(info + 10, NSRV_PAYLOAD_MAX);
    nsrv_handshake_reply(handshake, NSRV_REP_INFO, info, sizeof info);
}

/* INFO and GO. */
static enum nsrv_step do_info(struct nsrv_handshake *handshake, struct reader data)
{
    uint32_t name_bytes, wanted = 0;
    const uint8_t *name = read_string(&data, &name_bytes);
    for (unsigned count = read_u16(&data); count > 0 && !data.bad; count--) {
        const uint16_t item = read_u16(&data);
        wanted |= item <= NSRV_INFO_BLOCK_SIZE ? 1u << item : 0;
    }
    if (data.bad || data.left > 0)
        return invalid(handshake);
    if (!nsrv_export_has_name(handshake->export, name, name_bytes))
        return unknown_export(handshake);
    if (!vol_is_known(handshake->export->volume))
        return NSRV_PARKED;

    promise(handshake);
    tell_export(handshake);
    if (wanted & 1u << NSRV_INFO_NAME)
        tell_string(handshake, NSRV_INFO_NAME, handshake->export->name);
    if ((wanted & 1u << NSRV_INFO_DESCRIPTION) && handshake->export->description[0])
        tell_string(handshake, NSRV_INFO_DESCRIPTION, handshake->export->description);
    if (wanted & 1u << NSRV_INFO_BLOCK_SIZE)
        tell_block_size(handshake);
    acknowledge(handshake);
    return handshake->option == NSRV_OPT_GO ? NSRV_TRANSMIT : NSRV_NEXT;
}

static void tell_contexts(struct nsrv_handshake *handshake, unsigned set, bool with_identifiers)
{
    for (unsigned i = 0; i < NSRV_CONTEXTS; i++) {
        uint8_t entry[4 + 64];
        const size_t bytes = strlen(nsrv_context_name(i));
        if (!(set & 1u << i))
            continue;
        put_be32(entry, with_identifiers ? i + 1 : 0);
        memcpy(entry + 4, nsrv_context_name(i), bytes);
        nsrv_handshake_reply(handshake, NSRV_REP_META_CONTEXT, entry, 4 + bytes);
    }
}

/*
 * LIST_META_CONTEXT and SET_META_CONTEXT. A selection belongs to the export, of which there is
 * one, so it stays whatever name of it GO uses; it is forgotten with every new SET, failed or not.
 */
static enum nsrv_step do_meta_context(struct nsrv_handshake *handshake, struct reader data)
{
    const bool listing = handshake->option == NSRV_OPT_LIST_META_CONTEXT;
    uint32_t name_bytes, query_bytes;
    unsigned set = 0;
    if (!listing)
        handshake->contexts = 0;
    const uint8_t *name = read_string(&data, &name_bytes);
    const uint32_t queries = read_u32(&data);
    for (uint32_t i = 0; i < queries && !data.bad; i++) {
        const uint8_t *query = read_string(&data, &query_bytes);
        if (!data.bad)
            set |= nsrv_context_match((const char *)query, query_bytes, listing);
    }
    if (data.bad || data.left > 0)
        return invalid(handshake);
    if (!listing && !handshake->structured)
        return nsrv_handshake_error(handshake, NSRV_REP_ERR_INVALID,
                                    "negotiate structured replies first");
    if (!nsrv_export_has_name(handshake->export, name, name_bytes))
        return unknown_export(handshake);
    if (listing && queries == 0)
        set = NSRV_ALL_CONTEXTS;
    if (!listing)
        handshake->contexts = set;
    tell_contexts(handshake, set, !listing);
    return acknowledge(handshake);
}

static const struct option {
    uint32_t number;
    bool takes_data; /* others are refused when they come with data */
    enum nsrv_step (*carry_out)(struct nsrv_handshake *handshake, struct reader data);
} options[] = {
    {NSRV_OPT_EXPORT_NAME, true, do_export_name},
    {NSRV_OPT_ABORT, true, do_abort}, /* data are to be ignored */
    {NSRV_OPT_LIST, false, do_list},
    {NSRV_OPT_STARTTLS, false, do_unsupported},
    {NSRV_OPT_INFO, true, do_info},
    {NSRV_OPT_GO, true, do_info},
    {NSRV_OPT_STRUCTURED_REPLY, false, do_structured_reply},
    {NSRV_OPT_LIST_META_CONTEXT, true, do_meta_context},
    {NSRV_OPT_SET_META_CONTEXT, true, do_meta_context},
};

static const struct option *find_option(uint32_t number)
{
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++)
        if (options[i].number == number)
            return &options[i];
    return NULL;
}

bool nsrv_handshake_knows(uint32_t option)
{
    return find_option(option) != NULL;
}

enum nsrv_step nsrv_handshake_option(struct nsrv_handshake *handshake, const uint8_t *data,
                                     size_t bytes)
{
    static const struct option unknown = {.takes_data = true, .carry_out = do_unsupported};
    const struct option *option = find_option(handshake->option);
    if (!option)
        option = &unknown;
    if (handshake->stopping && handshake->option == NSRV_OPT_EXPORT_NAME)
        return NSRV_CLOSE;
    if (handshake->stopping && handshake->option != NSRV_OPT_ABORT)
        return nsrv_handshake_error(handshake, NSRV_REP_ERR_SHUTDOWN, "the server is stopping");
    if (bytes > 0 && !option->takes_data)
        return invalid(handshake);
    return option->carry_out(handshake, (struct reader){.at = data, .left = bytes});
}
