#include "tests/sim/options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/old_ring.h"
#include "tests/sim/rng.h"
#include "volume/volume.h"

static uint32_t draw(struct rng *rng, uint32_t low, uint32_t high)
{
    return (uint32_t)rng_range(rng, low, high);
}

static uint32_t draw_log(struct rng *rng, uint32_t low, uint32_t high)
{
    return (uint32_t)rng_log_range(rng, low, high);
}

static bool coin(struct rng *rng)
{
    return rng_chance(rng, 500);
}

/* 0 in most seeds, else anything up to `high`. */
static uint32_t rate(struct rng *rng, unsigned used_permille, uint32_t high)
{
    return rng_chance(rng, used_permille) ? draw_log(rng, 1, high) : 0;
}

static void draw_lun(struct options *o, struct rng *rng)
{
    o->block_bytes = rng_chance(rng, 300) ? 4096 : 512;
    o->blocks = draw_log(rng, 4, 40);
    o->grow_blocks = draw(rng, 0, 8);
    o->cells_per_block = coin(rng) ? 1 : draw(rng, 2, 4);
    o->write_cache = rng_chance(rng, 850);
    o->dpofua = coin(rng);
    o->thin = rng_chance(rng, 700);
    o->unmap = o->thin && rng_chance(rng, 800);
    o->unmap_zeroes = o->thin && coin(rng);
    o->unmap_ignored_pm = coin(rng) ? 300 : 0;
    o->write_same = rng_chance(rng, 700);
    o->write_same_unmap = o->thin && o->write_same && coin(rng);
    o->lba_status = o->thin && coin(rng);
    o->descriptor_sense = coin(rng);
}

static void draw_target(struct options *o, struct rng *rng)
{
    o->strict = rng_chance(rng, 300);
    o->reset_waits = coin(rng);
    o->reset_loses = coin(rng);
    o->reset_attention = rng_chance(rng, 800);
    o->login_attention = rng_chance(rng, 700);
    o->task_aborted = rng_chance(rng, 700);
    o->queue_depth = coin(rng) ? 128 : draw_log(rng, 1, 32);
    o->exec_us = draw_log(rng, 20, 5000);
    o->sync_us = draw_log(rng, 20, 60000);
    o->ghost_us = draw_log(rng, 1000, 8000000);
    o->max_write_bytes =
        o->block_bytes * draw_log(rng, 1, 64) + (coin(rng) ? draw(rng, 0, 511) : 0);
    o->limits_change_pm = coin(rng) ? 500 : 0;
    o->busy_pm = rate(rng, 300, 200);
    o->aborted_pm = rate(rng, 250, 150);
    o->no_sense_pm = rate(rng, 200, 100);
    o->residual_pm = rate(rng, 250, 150);
    o->response_pm = rate(rng, 200, 100);
    o->stuck_pm = rate(rng, 300, 60);
    o->sync_fails_pm = rate(rng, 200, 200);
    o->medium_error_pm = rate(rng, 100, 30);
    o->write_error_pm = rate(rng, 100, 60);
    o->login_refused_pm = rate(rng, 250, 400);
    o->login_close_pm = rate(rng, 250, 400);
    o->not_ready_ms = rng_chance(rng, 200) ? draw_log(rng, 1, 3000) : 0;
    o->not_found_pm = rate(rng, 150, 300);
    o->absent = rng_chance(rng, 300);
    o->reset_refused = o->strict && rng_chance(rng, 200);
    o->net_us = draw_log(rng, 10, 3000);
    o->portals = rng_chance(rng, 300) ? draw(rng, 2, 3) : 1;
}

static void draw_clients(struct options *o, struct rng *rng)
{
    o->clients = draw(rng, 1, 3);
    o->depth = draw_log(rng, 1, 16);
    o->operations = draw_log(rng, 20, 160);
    o->think_us = draw_log(rng, 1, 20000);
    o->pause_pm = coin(rng) ? draw_log(rng, 1, 100) : 0;
    o->hot_cells = coin(rng) ? draw(rng, 1, 6) : 0;
    o->fua_pm = coin(rng) ? draw(rng, 0, 400) : 0;
    o->flush_weight = coin(rng) ? draw(rng, 0, 30) : 3;
    o->read_weight = draw(rng, 5, 60);
    o->trim_weight = coin(rng) ? draw(rng, 0, 15) : 0;
    o->zeroes_weight = coin(rng) ? draw(rng, 0, 20) : 0;
    o->status_weight = rng_chance(rng, 300) ? draw(rng, 0, 10) : 0;
    o->big_pm = coin(rng) ? draw(rng, 0, 200) : 0;
    o->resend = coin(rng);
    o->scan = coin(rng);
}

