/*
 * sim: runs the daemon's session and volume, the very objects, against a simulated target.
 *
 *   sim [--seed N] [--count N] [--jobs N] [--trace] [--set NAME=VALUE]... [--mutant NAME]
 *
 * Runs the seeds N .. N+count-1. Prints the first that fails with all that is needed to see it
 * again, and exits 1. With --mutant (in the build with mutants) it is the other way round: that
 * rule is broken, and a seed has to fail.
 *
 *   --shrink FILE         makes the failing run of --seed small, and leaves it as a script
 *   --replay FILE         runs a script
 *   --exhaustive          each seed is a tiny workload, run once for a crash at each of its events
 *   --crash KIND --step N (with --exhaustive and --trace) one of those
 */
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/sim/endurance.h"
#include "tests/sim/exhaustive.h"
#include "tests/sim/shrink.h"

#define SETTINGS_MAX 32u
#define JOBS_MAX     64u

struct command_line {
    uint64_t seed;
    uint64_t count;
    unsigned jobs;
    bool trace;
    const char *mutant;
    const char *shrink, *replay;
    bool exhaustive;
    unsigned crash;
    uint64_t step;
    unsigned endurance;
    const char *settings[SETTINGS_MAX];
    unsigned setting_count;
    bool is_told; /* what is wrong with it */
};

/* What the jobs have in common. */
struct shared {
    volatile uint64_t failed_seed; /* the lowest; UINT64_MAX: none */
    struct run_totals totals[JOBS_MAX];
};

static volatile uint64_t seed_under_way;
static struct shared *shared;

static void seed_has_failed(uint64_t seed)
{
    if (seed < shared->failed_seed)
        shared->failed_seed = seed;
}

/* base/mutant.h */
int mutant_is_on(const char *name);

static const char *mutant;

/* One name, or two rules broken at once: "NAME+NAME". */
int mutant_is_on(const char *name)
{
    size_t length = strlen(name);
    const char *at = mutant ? strstr(mutant, name) : NULL;
    return at && (at == mutant || at[-1] == '+') && (at[length] == '\0' || at[length] == '+');
}

/* An assert of the core: say for which seed, then die as the assert wants it. */
static void on_abort(int signal_number)
{
    char line[80];
    int bytes = snprintf(line, sizeof line, "seed %llu failed: the core aborted\n",
                         (unsigned long long)seed_under_way);
    ssize_t written = write(STDOUT_FILENO, line, (size_t)bytes);
    (void)written;
    seed_has_failed(seed_under_way);
    signal(signal_number, SIG_DFL);
}

static int usage(void)
{
    fputs("usage: sim [--seed N] [--count N] [--jobs N] [--trace] [--mutant NAME] "
          "[--endurance MINUTES] [--set NAME=VALUE]... [--shrink FILE | --replay FILE] "
          "[--exhaustive [--crash KIND --step N]]\n",
          stderr);
    return 2;
}

/* All of the text, or nothing: a million seeds written as 1e6 are not one. */
static bool take_number(struct command_line *line, int option, const char *text)
{
    char *end;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    if (!isdigit((unsigned char)*text) || *end != '\0' || errno != 0)
        return false;
    switch (option) {
    case 's':
        line->seed = number;
        return true;
    case 'c':
        line->count = number;
        return number > 0;
    case 'j':
        line->jobs = (unsigned)number;
        return number > 0 && number <= JOBS_MAX;
    case 'e':
        line->endurance = (unsigned)number;
        return number > 0 && number <= UINT_MAX;
    case 'C':
        line->crash = (unsigned)number;
        return number < SIM_CRASHES;
    default:
        line->step = number;
        return true;
    }
}

static bool take_setting(struct command_line *line, const char *setting)
{
    struct options probe = {0};
    char why[OPTION_WHY_BYTES];
    if (line->setting_count == SETTINGS_MAX)
        return false;
    if (options_set(&probe, setting, why) != 0) {
        fprintf(stderr, "sim: --set %s\n", why);
        line->is_told = true;
        return false;
    }
    line->settings[line->setting_count++] = setting;
    return true;
}

static bool take(struct command_line *line, int option)
{
    switch (option) {
    case 't':
        line->trace = true;
        return true;
    case 'X':
        line->exhaustive = true;
        return true;
    case 'x':
        line->mutant = optarg;
        return true;
    case 'k':
        line->shrink = optarg;
        return true;
    case 'r':
        line->replay = optarg;
        return true;
    case 'o':
        return take_setting(line, optarg);
    case '?':
        return false;
    default:
        return take_number(line, option, optarg);
    }
}

static int parse(int argc, char **argv, struct command_line *line)
{
    static const struct option options[] = {{"seed", required_argument, NULL, 's'},
                                            {"count", required_argument, NULL, 'c'},
                                            {"jobs", required_argument, NULL, 'j'},
                                            {"trace", no_argument, NULL, 't'},
                                            {"mutant", required_argument, NULL, 'x'},
                                            {"endurance", required_argument, NULL, 'e'},
                                            {"set", required_argument, NULL, 'o'},
                                            {"exhaustive", no_argument, NULL, 'X'},
                                            {"crash", required_argument, NULL, 'C'},
                                            {"step", required_argument, NULL, 'S'},
                                            {"shrink", required_argument, NULL, 'k'},
                                            {"replay", required_argument, NULL, 'r'},
                                            {0}};
    *line = (struct command_line){.seed = 1, .count = 1, .jobs = 1};
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;)
        if (!take(line, option))
            return -EINVAL;
    return optind == argc ? 0 : -EINVAL;
}

