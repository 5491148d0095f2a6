/* What befalls the target: power, network, other initiators, another LUN. */
#include "tests/sim/target.h"

#include <assert.h>
#include <string.h>

void target_init(struct target *target, struct world *world, const struct options *options,
                 uint64_t seed)
{
    *target = (struct target){
        .world = world,
        .options = options,
        .rng = rng_fork(seed, "target"),
        .net_rng = rng_fork(seed, "network"),
        .capacity = options->blocks,
        .running = true,
        .host_up = true,
        .net_up = true,
        .portals_up = (1u << options->portals) - 1,
    };
    media_init(&target->media, options->block_bytes, options->blocks + options->grow_blocks);
    list_init(&target->conns);
    list_init(&target->ghosts);
    list_init(&target->stalled);
}

/* All connections are closed at the initiator's end by now. */
void target_done(struct target *target)
{
    list_for_each_safe(it, &target->ghosts) message_free(container_of(it, struct message, node));
    list_for_each_safe(it, &target->conns)
    {
        struct conn *conn = container_of(it, struct conn, node);
        assert(!conn->link);
        list_for_each_safe(at, &conn->messages)
            message_free(container_of(at, struct message, node));
        conn->target_open = false;
        conn_free(conn);
    }
    media_done(&target->media);
}

void target_lost(struct target *target, unsigned blocks)
{
    if (blocks == 0)
        return;
    TRACE(target->world, "target: %u versions lost", blocks);
    target->stats.losses++;
    list_for_each(it, &target->conns)
    {
        struct conn *conn = container_of(it, struct conn, node);
        conn->in_stale = conn->in_sent;
    }
    target->lost_data(target->owner);
}

/* Commands die with the process, some in the middle. */
static void kill_commands(struct target *target, struct list_node *messages)
{
    list_for_each_safe(it, messages)
    {
        struct message *message = container_of(it, struct message, node);
        if (message->stage != STAGE_IN_TARGET)
            continue;
        if (message->kind == MESSAGE_COMMAND && rng_chance(&target->rng, 500))
            scsi_execute_partly(message, 500);
        message_free(message);
    }
}

void target_crash(struct target *target, enum media_crash mode, bool host)
{
    TRACE(target->world, "target: crash, mode %d%s", (int)mode, host ? ", the host too" : "");
    target->stats.crashes++;
    target->running = false;
    target->hung = false;
    if (host)
        target->host_up = false;
    kill_commands(target, &target->ghosts);
    list_for_each_safe(it, &target->conns)
    {
        struct conn *conn = container_of(it, struct conn, node);
        kill_commands(target, &conn->messages);
        conn->target_open = false;
        if (!host)
            conn_break(conn, LINK_LOSS_CLOSED, rng_range(&target->net_rng, 1, 1000));
        conn_free(conn);
    }
    target->attention_count = 0;
    target_lost(target, media_crash(&target->media, &target->rng, mode));
}

void target_start(struct target *target)
{
    if (target->running)
        return;
    TRACE(target->world, "target: starts");
    target->running = true;
    target->host_up = true;
    if (target->options->login_attention)
        target_attention(target, 0x29, 0x01);
    if (!target->calm)
        target->not_ready_until_us =
            target->world->now_us + (uint64_t)target->options->not_ready_ms * 1000;
    target_move_stalled(target);
}

void target_hang(struct target *target, bool hung)
{
    if (!target->running || target->hung == hung)
        return;
    TRACE(target->world, "target: %s", hung ? "hangs" : "goes on");
    target->hung = hung;
    target_move_stalled(target);
}

void target_set_network(struct target *target, bool up)
{
    TRACE(target->world, "network: %s", up ? "back" : "silent");
    target->net_up = up;
    target_move_stalled(target);
}

void target_cut(struct target *target, bool both)
{
    TRACE(target->world, "network: connections cut%s", both ? "" : " at our end");
    list_for_each_safe(it, &target->conns)
    {
        struct conn *conn = container_of(it, struct conn, node);
        if (!conn->target_open)
            continue;
        if (both)
            conn_close_target_end(conn);
        else
            conn_break(conn, LINK_LOSS_CLOSED, 1);
        conn_free(conn);
    }
}

