/*
 * A FUSE file over a volume in RAM: the front end alone, for tests/fuse.
 *
 *     memory_fuse PATH [key=value ...]
 *
 * size=BYTES, memory=BYTES (buffers), unknown=1 (the target was never seen), read_only=1,
 * fast_zero=0, mode=OCTAL, uid=, gid=, background=N.
 *
 * Says `ready` on standard output, then obeys standard input, one command a line, each answered
 * by one line:
 *
 *     known           the geometry becomes known         grow BYTES    the LUN grows
 *     hold            requests wait inside the volume    release       ... are answered again
 *     delay MS        each request takes MS to 2 MS      status        key=value ...
 *     stop            unmount and exit                   stop-now      ... although in use
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fuse/ffs.h"
#include "os/ev_loop.h"
#include "tests/tools/memory_volume.h"

struct program {
    struct evl *loop;
    struct volume *volume;
    struct ffs *ffs;
    struct evl_watch input;
    struct timer tick;
    uint64_t delay_ms;
    unsigned due;      /* requests that are answered at the next tick */
    unsigned held_max; /* most requests that were under way at once */
    bool unmounted;
};

static struct memvol_config volume_config;
static struct ffs_config file_config;

static bool set_option(const char *key, const char *value)
{
    const unsigned long long number = strtoull(value, NULL, strcmp(key, "mode") == 0 ? 8 : 0);
    if (strcmp(key, "size") == 0)
        volume_config.geometry.size_bytes = number;
    else if (strcmp(key, "memory") == 0)
        volume_config.memory_bytes = number;
    else if (strcmp(key, "unknown") == 0)
        volume_config.unknown = number;
    else if (strcmp(key, "read_only") == 0)
        volume_config.geometry.read_only = number;
    else if (strcmp(key, "fast_zero") == 0)
        volume_config.geometry.can_fast_zero = number;
    else if (strcmp(key, "mode") == 0)
        file_config.mode = (mode_t)number;
    else if (strcmp(key, "uid") == 0)
        file_config.uid = (uid_t)number;
    else if (strcmp(key, "gid") == 0)
        file_config.gid = (gid_t)number;
    else if (strcmp(key, "background") == 0)
        file_config.max_background = (unsigned)number;
    else
        return false;
    return true;
}

static void note_held(struct program *program)
{
    if (memvol_held(program->volume) > program->held_max)
        program->held_max = memvol_held(program->volume);
}

static void tick(struct timer *timer)
{
    struct program *program = container_of(timer, struct program, tick);
    note_held(program);
    memvol_release(program->volume, program->due);
    program->due = memvol_held(program->volume);
    if (program->delay_ms)
        port_timer_after_ms(evl_timer_port(program->loop), timer, program->delay_ms);
}

static void print_status(struct program *program)
{
    struct ffs_status file;
    struct vol_status volume;
    ffs_status(program->ffs, &file);
    vol_status(program->volume, &volume);
    note_held(program);
    const bool writes = memvol_count(program->volume, VOL_WRITE) > 0;
    const bool zeroes = memvol_count(program->volume, VOL_WRITE_ZEROES) > 0;
    printf("mounted=%d busy=%d parked=%u hungry=%u in_volume=%u held=%u held_max=%u "
           "reads=%llu writes=%llu flushes=%llu zeroes=%llu statuses=%u errors=%llu "
           "last_write_flags=%u last_zeroes_flags=%u unmounted=%d memory_used=%llu\n",
           file.mounted, file.busy, file.parked, file.hungry, file.in_volume,
           memvol_held(program->volume), program->held_max, (unsigned long long)volume.reads,
           (unsigned long long)volume.writes, (unsigned long long)volume.flushes,
           (unsigned long long)volume.zeroes, memvol_count(program->volume, VOL_BLOCK_STATUS),
           (unsigned long long)volume.errors,
           writes ? memvol_last(program->volume, VOL_WRITE)->flags : 0,
           zeroes ? memvol_last(program->volume, VOL_WRITE_ZEROES)->flags : 0, program->unmounted,
           (unsigned long long)volume.memory_used);
}

static void release_all(struct program *program)
{
    program->delay_ms = 0;
    memvol_hold(program->volume, false);
    memvol_release(program->volume, memvol_held(program->volume));
}

static void stopped(void *owner)
{
    struct program *program = owner;
    printf("stopped\n");
    evl_break(program->loop);
}

static void somebody_unmounted(void *owner)
{
    ((struct program *)owner)->unmounted = true;
}

static void obey(struct program *program, const char *command)
{
    unsigned long long number = 0;
    if (strcmp(command, "status") == 0) {
        print_status(program);
        return;
    }
    if (strcmp(command, "known") == 0)
        memvol_make_known(program->volume);
    else if (sscanf(command, "grow %llu", &number) == 1)
        memvol_resize(program->volume, number);
    else if (strcmp(command, "hold") == 0)
        memvol_hold(program->volume, true);
    else if (strcmp(command, "release") == 0)
        release_all(program);
    else if (sscanf(command, "delay %llu", &number) == 1) {
        program->delay_ms = number;
        program->held_max = 0;
        memvol_hold(program->volume, true);
        tick(&program->tick);
    } else if (strcmp(command, "stop") == 0)
        ffs_stop(program->ffs, stopped, program);
    else if (strcmp(command, "stop-now") == 0)
        ffs_stop_now(program->ffs);
    else {
        printf("what is \"%s\"?\n", command);
        return;
    }
    printf("ok\n");
}

static void input_ready(struct evl_watch *watch, unsigned events)
{
    struct program *program = container_of(watch, struct program, input);
    char text[256];
    const ssize_t got = read(watch->fd, text, sizeof text - 1);
    if (got <= 0) { /* the test is gone: hang on nothing */
        evl_break(program->loop);
        return;
    }
    text[got] = '\0';
    char *rest = text;
    for (char *line = strsep(&rest, "\n"); line; line = strsep(&rest, "\n"))
        if (*line)
            obey(program, line);
}

static int run(struct program *program)
{
    char why[512];
    const int error =
        ffs_new(&file_config, program->loop, program->volume, why, sizeof why, &program->ffs);
    if (error) {
        fprintf(stderr, "memory_fuse: %s\n", why);
        return 1;
    }
    timer_init(&program->tick, tick);
    evl_watch_init(&program->input, STDIN_FILENO, input_ready);
    evl_watch_set(program->loop, &program->input, EVL_READ);
    printf("ready\n");
    evl_run(program->loop);
    evl_watch_stop(program->loop, &program->input);
    port_timer_stop(evl_timer_port(program->loop), &program->tick);
    release_all(program);
    ffs_free(program->ffs);
    return 0;
}

int main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    volume_config = memvol_config_default;
    file_config = ffs_config_default;
    file_config.name = "memory";
    if (argc < 2) {
        fprintf(stderr, "memory_fuse: PATH [key=value ...]\n");
        return 2;
    }
    file_config.path = argv[1];
    for (int i = 2; i < argc; i++) {
        char *value = strchr(argv[i], '=');
        if (value)
            *value++ = '\0';
        if (!value || !set_option(argv[i], value)) {
            fprintf(stderr, "memory_fuse: unknown option %s\n", argv[i]);
            return 2;
        }
    }

    struct program program = {0};
    file_config.unmounted = somebody_unmounted;
    file_config.owner = &program;
    program.volume = memvol_new(&volume_config);
    if (!program.volume || evl_new(&program.loop) < 0) {
        fprintf(stderr, "memory_fuse: no memory\n");
        return 1;
    }
    const int status = run(&program);
    evl_free(program.loop);
    memvol_free(program.volume);
    return status;
}
