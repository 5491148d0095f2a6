/*
 * Good day: TAKEN -> ASKED -> ANSWERED -> FREE, or, when the volume answers from inside, -> FREE
 * within one ffs_file_submit().
 *
 * What can go wrong, and what is done then:
 *  - The target was never seen, so the disk's size is not known: the call is PARKED until the
 *    volume says so. (The mount stands at once; open() waits.)
 *  - No memory for the payload: the call is HUNGRY and stands in the pool's queue. The payload of a
 *    WRITE stays in the adapter's memory meanwhile, so nothing more is read from the kernel. That
 *    cannot lock up: memory comes back when requests inside the volume are answered or
 *    synchronised, and neither needs another request of ours (the pool's waiters press the volume
 *    to synchronise early).
 *  - The caller is killed: READ, SYNC and SEEK are answered with EINTR at once and are ABANDONED;
 *    their memory stays until the volume answers. A WRITE that the volume holds is waited for.
 *  - The mount goes away: everything is answered, what the volume holds is ABANDONED.
 */
#include "fuse/ffs_file.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct ffs_file {
    struct volume *volume;
    const struct ffs_file_events *events;
    void *owner;
    struct vol_watcher watcher;
    struct list_node free;
    struct list_node parked;
    struct list_node answered;
    unsigned parked_count;
    unsigned payload_count; /* parked calls whose payload lies in the adapter's memory */
    unsigned hungry_count;
    unsigned asked_count;
    uint64_t size_bytes; /* as last told; 0: not known */
    bool is_waited_for;  /* has_room() said no */
    bool closed;
    unsigned call_count;
    struct ffs_call calls[];
};

static void run(struct ffs_call *call);

static bool room_is_left(const struct ffs_file *file)
{
    return !list_is_empty(&file->free) && file->hungry_count == 0 && file->payload_count == 0;
}

static void tell_room(struct ffs_file *file)
{
    if (!file->is_waited_for || file->closed || !room_is_left(file))
        return;
    file->is_waited_for = false;
    file->events->room(file->owner);
}

/* --- the end of a call --- */

static void release(struct ffs_call *call)
{
    struct ffs_file *file = call->file;
    struct buffer *buffer = call->received ? call->received : call->request.buffer;
    call->received = call->request.buffer = NULL;
    call->state = FFS_FREE;
    list_append(&file->free, &call->node);
    buffer_unref(buffer); /* may feed hungry calls */
    tell_room(file);
}

static void answer(struct ffs_call *call)
{
    call->file->events->answer(call);
    release(call);
}

static void answer_error(struct ffs_call *call, int error)
{
    call->error = error;
    call->result = 0;
    answer(call);
}

static void answer_later(struct ffs_call *call)
{
    struct ffs_file *file = call->file;
    call->state = FFS_ANSWERED;
    if (list_is_empty(&file->answered))
        file->events->answers_wait(file->owner);
    list_append(&file->answered, &call->node);
}

void ffs_file_send_answers(struct ffs_file *file)
{
    while (!list_is_empty(&file->answered)) {
        struct ffs_call *call = list_first(&file->answered, struct ffs_call, node);
        list_remove(&call->node);
        answer(call);
    }
}

/* Answers before the volume did; the call stays until then. */
static void abandon(struct ffs_call *call, int error)
{
    assert(call->state == FFS_ASKED);
    call->error = error;
    call->result = 0;
    call->file->events->answer(call);
    call->state = FFS_ABANDONED;
}

/* --- in the volume --- */

static void volume_answered(struct vol_request *request)
{
    struct ffs_call *call = container_of(request, struct ffs_call, request);
    call->file->asked_count--;
    if (call->submitting) {
        call->answered = true; /* run() goes on with it */
        return;
    }
    if (call->state == FFS_ABANDONED)
        release(call);
    else if (ffs_call_continue(call) == FFS_ASK)
        run(call);
    else
        answer_later(call);
}