static void draw_daemon(struct options *o, struct rng *rng)
{
    o->retain_bytes = draw_log(rng, 4096, 8u << 20);
    o->retain_ms = draw_log(rng, 1, 20000);
    o->request_count = coin(rng) ? 128 : draw_log(rng, 2, 64);
    o->memory_mib = draw(rng, 1, 3);
    o->command_timeout_ms = draw_log(rng, 500, 30000);
    o->nop_interval_ms = draw_log(rng, 200, 10000);
    o->nop_timeout_ms = draw_log(rng, 200, 10000);
    o->connect_timeout_ms = draw_log(rng, 500, 8000);
    o->setup_timeout_ms = draw_log(rng, 1000, 15000);
}

static void draw_faults(struct options *o, struct rng *rng)
{
    uint32_t *weights = &o->w_cut;
    uint32_t count = (uint32_t)(&o->w_daemon_stop - &o->w_cut) + 1;
    unsigned used = draw(rng, 50, 500);
    for (uint32_t i = 0; i < count; i++)
        weights[i] = rng_chance(rng, used) ? draw(rng, 1, 10) : 0;
    o->faults = rng_chance(rng, 950) ? draw_log(rng, 1, 24) : 0;
    o->fault_gap_us = draw_log(rng, 300, 2000000);
    o->moment_pm = coin(rng) ? draw_log(rng, 5, 500) : 0;
    o->outage_ms = draw_log(rng, 1, 20000);
    o->crash_loses = draw(rng, 0, 3);
    if (rng_chance(rng, 600)) { /* the clients are busy for as long as the faults last */
        uint64_t faulty_us = (uint64_t)(o->faults + 1) * o->fault_gap_us;
        uint64_t think_us = 1 + faulty_us * o->clients * o->depth / o->operations;
        o->think_us = think_us < 20000000 ? (uint32_t)think_us : 20000000;
    }
    o->final_flush = rng_chance(rng, 800);
    o->final_stop = rng_chance(rng, 300);
}

/* A ring so small that it is full and wraps all the time. */
static void draw_ring(struct options *o, struct rng *rng)
{
    o->ordered = coin(rng);
    o->ring_blocks = draw_log(rng, 64, 160);
    o->cache_bytes = coin(rng) ? 1u << 20 : draw_log(rng, 512, 65536);
    o->record_count = rng_chance(rng, 200) ? draw(rng, 16, 64) : 0;
    o->entry_count = rng_chance(rng, 200) ? draw(rng, 150, 300) : 0;
    o->jdev_us = draw_log(rng, 5, 5000);
    o->jdev_sync_us = draw_log(rng, 10, 50000);
}

/* What lies in the ring; from a stream of its own, again. */
static void draw_ring_contents(struct options *o, uint64_t seed)
{
    struct rng rng = rng_fork(seed, "lasting journal");
    enum old_ring old = OLD_RING_NONE;
    if (rng_chance(&rng, 300))
        old = (enum old_ring)draw(&rng, OLD_RING_YOUNG, OLD_RING_AGED);
    o->old_ring = o->mode == VOL_JOURNAL_PERSISTENT ? old : OLD_RING_NONE;
    o->w_jdev_rot_data = rng_chance(&rng, 200) ? draw(&rng, 3, 15) : 0;
}

static void draw_export(struct options *o, uint64_t seed)
{
    struct rng rng = rng_fork(seed, "exports");
    o->export_ms = rng_chance(&rng, 150) ? draw_log(&rng, 1, 10000) : 0;
}

static void draw_drains(struct options *o, uint64_t seed)
{
    struct rng rng = rng_fork(seed, "drains");
    o->drain_ms = rng_chance(&rng, 300) ? draw_log(&rng, 50, 20000) : 0;
}

