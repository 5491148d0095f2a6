/*
 * Exhaustive: a handful of operations, and a crash after every single event of them.
 *
 * Most crash bugs need few operations (B3, OSDI'18); what they need is the right moment. The seed
 * chooses the operations; then the run is made once for every event and every kind of crash.
 */
#ifndef SIM_EXHAUSTIVE_H
#define SIM_EXHAUSTIVE_H

#include "tests/sim/run.h"

/* False when a run failed: then a report was printed. */
bool exhaustive_run(const struct run_request *request, struct run_totals *totals);

#endif
