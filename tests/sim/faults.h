/*
 * What goes wrong, and when: at random moments, and right after the moments that matter most
 * (a write was done, a SYNC has started, ...), as most crash bugs need no more than that.
 */
#ifndef SIM_FAULTS_H
#define SIM_FAULTS_H

#include "tests/sim/daemon.h"

struct faults {
    struct world *world;
    const struct options *options;
    struct target *target;
    struct daemon *daemon;
    struct rng rng;
    struct script *script; /* NULL: none */
    bool tells;            /* the local network says so when it is up again */
    uint64_t left;
    bool over;
    struct event next;   /* at its time */
    struct event moment; /* right after a moment */
    struct event network_up, target_up, goes_on, lun_back, pool_grows, portal_up, disk_back,
        released;
    uint64_t struck;
};

void faults_init(struct faults *faults, struct world *world, const struct options *options,
                 struct target *target, struct daemon *daemon, uint64_t seed);

/* Records what strikes, or takes it from there. */
void faults_follow(struct faults *faults, struct script *script);

/* Begins (again), with as many faults as the options say. */
void faults_begin(struct faults *faults);

/* The target or the journal's disk tells of a moment. */
void faults_moment(struct faults *faults);

/* One fault, now. */
void faults_strike(struct faults *faults);

/* No fault any more, and what they left is mended. */
void faults_end(struct faults *faults);

#endif
