/*
 * The NBD server over a volume in RAM, for tests with real clients.
 *
 *   memory_nbd --listen unix:/path [--size BYTES] [--block BYTES] [--memory BYTES] [--read-only]
 *              [--no-trim] [--no-fast-zero] [--unknown-ms MS] [--delay-ms MS]
 *              [--fail OP:ERRNO:OFFSET:LENGTH] [--connections N] [--handshake-ms MS]
 *              [--name NAME] [--description TEXT]
 *
 * Says "ready ADDRESS" on standard output when it listens, stops at SIGTERM and then prints its
 * counters. --unknown-ms: the disk is not known for so long. --delay-ms: requests are answered so
 * long after they came. --fail: OP is read, write, flush, trim, zero or status.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nbd-server/server.h"
#include "os/ev_loop.h"
#include "os/process.h"
#include "tests/tools/memory_volume.h"

struct settings {
    struct memvol_config volume;
    struct nsrv_config server;
    uint64_t unknown_ms;
    uint64_t delay_ms;
    char fail_op[16];
    int fail_errno;
    uint64_t fail_offset, fail_length;
};

struct program {
    struct settings settings;
    struct evl *loop;
    struct timer_port *timer;
    struct volume *volume;
    struct nsrv *server;
    struct timer known, release;
    struct evl_signal terminate;
};

static void usage(void)
{
    fprintf(stderr, "memory_nbd: wrong arguments, see the head of tests/tools/memory_nbd.c\n");
    exit(2);
}

static void set_failure(struct settings *settings, const char *text)
{
    if (sscanf(text, "%15[^:]:%d:%" SCNu64 ":%" SCNu64, settings->fail_op, &settings->fail_errno,
               &settings->fail_offset, &settings->fail_length) != 4)
        usage();
}

static void set_option(struct settings *settings, int option, const char *value)
{
    struct vol_geometry *geometry = &settings->volume.geometry;
    const uint64_t number = value ? strtoull(value, NULL, 0) : 0;
    switch (option) {
    case 'l':
        settings->server.listen = value;
        break;
    case 's':
        geometry->size_bytes = number;
        break;
    case 'b':
        geometry->block_bytes = (uint32_t)number;
        break;
    case 'm':
        settings->volume.memory_bytes = number;
        break;
    case 'r':
        geometry->read_only = true;
        break;
    case 't':
        geometry->can_trim = false;
        break;
    case 'z':
        geometry->can_fast_zero = false;
        break;
    case 'u':
        settings->unknown_ms = number;
        break;
    case 'd':
        settings->delay_ms = number;
        break;
    case 'f':
        set_failure(settings, value);
        break;
    case 'c':
        settings->server.connections_max = (unsigned)number;
        break;
    case 'h':
        settings->server.handshake_timeout_ms = (uint32_t)number;
        break;
    case 'n':
        settings->server.export_name = value;
        break;
    case 'e':
        settings->server.description = value;
        break;
    default:
        usage();
    }
}

static void parse(struct settings *settings, int argc, char **argv)
{
    static const struct option options[] = {
        {"listen", required_argument, NULL, 'l'},
        {"size", required_argument, NULL, 's'},
        {"block", required_argument, NULL, 'b'},
        {"memory", required_argument, NULL, 'm'},
        {"read-only", no_argument, NULL, 'r'},
        {"no-trim", no_argument, NULL, 't'},
        {"no-fast-zero", no_argument, NULL, 'z'},
        {"unknown-ms", required_argument, NULL, 'u'},
        {"delay-ms", required_argument, NULL, 'd'},
        {"fail", required_argument, NULL, 'f'},
        {"connections", required_argument, NULL, 'c'},
        {"handshake-ms", required_argument, NULL, 'h'},
        {"name", required_argument, NULL, 'n'},
        {"description", required_argument, NULL, 'e'},
        {NULL, 0, NULL, 0},
    };
    settings->volume = memvol_config_default;
    settings->server = (struct nsrv_config){.export_name = "memory", .listen_fd = -1};
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;)
        set_option(settings, option, optarg);
    if (!settings->server.listen || optind != argc)
        usage();
    settings->volume.unknown = settings->unknown_ms > 0;
}

static enum vol_op op_by_name(const char *name)
{
    static const char *names[] = {"read", "write", "flush", "trim", "zero", "cache", "status"};
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(names[i], name) == 0)
            return (enum vol_op)i;
    usage();
    return VOL_READ;
}

static void became_known(struct timer *timer)
{
    memvol_make_known(container_of(timer, struct program, known)->volume);
}

/* Everything that came since the last time is answered, the newest first. */
static void release(struct timer *timer)
{
    struct program *program = container_of(timer, struct program, release);
    for (unsigned held = memvol_held(program->volume); held > 0; held--)
        memvol_release_newest(program->volume);
    port_timer_after_ms(program->timer, timer, program->settings.delay_ms);
}

static void stopped(void *owner)
{
    struct program *program = owner;
    struct nsrv_status status;
    nsrv_status(program->server, &status);
    printf("accepted %" PRIu64 " requests %" PRIu64 " errors %" PRIu64 " read %" PRIu64
           " written %" PRIu64 "\n",
           status.accepted, status.counters.requests, status.counters.errors,
           status.counters.read_bytes, status.counters.written_bytes);
    evl_break(program->loop);
}

static void terminated(struct evl_signal *signal, int number)
{
    struct program *program = container_of(signal, struct program, terminate);
    nsrv_stop(program->server, stopped, program);
}

static void start(struct program *program)
{
    const struct settings *settings = &program->settings;
    struct nsrv_status status;
    char why[256];
    if (evl_new(&program->loop) < 0 || !(program->volume = memvol_new(&settings->volume))) {
        fprintf(stderr, "memory_nbd: out of memory\n");
        exit(1);
    }
    program->timer = evl_timer_port(program->loop);
    if (nsrv_new(&settings->server, program->loop, program->volume, why, sizeof why,
                 &program->server) < 0) {
        fprintf(stderr, "memory_nbd: %s\n", why);
        exit(1);
    }
    timer_init(&program->known, became_known);
    timer_init(&program->release, release);
    if (settings->unknown_ms > 0)
        port_timer_after_ms(program->timer, &program->known, settings->unknown_ms);
    memvol_hold(program->volume, settings->delay_ms > 0);
    if (settings->delay_ms > 0)
        port_timer_after_ms(program->timer, &program->release, settings->delay_ms);
    if (settings->fail_errno)
        memvol_fail(program->volume, op_by_name(settings->fail_op), -settings->fail_errno,
                    settings->fail_offset, settings->fail_length);
    evl_signal_start(program->loop, &program->terminate, SIGTERM, terminated);
    nsrv_status(program->server, &status);
    printf("ready %s\n", status.address);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    static struct program program;
    os_process_init();
    parse(&program.settings, argc, argv);
    start(&program);
    evl_run(program.loop);
    port_timer_stop(program.timer, &program.known);
    port_timer_stop(program.timer, &program.release);
    evl_signal_stop(program.loop, &program.terminate);
    nsrv_free(program.server);
    memvol_free(program.volume);
    evl_free(program.loop);
    return 0;
}
