/*
 * load TARGET [OPTION...]: one workload on one disk, and one line of JSON about it.
 *
 * Each of `depth` slots has one operation under way; when it is finished the slot takes the next.
 * With --sync flush an operation is a write and the flush behind it, in turn; with --flush-every
 * only every so-manieth has one, and the other slots do not wait for it. Operations of the warm-up
 * are not counted.
 */
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "bench/histogram.h"
#include "bench/load.h"

enum sync_mode { SYNC_NONE, SYNC_FLUSH, SYNC_FUA };

static struct {
    unsigned read_percent;
    enum sync_mode sync;
    uint32_t bytes;
    unsigned depth;
    bool sequential;
    uint64_t offset, region; /* 0: the rest of the disk */
    double seconds;
    uint64_t count;       /* 0: as many as there is time for */
    uint64_t flush_every; /* writes; 0: no flush */
    double warm;
    uint64_t seed;
} load = {.read_percent = 100, .bytes = 4096, .depth = 1, .seconds = 1, .warm = 0.1, .seed = 1};

static struct {
    struct load_op op;
    uint64_t started; /* ns; of the write, when the flush follows */
    bool counts;
} slots[LOAD_DEPTH_MAX];

/* Slots that can go on; filled by load_done(), emptied by go_on(). */
static unsigned ready[LOAD_DEPTH_MAX], ready_count;
static unsigned busy;
static struct histogram latencies;
static uint64_t begun, issued, written, blocks, last_done;

bool load_polls;

