/*
 * One load, three ways to the disk, so that candidates are compared by the same hand: an engine
 * carries operations to an NBD export (libnbd), a LUN (libiscsi, asynchronous: what the protocol
 * costs without any daemon), or a file or device (io_uring, direct).
 */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include <stdbool.h>
#include <stdint.h>

#define LOAD_DEPTH_MAX 256u

enum load_kind { LOAD_READ, LOAD_WRITE, LOAD_FLUSH };

struct load_op {
    enum load_kind kind;
    bool fua;
    unsigned slot; /* below the depth; one operation of a slot at a time */
    uint64_t offset;
    uint32_t bytes;
    void *data;
};

/* Errors are said on stderr and end the program: a load with errors measures nothing. */
struct load_engine {
    const char *prefix; /* of the targets that are its own; "" takes all */
    /* Connects; the size of the disk in bytes. */
    uint64_t (*open)(const char *target, unsigned depth);
    void (*submit)(const struct load_op *op);
    /* Waits until something happened, and calls load_done() for what is finished. */
    void (*turn)(void);
    void (*close)(void);
};

extern const struct load_engine load_libnbd, load_libiscsi, load_uring;

/* Look for what is finished instead of sleeping until it is; libiscsi's engine heeds it. */
extern bool load_polls;

/* error: 0 or an errno. Not to be answered by submit() from inside: load.c does that later. */
void load_done(unsigned slot, int error);

/* Says why, and exits with status 1. */
_Noreturn void load_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
