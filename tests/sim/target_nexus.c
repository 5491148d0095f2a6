/* Connections: the two ways, their two ends, and the ghosts of those that are gone. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/link.h"
#include "tests/sim/target.h"

static void message_event(struct event *event);

static uint64_t net_delay(struct target *target)
{
    return rng_range(&target->net_rng, 1, target->options->net_us);
}

/* --- messages --- */

void message_free(struct message *message)
{
    world_cancel(message->target->world, &message->event);
    list_remove(&message->node);
    list_remove(&message->stalled_node);
    if (message->target->reset_waiting == message)
        message->target->reset_waiting = NULL;
    free(message->data);
    free(message);
}

static void gather(uint8_t *to, const struct link_command *command)
{
    for (int i = 0; i < command->iov_count; i++) {
        memcpy(to, command->iov[i].iov_base, command->iov[i].iov_len);
        to += command->iov[i].iov_len;
    }
}

static struct message *message_new(struct conn *conn, enum message_kind kind,
                                   struct link_command *command)
{
    struct message *message = calloc(1, sizeof *message);
    assert(message);
    list_init(&message->node);
    list_init(&message->stalled_node);
    event_init(&message->event, message_event);
    message->target = conn->target;
    message->conn = conn;
    message->kind = kind;
    message->command = command;
    if (!command)
        return message;
    memcpy(message->cdb, command->cdb, command->cdb_bytes);
    message->direction = command->direction;
    message->data_bytes = command->data_bytes;
    if (command->direction == LINK_DATA_OUT) {
        message->data = malloc(command->data_bytes);
        assert(message->data);
        gather(message->data, command);
    }
    return message;
}

/* The payload on the wire is what was submitted: nobody may change it before the answer. */
static void check_payload(const struct message *message)
{
    if (!message->command || message->direction != LINK_DATA_OUT || !message->conn->link)
        return;
    uint8_t *now = malloc(message->data_bytes);
    assert(now);
    gather(now, message->command);
    if (memcmp(now, message->data, message->data_bytes) != 0)
        world_fail(message->target->world, "I6 payload of a command changed while it was sent");
    free(now);
}

/* --- the ways --- */

static bool net_is_up(const struct target *target, const struct conn *conn)
{
    return target->net_up && (target->portals_up & 1u << conn->portal);
}

static bool can_move(const struct message *message)
{
    const struct target *target = message->target;
    switch (message->stage) {
    case STAGE_TO_TARGET:
        return net_is_up(target, message->conn) && target->host_up && !target->hung;
    case STAGE_IN_TARGET:
        return !target->hung;
    case STAGE_TO_INITIATOR:
        return net_is_up(target, message->conn);
    }
    return true;
}

static void schedule_way(struct message *message, uint64_t *last_us)
{
    struct world *world = message->target->world;
    uint64_t at_us = world->now_us + net_delay(message->target);
    if (at_us < *last_us)
        at_us = *last_us;
    *last_us = at_us;
    world_after(world, &message->event, at_us - world->now_us);
}

void conn_send(struct conn *conn, enum message_kind kind, struct link_command *command)
{
    struct message *message = message_new(conn, kind, command);
    message->stage = STAGE_TO_TARGET;
    message->number = conn->out_sent++;
    list_append(&conn->messages, &message->node);
    schedule_way(message, &conn->out_us);
}

void message_answer(struct message *message)
{
    struct conn *conn = message->conn;
    assert(message->stage == STAGE_IN_TARGET);
    if (!conn || !conn->link) {
        message_free(message);
        if (conn)
            conn_free(conn);
        return;
    }
    message->stage = STAGE_TO_INITIATOR;
    message->number = conn->in_sent++;
    schedule_way(message, &conn->in_us);
}

static void login(struct message *message);

static void arrive_at_target(struct message *message)
{
    struct conn *conn = message->conn;
    struct target *target = message->target;
    conn->out_arrived++;
    if (!conn->target_open || !target->running) {
        message_free(message);
        conn->target_open = false;
        conn_break(conn, LINK_LOSS_CLOSED, net_delay(target));
        conn_free(conn);
        return;
    }
    message->stage = STAGE_IN_TARGET;
    switch (message->kind) {
    case MESSAGE_LOGIN:
        login(message);
        break;
    case MESSAGE_COMMAND:
        check_payload(message);
        scsi_accept(message);
        break;
    case MESSAGE_RESET:
    case MESSAGE_PING:
        world_after(target->world, &message->event, 1 + rng_below(&target->rng, 100));
        break;
    case MESSAGE_LOGOUT:
        message_answer(message);
        break;
    }
}

