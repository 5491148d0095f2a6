#include "tests/sim/oracle.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define NEVER        UINT64_MAX
#define VERSIONS_MIN 8u

static void note(struct oracle *oracle, uint32_t cell, const char *what, uint64_t id)
{
    struct oracle_cell *c = &oracle->cells[cell];
    c->note[c->notes++ % ORACLE_NOTES] = (struct oracle_note){oracle->world->now_us, what, id};
}

static void fail(struct oracle *oracle, uint32_t cell, const char *what, uint64_t id)
{
    if (oracle->failed_cell < 0)
        oracle->failed_cell = cell;
    note(oracle, cell, what, id);
    world_fail(oracle->world, "%s: cell %u shows write %llu of cell %u", what, cell,
               (unsigned long long)(id == CELL_GARBAGE ? 0 : id >> 20),
               id == 0 || id == CELL_GARBAGE ? cell : cell_of_id(id));
}

static struct oracle_version *add(struct oracle_cell *cell)
{
    if (cell->count == cell->room) {
        cell->room = cell->room ? cell->room * 2 : VERSIONS_MIN;
        cell->versions = realloc(cell->versions, cell->room * sizeof *cell->versions);
        assert(cell->versions);
    }
    return &cell->versions[cell->count++];
}

void oracle_init(struct oracle *oracle, struct world *world, uint32_t cell_count)
{
    *oracle =
        (struct oracle){.world = world, .clock = 1, .cell_count = cell_count, .failed_cell = -1};
    oracle->cells = calloc(cell_count, sizeof *oracle->cells);
    assert(oracle->cells);
    for (uint32_t i = 0; i < cell_count; i++)
        *add(&oracle->cells[i]) = (struct oracle_version){
            .id = cell_id(1, i), .covered = NEVER, .removed = NEVER, .ended = 0};
}

void oracle_done(struct oracle *oracle)
{
    for (uint32_t i = 0; i < oracle->cell_count; i++)
        free(oracle->cells[i].versions);
    free(oracle->cells);
    prefix_done(&oracle->prefix);
}

void oracle_trim(struct oracle *oracle)
{
    prefix_done(&oracle->prefix); /* everything is flushed: nothing in front of it matters */
    for (uint32_t i = 0; i < oracle->cell_count; i++) {
        struct oracle_cell *cell = &oracle->cells[i];
        struct oracle_version *versions = malloc(VERSIONS_MIN * sizeof *versions);
        assert(versions);
        if (cell->count > VERSIONS_MIN) {
            free(versions);
            continue;
        }
        memcpy(versions, cell->versions, cell->count * sizeof *versions);
        free(cell->versions);
        cell->versions = versions;
        cell->room = VERSIONS_MIN;
    }
}

uint64_t oracle_now(struct oracle *oracle)
{
    return ++oracle->clock;
}

static const char *const submit_notes[] = {"write submitted", "zeroes submitted", "trim submitted"};

/* Puts a version on top of all that the cell holds. A request that is sent again gets one more:
 * its first sending may have left the other one. */
static void put_on_top(struct oracle *oracle, const struct oracle_op *op, uint32_t index)
{
    struct oracle_cell *cell = &oracle->cells[index];
    cell->is_ours = true;
    for (uint32_t i = 0; i < cell->count; i++)
        if (cell->versions[i].covered == NEVER)
            cell->versions[i].covered = op->submit;
    *add(cell) = (struct oracle_version){
        .id = op->kind == ORACLE_WRITE ? cell_id(op->write, index) : 0,
        .submit = op->submit,
        .covered = NEVER,
        .removed = NEVER,
        .ended = NEVER,
        .wild = op->kind == ORACLE_TRIM,
    };
}

void oracle_submit(struct oracle *oracle, struct oracle_op *op)
{
    op->submit = oracle_now(oracle);
    for (uint32_t i = op->first; i < op->first + op->count; i++) {
        note(oracle, i, submit_notes[op->kind], cell_id(op->write, i));
        put_on_top(oracle, op, i);
    }
    prefix_submitted(&oracle->prefix, op);
}

