/* One seed, from its options to its verdict. */
#ifndef SIM_RUN_H
#define SIM_RUN_H

#include "tests/sim/drain.h"
#include "tests/sim/export.h"
#include "tests/sim/faults.h"

/* A crash at a chosen event, for the exhaustive runs. */
enum sim_crash {
    SIM_CRASH_NONE,
    SIM_CRASH_DAEMON,
    SIM_CRASH_HOST_KEEPS_ALL,
    SIM_CRASH_HOST_LOSES_ALL,
    SIM_CRASH_HOST_LOSES_SOME,
    SIM_CRASH_TARGET,
    SIM_CRASH_ALL,
    SIM_CRASHES,
};

struct run_request {
    uint64_t seed;
    bool trace;
    uint32_t endurance_minutes;  /* > 0: simulated outages for so long instead of one swarm run */
    const char *const *settings; /* "name=value" in place of what is drawn */
    unsigned setting_count;
    bool is_tiny; /* a handful of operations, and no fault but: */
    enum sim_crash crash;
    uint64_t crash_step;   /* after so many events */
    struct script *script; /* to be recorded, or replayed; NULL: neither */
};

struct run_totals {
    uint64_t seeds, steps, workload_steps, answered, simulated_us;
    uint64_t kills, stops, powers, faults, journal_failures, refusals;
    struct target_stats target;
};

struct sim {
    struct world world;
    struct options options;
    struct target target;
    struct oracle oracle;
    struct clients clients;
    struct daemon daemon;
    struct faults faults;
    struct export export;
    struct drain drain;
    struct event watch;
    bool is_tiny;
    enum sim_crash crash; /* is to come, when: */
    uint64_t crash_step;
    uint64_t workload_steps; /* until everything was on the LUN */
    uint64_t online_us;      /* when it was last seen so */
    uint64_t well_since_us;  /* nothing stands in the way since; 0: something does */
    uint64_t struck;         /* faults, when it was set */
};

void sim_init(struct sim *sim, const struct run_request *request);
void sim_done(struct sim *sim);

/* Runs until `is_over` or the clock passes `until_us`; false when it stopped for another reason. */
bool sim_run(struct sim *sim, bool (*is_over)(const struct sim *sim), uint64_t until_us);

/* The clients' work is done, and a daemon runs. */
bool sim_is_drained(const struct sim *sim);

/* From here on nothing goes wrong: everything must be answered in bounded time (I16). */
void sim_drain(struct sim *sim);

/* FLUSH; then nothing is kept in memory any more (O17). */
void sim_flush(struct sim *sim);

/* Reports a failure, adds to the totals, takes down; false when it failed. */
bool sim_finish(struct sim *sim, uint64_t seed, struct run_totals *totals);

/* Runs the seed; false when it failed: then a report was printed. Adds to the totals. */
bool run_seed(const struct run_request *request, struct run_totals *totals);

#endif