static void reset_lun(struct message *message)
{
    struct target *target = message->target;
    if (target->wrong) {
        target->stats.wrong_resets++;
        message_answer(message);
        return;
    }
    target->stats.resets++;
    if (target->options->reset_refused) {
        message->response = 5; /* task management function not supported */
        message_answer(message);
        return;
    }
    TRACE(target->world, "target: LUN RESET");
    if (target->options->reset_waits && !list_is_empty(&target->ghosts)) {
        target->reset_waiting = message;
        return;
    }
    target_abort_tasks(target, message, false);
    if (target->options->reset_loses)
        target_lost(target, media_crash(&target->media, &target->rng, MEDIA_LOSE_SOME));
    if (target->options->reset_attention)
        target_attention(target, 0x29, 0x03);
    message_answer(message);
    target->moment(target->owner, MOMENT_RESET);
}

static void leave_target(struct message *message)
{
    switch (message->kind) {
    case MESSAGE_COMMAND:
        scsi_execute(message);
        break;
    case MESSAGE_RESET:
        reset_lun(message);
        break;
    default:
        message_answer(message);
        break;
    }
}

static void message_event(struct event *event)
{
    struct message *message = container_of(event, struct message, event);
    struct target *target = message->target;
    struct conn *conn = message->conn;
    if (!can_move(message)) {
        list_append(&target->stalled, &message->stalled_node);
        return;
    }
    /* One that was stalled may stand behind: the order of a connection holds. */
    bool overtakes = (message->stage == STAGE_TO_TARGET && message->number != conn->out_arrived) ||
                     (message->stage == STAGE_TO_INITIATOR && message->number != conn->in_arrived);
    if (overtakes) {
        world_after(target->world, event, 1);
        return;
    }
    switch (message->stage) {
    case STAGE_TO_TARGET:
        arrive_at_target(message);
        break;
    case STAGE_IN_TARGET:
        leave_target(message);
        break;
    case STAGE_TO_INITIATOR:
        conn->in_arrived++;
        if (message->number < conn->in_stale)
            target->lost_data(target->owner);
        link_deliver(conn->link, message);
        break;
    }
}

void target_move_stalled(struct target *target)
{
    struct list_node again;
    list_init(&again);
    list_splice(&again, &target->stalled);
    while (!list_is_empty(&again)) {
        struct message *message = list_first(&again, struct message, stalled_node);
        list_remove(&message->stalled_node);
        world_after(target->world, &message->event, 0);
    }
}

/* --- the ends --- */

static void fin_arrives(struct event *event)
{
    struct conn *conn = container_of(event, struct conn, fin);
    struct target *target = conn->target;
    bool behind = false;
    list_for_each(it, &conn->messages) behind |=
        container_of(it, struct message, node)->stage == STAGE_TO_TARGET;
    if (conn->target_open && (behind || !net_is_up(target, conn) || target->hung)) {
        world_after(target->world, event, 10000);
        return;
    }
    conn_close_target_end(conn);
    conn_free(conn);
}

static void broken_arrives(struct event *event)
{
    struct conn *conn = container_of(event, struct conn, broken);
    struct sim_link *link = conn->link;
    if (!net_is_up(conn->target, conn) && conn->loss == LINK_LOSS_CLOSED) {
        world_after(conn->target->world, event, 10000);
        return;
    }
    enum link_loss loss = conn->loss;
    conn_hang_up(conn);
    link_lost(link, loss);
}

struct conn *conn_open(struct target *target, struct sim_link *link, unsigned portal)
{
    struct conn *conn = calloc(1, sizeof *conn);
    assert(conn);
    conn->target = target;
    conn->link = link;
    conn->portal = portal;
    list_init(&conn->messages);
    event_init(&conn->fin, fin_arrives);
    event_init(&conn->broken, broken_arrives);
    list_append(&target->conns, &conn->node);
    if (!target->running && target->host_up && net_is_up(target, conn)) {
        conn_break(conn, LINK_LOSS_CONNECT, net_delay(target) * 2);
        return conn;
    }
    conn->target_open = true; /* in silence the SYN is sent again until it gets through */
    conn_send(conn, MESSAGE_LOGIN, NULL);
    return conn;
}

void conn_break(struct conn *conn, enum link_loss loss, uint64_t delay_us)
{
    if (!conn->link || event_is_scheduled(&conn->broken))
        return;
    conn->loss = loss;
    world_after(conn->target->world, &conn->broken, delay_us);
}

/* With a reset in the middle, some last messages do not leave the initiator's host. */
static void drop_tail(struct conn *conn)
{
    struct target *target = conn->target;
    uint64_t waiting = conn->out_sent - conn->out_arrived;
    if (waiting == 0 || rng_chance(&target->net_rng, 500))
        return;
    conn->out_sent = conn->out_arrived + rng_below(&target->net_rng, waiting + 1);
    list_for_each_safe(it, &conn->messages)
    {
        struct message *message = container_of(it, struct message, node);
        if (message->stage == STAGE_TO_TARGET && message->number >= conn->out_sent)
            message_free(message);
    }
}

