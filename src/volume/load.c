/*
 * Reading payload back from the journal's ring, for reads and for destage, when it was dropped
 * from memory.
 *
 * The entry is referenced while it is read, so its place in the ring cannot be used again. The
 * memory comes from small pools of its own: who waits for it holds nothing that those who have it
 * need, so all of them get it in the end. Destage has another than the clients, because it keeps
 * its memory until the target has answered: what is in the ring can be read while that is away.
 *
 * A checksum that does not fit is read once more. A device that does not read is asked again every
 * LOAD_RETRY_MS, LOAD_TRIES times in all: a cable comes back, and what waits is acknowledged data.
 * Then the data are lost, one event says so.
 */
#include <assert.h>
#include <errno.h>

#include "volume/internal.h"

#define LOAD_RETRY_MS 1000
#define LOAD_TRIES    30u

static void load_start(struct vol_io *io)
{
    io->load.data = io->loaded->data;
    jnl_load(io->volume->journal, &io->load);
}

static void load_ended(struct vol_io *io, int error)
{
    const struct jnl_entry_header *entry = &io->load.entry->header;
    io->loading = false;
    if (error)
        port_trace(io->volume->trace, TRACE_JOURNAL_DATA_LOST, entry->lba, entry->blocks,
                   (uint64_t)-error, NULL);
    if (io->abandoned && io->request) {
        vol_unload(io);
        vol_io_finish(io, io->abandoned);
    } else {
        io->load_finished(io, error);
    }
}

static void load_later(struct vol_io *io)
{
    struct volume *volume = io->volume;
    list_append(&volume->loads_later, &io->load_waiter.node);
    if (!timer_is_armed(&volume->load_timer))
        port_timer_after_ms(volume->timer, &volume->load_timer, LOAD_RETRY_MS);
}

static void later_is_now(struct timer *timer)
{
    struct volume *volume = container_of(timer, struct volume, load_timer);
    struct list_node loads;
    list_init(&loads);
    list_splice(&loads, &volume->loads_later);
    while (!list_is_empty(&loads)) {
        struct vol_io *io = list_first(&loads, struct vol_io, load_waiter.node);
        list_remove(&io->load_waiter.node);
        load_start(io);
    }
}

void vol_load_init(struct volume *volume)
{
    list_init(&volume->loads_later);
    timer_init(&volume->load_timer, later_is_now);
}

static void load_done(struct jnl_load *load, int error)
{
    struct vol_io *io = container_of(load, struct vol_io, load);
    struct volume *volume = io->volume;
    bool give_up = (io->abandoned && io->request) || volume->stopping;
    vol_enter(volume);
    io->load_tries++;
    if (error && io->load_tries == 1)
        load_start(io);
    else if (error == -EIO && !give_up && io->load_tries < LOAD_TRIES)
        load_later(io);
    else
        load_ended(io, error);
    vol_leave(volume);
}

static struct buffer_pool *pool_of(const struct vol_io *io)
{
    return io->request ? io->volume->read_buffers : io->volume->load_buffers;
}

static void memory_is_available(struct buffer_waiter *waiter)
{
    struct vol_io *io = container_of(waiter, struct vol_io, load_waiter);
    io->loaded = buffer_get_now(pool_of(io), waiter->bytes);
    assert(io->loaded);
    load_start(io);
}

void vol_load(struct vol_io *io, struct jnl_entry *entry,
              void (*finished)(struct vol_io *io, int error))
{
    struct volume *volume = io->volume;
    uint32_t bytes = (uint32_t)jnl_payload_bytes(&entry->header, vol_block_bytes(volume));
    io->load_finished = finished;
    io->load_tries = 0;
    io->loading = true;
    io->load.entry = jnl_entry_ref(entry);
    io->load.done = load_done;
    io->loaded = buffer_get(pool_of(io), bytes);
    if (io->loaded) {
        load_start(io);
        return;
    }
    io->load_waiter.bytes = bytes;
    io->load_waiter.available = memory_is_available;
    buffer_wait(pool_of(io), &io->load_waiter);
}

void vol_unload(struct vol_io *io)
{
    struct buffer *loaded = io->loaded;
    struct jnl_entry *entry = io->load.entry;
    io->loaded = NULL;
    io->load.entry = NULL;
    if (entry)
        jnl_entry_unref(io->volume->journal, entry);
    buffer_unref(loaded);
}