void oracle_resubmit(struct oracle *oracle, struct oracle_op *op)
{
    op->submit = oracle_now(oracle);
    for (uint32_t i = op->first; i < op->first + op->count; i++) {
        note(oracle, i, "sent again", cell_id(op->write, i));
        put_on_top(oracle, op, i);
    }
    prefix_submitted(&oracle->prefix, op);
}

/* Keeps only the versions that were neither submitted nor removed before these times. */
static void forget_before(struct oracle_cell *cell, uint64_t submitted, uint64_t removed)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < cell->count; i++) {
        const struct oracle_version *v = &cell->versions[i];
        if ((v->submit >= submitted && v->removed >= removed) || v->is_replaced)
            cell->versions[kept++] = *v;
    }
    cell->count = kept;
}

static void replace(struct oracle_version *version, uint64_t now)
{
    if (version->removed != NEVER)
        return;
    version->removed = now;
    version->is_replaced = true;
}

void oracle_foreign(struct oracle *oracle, uint32_t first, uint32_t count, uint64_t write)
{
    uint64_t now = oracle_now(oracle);
    bool is_ours = false;
    for (uint32_t c = first; c < first + count; c++)
        is_ours |= oracle->cells[c].is_ours;
    for (uint32_t c = first; c < first + count; c++) {
        struct oracle_cell *cell = &oracle->cells[c];
        note(oracle, c, "written by another initiator", cell_id(write, c));
        for (uint32_t i = 0; i < cell->count && !is_ours; i++)
            replace(&cell->versions[i], now);
        *add(cell) = (struct oracle_version){
            .id = cell_id(write, c),
            .submit = now,
            .covered = NEVER,
            .removed = NEVER,
            .ended = now,
            .is_foreign = true,
            .is_contested = is_ours,
        };
    }
}

void oracle_answered(struct oracle *oracle, const struct oracle_op *op, bool fua)
{
    uint64_t now = oracle_now(oracle);
    prefix_answered(&oracle->prefix, op, now, fua);
    for (uint32_t c = op->first; c < op->first + op->count; c++) {
        struct oracle_cell *cell = &oracle->cells[c];
        note(oracle, c, fua ? "answered with FUA" : "answered", cell_id(op->write, c));
        for (uint32_t i = 0; i < cell->count; i++) {
            struct oracle_version *v = &cell->versions[i];
            if (v->submit < op->submit && v->removed == NEVER)
                v->removed = now;
            if (v->submit == op->submit)
                v->ended = now;
        }
        if (fua)
            forget_before(cell, op->submit, op->submit);
    }
}

/* What the op covered is covered by the next one only. */
static void uncover(struct oracle_cell *cell, uint64_t submit)
{
    uint64_t next = NEVER;
    for (uint32_t i = 0; i < cell->count; i++) {
        const struct oracle_version *v = &cell->versions[i];
        if (v->submit > submit && v->submit < next && !v->is_foreign && !v->in_doubt)
            next = v->submit;
    }
    for (uint32_t i = 0; i < cell->count; i++)
        if (cell->versions[i].covered == submit)
            cell->versions[i].covered = next;
}

void oracle_failed(struct oracle *oracle, const struct oracle_op *op)
{
    for (uint32_t c = op->first; c < op->first + op->count; c++) {
        struct oracle_cell *cell = &oracle->cells[c];
        note(oracle, c, "answered with an error", cell_id(op->write, c));
        for (uint32_t i = 0; i < cell->count; i++)
            if (cell->versions[i].submit == op->submit)
                cell->versions[i].wild = true;
    }
}

