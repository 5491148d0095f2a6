#include "tests/sim/clients.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "journal/format.h"
#include "tests/sim/clients_check.h"

static void draw(struct slot *slot);
static void issue(struct slot *slot);

uint32_t clients_cells(const struct clients *clients)
{
    uint64_t blocks = clients->options->blocks;
    if (clients->volume && vol_is_known(clients->volume)) {
        struct vol_geometry geometry;
        vol_geometry(clients->volume, &geometry);
        blocks = geometry.size_bytes / clients->options->block_bytes;
    }
    return (uint32_t)blocks * clients->cells.per_block;
}

static uint32_t slot_number(const struct slot *slot)
{
    return (uint32_t)(slot - slot->clients->slots);
}

/* What the script has for it next; NULL: nothing, or there is no script to follow. */
static const struct script_op *next_of_script(const struct slot *slot)
{
    const struct script *script = slot->clients->script;
    uint32_t index;
    return script_replays(script) ? script_next(script, slot_number(slot), slot->next, &index)
                                  : NULL;
}

/* True when the script decides about the slot: then, when its next operation is due. */
static bool follows_script(const struct slot *slot, uint64_t *ret_delay_us)
{
    const struct clients *clients = slot->clients;
    if (!script_replays(clients->script) || slot->is_scanner)
        return false;
    const struct script_op *op = next_of_script(slot);
    uint64_t now_us = clients->world->now_us;
    *ret_delay_us = !op                                      ? UINT64_MAX
                    : op->at_us > now_us && !clients->drains ? op->at_us - now_us
                                                             : 0;
    return true;
}

static void think(struct slot *slot)
{
    struct clients *clients = slot->clients;
    slot->state = SLOT_THINKING;
    if (!clients->open)
        return;
    uint64_t delay_us;
    if (follows_script(slot, &delay_us)) {
        if (delay_us != UINT64_MAX)
            world_after(clients->world, &slot->event, delay_us);
        return;
    }
    delay_us = rng_below(&clients->rng, clients->options->think_us);
    if (rng_chance(&clients->rng, clients->options->pause_pm))
        delay_us += rng_log_range(&clients->rng, 1000, 5000000);
    world_after(clients->world, &slot->event, clients->drains ? 1 : delay_us);
}

/* --- drawing --- */

static enum vol_op draw_op(struct clients *clients)
{
    const struct options *o = clients->options;
    static const enum vol_op ops[] = {VOL_READ,         VOL_WRITE,        VOL_FLUSH, VOL_TRIM,
                                      VOL_WRITE_ZEROES, VOL_BLOCK_STATUS, VOL_CACHE};
    const unsigned weights[] = {
        o->read_weight, 40, o->flush_weight, o->trim_weight, o->zeroes_weight, o->status_weight, 1};
    return ops[rng_pick(&clients->rng, weights, 7)];
}

static uint32_t draw_length(struct clients *clients, uint32_t most)
{
    uint32_t per_block = clients->cells.per_block;
    if (rng_chance(&clients->rng, clients->options->big_pm))
        return (uint32_t)rng_range(&clients->rng, 1, most);
    uint32_t usual = rng_chance(&clients->rng, 500) ? 1 : 4 * per_block;
    return (uint32_t)rng_range(&clients->rng, 1, usual < most ? usual : most);
}

/* A ring takes no write that is larger than a quarter of it. */
static uint32_t ring_bound(const struct clients *clients, uint32_t cells)
{
    const struct options *o = clients->options;
    uint32_t blocks = (o->ring_blocks / 4 - 1) * JNL_BLOCK / o->block_bytes - 1;
    uint32_t most = blocks * clients->cells.per_block;
    return o->mode != VOL_JOURNAL_NONE && cells > most ? most : cells;
}

/* Some blocks are hardly ever written, as partition tables are. */
static uint32_t cells_to_draw_from(struct clients *clients, bool changes)
{
    const struct options *o = clients->options;
    if (changes && o->quiet_blocks > 0 && rng_chance(&clients->rng, 990))
        return (o->blocks - o->quiet_blocks) * clients->cells.per_block;
    return clients_cells(clients);
}

static void draw_range(struct clients *clients, struct oracle_op *op, bool changes)
{
    uint32_t total = cells_to_draw_from(clients, changes);
    uint32_t within = total;
    if (clients->options->hot_cells && rng_chance(&clients->rng, 800))
        within = clients->options->hot_cells < total ? clients->options->hot_cells : total;
    op->first = (uint32_t)rng_below(&clients->rng, within);
    op->count = draw_length(clients, ring_bound(clients, total - op->first));
    if (rng_chance(&clients->rng, 500)) { /* whole blocks */
        uint32_t per_block = clients->cells.per_block;
        op->first -= op->first % per_block;
        op->count += (per_block - op->count % per_block) % per_block;
        if (op->count > total - op->first)
            op->count = total - op->first;
    }
}