/* From a stream of its own: what a seed is without a journal does not depend on this. */
static void draw_journal(struct options *o, uint64_t seed)
{
    struct rng rng = rng_fork(seed, "journal");
    uint64_t mode = rng_below(&rng, 100);
    o->mode = mode < 35   ? VOL_JOURNAL_NONE
              : mode < 55 ? VOL_JOURNAL_MEMORY
                          : VOL_JOURNAL_PERSISTENT;
    draw_ring(o, &rng);
    if (o->mode == VOL_JOURNAL_NONE)
        return;
    o->operations = o->operations < 300 ? o->operations * draw(&rng, 1, 3) : o->operations;
    if (rng_chance(&rng, 600))
        o->w_daemon_crash = draw(&rng, 1, 10);
    if (coin(&rng))
        o->w_power = draw(&rng, 1, 10);
    o->final_drain = coin(&rng);
    draw_export(o, seed);
    draw_ring_contents(o, seed);
    o->w_jdev_read = rng_chance(&rng, 250) ? draw(&rng, 1, 10) : 0;
    o->w_jdev_rot = rng_chance(&rng, 250) ? draw(&rng, 1, 10) : 0;
    if (!rng_chance(&rng, 150))
        return;             /* a journal that has failed is the end of most of what can be seen */
    o->w_jdev_rot_data = 0; /* what is lost twice is lost */
    o->continue_unmarked = coin(&rng);
    o->w_jdev_write = coin(&rng) ? draw(&rng, 1, 5) : 0;
    o->w_jdev_sync = coin(&rng) ? draw(&rng, 1, 5) : 0;
    o->w_jdev_dead = coin(&rng) ? draw(&rng, 1, 5) : 0;
}

/* From a stream of its own, too. */
static void draw_others(struct options *o, uint64_t seed)
{
    struct rng rng = rng_fork(seed, "other initiators");
    o->w_foreign = rng_chance(&rng, 100) ? draw(&rng, 1, 15) : 0;
    o->w_reserve = rng_chance(&rng, 60) ? draw(&rng, 1, 5) : 0;
    o->reserved_exclusively = o->w_reserve && coin(&rng);
}

static void draw_canaries(struct options *o, uint64_t seed)
{
    struct rng rng = rng_fork(seed, "canaries");
    if (o->mode == VOL_JOURNAL_NONE)
        return;
    o->canaries = rng_chance(&rng, 700) ? draw(&rng, 1, VOL_PLACES) : 0;
    o->quiet_blocks = o->blocks >= 8 && coin(&rng) ? draw(&rng, 1, o->blocks / 2) : 0;
    o->w_elsewhere = rng_chance(&rng, 200) ? draw(&rng, 2, 15) : 0;
}

/* A few seeds have more under way than memory: everybody waits for buffers. */
static void draw_load(struct options *o, struct rng *rng)
{
    if (!rng_chance(rng, 30))
        return;
    o->blocks = 40;
    o->block_bytes = 4096;
    o->max_write_bytes = draw(rng, 4096, 65536);
    o->clients = 3;
    o->depth = 16;
    o->operations = 400;
    o->big_pm = 700;
    o->memory_mib = 1;
    o->retain_bytes = 8u << 20;
    o->retain_ms = 20000;
    o->think_us = draw_log(rng, 100, 10000);
}

void options_draw(struct options *options, uint64_t seed)
{
    struct rng rng = rng_fork(seed, "swarm");
    *options = (struct options){0};
    draw_lun(options, &rng);
    draw_target(options, &rng);
    draw_clients(options, &rng);
    draw_daemon(options, &rng);
    draw_faults(options, &rng);
    draw_load(options, &rng);
    draw_journal(options, seed);
    draw_others(options, seed);
    draw_canaries(options, seed);
    draw_drains(options, seed);
}

void options_fit(struct options *o)
{
    /* Memory is not mended: an older version could go over a newer one that nothing else holds. */
    if (o->mode == VOL_JOURNAL_MEMORY && o->ordered)
        o->w_jdev_rot_data = 0;
    if (o->quiet_blocks > o->blocks / 2)
        o->quiet_blocks = o->blocks / 2;
}

