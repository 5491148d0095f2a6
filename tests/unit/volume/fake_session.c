#include "tests/unit/volume/fake_session.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"

const struct ses_config ses_config_default = {0};

static uint64_t clock_now_us(struct timer_port *port)
{
    return container_of(port, struct fake_clock, port)->now_us;
}

static void clock_start(struct timer_port *port, struct timer *timer, uint64_t at_us)
{
    timer_queue_start(&container_of(port, struct fake_clock, port)->queue, timer, at_us);
}

static void clock_stop(struct timer_port *port, struct timer *timer)
{
    timer_queue_stop(timer);
}

static const struct timer_port_ops clock_ops = {clock_now_us, clock_start, clock_stop};

void fake_clock_init(struct fake_clock *clock)
{
    clock->port.ops = &clock_ops;
    clock->now_us = 1000000;
    timer_queue_init(&clock->queue);
}

void fake_clock_advance_ms(struct fake_clock *clock, uint64_t ms)
{
    clock->now_us += ms * 1000;
    timer_queue_run(&clock->queue, clock->now_us);
}

struct session *ses_new(const struct ses_config *config, struct link_port *link,
                        struct timer_port *timer, struct random_port *random,
                        struct trace_port *trace, const struct ses_events *events, void *owner)
{
    struct session *session = calloc(1, sizeof *session);
    session->events = events;
    session->owner = owner;
    session->room = LINK_COMMANDS;
    session->generation = 1;
    session->limits = (struct link_limits){.max_write_bytes = 65536, .max_read_bytes = 131072};
    session->lun = (struct lun){
        .block_bytes = FAKE_BLOCK,
        .blocks = FAKE_BLOCKS,
        .physical_blocks = 8,
        .write_cache = true,
        .write_same = true,
        .lba_status = true,
        .unmap_granularity = 1,
    };
    list_init(&session->commands);
    return session;
}

void ses_free(struct session *session)
{
    free(session);
}

void ses_bind(struct session *session, const struct lun_identity *identity)
{
    session->bound = true;
}

void ses_start(struct session *session)
{
    session->started = true;
}

void ses_stop(struct session *session)
{
    session->stopping = true;
}

unsigned ses_room(const struct session *session)
{
    return session->ready ? session->room - session->in_flight : 0;
}

uint64_t ses_generation(const struct session *session)
{
    return session->generation;
}

uint32_t ses_service_us(const struct session *session)
{
    return session->service_us;
}

const struct lun *ses_lun(const struct session *session)
{
    return session->lun_unknown ? NULL : &session->lun;
}

const struct link_limits *ses_limits(const struct session *session)
{
    return &session->limits;
}

void ses_status(const struct session *session, struct ses_status *ret_status)
{
    *ret_status = (struct ses_status){.state = session->state, .generation = session->generation};
}

void ses_submit(struct session *session, struct ses_command *command)
{
    assert(ses_room(session) > 0);
    command->generation = session->generation;
    session->in_flight++;
    list_append(&session->commands, &command->node);
}

void fake_ready(struct session *session)
{
    session->lun_unknown = false;
    session->ready = true;
    session->events->ready(session->owner);
}

void fake_lose(struct session *session)
{
    struct list_node lost;
    list_init(&lost);
    list_splice(&lost, &session->commands);
    session->ready = false;
    session->generation++;
    while (!list_is_empty(&lost)) {
        struct ses_command *command = list_first(&lost, struct ses_command, node);
        list_remove(&command->node);
        session->in_flight--;
        command->result = SES_LOST;
        command->done(command);
    }
    session->events->not_ready(session->owner);
}

void fake_unit_attention(struct session *session)
{
    session->generation++;
    session->events->generation_changed(session->owner);
}

void fake_lose_cache(struct session *session)
{
    memcpy(session->cache, session->stable, sizeof session->cache);
}

static void gather(const struct ses_command *command, uint8_t *to)
{
    for (int i = 0; i < command->iov_count; i++) {
        memcpy(to, command->iov[i].iov_base, command->iov[i].iov_len);
        to += command->iov[i].iov_len;
    }
}

static void scatter(const struct ses_command *command, const uint8_t *from)
{
    for (int i = 0; i < command->iov_count; i++) {
        memcpy(command->iov[i].iov_base, from, command->iov[i].iov_len);
        from += command->iov[i].iov_len;
    }
}

static void set_mapped(struct session *session, const struct ses_command *command, bool mapped)
{
    for (uint64_t i = 0; i < command->blocks; i++)
        session->mapped[command->lba + i] = mapped;
}

static void run_write_same(struct session *session, const struct ses_command *command)
{
    session->write_sames++;
    for (uint64_t i = 0; i < command->blocks; i++)
        memcpy(session->cache + (command->lba + i) * FAKE_BLOCK, command->iov[0].iov_base,
               FAKE_BLOCK);
    set_mapped(session, command, !(command->flags & SES_WRITE_SAME_UNMAP));
}

/* One descriptor per run of equal blocks. */
static void run_lba_status(struct session *session, struct ses_command *command)
{
    uint8_t *at = command->iov[0].iov_base, *start = at;
    memset(at, 0, 8);
    at += 8;
    for (uint64_t lba = command->lba; lba < FAKE_BLOCKS;) {
        uint64_t end = lba;
        while (end < FAKE_BLOCKS && session->mapped[end] == session->mapped[lba])
            end++;
        memset(at, 0, 16);
        put_be64(at, lba);
        put_be32(at + 8, (uint32_t)(end - lba));
        at[12] = !session->mapped[lba];
        at += 16;
        lba = end;
    }
    command->data_bytes = (uint32_t)(at - start);
}

static void run_one(struct session *session, struct ses_command *command)
{
    uint8_t *data = session->cache + command->lba * FAKE_BLOCK;
    switch (command->op) {
    case SES_READ:
        session->reads++;
        scatter(command, data);
        break;
    case SES_WRITE:
        session->writes++;
        gather(command, data);
        set_mapped(session, command, true);
        if (command->flags & SES_FUA)
            memcpy(session->stable + command->lba * FAKE_BLOCK, data, command->blocks * FAKE_BLOCK);
        break;
    case SES_SYNC:
        session->syncs++;
        memcpy(session->stable, session->cache, sizeof session->stable);
        break;
    case SES_UNMAP:
        session->unmaps++;
        memset(data, 0, command->blocks * FAKE_BLOCK);
        set_mapped(session, command, false);
        break;
    case SES_WRITE_SAME:
        run_write_same(session, command);
        break;
    case SES_LBA_STATUS:
        run_lba_status(session, command);
        break;
    }
}

/* The error of the command; 0: it can be carried out. */
static int failure_of(struct session *session, const struct ses_command *command)
{
    int error = 0;
    if (command->op == SES_WRITE &&
        ranges_overlap(command->lba, command->blocks, session->bad_lba, session->bad_blocks))
        return -EIO;
    if (command->op == session->fail_op) {
        error = session->fail_error;
        session->fail_error = 0;
    }
    return error;
}

unsigned fake_run(struct session *session, unsigned count)
{
    unsigned ran = 0;
    while (ran < count && !list_is_empty(&session->commands)) {
        struct ses_command *command = list_first(&session->commands, struct ses_command, node);
        list_remove(&command->node);
        session->in_flight--;
        command->error = failure_of(session, command);
        command->result = command->error ? SES_FAILED : SES_OK;
        if (command->error == 0)
            run_one(session, command);
        ran++;
        command->done(command);
    }
    return ran;
}

void fake_run_all(struct session *session)
{
    while (fake_run(session, 1) > 0)
        ;
}
