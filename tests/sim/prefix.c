#include "tests/sim/prefix.h"

#include <assert.h>
#include <stdlib.h>

#include "tests/sim/oracle.h"

#define NEVER UINT64_MAX

void prefix_done(struct prefix *prefix)
{
    free(prefix->writes);
    free(prefix->flushes);
    *prefix = (struct prefix){0};
}

/* Write numbers grow with time, but for those that are sent again. */
static struct prefix_write *find(const struct prefix *prefix, uint64_t number)
{
    for (uint32_t i = prefix->write_count; i-- > 0;)
        if (prefix->writes[i].number == number)
            return &prefix->writes[i];
    return NULL;
}

void prefix_submitted(struct prefix *prefix, const struct oracle_op *op)
{
    struct prefix_write *known = find(prefix, op->write);
    if (known) {
        known->resubmit = op->submit;
        known->ended = NEVER;
        return;
    }
    if (prefix->write_count == prefix->write_room) {
        prefix->write_room = prefix->write_room ? prefix->write_room * 2 : 256;
        prefix->writes = realloc(prefix->writes, prefix->write_room * sizeof *prefix->writes);
        assert(prefix->writes);
    }
    prefix->writes[prefix->write_count++] = (struct prefix_write){
        .number = op->write,
        .kind = (int)op->kind,
        .first = op->first,
        .count = op->count,
        .submit = op->submit,
        .resubmit = op->submit,
        .answered = NEVER,
        .ended = NEVER,
    };
}

void prefix_answered(struct prefix *prefix, const struct oracle_op *op, uint64_t now, bool fua)
{
    struct prefix_write *write = find(prefix, op->write);
    if (!write)
        return;
    write->answered = write->ended = now;
    write->fua = fua;
}

void prefix_flushed(struct prefix *prefix, uint64_t submit, uint64_t now)
{
    if (prefix->flush_count == prefix->flush_room) {
        prefix->flush_room = prefix->flush_room ? prefix->flush_room * 2 : 64;
        prefix->flushes = realloc(prefix->flushes, prefix->flush_room * sizeof *prefix->flushes);
        assert(prefix->flushes);
    }
    prefix->flushes[prefix->flush_count++] = (struct prefix_flush){submit, now};
}

void prefix_daemon_died(struct prefix *prefix, uint64_t now)
{
    for (uint32_t i = 0; i < prefix->write_count; i++)
        if (prefix->writes[i].ended == NEVER)
            prefix->writes[i].ended = now;
}

/* The last FLUSH that was answered before `time`: what it covers, as the time of its submission. */
static uint64_t covered_before(const struct prefix *prefix, uint64_t time)
{
    uint64_t covered = 0;
    for (uint32_t i = 0; i < prefix->flush_count; i++)
        if (prefix->flushes[i].answered < time && prefix->flushes[i].submit > covered)
            covered = prefix->flushes[i].submit;
    return covered;
}

void prefix_host_died(struct prefix *prefix)
{
    uint64_t covered = covered_before(prefix, NEVER);
    for (uint32_t i = 0; i < prefix->write_count; i++) {
        struct prefix_write *write = &prefix->writes[i];
        if (!write->fua && write->answered >= covered)
            write->answered = NEVER;
    }
}

/* The submission of the newest write that is to be seen. */
static uint64_t newest_seen(const struct prefix *prefix, const uint64_t *ids, uint32_t cells)
{
    uint64_t newest = 0;
    for (uint32_t i = 0; i < cells; i++) {
        bool is_write = ids[i] != 0 && ids[i] != CELL_GARBAGE;
        const struct prefix_write *seen = is_write ? find(prefix, ids[i] >> 20) : NULL;
        if (seen && seen->submit > newest)
            newest = seen->submit;
    }
    return newest;
}

/* True when what the cell shows cannot be older than `write`. */
static bool is_there(const struct prefix *prefix, const struct prefix_write *write, uint32_t cell,
                     uint64_t id)
{
    if (id != CELL_GARBAGE && id >> 20 >= ORACLE_FOREIGN)
        return true; /* or was, until another initiator wrote there */
    for (uint32_t i = 0; i < prefix->write_count; i++) {
        const struct prefix_write *other = &prefix->writes[i];
        if (cell - other->first >= other->count)
            continue;
        bool is_shown =
            other->kind == ORACLE_TRIM ||
            (other->kind == ORACLE_ZEROES ? id == 0 : id == cell_id(other->number, cell));
        if (is_shown && (other == write || other->ended >= write->submit))
            return true;
    }
    return false;
}

const struct prefix_write *prefix_check(const struct prefix *prefix, const uint64_t *ids,
                                        uint32_t cells, uint32_t *ret_cell)
{
    uint64_t newest = newest_seen(prefix, ids, cells);
    uint64_t covered = covered_before(prefix, newest);
    for (uint32_t i = 0; i < prefix->write_count; i++) {
        const struct prefix_write *write = &prefix->writes[i];
        bool is_needed = write->answered < covered || (write->fua && write->answered < newest);
        for (uint32_t c = write->first; is_needed && c < write->first + write->count; c++) {
            if (c < cells && !is_there(prefix, write, c, ids[c])) {
                *ret_cell = c;
                return write;
            }
        }
    }
    return NULL;
}