/* Hands the request in, and the next one for as long as they are answered at once: a loop, because
 * a SEEK over a fragmented disk asks many times. */
static void run(struct ffs_call *call)
{
    do {
        call->state = FFS_ASKED;
        call->request.done = volume_answered;
        call->submitting = true;
        call->answered = false;
        call->file->asked_count++;
        vol_submit(call->file->volume, &call->request);
        call->submitting = false;
        if (!call->answered)
            return;
    } while (ffs_call_continue(call) == FFS_ASK);
    answer(call);
}

/* --- memory --- */

static bool takes_memory(const struct ffs_call *call)
{
    return call->request.op == VOL_READ || call->request.op == VOL_WRITE;
}

static void feed(struct ffs_call *call, struct buffer *buffer)
{
    call->request.buffer = buffer;
    if (call->payload)
        memcpy(buffer->data, call->payload, call->request.length);
    call->payload = NULL;
    run(call);
}

static void memory_available(struct buffer_waiter *waiter)
{
    struct ffs_call *call = container_of(waiter, struct ffs_call, waiter);
    struct ffs_file *file = call->file;
    struct buffer *buffer = buffer_get_now(vol_buffers(file->volume), waiter->bytes);
    if (!buffer) {
        buffer_wait(vol_buffers(file->volume), waiter);
        return;
    }
    file->hungry_count--;
    feed(call, buffer);
    tell_room(file);
}

/* What it holds already, or new memory. */
static struct buffer *memory_for(struct ffs_call *call, struct buffer_pool *pool)
{
    struct buffer *buffer = call->received;
    call->received = NULL;
    return buffer ? buffer : buffer_get(pool, call->waiter.bytes);
}

static void get_memory(struct ffs_call *call)
{
    struct buffer_pool *pool = vol_buffers(call->file->volume);
    call->waiter.bytes = (uint32_t)call->request.length;
    struct buffer *buffer = memory_for(call, pool);
    if (buffer) {
        feed(call, buffer);
        return;
    }
    call->state = FFS_HUNGRY;
    call->file->hungry_count++;
    buffer_wait(pool, &call->waiter);
}

/* --- geometry --- */

static void begin(struct ffs_call *call)
{
    struct vol_geometry geometry;
    vol_geometry(call->file->volume, &geometry);
    if (ffs_call_begin(call, &geometry) == FFS_ANSWER)
        answer(call);
    else if (takes_memory(call))
        get_memory(call);
    else
        run(call);
}

static bool has_payload(const struct ffs_call *call)
{
    return call->payload;
}

static void park(struct ffs_call *call)
{
    call->state = FFS_PARKED;
    list_append(&call->file->parked, &call->node);
    call->file->parked_count++;
    call->file->payload_count += has_payload(call);
}

static void unpark(struct ffs_call *call)
{
    list_remove(&call->node);
    call->file->parked_count--;
    call->file->payload_count -= has_payload(call);
}

static void geometry_changed(struct vol_watcher *watcher)
{
    struct ffs_file *file = container_of(watcher, struct ffs_file, watcher);
    struct vol_geometry geometry;
    vol_geometry(file->volume, &geometry);
    const bool was_known = file->size_bytes != 0;
    const bool resized = geometry.size_bytes != file->size_bytes;
    file->size_bytes = geometry.size_bytes;
    if (was_known && resized)
        file->events->resized(file->owner);
    while (!list_is_empty(&file->parked)) {
        struct ffs_call *call = list_first(&file->parked, struct ffs_call, node);
        unpark(call);
        begin(call);
    }
    tell_room(file);
}

/* --- the adapter's side --- */

