#include "tests/sim/exhaustive.h"

#include <stdio.h>

/* Long enough for everything of a tiny run, and for what a crash adds to it. */
#define STEPS_MAX 5000u

static const char *const crash_words[SIM_CRASHES] = {
    [SIM_CRASH_NONE] = "no crash",
    [SIM_CRASH_DAEMON] = "the daemon dies",
    [SIM_CRASH_HOST_KEEPS_ALL] = "power lost, the journal's disk keeps its cache",
    [SIM_CRASH_HOST_LOSES_ALL] = "power lost, the journal's disk loses its cache",
    [SIM_CRASH_HOST_LOSES_SOME] = "power lost, the journal's disk loses some of its cache",
    [SIM_CRASH_TARGET] = "the target dies and loses its cache",
    [SIM_CRASH_ALL] = "both hosts lose their power and caches",
};

bool exhaustive_run(const struct run_request *request, struct run_totals *totals)
{
    struct run_request tiny = *request;
    tiny.is_tiny = true;
    tiny.crash = SIM_CRASH_NONE;
    uint64_t before = totals->workload_steps;
    if (!run_seed(&tiny, totals))
        return false;
    uint64_t steps = totals->workload_steps - before;
    for (tiny.crash_step = 1; tiny.crash_step <= steps && steps < STEPS_MAX; tiny.crash_step++) {
        for (int crash = SIM_CRASH_DAEMON; crash < SIM_CRASHES; crash++) {
            tiny.crash = (enum sim_crash)crash;
            if (run_seed(&tiny, totals))
                continue;
            printf("  exhaustive: --exhaustive --crash %d --step %llu (%s)\n", crash,
                   (unsigned long long)tiny.crash_step, crash_words[crash]);
            return false;
        }
    }
    return true;
}
