/*
 * Reading payload back from the journal's ring, for reads and for destage, when it was dropped
 * from memory.
 *
 * Good day: vol_load_begin() gets a buffer, then vol_load() reads an entry's payload to a place in
 * it; destage reads neighbours so, all at once and one behind the other, and where they lie behind
 * each other in the ring, too, the kernel makes one request of them. When the last of an io's
 * loads has ended, the io goes on.
 *
 * An entry is referenced while it is read, so its place in the ring cannot be used again. The
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

#include "base/checked.h"
#include "volume/internal.h"

#define LOAD_RETRY_MS 1000
#define LOAD_TRIES    30u

static void load_start(struct vol_load *load)
{
    load->jnl.data = load->io->loaded->data + load->offset;
    jnl_load(load->io->volume->journal, &load->jnl);
}

/* --- the end of a load --- */

/* What destage wanted to send of it will never be sent. */
static void load_failed(struct vol_load *load, int error)
{
    struct vol_io *io = load->io;
    const struct jnl_entry_header *entry = &load->jnl.entry->header;
    port_trace(io->volume->trace, TRACE_JOURNAL_DATA_LOST, entry->lba, entry->blocks,
               (uint64_t)-error, NULL);
    io->load_error = error;
    io->load_good_bytes = (uint32_t)min_u64(io->load_good_bytes, load->offset);
    retained_poison(&io->volume->retained, &io->job, load->lba, load->blocks);
}

static void loads_ended(struct vol_io *io)
{
    io->loading = false;
    if (io->abandoned && io->request) {
        vol_unload(io);
        vol_io_finish(io, io->abandoned);
    } else {
        io->load_finished(io, io->load_error);
    }
}

static void load_ended(struct vol_load *load, int error)
{
    struct vol_io *io = load->io;
    struct volume *volume = io->volume;
    if (error)
        load_failed(load, error);
    jnl_entry_unref(volume->journal, load->jnl.entry);
    load->jnl.entry = NULL;
    if (load != &io->load)
        list_prepend(&volume->free_loads, &load->node);
    if (--io->loads_running == 0)
        loads_ended(io);
}

static void load_later(struct vol_load *load)
{
    struct volume *volume = load->io->volume;
    list_append(&volume->loads_later, &load->node);
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
        struct vol_load *load = list_first(&loads, struct vol_load, node);
        list_remove(&load->node);
        load_start(load);
    }
}

static void load_done(struct jnl_load *jnl, int error)
{
    struct vol_load *load = container_of(jnl, struct vol_load, jnl);
    struct vol_io *io = load->io;
    struct volume *volume = io->volume;
    bool give_up = (io->abandoned && io->request) || volume->stopping;
    vol_enter(volume);
    load->tries++;
    if (error && load->tries == 1)
        load_start(load);
    else if (error == -EIO && !give_up && load->tries < LOAD_TRIES)
        load_later(load);
    else
        load_ended(load, error);
    vol_leave(volume);
}

/* --- its beginning --- */

void vol_load_init(struct volume *volume)
{
    list_init(&volume->loads_later);
    timer_init(&volume->load_timer, later_is_now);
}

static struct buffer_pool *pool_of(const struct vol_io *io)
{
    return io->request ? io->volume->read_buffers : io->volume->load_buffers;
}

static void memory_is_available(struct buffer_waiter *waiter)
{
    struct vol_io *io = container_of(waiter, struct vol_io, load_waiter);
    struct volume *volume = io->volume;
    vol_enter(volume);
    io->loaded = buffer_get_now(pool_of(io), waiter->bytes);
    assert(io->loaded);
    io->load_ready(io);
    vol_leave(volume);
}

void vol_load_begin(struct vol_io *io, uint32_t bytes, void (*ready)(struct vol_io *io),
                    void (*finished)(struct vol_io *io, int error))
{
    assert(!io->loading && !io->loaded);
    io->loading = true;
    io->load_ready = ready;
    io->load_finished = finished;
    io->load_error = 0;
    io->load_good_bytes = UINT32_MAX;
    io->loaded = buffer_get(pool_of(io), bytes);
    if (io->loaded) {
        ready(io);
        return;
    }
    io->load_waiter.bytes = bytes;
    io->load_waiter.available = memory_is_available;
    buffer_wait(pool_of(io), &io->load_waiter);
}

static struct vol_load *free_load(struct vol_io *io)
{
    if (io->loads_running == 0)
        return &io->load;
    struct vol_load *load = list_first(&io->volume->free_loads, struct vol_load, node);
    if (load)
        list_remove(&load->node);
    return load;
}

bool vol_load(struct vol_io *io, struct jnl_entry *entry, uint64_t lba, uint64_t blocks,
              uint32_t offset)
{
    struct vol_load *load = free_load(io);
    if (!load)
        return false;
    assert(offset + vol_payload_bytes(io->volume, entry) <= io->loaded->capacity);
    io->loads_running++;
    load->io = io;
    load->tries = 0;
    load->offset = offset;
    load->lba = lba;
    load->blocks = blocks;
    load->jnl.entry = jnl_entry_ref(entry);
    load->jnl.done = load_done;
    load_start(load);
    return true;
}

void vol_unload(struct vol_io *io)
{
    buffer_unref(io->loaded);
    io->loaded = NULL;
}