void conn_hang_up(struct conn *conn)
{
    struct target *target = conn->target;
    conn->link = NULL;
    world_cancel(target->world, &conn->broken);
    list_for_each_safe(it, &conn->messages)
    {
        struct message *message = container_of(it, struct message, node);
        message->command = NULL;
        if (message->stage == STAGE_TO_INITIATOR)
            message_free(message);
    }
    drop_tail(conn);
    uint64_t delay_us = rng_chance(&target->net_rng, 300)
                            ? rng_log_range(&target->net_rng, 1, 3000000)
                            : net_delay(target);
    if (conn->out_us > target->world->now_us)
        delay_us += conn->out_us - target->world->now_us;
    world_after(target->world, &conn->fin, delay_us);
}

static void become_ghost(struct message *message)
{
    struct target *target = message->target;
    list_remove(&message->node);
    list_append(&target->ghosts, &message->node);
    message->conn = NULL;
    message->command = NULL;
    target->stats.ghosts++;
    if (list_is_empty(&message->stalled_node) && rng_chance(&target->rng, 600))
        world_after(target->world, &message->event,
                    rng_log_range(&target->rng, 1, target->options->ghost_us));
}

void conn_close_target_end(struct conn *conn)
{
    conn->target_open = false;
    conn->logged_in = false;
    world_cancel(conn->target->world, &conn->fin);
    list_for_each_safe(it, &conn->messages)
    {
        struct message *message = container_of(it, struct message, node);
        if (message->stage == STAGE_IN_TARGET && message->kind == MESSAGE_COMMAND &&
            message->direction != LINK_DATA_IN)
            become_ghost(message);
        else if (message->stage == STAGE_IN_TARGET ||
                 (message->stage == STAGE_TO_TARGET && !conn->link))
            message_free(message);
    }
    conn_break(conn, LINK_LOSS_CLOSED, net_delay(conn->target));
}

void conn_free(struct conn *conn)
{
    if (conn->link || conn->target_open || !list_is_empty(&conn->messages))
        return;
    world_cancel(conn->target->world, &conn->fin);
    world_cancel(conn->target->world, &conn->broken);
    list_remove(&conn->node);
    free(conn);
}

/* Session reinstatement (RFC 7143 6.3.5): the same ISID ends the old session. */
static void reinstate(struct target *target, struct conn *but)
{
    list_for_each_safe(it, &target->conns)
    {
        struct conn *old = container_of(it, struct conn, node);
        if (old == but || !old->target_open || !old->logged_in)
            continue;
        conn_close_target_end(old);
        conn_free(old);
    }
    if (target->options->strict)
        target_abort_tasks(target, NULL, false);
}

static void login(struct message *message)
{
    struct target *target = message->target;
    const struct options *options = target->options;
    struct conn *conn = message->conn;
    if (!target->calm && rng_chance(&target->rng, options->login_refused_pm)) {
        message_free(message);
        conn_break(conn, LINK_LOSS_LOGIN_TRANSIENT, net_delay(target));
        return;
    }
    if (!target->calm && target->is_known(target->owner) &&
        rng_chance(&target->rng, options->not_found_pm)) {
        message_free(message);
        conn_break(conn, LINK_LOSS_LOGIN_NOT_FOUND, net_delay(target));
        return;
    }
    if (!target->calm && rng_chance(&target->rng, options->login_close_pm)) {
        message_free(message);
        conn_close_target_end(conn);
        conn_free(conn);
        return;
    }
    TRACE(target->world, "target: login");
    reinstate(target, conn);
    conn->logged_in = true;
    target->stats.sessions++;
    if (options->login_attention)
        target_attention(target, 0x29, rng_chance(&target->rng, 500) ? 0x07 : 0x01);
    message_answer(message);
    target->moment(target->owner, MOMENT_LOGIN);
}

/* --- what ends commands --- */

/* Half of them were carried out, or a part of each was. */
static void abort_one(struct message *message, bool answer)
{
    struct target *target = message->target;
    struct conn *conn = message->conn;
    if (rng_chance(&target->rng, 500))
        scsi_execute_partly(message, rng_chance(&target->rng, 500) ? 1000 : 500);
    list_remove(&message->stalled_node);
    world_cancel(target->world, &message->event);
    if (conn && answer) {
        scsi_status(message, 0x40); /* TASK ABORTED */
        return;
    }
    if (conn && conn->link)
        conn->swallowed = true;
    message_free(message);
}

void target_abort_tasks(struct target *target, const struct message *but, bool answer)
{
    list_for_each_safe(it, &target->conns)
    {
        struct conn *conn = container_of(it, struct conn, node);
        list_for_each_safe(at, &conn->messages)
        {
            struct message *message = container_of(at, struct message, node);
            if (message != but && message->kind == MESSAGE_COMMAND &&
                message->stage == STAGE_IN_TARGET)
                abort_one(message, answer && conn->link);
        }
    }
    list_for_each_safe(it, &target->ghosts)
        abort_one(container_of(it, struct message, node), false);
    target_ghost_gone(target);
}

void target_ghost_gone(struct target *target)
{
    struct message *message = target->reset_waiting;
    if (!message || !list_is_empty(&target->ghosts))
        return;
    target->reset_waiting = NULL;
    if (!event_is_scheduled(&message->event))
        world_after(target->world, &message->event, 1);
}