void load_fail(const char *format, ...)
{
    va_list values;
    va_start(values, format);
    fputs("load: ", stderr);
    vfprintf(stderr, format, values);
    fputc('\n', stderr);
    va_end(values);
    exit(1);
}

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint64_t random_number(void)
{
    static uint64_t state;
    if (state == 0)
        state = load.seed * 0x9e3779b97f4a7c15u | 1;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

void load_done(unsigned slot, int error)
{
    if (error)
        load_fail("an operation at %llu failed: %s", (unsigned long long)slots[slot].op.offset,
                  strerror(error));
    ready[ready_count++] = slot;
}

static double seconds_since(uint64_t start)
{
    return (double)(now_ns() - start) / 1e9;
}

static bool is_over(void)
{
    if (load.count)
        return issued >= load.count;
    /* One that counts there has to be, however slow the disk. */
    return seconds_since(begun) >= load.warm + load.seconds && latencies.count > 0;
}

static void start_next(const struct load_engine *engine, unsigned slot)
{
    struct load_op *op = &slots[slot].op;
    uint64_t block = load.sequential ? issued % blocks : random_number() % blocks;
    op->kind = random_number() % 100 < load.read_percent ? LOAD_READ : LOAD_WRITE;
    op->fua = op->kind == LOAD_WRITE && load.sync == SYNC_FUA;
    op->offset = load.offset + block * load.bytes;
    op->bytes = load.bytes;
    if (op->kind == LOAD_WRITE) /* no two writes alike */
        memcpy(op->data, &issued, sizeof issued);
    slots[slot].started = now_ns();
    slots[slot].counts = load.count || seconds_since(begun) >= load.warm;
    issued++;
    busy++;
    engine->submit(op);
}

/* A slot whose operation is finished: its flush, or the next one, or rest. */
static void go_on(const struct load_engine *engine, unsigned slot)
{
    struct load_op *op = &slots[slot].op;
    if (op->kind == LOAD_WRITE && load.flush_every && ++written % load.flush_every == 0) {
        *op = (struct load_op){.kind = LOAD_FLUSH, .slot = slot, .data = op->data};
        engine->submit(op);
        return;
    }
    last_done = now_ns();
    busy--;
    if (slots[slot].counts)
        histogram_add(&latencies, last_done - slots[slot].started);
    if (!is_over())
        start_next(engine, slot);
}

static void run(const struct load_engine *engine)
{
    begun = now_ns();
    for (unsigned i = 0; i < load.depth && !is_over(); i++)
        start_next(engine, i);
    while (busy > 0) {
        engine->turn();
        unsigned count = ready_count;
        unsigned finished[LOAD_DEPTH_MAX];
        memcpy(finished, ready, count * sizeof *ready);
        ready_count = 0;
        for (unsigned i = 0; i < count; i++)
            go_on(engine, finished[i]);
    }
}

static void fill(void *data, size_t bytes)
{
    for (size_t i = 0; i + 8 <= bytes; i += 8) {
        uint64_t number = random_number();
        memcpy((char *)data + i, &number, 8);
    }
}

static void prepare(uint64_t disk_bytes)
{
    uint64_t rest = disk_bytes > load.offset ? disk_bytes - load.offset : 0;
    if (load.region == 0 || load.region > rest)
        load.region = rest;
    blocks = load.region / load.bytes;
    if (blocks == 0)
        load_fail("the disk has only %llu bytes", (unsigned long long)disk_bytes);
    for (unsigned i = 0; i < load.depth; i++) {
        slots[i].op.slot = i;
        slots[i].op.data = aligned_alloc(4096, (load.bytes + 4095) / 4096 * 4096);
        if (!slots[i].op.data)
            load_fail("no memory");
        fill(slots[i].op.data, load.bytes);
    }
}

static double cpu_seconds(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void print(double cpu)
{
    double seconds = (double)(last_done - begun) / 1e9 - (load.count ? 0 : load.warm);
    if (latencies.count == 0 || seconds <= 0)
        load_fail("nothing was finished in time");
    printf("{\"ops\": %llu, \"all_ops\": %llu, \"seconds\": %.6f, \"iops\": %.1f, \"mb_s\": %.3f, "
           "\"p50_us\": %.2f, \"p99_us\": %.2f, \"max_us\": %.2f, \"load_cpu_s\": %.4f}\n",
           (unsigned long long)latencies.count, (unsigned long long)issued, seconds,
           (double)latencies.count / seconds, (double)latencies.count * load.bytes / seconds / 1e6,
           histogram_at(&latencies, 0.5) / 1e3, histogram_at(&latencies, 0.99) / 1e3,
           (double)latencies.max / 1e3, cpu);
}

static uint64_t number_of(const char *text)
{
    char *end;
    uint64_t number = strtoull(text, &end, 10);
    static const char units[] = "KMGT";
    const char *unit = *end ? strchr(units, *end) : NULL;
    if (end == text || (*end && (!unit || end[1])))
        load_fail("'%s' is no number", text);
    return unit ? number << (10 * (unit - units + 1)) : number;
}

static unsigned choice_of(const char *text, const char *const *choices)
{
    for (unsigned i = 0; choices[i]; i++) {
        if (strcmp(choices[i], text) == 0)
            return i;
    }
    load_fail("'%s' is not understood", text);
}

static void set_option(int option, const char *value)
{
    static const char *const syncs[] = {"none", "flush", "fua", NULL};
    static const char *const patterns[] = {"random", "sequential", NULL};
    switch (option) {
    case 'r':
        load.read_percent = (unsigned)number_of(value);
        break;
    case 's':
        load.sync = choice_of(value, syncs);
        load.flush_every = load.sync == SYNC_FLUSH;
        break;
    case 'f':
        load.flush_every = number_of(value);
        break;
    case 'P':
        load_polls = true;
        break;
    case 'b':
        load.bytes = (uint32_t)number_of(value);
        break;
    case 'd':
        load.depth = (unsigned)number_of(value);
        break;
    case 'p':
        load.sequential = choice_of(value, patterns);
        break;
    case 'o':
        load.offset = number_of(value);
        break;
    case 'g':
        load.region = number_of(value);
        break;
    case 't':
        load.seconds = atof(value);
        break;
    case 'n':
        load.count = number_of(value);
        break;
    case 'w':
        load.warm = atof(value);
        break;
    case 'S':
        load.seed = number_of(value);
        break;
    default:
        exit(2);
    }
}

static void parse(int count, char **words)
{
    static const struct option options[] = {
        {"read", required_argument, NULL, 'r'},    {"sync", required_argument, NULL, 's'},
        {"size", required_argument, NULL, 'b'},    {"depth", required_argument, NULL, 'd'},
        {"pattern", required_argument, NULL, 'p'}, {"offset", required_argument, NULL, 'o'},
        {"region", required_argument, NULL, 'g'},  {"seconds", required_argument, NULL, 't'},
        {"count", required_argument, NULL, 'n'},   {"warm", required_argument, NULL, 'w'},
        {"seed", required_argument, NULL, 'S'},    {"flush-every", required_argument, NULL, 'f'},
        {"poll", no_argument, NULL, 'P'},          {0},
    };
    int option;
    while ((option = getopt_long(count, words, "", options, NULL)) != -1)
        set_option(option, optarg);
    if (optind + 1 != count)
        load_fail("usage: load TARGET [--read PERCENT] [--sync none|flush|fua] [--size BYTES] "
                  "[--depth N] [--pattern random|sequential] [--offset BYTES] [--region BYTES] "
                  "[--seconds S] [--count N] [--warm S] [--seed N] [--flush-every N] [--poll]");
    if (load.depth < 1 || load.depth > LOAD_DEPTH_MAX || load.bytes < 512 ||
        load.bytes > 32u << 20 || load.bytes % 512 != 0)
        load_fail("--depth 1 to %u, --size 512 to 32M, a multiple of 512", LOAD_DEPTH_MAX);
}

int main(int count, char **words)
{
    static const struct load_engine *const engines[] = {&load_libnbd, &load_libiscsi, &load_uring};
    parse(count, words);
    const struct load_engine *engine = engines[0];
    for (unsigned i = 0; strncmp(words[optind], engine->prefix, strlen(engine->prefix)) != 0;)
        engine = engines[++i];
    prepare(engine->open(words[optind], load.depth));
    double cpu = cpu_seconds();
    run(engine);
    print(cpu_seconds() - cpu);
    engine->close();
    return 0;
}
