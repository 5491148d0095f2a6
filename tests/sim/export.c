#include "tests/sim/export.h"

#include "journal/journal.h"
#include "journal/reader.h"

static uint64_t some_time(struct export *export)
{
    return rng_log_range(&export->rng, 1, (uint64_t) export->options->export_ms * 1000);
}

/* True when the daemon that was asked still holds it, as far as that was promised. */
static bool is_held(const struct export *export)
{
    const struct daemon *daemon = export->daemon;
    return daemon->volume && daemon->starts == export->holder && !daemon->stopping &&
           !daemon_journal_failed(daemon) && !daemon->disk.rot.is_there;
}

/* O16: from the first record to the last one. */
static void read_all(struct export *export)
{
    static _Alignas(4096) uint8_t memory[JNL_RECORD_BYTES_MAX];
    struct jdev_port *device = &export->daemon->disk.port;
    struct jnl_superblock superblock;
    struct jnl_reader reader;
    if (jnl_peek(device, &superblock) != JNL_OPEN_OK) {
        world_fail(export->world, "O16 no superblock beside a running daemon");
        return;
    }
    superblock.tail_offset = export->held.tail_offset;
    superblock.tail_seq = export->held.tail_seq;
    superblock.tail_prev_crc = export->held.tail_prev_crc;
    jnl_reader_init(&reader, device, &superblock, memory);
    while (reader.seq <= export->held.end_seq) {
        if (jnl_reader_next(&reader) == JNL_READING_RECORD)
            continue;
        world_fail(export->world, "O16 held are records %llu to %llu, but %llu %s",
                   (unsigned long long)export->held.tail_seq,
                   (unsigned long long)export->held.end_seq, (unsigned long long)reader.seq,
                   reader.why);
        return;
    }
}

static void let_go(struct export *export)
{
    if (export->holder && is_held(export))
        read_all(export);
    if (export->holder && export->daemon->volume && export->daemon->starts == export->holder)
        vol_release_journal(export->daemon->volume);
    export->holder = 0;
}

static void begin_event(struct event *event)
{
    struct export *export = container_of(event, struct export, begin);
    struct daemon *daemon = export->daemon;
    if (export->options->export_ms == 0)
        return; /* the endurance run has changed its mind */
    world_after(export->world, &export->end, some_time(export));
    if (!daemon->volume || daemon->stopping || vol_hold_journal(daemon->volume, &export->held) < 0)
        return;
    TRACE(export->world, "export: records %llu to %llu", (unsigned long long)export->held.tail_seq,
          (unsigned long long)export->held.end_seq);
    export->holder = daemon->starts;
}

static void end_event(struct event *event)
{
    struct export *export = container_of(event, struct export, end);
    let_go(export);
    world_after(export->world, &export->begin, some_time(export));
}

void export_init(struct export *export, struct world *world, const struct options *options,
                 struct daemon *daemon, uint64_t seed)
{
    *export = (struct export){
        .world = world,
        .options = options,
        .daemon = daemon,
        .rng = rng_fork(seed, "export"),
    };
    event_init(&export->begin, begin_event);
    event_init(&export->end, end_event);
    if (options->export_ms > 0)
        world_after(world, &export->begin, some_time(export));
}

void export_end(struct export *export)
{
    let_go(export);
    world_cancel(export->world, &export->begin);
    world_cancel(export->world, &export->end);
}