void oracle_in_doubt(struct oracle *oracle, const struct oracle_op *op)
{
    for (uint32_t c = op->first; c < op->first + op->count; c++) {
        struct oracle_cell *cell = &oracle->cells[c];
        note(oracle, c, "in doubt", cell_id(op->write, c));
        uncover(cell, op->submit);
        for (uint32_t i = 0; i < cell->count; i++)
            cell->versions[i].in_doubt |= cell->versions[i].submit == op->submit;
    }
}

void oracle_refused(struct oracle *oracle, const struct oracle_op *op)
{
    for (uint32_t c = op->first; c < op->first + op->count; c++) {
        struct oracle_cell *cell = &oracle->cells[c];
        note(oracle, c, "refused", cell_id(op->write, c));
        uncover(cell, op->submit);
        uint32_t kept = 0;
        for (uint32_t i = 0; i < cell->count; i++)
            if (cell->versions[i].submit != op->submit)
                cell->versions[kept++] = cell->versions[i];
        cell->count = kept;
    }
}

static bool shows(const struct oracle_version *version, uint32_t cell, uint64_t id)
{
    if (version->wild)
        return id == 0 || id == CELL_GARBAGE || cell_of_id(id) == cell;
    return version->id == id;
}

static bool is_visible(const struct oracle *oracle, const struct oracle_version *v, uint64_t submit)
{
    bool is_there = v->submit < submit || v->is_foreign;
    return is_there && v->removed > submit && (v->covered > submit || oracle->reads_overtake);
}

/* Two initiators have written it: until a later write is answered either may be seen. */
static bool is_contested(const struct oracle_cell *cell)
{
    for (uint32_t i = 0; i < cell->count; i++)
        if (cell->versions[i].is_contested && cell->versions[i].removed == NEVER)
            return true;
    return false;
}

/* Seen is seen: what the read did not show must not come back, unless it may yet happen. */
static void remove_unseen(const struct oracle *oracle, struct oracle_cell *cell, uint32_t index,
                          uint64_t submit, uint64_t id, uint64_t seen)
{
    for (uint32_t i = 0; i < cell->count; i++) {
        struct oracle_version *v = &cell->versions[i];
        bool is_over = !oracle->reads_overtake || v->ended < submit || v->submit < seen;
        is_over &= !v->in_doubt || v->ended != NEVER;
        if (v->removed == NEVER && v->submit < submit && is_over && !shows(v, index, id))
            v->removed = oracle->clock;
    }
}

void oracle_read(struct oracle *oracle, uint32_t index, uint64_t submit, uint64_t id)
{
    struct oracle_cell *cell = &oracle->cells[index];
    uint64_t seen = NEVER; /* when the oldest write was submitted that it may show */
    bool wild = false;
    oracle_now(oracle);
    for (uint32_t i = 0; i < cell->count; i++) {
        const struct oracle_version *v = &cell->versions[i];
        if (!is_visible(oracle, v, submit) || !shows(v, index, id))
            continue;
        if (v->submit < seen)
            seen = v->submit;
        wild |= v->wild;
    }
    if (seen == NEVER) {
        fail(oracle, index, "O3 wrong read", id);
        return;
    }
    note(oracle, index, "read", id);
    if (!wild && !is_contested(cell)) /* undefined bytes may change */
        remove_unseen(oracle, cell, index, submit, id, seen);
}

void oracle_said_zero(struct oracle *oracle, uint32_t index, uint64_t submit)
{
    const struct oracle_cell *cell = &oracle->cells[index];
    for (uint32_t i = 0; i < cell->count; i++)
        if (cell->versions[i].removed > submit && shows(&cell->versions[i], index, 0))
            return;
    fail(oracle, index, "BLOCK_STATUS says zero, wrongly", 0);
}

void oracle_flushed(struct oracle *oracle, uint64_t submit)
{
    prefix_flushed(&oracle->prefix, submit, oracle_now(oracle));
    for (uint32_t i = 0; i < oracle->cell_count; i++) {
        uint32_t before = oracle->cells[i].count;
        forget_before(&oracle->cells[i], 0, submit);
        if (before > 1)
            note(oracle, i, "flushed", 0);
    }
}