static void fill(const struct cells *cells, const struct oracle_op *op, uint8_t *data)
{
    uint64_t base = cell_offset(cells, op->first);
    for (uint32_t i = op->first; i < op->first + op->count; i++)
        cell_fill(cells, i, cell_id(op->write, i), data + (cell_offset(cells, i) - base));
}

static uint32_t draw_flags(struct clients *clients, enum vol_op op)
{
    uint32_t flags = 0;
    bool changes = op == VOL_WRITE || op == VOL_WRITE_ZEROES || op == VOL_TRIM;
    if (changes && rng_chance(&clients->rng, clients->options->fua_pm))
        flags |= VOL_FUA;
    if (op == VOL_WRITE_ZEROES && rng_chance(&clients->rng, 300))
        flags |= VOL_NO_HOLE;
    if (op == VOL_WRITE_ZEROES && rng_chance(&clients->rng, 200))
        flags |= VOL_FAST_ZERO;
    if (op == VOL_BLOCK_STATUS && rng_chance(&clients->rng, 300))
        flags |= VOL_REQ_ONE;
    return flags;
}

static enum oracle_kind kind_of(enum vol_op op)
{
    return op == VOL_WRITE ? ORACLE_WRITE : op == VOL_TRIM ? ORACLE_TRIM : ORACLE_ZEROES;
}

static uint32_t take_from_script(struct slot *slot, enum vol_op *ret_op)
{
    struct clients *clients = slot->clients;
    const struct script_op *op =
        script_next(clients->script, slot_number(slot), slot->next, &slot->next);
    slot->next++;
    *ret_op = (enum vol_op)op->op;
    slot->op = (struct oracle_op){.kind = kind_of(*ret_op),
                                  .write = ++clients->next_write,
                                  .first = op->first,
                                  .count = op->count};
    return op->flags;
}

static void draw_or_follow(struct slot *slot, bool at_once)
{
    struct clients *clients = slot->clients;
    draw(slot);
    if (slot->is_scanner)
        return;
    const struct script_op op = {
        .at_us = clients->world->now_us,
        .slot = slot_number(slot),
        .op = slot->request.op,
        .flags = slot->request.flags,
        .first = slot->op.first,
        .count = slot->op.count,
        .at_once = at_once,
    };
    script_record_op(clients->script, &op);
}

static void draw(struct slot *slot)
{
    struct clients *clients = slot->clients;
    enum vol_op op = VOL_READ;
    uint32_t flags = 0;
    if (slot->is_scanner) {
        uint32_t left = clients_cells(clients) - slot->scan;
        uint32_t most = 8 * clients->cells.per_block;
        slot->op = (struct oracle_op){.first = slot->scan, .count = left < most ? left : most};
        slot->scan += slot->op.count;
    } else if (script_replays(clients->script)) {
        flags = take_from_script(slot, &op);
    } else {
        op = draw_op(clients);
        slot->op = (struct oracle_op){.kind = kind_of(op), .write = ++clients->next_write};
        draw_range(clients, &slot->op, op != VOL_READ && op != VOL_BLOCK_STATUS);
        flags = draw_flags(clients, op);
    }
    uint64_t offset = cell_offset(&clients->cells, slot->op.first);
    uint64_t end = cell_offset(&clients->cells, slot->op.first + slot->op.count);
    slot->request =
        (struct vol_request){.op = op, .flags = flags, .offset = offset, .length = end - offset};
    if (op == VOL_FLUSH)
        slot->request.offset = slot->request.length = 0;
    slot->again = false;
}

/* --- submitting --- */

static void answered(struct vol_request *request)
{
    struct slot *slot = container_of(request, struct slot, request);
    struct clients *clients = slot->clients;
    if (slot->state != SLOT_SUBMITTED) {
        world_fail(clients->world, "O1 a request was answered twice");
        return;
    }
    TRACE(clients->world, "client: op %d of %u+%u answered: %d", (int)request->op, slot->op.first,
          slot->op.count, request->error);
    clients->submitted--;
    clients->answered++;
    bool over = clients_check(clients, slot);
    buffer_unref(request->buffer);
    request->buffer = NULL;
    if (!over) { /* refused by a daemon that stops */
        slot->state = SLOT_LIMBO;
        return;
    }
    bool at_once = clients->open && !slot->is_scanner && clients->left > 0;
    const struct script_op *next = next_of_script(slot);
    at_once = at_once && (script_replays(clients->script) ? next && next->at_once
                                                          : rng_chance(&clients->rng, 200));
    if (at_once) {
        clients->left--;
        draw_or_follow(slot, true);
        issue(slot);
    } else {
        think(slot);
    }
}

