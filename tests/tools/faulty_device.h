/*
 * A journal device that fails on demand: wraps any other one and spoils chosen operations.
 *
 * A rule counts the operations of its kind from the moment it is added and strikes from the nth on,
 * `times` times. Several rules may strike the same operation; of two errors, the older rule's
 * counts. The calls in the caller's thread (read_now() ...) are struck, too, but for delays; a
 * write_now() counts as a write and then as a sync.
 */
#ifndef FAULTY_DEVICE_H
#define FAULTY_DEVICE_H

#include "port/journal_device.h"
#include "port/timer.h"

#define FAULTY_RULES   16u
#define FAULTY_FOREVER 0xffffffffu

enum faulty_action {
    FAULTY_FAIL,  /* ends with `error`; nothing is transferred */
    FAULTY_SHORT, /* only the first `bytes` are transferred; ends with -EIO */
    FAULTY_DELAY, /* is carried out at once, but ends `delay_ms` later */
    FAULTY_FLIP,  /* `mask` is xored on byte `flip_at` of what is read, or of what is written */
};

struct faulty_rule {
    enum jdev_kind kind;
    enum faulty_action action;
    unsigned nth;   /* from 1 */
    unsigned times; /* 0 means 1 */
    int error;      /* -errno */
    uint64_t bytes; /* a multiple of JDEV_ALIGN */
    uint64_t delay_ms;
    uint64_t flip_at; /* from the start of the operation; beyond its end: no effect */
    uint8_t mask;
};

struct faulty_device;

/* `device` and `clock` stay the caller's, and must outlive it. NULL when memory is short. */
struct faulty_device *faulty_device_new(struct jdev_port *device, struct timer_port *clock);

/* No operation may be on its way. NULL-safe. */
void faulty_device_free(struct faulty_device *faulty);

struct jdev_port *faulty_device_port(struct faulty_device *faulty);

/* At most FAULTY_RULES; asserted. */
void faulty_device_add(struct faulty_device *faulty, const struct faulty_rule *rule);

/* The device is well again. What is on its way already keeps its fate. */
void faulty_device_heal(struct faulty_device *faulty);

/* How many operations were struck so far. */
unsigned faulty_device_strikes(const struct faulty_device *faulty);

#endif
