#include "tests/sim/shrink.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/sim/script.h"

struct shrinker {
    struct run_request request;
    struct script *script; /* shared with the children that run it: an assert may end them */
    struct script *last;   /* that failed */
    char kind[sizeof((struct script *)0)->kind]; /* of the first failure */
    unsigned runs;
};

/* Runs the script as it is now, apart and silently: true when it fails as the first run did. */
static bool fails(struct shrinker *shrinker)
{
    int status = 0;
    char *kind = shrinker->script->kind;
    strcpy(kind, "crash"); /* unless the run lives to say more */
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        struct run_totals totals = {0};
        int null = open("/dev/null", O_WRONLY);
        dup2(null, STDOUT_FILENO);
        dup2(null, STDERR_FILENO);
        _exit(run_seed(&shrinker->request, &totals) ? 0 : 1);
    }
    shrinker->runs++;
    if (waitpid(child, &status, 0) != child || status == 0)
        return false;
    if (shrinker->kind[0] == '\0')
        strcpy(shrinker->kind, kind);
    return strcmp(shrinker->kind, kind) == 0;
}

/* Keeps what was tried when it still fails, else takes it back. */
static bool try(struct shrinker *shrinker)
{
    bool still = fails(shrinker);
    if (still)
        memcpy(shrinker->last, shrinker->script, sizeof *shrinker->last);
    else
        memcpy(shrinker->script, shrinker->last, sizeof *shrinker->script);
    return still;
}

/* Drops `count` items of the array from `from` on; returns how many are left. */
static uint32_t cut(void *items, size_t item_bytes, uint32_t total, uint32_t from, uint32_t count)
{
    char *base = items;
    uint32_t end = from + count < total ? from + count : total;
    memmove(base + from * item_bytes, base + end * item_bytes, (total - end) * item_bytes);
    return total - (end - from);
}

static void drop_ops(struct shrinker *shrinker)
{
    struct script *script = shrinker->script;
    for (uint32_t chunk = script->op_count; chunk > 0; chunk /= 2) {
        for (uint32_t from = 0; from < script->op_count;) {
            script->op_count =
                cut(script->ops, sizeof script->ops[0], script->op_count, from, chunk);
            if (!try(shrinker))
                from += chunk;
        }
    }
}

static void drop_faults(struct shrinker *shrinker)
{
    struct script *script = shrinker->script;
    for (uint32_t chunk = script->fault_count; chunk > 0; chunk /= 2) {
        for (uint32_t from = 0; from < script->fault_count;) {
            script->fault_count =
                cut(script->faults, sizeof script->faults[0], script->fault_count, from, chunk);
            if (!try(shrinker))
                from += chunk;
        }
    }
}

/* Sets every option to 0 that may be: whole kinds of trouble of the target go. */
static void drop_options(struct shrinker *shrinker)
{
    for (unsigned i = 0; options_clear(&shrinker->script->options, i) >= 0; i++)
        try(shrinker);
}

static struct script *shared_script(void)
{
    struct script *script =
        mmap(NULL, sizeof *script, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return script == MAP_FAILED ? NULL : script;
}

int shrink(const struct run_request *request, const char *path)
{
    struct shrinker shrinker = {.request = *request, .script = shared_script()};
    shrinker.last = shared_script();
    shrinker.request.script = shrinker.script;
    if (!shrinker.script || !shrinker.last || !fails(&shrinker)) {
        printf("seed %llu does not fail\n", (unsigned long long)request->seed);
        return 1;
    }
    shrinker.script->replays = true;
    memcpy(shrinker.last, shrinker.script, sizeof *shrinker.last);
    if (!fails(&shrinker)) {
        printf("the recorded script does not fail\n");
        return 1;
    }
    uint32_t ops = shrinker.script->op_count, faults = shrinker.script->fault_count;
    for (unsigned before = 0; before != shrinker.script->op_count + shrinker.script->fault_count;) {
        before = shrinker.script->op_count + shrinker.script->fault_count;
        drop_faults(&shrinker);
        drop_ops(&shrinker);
        drop_options(&shrinker);
    }
    printf("%u operations and %u faults became %u and %u, in %u runs: %s\n", ops, faults,
           shrinker.last->op_count, shrinker.last->fault_count, shrinker.runs, path);
    return script_write(shrinker.last, path) == 0 ? 0 : 1;
}

int replay(const struct run_request *request, const char *path)
{
    struct run_request again = *request;
    struct run_totals totals = {0};
    struct script *script = shared_script();
    if (!script || script_read(script, path) != 0) {
        fprintf(stderr, "sim: %s: not a script of the simulator\n", path);
        return 1;
    }
    again.script = script;
    again.seed = script->seed;
    return run_seed(&again, &totals) ? 0 : 1;
}
