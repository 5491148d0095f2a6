/* How far something long has come: a bar on a terminal, a line for every 10 % elsewhere. */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct progress {
    FILE *to;
    bool terminal;
    const char *what; /* "drained" */
    uint64_t total;   /* bytes */
    /* The speed counts from here; anew after a standstill, which says nothing about it. */
    uint64_t since_ms, since_done;
    uint64_t moved_ms, moved_done; /* when more was done for the last time */
    unsigned told;                 /* elsewhere: tenths that were told */
    bool open;                     /* terminal: a bar stands there */
};

void progress_begin(struct progress *progress, FILE *to, const char *what, uint64_t total,
                    uint64_t now_ms);

/* What is left may also grow: then the total does. */
void progress_left(struct progress *progress, uint64_t left, uint64_t now_ms);

/* Ends the line of the bar. */
void progress_end(struct progress *progress);

#endif
