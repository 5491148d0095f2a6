/* A journal on a fake device, and what was appended to it, item by item. */
#ifndef JOURNAL_BENCH_H
#define JOURNAL_BENCH_H

#include "journal/journal.h"
#include "tests/unit/journal/fake_device.h"
#include "tests/unit/unit.h"
#include "tests/unit/volume/fake_session.h" /* for its clock */

#define BLOCK   512u
#define HISTORY 4096u

/* What was appended, by id; the payload of each block begins with the id. */
struct item {
    struct jnl_append append;
    struct bench *bench;
    uint64_t id;
    uint32_t blocks;
    bool written, failed, released;
    uint8_t *payload;
};

struct bench {
    struct fake_device device;
    struct fake_clock clock;
    struct journal *journal;
    struct item items[HISTORY];
    uint64_t appended; /* items[0 .. appended) */
    uint64_t released; /* items[0 .. released) are CLEAN */
    uint64_t flushed;  /* a barrier was answered for items[0 .. flushed) */
    struct jnl_barrier barrier;
    bool barrier_waits;
    bool barrier_at_answer; /* one follows each append, from inside its answer */
    uint64_t barrier_covers;
    int barrier_error;
    struct jnl_entry *recovered[HISTORY];
    uint64_t recovered_ids[HISTORY];
    unsigned recovered_count;
    int failure;
    int marked; /* 1: never told */
};

extern struct jnl_config bench_config;
extern const struct jnl_events bench_events;
void bench_on_recovered(void *owner, struct journal *journal, struct jnl_entry *entry);

struct bench *bench_new(uint32_t seed);
enum jnl_open_error bench_open(struct bench *bench);
void bench_free(struct bench *bench);

/* Appends the next id; false when there is no room. */
bool bench_append(struct bench *bench, uint32_t blocks, uint8_t flags);
void bench_append_done(struct jnl_append *append, int error);
void bench_barrier(struct bench *bench);
/* The oldest item is on the LUN for good. */
void bench_release(struct bench *bench);

#endif