void target_reset_by_other(struct target *target, enum media_crash mode)
{
    if (!target->running || target->wrong)
        return;
    TRACE(target->world, "target: reset by another initiator");
    target_abort_tasks(target, NULL, target->options->task_aborted);
    target_attention(target, 0x29, 0x03);
    target_lost(target, media_crash(&target->media, &target->rng, mode));
}

static void add_attention(struct target *target, struct attention attention)
{
    if (target->attention_count < ATTENTIONS)
        target->attentions[target->attention_count++] = attention;
    else /* the last place always tells that something was lost */
        target->attentions[ATTENTIONS - 1] = (struct attention){0x70, 0x06, 0x29, 0x00};
}

void target_attention(struct target *target, uint8_t asc, uint8_t ascq)
{
    add_attention(target, (struct attention){0x70, 0x06, asc, ascq});
}

void target_deferred_error(struct target *target)
{
    if (!target->running || target->wrong)
        return;
    unsigned lost = media_crash(&target->media, &target->rng, MEDIA_LOSE_SOME);
    if (lost == 0)
        return;
    /* A SYNC that is inside must not succeed: it covers what was lost. */
    list_for_each_safe(it, &target->conns)
    {
        struct conn *conn = container_of(it, struct conn, node);
        list_for_each_safe(at, &conn->messages)
        {
            struct message *message = container_of(at, struct message, node);
            if (message->stage != STAGE_IN_TARGET || message->kind != MESSAGE_COMMAND ||
                message->cdb[0] != 0x91)
                continue;
            list_remove(&message->stalled_node);
            world_cancel(target->world, &message->event);
            scsi_sense(message, 0x03, 0x0c, 0x00);
        }
    }
    add_attention(target, (struct attention){0x71, 0x03, 0x0c, 0x00});
    target_lost(target, lost);
}

void target_grow(struct target *target, uint64_t blocks)
{
    uint64_t room = target->media.blocks - target->capacity;
    if (blocks > room)
        blocks = room;
    if (blocks == 0)
        return;
    target->capacity += blocks;
    TRACE(target->world, "target: grows to %llu blocks", (unsigned long long)target->capacity);
    target_attention(target, 0x2a, 0x09);
}

void target_swap_lun(struct target *target, bool wrong, bool cut)
{
    if (target->wrong == wrong)
        return;
    TRACE(target->world, "target: %s LUN", wrong ? "another" : "the right");
    target->wrong = wrong;
    if (cut)
        target_cut(target, true);
    else
        target_attention(target, 0x3f, 0x0e);
}

/* What is inside is done soon. */
static void hurry(struct target *target, struct list_node *messages)
{
    list_for_each(it, messages)
    {
        struct message *message = container_of(it, struct message, node);
        if (message->stage == STAGE_IN_TARGET && event_is_scheduled(&message->event))
            world_after(target->world, &message->event, 1 + rng_below(&target->rng, 100000));
    }
}

void target_heal(struct target *target)
{
    TRACE(target->world, "target: all is well from now on");
    target->calm = true;
    target->full = false;
    target->not_ready_until_us = 0;
    target->portals_up = (1u << target->options->portals) - 1;
    target_swap_lun(target, false, true);
    target_start(target);
    target_hang(target, false);
    target_set_network(target, true);
    hurry(target, &target->ghosts);
    list_for_each(it, &target->conns) hurry(target, &container_of(it, struct conn, node)->messages);
}

bool target_is_well(const struct target *target)
{
    return target->running && target->host_up && !target->hung && target->net_up &&
           !target->wrong && !target->full && !target->reserved &&
           target->portals_up == (1u << target->options->portals) - 1 &&
           target->world->now_us >= target->not_ready_until_us;
}

bool target_is_quiet(const struct target *target)
{
    if (!list_is_empty(&target->ghosts))
        return false;
    list_for_each(it, &target->conns)
    {
        const struct conn *conn = container_of(it, struct conn, node);
        if (conn->swallowed || !conn->link)
            return false;
    }
    return true;
}
