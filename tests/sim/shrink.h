/*
 * Makes the run of a seed that fails as small as it gets: records it as a script, then drops
 * operations, faults and whole kinds of trouble for as long as it still fails.
 */
#ifndef SIM_SHRINK_H
#define SIM_SHRINK_H

#include "tests/sim/run.h"

/* Writes the script to `path`. Returns 0, or 1 when the seed does not fail or cannot be replayed.
 */
int shrink(const struct run_request *request, const char *path);

/* Runs a script; returns 0 when it is fine, 1 when it fails or cannot be read. */
int replay(const struct run_request *request, const char *path);

#endif
