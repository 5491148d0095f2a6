/*
 * Reading payload back from the journal's ring, for reads and for destage, when it was dropped
 * from memory.
 *
 * The entry is referenced while it is read, so its place in the ring cannot be used again. The
 * memory comes from a small pool of its own: who waits for it holds nothing that those who have it
 * need, so all of them get it in the end.
 *
 * A checksum that does not fit is read once more; then the data are lost, one event says so.
 */
#include <assert.h>
#include <errno.h>

#include "volume/internal.h"

static void load_start(struct vol_io *io)
{
    io->load.data = io->loaded->data;
    jnl_load(io->volume->journal, &io->load);
}

static void load_done(struct jnl_load *load, int error)
{
    struct vol_io *io = container_of(load, struct vol_io, load);
    struct volume *volume = io->volume;
    vol_enter(volume);
    io->loading = false;
    if (error && !io->load_again) {
        io->load_again = true;
        io->loading = true;
        load_start(io);
    } else {
        if (error)
            port_trace(volume->trace, TRACE_JOURNAL_DATA_LOST, load->entry->header.lba,
                       load->entry->header.blocks, (uint64_t)-error, NULL);
        if (io->abandoned && io->request) {
            vol_unload(io);
            vol_io_finish(io, io->abandoned);
        } else {
            io->load_finished(io, error);
        }
    }
    vol_leave(volume);
}

static void memory_is_available(struct buffer_waiter *waiter)
{
    struct vol_io *io = container_of(waiter, struct vol_io, load_waiter);
    io->loaded = buffer_get_now(io->volume->load_buffers, waiter->bytes);
    assert(io->loaded);
    load_start(io);
}

void vol_load(struct vol_io *io, struct jnl_entry *entry,
              void (*finished)(struct vol_io *io, int error))
{
    struct volume *volume = io->volume;
    uint32_t bytes = (uint32_t)jnl_payload_bytes(&entry->header, vol_block_bytes(volume));
    io->load_finished = finished;
    io->load_again = false;
    io->loading = true;
    io->load.entry = jnl_entry_ref(entry);
    io->load.done = load_done;
    io->loaded = buffer_get(volume->load_buffers, bytes);
    if (io->loaded) {
        load_start(io);
        return;
    }
    io->load_waiter.bytes = bytes;
    io->load_waiter.available = memory_is_available;
    buffer_wait(volume->load_buffers, &io->load_waiter);
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
