/*
 * The owner's commands: one list, in the order of submission; each is inside the link, or waits
 * there for its next attempt. verdict.c decides what an answer means.
 *
 * Bound: `window` commands, at most SESSION_WINDOW_MAX, waiting ones included.
 */
#include <assert.h>
#include <string.h>

#include "base/checked.h"
#include "session/cdb.h"
#include "session/internal.h"

static uint32_t iov_bytes(const struct ses_command *command)
{
    uint64_t sum = 0;
    for (int i = 0; i < command->iov_count; i++)
        sum += command->iov[i].iov_len;
    assert(sum <= UINT32_MAX);
    return (uint32_t)sum;
}

static void set_data(struct ses_command *command, enum link_direction direction, uint32_t bytes)
{
    assert(command->iov_count <= LINK_IOV);
    assert(iov_bytes(command) == bytes);
    command->link.direction = direction;
    command->link.iov = command->iov;
    command->link.iov_count = command->iov_count;
    command->link.data_bytes = bytes;
}

static void build_unmap(struct ses_command *command, uint32_t blocks)
{
    struct link_command *link = &command->link;
    link->cdb_bytes = cdb_unmap(link->cdb);
    cdb_unmap_parameters(command->parameters, command->lba, blocks);
    command->parameters_iov = (struct iovec){command->parameters, CDB_UNMAP_BYTES};
    link->direction = LINK_DATA_OUT;
    link->iov = &command->parameters_iov;
    link->iov_count = 1;
    link->data_bytes = CDB_UNMAP_BYTES;
}

static void build(const struct session *session, struct ses_command *command)
{
    struct link_command *link = &command->link;
    uint32_t block = session->lun.block_bytes, blocks = (uint32_t)command->blocks;
    uint8_t *cdb = link->cdb;
    switch (command->op) {
    case SES_READ:
        link->cdb_bytes = cdb_read16(cdb, command->lba, blocks);
        set_data(command, LINK_DATA_IN, blocks * block);
        break;
    case SES_WRITE:
        link->cdb_bytes = cdb_write16(cdb, command->lba, blocks, command->flags & SES_FUA);
        set_data(command, LINK_DATA_OUT, blocks * block);
        break;
    case SES_SYNC:
        link->cdb_bytes =
            session->sync10 ? cdb_synchronize_cache10(cdb) : cdb_synchronize_cache16(cdb);
        link->direction = LINK_NO_DATA;
        break;
    case SES_UNMAP:
        build_unmap(command, blocks);
        break;
    case SES_WRITE_SAME:
        link->cdb_bytes =
            cdb_write_same16(cdb, command->lba, blocks, command->flags & SES_WRITE_SAME_UNMAP);
        set_data(command, LINK_DATA_OUT, block);
        break;
    case SES_LBA_STATUS:
        link->cdb_bytes = cdb_get_lba_status(cdb, command->lba, iov_bytes(command));
        set_data(command, LINK_DATA_IN, iov_bytes(command));
        break;
    }
}

/* An answer that was waited for longer than that says nothing of the next one. */
#define SERVICE_US_MAX 1000000u

static void note_service(struct session *session, const struct ses_command *command)
{
    uint32_t took_us = (uint32_t)min_u64(session->heard_us - command->sent_us, SERVICE_US_MAX);
    session->service_us =
        session->service_us == 0 ? took_us : average_with(session->service_us, took_us);
}

uint32_t ses_service_us(const struct session *session)
{
    return session->service_us;
}

static void answered(struct link_command *link)
{
    struct ses_command *command = container_of(link, struct ses_command, link);
    struct session *session = command->session;
    assert(session->in_link > 0 && !command->waiting);
    session->in_link--;
    session_heard(session);
    note_service(session, command);
    session_command_settle(session, command);
    if (session->waiting > 0 && session->state == SES_READY)
        session_commands_resume(session);
}

static void send(struct session *session, struct ses_command *command)
{
    assert(session->in_link < SESSION_WINDOW_MAX);
    memset(&command->link, 0, sizeof command->link);
    command->link.done = answered;
    build(session, command);
    command->waiting = false;
    command->attempts++;
    command->generation = session->generation;
    command->sent_us = session_now(session);
    command->deadline_us = command->sent_us + session_command_timeout_us(session);
    session->in_link++;
    session_wake_by(session, command->deadline_us);
    session->link->ops->submit(session->link, &command->link);
}

unsigned session_commands_count(const struct session *session)
{
    return session->in_link + session->waiting;
}

unsigned ses_room(const struct session *session)
{
    unsigned count = session_commands_count(session);
    if (session->state != SES_READY || session->look_again || count >= session->window)
        return 0;
    return session->window - count;
}

void ses_submit(struct session *session, struct ses_command *command)
{
    assert(ses_room(session) > 0);
    assert(command->done != NULL && command->blocks <= UINT32_MAX);
    command->session = session;
    command->result = SES_OK;
    command->error = 0;
    command->data_bytes = 0;
    command->attempts = 0;
    list_append(&session->commands, &command->node);
    send(session, command);
}

void session_command_wait(struct session *session, struct ses_command *command, uint64_t delay_ms)
{
    command->waiting = true;
    command->resend_at_us = session_now(session) + delay_ms * 1000;
    session->waiting++;
    session_wake_by(session, command->resend_at_us);
}

void session_command_finish(struct session *session, struct ses_command *command,
                            enum ses_result result, int error)
{
    assert((result == SES_FAILED) == (error < 0));
    list_remove(&command->node);
    command->result = result;
    command->error = error;
    command->done(command);
}

/* A SYNC of an older generation proves nothing any more: the owner has to write again first. */
static bool is_void(const struct session *session, const struct ses_command *command)
{
    return command->op == SES_SYNC && command->generation != session->generation;
}

static void hand_back_all(struct session *session, struct list_node *commands,
                          enum ses_result result, int error)
{
    while (!list_is_empty(commands))
        session_command_finish(session, list_first(commands, struct ses_command, node), result,
                               error);
}

void session_commands_resume(struct session *session)
{
    if (session->state != SES_READY || session->waiting == 0)
        return;
    uint64_t now = session_now(session);
    struct list_node lost;
    list_init(&lost);
    list_for_each_safe(node, &session->commands)
    {
        struct ses_command *command = container_of(node, struct ses_command, node);
        if (!command->waiting || command->resend_at_us > now)
            continue;
        if (is_void(session, command)) {
            session->waiting--;
            list_remove(node);
            list_append(&lost, node);
        } else if (session->in_link < session->window) {
            session->waiting--;
            send(session, command);
        }
    }
    hand_back_all(session, &lost, SES_LOST, 0);
    session_wake_by(session, session_commands_next_us(session));
}

void session_commands_hand_back(struct session *session, enum ses_result result, int error)
{
    struct list_node all;
    list_init(&all);
    list_splice(&all, &session->commands);
    session->in_link = 0;
    session->waiting = 0;
    hand_back_all(session, &all, result, error);
}

uint64_t session_commands_next_us(const struct session *session)
{
    uint64_t next = SESSION_NEVER;
    if (session->state != SES_READY || session->waiting == 0)
        return next;
    if (session->in_link >= session->window)
        return next; /* the next answer makes room, and sends what is due */
    list_for_each(node, &session->commands)
    {
        const struct ses_command *command = container_of(node, struct ses_command, node);
        if (command->waiting)
            next = min_u64(next, command->resend_at_us);
    }
    return next;
}