static void make_friendly(struct options *o)
{
    o->grow_blocks = o->export_ms = 0;
    o->unmap_ignored_pm = o->limits_change_pm = o->busy_pm = o->aborted_pm = o->no_sense_pm = 0;
    o->residual_pm = o->response_pm = o->stuck_pm = o->sync_fails_pm = o->medium_error_pm = 0;
    o->write_error_pm = o->login_refused_pm = o->login_close_pm = o->not_found_pm = 0;
    o->not_ready_ms = o->absent = o->reset_refused = o->pause_pm = 0;
    o->portals = 1;
}

void options_make_tiny(struct options *o)
{
    make_friendly(o);
    o->blocks = 3;
    o->quiet_blocks = 0;
    o->cells_per_block = 1;
    o->clients = 1;
    o->depth = 2;
    o->operations = 6;
    o->think_us = 500;
    o->read_weight = o->status_weight = 5;
    o->flush_weight = 15;
    o->fua_pm = 150;
    o->exec_us = o->sync_us = 300;
    o->net_us = 50;
    o->ghost_us = 5000;
    o->jdev_us = 60;
    o->jdev_sync_us = 300;
    o->retain_ms = 5;
    o->drain_ms = o->drain_ms ? 10 : 0;
    o->scan = 1;
    o->faults = 0;
    o->final_flush = 1;
    o->final_stop = 0;
    o->final_drain = 1;
}

void options_print(const struct options *options, FILE *to)
{
#define OPTION_PRINT(name, low, high)                                                              \
    if (options->name)                                                                             \
        fprintf(to, " " #name "=%u", options->name);
    OPTIONS(OPTION_PRINT)
#undef OPTION_PRINT
}

void options_print_lines(const struct options *options, FILE *to)
{
#define OPTION_LINE(name, low, high)                                                               \
    if (options->name)                                                                             \
        fprintf(to, "set " #name "=%u\n", options->name);
    OPTIONS(OPTION_LINE)
#undef OPTION_LINE
}

static bool is_trouble(const char *name)
{
    static const char *const others[] = {"absent",       "reset_refused", "reserved_exclusively",
                                         "not_ready_ms", "scan",          "final_stop",
                                         "export_ms",    "drain_ms"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (strcmp(name, others[i]) == 0)
            return true;
    size_t length = strlen(name);
    return length > 3 && strcmp(name + length - 3, "_pm") == 0;
}

int options_clear(struct options *options, unsigned index)
{
    unsigned at = 0;
#define OPTION_CLEAR(name, low, high)                                                              \
    if (at++ == index) {                                                                           \
        bool clears = is_trouble(#name) && options->name;                                          \
        if (clears)                                                                                \
            options->name = 0;                                                                     \
        return clears;                                                                             \
    }
    OPTIONS(OPTION_CLEAR)
#undef OPTION_CLEAR
    return -1;
}

static int set_number(uint32_t *field, const char *text, uint32_t low, uint32_t high,
                      const char *assignment, char *ret_why)
{
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (*text >= '0' && *text <= '9' && *end == '\0' && errno == 0 && value >= low &&
        value <= high) {
        *field = (uint32_t)value;
        return 0;
    }
    snprintf(ret_why, OPTION_WHY_BYTES, "%.60s: it is a number from %u to %u", assignment, low,
             high);
    return -EINVAL;
}

static int set(struct options *options, const char *assignment, char *ret_why)
{
    size_t length = strcspn(assignment, "=");
    const char *text = assignment + length + (assignment[length] == '=');
#define OPTION_SET(name, low, high)                                                                \
    if (length == strlen(#name) && strncmp(assignment, #name, length) == 0)                        \
        return set_number(&options->name, text, low, high, assignment, ret_why);
    OPTIONS(OPTION_SET)
#undef OPTION_SET
    snprintf(ret_why, OPTION_WHY_BYTES, "%.60s: there is no such option", assignment);
    return -EINVAL;
}

int options_set(struct options *options, const char *assignment, char *ret_why)
{
    struct options changed = *options;
    int error = set(&changed, assignment, ret_why);
    if (error)
        return error;
    if (changed.block_bytes & (changed.block_bytes - 1)) {
        snprintf(ret_why, OPTION_WHY_BYTES, "%.60s: it is a power of two", assignment);
        return -EINVAL;
    }
    *options = changed;
    return 0;
}