static struct run_request request_of(const struct command_line *line)
{
    return (struct run_request){
        .seed = line->seed,
        .trace = line->trace,
        .settings = line->settings,
        .setting_count = line->setting_count,
        .is_tiny = line->exhaustive,
        .crash = (enum sim_crash)line->crash,
        .crash_step = line->step,
    };
}

static bool run_one(const struct command_line *line, const struct run_request *request,
                    struct run_totals *totals)
{
    if (line->endurance)
        return endurance_run(request, line->endurance, totals);
    if (line->exhaustive && line->step == 0)
        return exhaustive_run(request, totals);
    return run_seed(request, totals);
}

/* Every jobs-th seed, beginning with the job's own. */
static void run_job(const struct command_line *line, unsigned job)
{
    struct run_request request = request_of(line);
    for (uint64_t i = job; i < line->count; i += line->jobs) {
        request.seed = line->seed + i;
        if (shared->failed_seed <= request.seed)
            return;
        seed_under_way = request.seed;
        if (!run_one(line, &request, &shared->totals[job]))
            seed_has_failed(request.seed);
    }
}

static void run_jobs(const struct command_line *line)
{
    pid_t children[JOBS_MAX];
    fflush(stdout);
    for (unsigned job = 0; job < line->jobs; job++) {
        children[job] = fork();
        if (children[job] == 0) {
            run_job(line, job);
            exit(0);
        }
    }
    for (unsigned job = 0; job < line->jobs; job++) {
        int status = 0;
        waitpid(children[job], &status, 0);
        if (status != 0 && shared->failed_seed == UINT64_MAX)
            seed_has_failed(line->seed); /* a sanitizer ended it: its report says more */
    }
}

static struct run_totals sum_up(const struct command_line *line)
{
    struct run_totals sum = {0};
    for (unsigned job = 0; job < line->jobs; job++) {
        const uint64_t *from = (const uint64_t *)&shared->totals[job];
        for (size_t i = 0; i < sizeof sum / sizeof *from; i++)
            ((uint64_t *)&sum)[i] += from[i];
    }
    return sum;
}

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void print_totals(const struct run_totals *t, double seconds)
{
    printf("%llu seeds in %.1f s (%.0f/s): %.0f simulated hours, %llu events, %llu answers\n",
           (unsigned long long)t->seeds, seconds, (double)t->seeds / seconds,
           (double)t->simulated_us / 3.6e9, (unsigned long long)t->steps,
           (unsigned long long)t->answered);
    printf("faults %llu, daemon kills %llu, stops %llu, power losses %llu, journals failed %llu, "
           "target crashes %llu, "
           "data losses %llu, "
           "sessions %llu\n",
           (unsigned long long)t->faults, (unsigned long long)t->kills,
           (unsigned long long)t->stops, (unsigned long long)t->powers,
           (unsigned long long)t->journal_failures, (unsigned long long)t->target.crashes,
           (unsigned long long)t->target.losses, (unsigned long long)t->target.sessions);
    printf("ghosts %llu (writes carried out %llu), stuck %llu, unit attentions %llu, resets %llu "
           "(%llu of a wrong LUN), writes %llu, syncs %llu, foreign writes refused %llu\n",
           (unsigned long long)t->target.ghosts, (unsigned long long)t->target.ghost_writes,
           (unsigned long long)t->target.stuck, (unsigned long long)t->target.attentions,
           (unsigned long long)t->target.resets, (unsigned long long)t->target.wrong_resets,
           (unsigned long long)t->target.writes, (unsigned long long)t->target.syncs,
           (unsigned long long)t->refusals);
}

int main(int argc, char **argv)
{
    struct command_line line;
    if (parse(argc, argv, &line) != 0)
        return line.is_told ? 2 : usage();
    if (line.endurance && !getenv("GLIBC_TUNABLES")) {
        /* Freed memory in malloc's thread cache would count as used. */
        setenv("GLIBC_TUNABLES", "glibc.malloc.tcache_count=0", 1);
        execv("/proc/self/exe", argv);
    }
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        return 1;
    shared->failed_seed = UINT64_MAX;
    mutant = line.mutant;
    signal(SIGABRT, on_abort);
    if (line.shrink || line.replay) {
        const struct run_request request = request_of(&line);
        return line.shrink ? shrink(&request, line.shrink) : replay(&request, line.replay);
    }

    double start = now_s();
    if (line.jobs == 1 && !line.mutant)
        run_job(&line, 0);
    else
        run_jobs(&line);
    struct run_totals totals = sum_up(&line);
    if (!line.trace)
        print_totals(&totals, now_s() - start);

    bool failed = shared->failed_seed != UINT64_MAX;
    if (line.mutant)
        printf(failed ? "failed as expected, at seed %llu\n" : "survived (seeds from %llu)\n",
               (unsigned long long)(failed ? shared->failed_seed : line.seed));
    return failed == (line.mutant != NULL) ? 0 : 1;
}
