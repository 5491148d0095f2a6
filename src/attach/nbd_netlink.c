/*
 * One message, one answer. A socket per call: these are rare, and each is made in a process of its
 * own.
 */
#include "attach/nbd_netlink.h"

#include <errno.h>
#include <linux/nbd-netlink.h>
#include <netlink/errno.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>

/* About 68 years; larger numbers of seconds overflow in the kernel, and then mean none at all. */
#define DEAD_CONNECTION_SECONDS 0x7fffffffu

/* What is said, and the device that the answer names. */
struct talk {
    struct nl_sock *socket;
    struct nl_msg *message;
    uint32_t index;
    bool ended; /* the kernel said yes or no */
    int error;  /* its own number: libnl folds several of them into one */
};

/* The library has numbers of its own. */
static int error_of(int library_error)
{
    switch (library_error < 0 ? -library_error : library_error) {
    case 0:
        return 0;
    case NLE_OBJ_NOTFOUND:
        return -ENOENT;
    case NLE_PERM:
    case NLE_NOACCESS:
        return -EPERM;
    case NLE_BUSY:
        return -EBUSY;
    case NLE_INVAL:
    case NLE_RANGE:
        return -EINVAL;
    case NLE_NOMEM:
        return -ENOMEM;
    case NLE_EXIST:
        return -EEXIST;
    case NLE_NODEV:
        return -ENODEV;
    default:
        return -EIO;
    }
}

static void talk_done(struct talk *talk)
{
    nlmsg_free(talk->message); /* NULL-safe */
    nl_socket_free(talk->socket);
}

/* Leaves nothing behind when it fails. */
static int talk_init(struct talk *talk, int command)
{
    *talk = (struct talk){.socket = nl_socket_alloc(), .message = nlmsg_alloc()};
    int error = talk->socket && talk->message ? genl_connect(talk->socket) : -NLE_NOMEM;
    int family = error ? error : genl_ctrl_resolve(talk->socket, NBD_GENL_FAMILY_NAME);
    if (family >= 0 && !genlmsg_put(talk->message, NL_AUTO_PORT, NL_AUTO_SEQ, family, 0, 0,
                                    (uint8_t)command, NBD_GENL_VERSION))
        family = -NLE_NOMEM;
    if (family >= 0)
        return 0;
    talk_done(talk);
    return error_of(family);
}

static int answer(struct nl_msg *message, void *owner)
{
    struct talk *talk = owner;
    struct nlattr *attributes[NBD_ATTR_MAX + 1];
    if (genlmsg_parse(nlmsg_hdr(message), 0, attributes, NBD_ATTR_MAX, NULL) == 0 &&
        attributes[NBD_ATTR_INDEX])
        talk->index = nla_get_u32(attributes[NBD_ATTR_INDEX]);
    return NL_OK;
}

static int agreed(struct nl_msg *message, void *owner)
{
    ((struct talk *)owner)->ended = true;
    return NL_STOP;
}

static int refused(struct sockaddr_nl *from, struct nlmsgerr *message, void *owner)
{
    struct talk *talk = owner;
    talk->ended = true;
    talk->error = message->error;
    return NL_STOP;
}

static int say(struct talk *talk)
{
    nl_socket_modify_cb(talk->socket, NL_CB_VALID, NL_CB_CUSTOM, answer, talk);
    nl_socket_modify_cb(talk->socket, NL_CB_ACK, NL_CB_CUSTOM, agreed, talk);
    nl_socket_modify_err_cb(talk->socket, NL_CB_CUSTOM, refused, talk);
    int error = nl_send_auto(talk->socket, talk->message);
    while (error >= 0 && !talk->ended)
        error = nl_recvmsgs_default(talk->socket);
    return talk->ended ? talk->error : error_of(error);
}

/* The message is whole, or `put` is why not; says it, and that was the talk. */
static int talk_end(struct talk *talk, int put)
{
    int error = put < 0 ? -ENOMEM : say(talk);
    talk_done(talk);
    return error;
}

/* A change of that device, if it is still ours. Leaves nothing behind when it fails. */
static int talk_of_change(struct talk *talk, uint32_t index, const char *backend)
{
    int error = talk_init(talk, NBD_CMD_RECONFIGURE);
    if (error)
        return error;
    if (nla_put_u32(talk->message, NBD_ATTR_INDEX, index) < 0 ||
        nla_put_string(talk->message, NBD_ATTR_BACKEND_IDENTIFIER, backend) < 0) {
        talk_done(talk);
        return -ENOMEM;
    }
    return 0;
}

static int add_socket(struct nl_msg *message, int socket)
{
    struct nlattr *sockets = nla_nest_start(message, NBD_ATTR_SOCKETS);
    struct nlattr *item = sockets ? nla_nest_start(message, NBD_SOCK_ITEM) : NULL;
    if (!item || nla_put_u32(message, NBD_SOCK_FD, (uint32_t)socket) < 0)
        return -NLE_NOMEM;
    nla_nest_end(message, item);
    nla_nest_end(message, sockets);
    return 0;
}

int nbdnl_probe(void)
{
    struct talk talk;
    int error = talk_init(&talk, NBD_CMD_STATUS);
    if (!error)
        talk_done(&talk);
    return error;
}

int nbdnl_connect(uint32_t index, const struct att_disk *disk, int socket, uint32_t *ret_index)
{
    struct talk talk;
    int error = talk_init(&talk, NBD_CMD_CONNECT);
    if (error)
        return error;
    struct nl_msg *message = talk.message;
    talk.index = ATT_ANY;
    if ((index != ATT_ANY && nla_put_u32(message, NBD_ATTR_INDEX, index) < 0) ||
        nla_put_u64(message, NBD_ATTR_SIZE_BYTES, disk->size_bytes) < 0 ||
        nla_put_u64(message, NBD_ATTR_BLOCK_SIZE_BYTES, disk->block_bytes) < 0 ||
        nla_put_u64(message, NBD_ATTR_SERVER_FLAGS, disk->flags) < 0 ||
        nla_put_u64(message, NBD_ATTR_TIMEOUT, 0) < 0 ||
        nla_put_u64(message, NBD_ATTR_DEAD_CONN_TIMEOUT, DEAD_CONNECTION_SECONDS) < 0 ||
        nla_put_string(message, NBD_ATTR_BACKEND_IDENTIFIER, disk->backend) < 0 ||
        add_socket(message, socket) < 0)
        error = -ENOMEM;
    else
        error = say(&talk);
    if (!error && talk.index == ATT_ANY)
        error = index == ATT_ANY ? -EPROTO : 0;
    if (!error)
        *ret_index = talk.index == ATT_ANY ? index : talk.index;
    talk_done(&talk);
    return error;
}

int nbdnl_reconnect(uint32_t index, const char *backend, int socket)
{
    struct talk talk;
    int error = talk_of_change(&talk, index, backend);
    return error ? error : talk_end(&talk, add_socket(talk.message, socket));
}

int nbdnl_resize(uint32_t index, const char *backend, uint64_t size_bytes)
{
    struct talk talk;
    int error = talk_of_change(&talk, index, backend);
    return error ? error
                 : talk_end(&talk, nla_put_u64(talk.message, NBD_ATTR_SIZE_BYTES, size_bytes));
}

int nbdnl_disconnect(uint32_t index)
{
    struct talk talk;
    int error = talk_init(&talk, NBD_CMD_DISCONNECT);
    if (error)
        return error;
    return talk_end(&talk, nla_put_u32(talk.message, NBD_ATTR_INDEX, index));
}