static void submit(struct slot *slot)
{
    struct clients *clients = slot->clients;
    struct vol_request *request = &slot->request;
    enum vol_op op = request->op;
    slot->state = SLOT_SUBMITTED;
    slot->submit_us = clients->world->now_us;
    clients->submitted++;
    if (op == VOL_WRITE)
        fill(&clients->cells, &slot->op, request->buffer->data);
    if (op == VOL_WRITE || op == VOL_WRITE_ZEROES || op == VOL_TRIM) {
        if (slot->again)
            oracle_resubmit(clients->oracle, &slot->op);
        else
            oracle_submit(clients->oracle, &slot->op);
    }
    slot->submit = oracle_now(clients->oracle);
    slot->again = true;
    request->extents = slot->extents;
    request->extent_room = SLOT_EXTENTS;
    request->done = answered;
    TRACE(clients->world, "client: op %d flags %x of %u+%u write %llu", (int)op, request->flags,
          slot->op.first, slot->op.count, (unsigned long long)slot->op.write);
    vol_submit(clients->volume, request);
}

static void buffer_available(struct buffer_waiter *waiter)
{
    struct slot *slot = container_of(waiter, struct slot, waiter);
    slot->request.buffer =
        buffer_get_now(vol_buffers(slot->clients->volume), (uint32_t)slot->request.length);
    assert(slot->request.buffer);
    submit(slot);
}

static void issue(struct slot *slot)
{
    struct vol_request *request = &slot->request;
    struct buffer_pool *pool = vol_buffers(slot->clients->volume);
    if (request->op == VOL_READ || request->op == VOL_WRITE) {
        request->buffer = buffer_get(pool, (uint32_t)request->length);
        if (!request->buffer) {
            slot->state = SLOT_NO_BUFFER;
            slot->waiter.bytes = (uint32_t)request->length;
            buffer_wait(pool, &slot->waiter);
            return;
        }
    }
    submit(slot);
}

static void slot_event(struct event *event)
{
    struct slot *slot = container_of(event, struct slot, event);
    struct clients *clients = slot->clients;
    if (!clients->open)
        return;
    if (slot->state == SLOT_LIMBO) {
        issue(slot);
        return;
    }
    uint64_t delay_us;
    if (follows_script(slot, &delay_us) && delay_us > 0) {
        if (delay_us != UINT64_MAX)
            world_after(clients->world, event, delay_us);
        return;
    }
    if (slot->is_scanner) {
        if (slot->scan >= clients_cells(clients))
            return;
    } else {
        if (clients->left == 0)
            return;
        clients->left--;
    }
    draw_or_follow(slot, false);
    issue(slot);
}

/* --- the daemon comes and goes --- */

void clients_daemon_started(struct clients *clients, struct volume *volume)
{
    clients->volume = volume;
    clients->open = true;
    clients->answered_by_this_daemon = false;
    for (unsigned i = 0; i < clients->slot_count; i++) {
        struct slot *slot = &clients->slots[i];
        world_after(clients->world, &slot->event, rng_below(&clients->start_rng, 1000));
        if (slot->is_scanner && clients->options->scan)
            slot->scan = 0;
    }
}

void clients_daemon_stops(struct clients *clients)
{
    clients->open = false;
    for (unsigned i = 0; i < clients->slot_count; i++) {
        struct slot *slot = &clients->slots[i];
        world_cancel(clients->world, &slot->event);
        if (slot->state == SLOT_NO_BUFFER) {
            buffer_wait_cancel(&slot->waiter);
            slot->state = SLOT_LIMBO;
        }
    }
}

void clients_daemon_died(struct clients *clients)
{
    clients_daemon_stops(clients);
    for (unsigned i = 0; i < clients->slot_count; i++) {
        struct slot *slot = &clients->slots[i];
        buffer_unref(slot->request.buffer);
        slot->request.buffer = NULL;
        if (slot->state == SLOT_SUBMITTED)
            slot->state = SLOT_LIMBO;
        bool given_up = !clients->options->resend || slot->is_scanner;
        if (slot->state == SLOT_LIMBO && given_up)
            slot->state = SLOT_THINKING;
    }
    clients->submitted = 0;
    clients->volume = NULL;
}