struct ffs_file *ffs_file_new(struct volume *volume, unsigned call_count,
                              const struct ffs_file_events *events, void *owner)
{
    assert(call_count > 0);
    struct ffs_file *file = calloc(1, sizeof *file + call_count * sizeof file->calls[0]);
    if (!file)
        return NULL;
    file->volume = volume;
    file->events = events;
    file->owner = owner;
    file->call_count = call_count;
    list_init(&file->free);
    list_init(&file->parked);
    list_init(&file->answered);
    for (unsigned i = 0; i < call_count; i++) {
        file->calls[i].file = file;
        list_append(&file->free, &file->calls[i].node);
    }
    if (vol_is_known(volume)) {
        struct vol_geometry geometry;
        vol_geometry(volume, &geometry);
        file->size_bytes = geometry.size_bytes;
    }
    file->watcher.geometry = geometry_changed;
    list_init(&file->watcher.node);
    vol_watch(volume, &file->watcher);
    return file;
}

void ffs_file_free(struct ffs_file *file)
{
    if (!file)
        return;
    assert(file->closed);
    free(file);
}

bool ffs_file_has_room(struct ffs_file *file)
{
    if (room_is_left(file))
        return true;
    file->is_waited_for = true;
    return false;
}

struct ffs_call *ffs_file_take(struct ffs_file *file)
{
    assert(!file->closed && !list_is_empty(&file->free));
    struct ffs_call *call = list_first(&file->free, struct ffs_call, node);
    list_remove(&call->node);
    *call = (struct ffs_call){.file = file, .state = FFS_TAKEN};
    list_init(&call->node);
    list_init(&call->waiter.node);
    call->waiter.available = memory_available;
    return call;
}

void ffs_file_submit(struct ffs_call *call)
{
    assert(call->state == FFS_TAKEN);
    if (vol_is_known(call->file->volume))
        begin(call);
    else
        park(call);
}

/* Answers with `error` if the call can end here and now; returns whether it did. */
static bool withdraw(struct ffs_call *call, int error)
{
    switch (call->state) {
    case FFS_PARKED:
        unpark(call);
        answer_error(call, error);
        return true;
    case FFS_HUNGRY:
        buffer_wait_cancel(&call->waiter);
        call->file->hungry_count--;
        answer_error(call, error);
        return true;
    case FFS_ASKED:
        if (!ffs_call_may_be_abandoned(call))
            return false;
        abandon(call, error);
        return true;
    default:
        return false;
    }
}

void ffs_file_interrupt(struct ffs_call *call)
{
    call->interrupted = true;
    if (call->state != FFS_TAKEN && call->file->events->is_killed(call))
        withdraw(call, -EINTR);
}

bool ffs_file_recheck(struct ffs_file *file)
{
    bool left = false;
    for (unsigned i = 0; i < file->call_count; i++) {
        struct ffs_call *call = &file->calls[i];
        const bool waits = call->state == FFS_PARKED || call->state == FFS_HUNGRY ||
                           (call->state == FFS_ASKED && ffs_call_may_be_abandoned(call));
        if (!call->interrupted || !waits)
            continue;
        if (!file->events->is_killed(call) || !withdraw(call, -EINTR))
            left = true;
    }
    return left;
}

void ffs_file_close(struct ffs_file *file)
{
    if (file->closed)
        return;
    file->closed = true; /* first: nobody is to be told of room any more */
    vol_unwatch(&file->watcher);
    for (unsigned i = 0; i < file->call_count; i++) {
        struct ffs_call *call = &file->calls[i];
        if (call->state == FFS_ASKED)
            abandon(call, -ENOTCONN);
        else
            withdraw(call, -ENOTCONN);
    }
    ffs_file_send_answers(file); /* last: their memory is not to feed who has just been withdrawn */
}

void *ffs_file_owner(const struct ffs_file *file)
{
    return file->owner;
}

void ffs_file_status(const struct ffs_file *file, struct ffs_file_status *ret_status)
{
    *ret_status = (struct ffs_file_status){
        .parked = file->parked_count,
        .hungry = file->hungry_count,
        .in_volume = file->asked_count,
    };
}