void oracle_daemon_died(struct oracle *oracle)
{
    oracle->era = oracle_now(oracle);
    prefix_daemon_died(&oracle->prefix, oracle->era);
    for (uint32_t c = 0; c < oracle->cell_count; c++) {
        note(oracle, c, "daemon died", 0);
        for (uint32_t i = 0; i < oracle->cells[c].count; i++) {
            struct oracle_version *v = &oracle->cells[c].versions[i];
            if (v->removed == NEVER)
                v->covered = NEVER;
            if (v->ended == NEVER)
                v->ended = oracle->era;
        }
    }
}

void oracle_host_died(struct oracle *oracle)
{
    prefix_host_died(&oracle->prefix);
}

void oracle_check_prefix(struct oracle *oracle, const uint64_t *ids)
{
    uint32_t cell;
    const struct prefix_write *missing =
        prefix_check(&oracle->prefix, ids, oracle->cell_count, &cell);
    if (!missing)
        return;
    oracle->failed_cell = cell;
    note(oracle, cell, "O8 not a prefix, missing", cell_id(missing->number, cell));
    world_fail(oracle->world, "O8 the LUN is no prefix: cell %u shows write %llu, not write %llu",
               cell, (unsigned long long)(ids[cell] == CELL_GARBAGE ? 0 : ids[cell] >> 20),
               (unsigned long long)missing->number);
}

bool oracle_may_hold(const struct oracle *oracle, uint32_t index, uint64_t id, uint64_t before)
{
    const struct oracle_cell *cell = &oracle->cells[index];
    for (uint32_t i = 0; i < cell->count; i++) {
        const struct oracle_version *v = &cell->versions[i];
        if (v->removed == NEVER && v->submit < before && shows(v, index, id))
            return true;
    }
    return false;
}

bool oracle_rolled_back(struct oracle *oracle, uint32_t index, uint64_t id)
{
    struct oracle_cell *cell = &oracle->cells[index];
    uint64_t covered = NEVER; /* by the first write that the present daemon was given */
    for (uint32_t i = 0; i < cell->count; i++)
        if (cell->versions[i].submit >= oracle->era && cell->versions[i].submit < covered &&
            !cell->versions[i].is_foreign)
            covered = cell->versions[i].submit;
    for (uint32_t i = 0; i < cell->count; i++) {
        if (cell->versions[i].submit >= oracle->era)
            continue;
        cell->versions[i].removed = NEVER;
        cell->versions[i].covered = covered;
    }
    note(oracle, index, "rolled back", id);
    if (oracle_may_hold(oracle, index, id, NEVER))
        return true;
    fail(oracle, index, "O4 flushed data lost", id);
    return false;
}

void oracle_lost(struct oracle *oracle, uint32_t cell, uint64_t id)
{
    fail(oracle, cell, "O9 acknowledged data lost", id);
}

void oracle_print_history(const struct oracle *oracle, FILE *to)
{
    if (oracle->failed_cell < 0)
        return;
    const struct oracle_cell *cell = &oracle->cells[oracle->failed_cell];
    fprintf(to, "  history of cell %lld:\n", (long long)oracle->failed_cell);
    uint32_t from = cell->notes > ORACLE_NOTES ? cell->notes - ORACLE_NOTES : 0;
    for (uint32_t i = from; i < cell->notes; i++) {
        const struct oracle_note *n = &cell->note[i % ORACLE_NOTES];
        if (n->id == CELL_GARBAGE)
            fprintf(to, "  %12.6f %s: garbage\n", (double)n->at_us / 1e6, n->what);
        else
            fprintf(to, "  %12.6f %s: write %llu\n", (double)n->at_us / 1e6, n->what,
                    (unsigned long long)(n->id >> 20));
    }
}