void clients_host_died(struct clients *clients)
{
    for (unsigned i = 0; i < clients->slot_count; i++)
        if (clients->slots[i].state == SLOT_LIMBO)
            clients->slots[i].state = SLOT_THINKING;
}

/* --- looking on --- */

bool clients_are_done(const struct clients *clients)
{
    const struct slot *scanner = &clients->slots[clients->slot_count - 1];
    if (clients->left > 0 || clients->submitted > 0)
        return false;
    for (unsigned i = 0; i < clients->slot_count; i++)
        if (clients->slots[i].state != SLOT_THINKING)
            return false;
    return !event_is_scheduled(&scanner->event);
}

uint64_t clients_waiting_since(const struct clients *clients)
{
    uint64_t since = UINT64_MAX;
    for (unsigned i = 0; i < clients->slot_count; i++)
        if (clients->slots[i].state == SLOT_SUBMITTED && clients->slots[i].submit_us < since)
            since = clients->slots[i].submit_us;
    return since;
}

void clients_hurry(struct clients *clients)
{
    clients->drains = true;
    for (unsigned i = 0; i < clients->slot_count; i++)
        if (event_is_scheduled(&clients->slots[i].event))
            world_after(clients->world, &clients->slots[i].event, 1);
}

void clients_begin(struct clients *clients, uint64_t operations)
{
    clients->left = operations;
    clients->drains = false;
    for (unsigned i = 0; i + 1 < clients->slot_count; i++)
        if (clients->slots[i].state == SLOT_THINKING)
            think(&clients->slots[i]);
}

void clients_finish(struct clients *clients)
{
    clients->left = 0;
}

static void flush_answered(struct vol_request *request)
{
    struct clients *clients = container_of(request, struct clients, flush_request);
    clients->flush_done = true;
    clients->flush_error = request->error;
    if (request->error == 0)
        oracle_flushed(clients->oracle, clients->flush_submit);
    else
        world_fail(clients->world, "O10 the last FLUSH failed: %d", request->error);
}

void clients_flush(struct clients *clients)
{
    clients->flush_done = false;
    clients->flush_request = (struct vol_request){.op = VOL_FLUSH, .done = flush_answered};
    clients->flush_submit = oracle_now(clients->oracle);
    vol_submit(clients->volume, &clients->flush_request);
}

void clients_scan(struct clients *clients)
{
    struct slot *scanner = &clients->slots[clients->slot_count - 1];
    scanner->scan = 0;
    if (scanner->state == SLOT_THINKING)
        world_after(clients->world, &scanner->event, 1);
}

/* Cells of odd lengths, the same in every block. */
static void draw_cells(struct clients *clients)
{
    struct cells *cells = &clients->cells;
    cells->block_bytes = clients->options->block_bytes;
    cells->per_block = clients->options->cells_per_block;
    uint32_t even = cells->block_bytes / cells->per_block;
    for (uint32_t i = 1; i < cells->per_block; i++)
        cells->start[i] = i * even + (uint32_t)rng_below(&clients->rng, even / 2);
    cells->start[cells->per_block] = cells->block_bytes;
}

void clients_init(struct clients *clients, struct world *world, const struct options *options,
                  struct target *target, struct oracle *oracle, uint64_t seed)
{
    *clients = (struct clients){
        .world = world,
        .options = options,
        .target = target,
        .oracle = oracle,
        .rng = rng_fork(seed, "clients"),
        .start_rng = rng_fork(seed, "clients' start"),
        .next_write = 1,
        .left = options->operations,
        .slot_count = options->clients * options->depth + 1,
    };
    draw_cells(clients);
    clients->slots = calloc(clients->slot_count, sizeof *clients->slots);
    assert(clients->slots);
    for (unsigned i = 0; i < clients->slot_count; i++) {
        struct slot *slot = &clients->slots[i];
        slot->clients = clients;
        slot->is_scanner = i + 1 == clients->slot_count;
        slot->scan = UINT32_MAX;
        event_init(&slot->event, slot_event);
        list_init(&slot->waiter.node);
        slot->waiter.available = buffer_available;
    }
}

void clients_follow(struct clients *clients, struct script *script)
{
    clients->script = script;
    if (script_replays(script))
        clients->left = script->op_count;
}

void clients_done(struct clients *clients)
{
    free(clients->slots);
}
