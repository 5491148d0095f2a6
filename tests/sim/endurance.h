/*
 * Endurance: outages for simulated hours in one run, and no growth of memory.
 */
#ifndef SIM_ENDURANCE_H
#define SIM_ENDURANCE_H

#include "tests/sim/run.h"

/* Rounds of faults, drain, FLUSH, until `minutes` have passed in the simulated world. After each
 * round the heap must be as large as after the first ones. */
bool endurance_run(const struct run_request *request, unsigned minutes, struct run_totals *totals);

#endif
