/*
 * From system calls on a file to requests to a disk.
 *
 * The file is a disk with a file's face. Where POSIX files and block devices differ, it does what
 * a program that writes disk images expects:
 *
 *  - Its size is the disk's and cannot be set. Only open(O_TRUNC) - which reaches us as "size 0,
 *    without a handle", the same as truncate(path, 0) - is ignored, as a block device does it, so
 *    that `dd of=FILE` and `cp IMAGE FILE` work. Everything else that would change it is EPERM.
 *  - A write at the end is ENOSPC, one across the end is short.
 *  - PUNCH_HOLE has to leave zeros. The loop driver sends it both for discards and for zeroing,
 *    so a mere TRIM would be silent corruption. But it is only for disks that can give space
 *    back, and make zeros cheaply: mkfs discards the whole disk first, and a thick LUN would
 *    spend hours on writing zeros. Otherwise EOPNOTSUPP, which makes callers do without, and
 *    makes the block layer write the zeros where it needs them.
 *  - ZERO_RANGE has to leave zeros *and* space: NO_HOLE, however long it takes.
 *  - SEEK_HOLE finds what is known to read as zeros, allocated or not; a range that is unmapped
 *    but not known to be zero is data.
 */
#include "fuse/ffs_call.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <unistd.h>

#include "base/checked.h"

static enum ffs_next answer(struct ffs_call *call, int error, uint64_t result)
{
    call->error = error;
    call->result = result;
    return FFS_ANSWER;
}

static enum ffs_next ask(struct ffs_call *call, enum vol_op op, uint32_t flags, uint64_t length)
{
    call->request = (struct vol_request){
        .op = op,
        .flags = flags,
        .offset = op == VOL_FLUSH ? 0 : call->offset,
        .length = length,
    };
    return FFS_ASK;
}

static enum ffs_next begin_setattr(struct ffs_call *call, uint64_t size)
{
    const uint64_t wanted = (uint64_t)call->to.st_size;
    const bool is_open_trunc = wanted == 0 && !(call->set & FFS_SET_BY_HANDLE);
    if ((call->set & FFS_SET_SIZE) && wanted != size && !is_open_trunc)
        return answer(call, -EPERM, 0);
    return answer(call, 0, 0);
}

static enum ffs_next begin_open(struct ffs_call *call, const struct vol_geometry *geometry)
{
    const bool writes = (call->flags & O_ACCMODE) != O_RDONLY;
    return answer(call, writes && geometry->read_only ? -EROFS : 0, 0);
}

/*
 * READ and WRITE are never longer than VOL_TRANSFER_MAX, because max_write and the kernel's page
 * limit say so; if one is, all the same, a short answer is a right answer.
 */
static enum ffs_next begin_read(struct ffs_call *call, uint64_t size)
{
    if (call->length == 0 || call->offset >= size)
        return answer(call, 0, 0);
    const uint64_t inside = min_u64(call->length, size - call->offset);
    return ask(call, VOL_READ, 0, min_u64(inside, VOL_TRANSFER_MAX));
}

static enum ffs_next begin_write(struct ffs_call *call, uint64_t size)
{
    if (call->length == 0)
        return answer(call, 0, 0);
    if (call->offset >= size)
        return answer(call, -ENOSPC, 0);
    const uint64_t inside = min_u64(call->length, size - call->offset);
    /* For a file opened with O_SYNC or O_DSYNC (and RWF_DSYNC) the kernel's direct path sends no
     * fsync of its own: the flags of the write are all there is. */
    const uint32_t fua = call->flags & (O_SYNC | O_DSYNC) ? VOL_FUA : 0;
    return ask(call, VOL_WRITE, fua, min_u64(inside, VOL_TRANSFER_MAX));
}

/* In steps: the volume takes no more at once, and an outage costs one step at the most. */
static enum ffs_next ask_zeroes(struct ffs_call *call, uint32_t flags, uint64_t from)
{
    const uint64_t end = call->offset + call->length;
    call->request = (struct vol_request){
        .op = VOL_WRITE_ZEROES,
        .flags = flags,
        .offset = from,
        .length = min_u64(end - from, FFS_ZERO_STEP - from % FFS_ZERO_STEP),
    };
    return FFS_ASK;
}

static enum ffs_next begin_punch(struct ffs_call *call, const struct vol_geometry *geometry)
{
    const uint64_t size = geometry->size_bytes;
    if (!geometry->can_trim)
        return answer(call, -EOPNOTSUPP, 0);
    if (call->offset >= size || call->length == 0)
        return answer(call, 0, 0); /* beyond the end there is nothing but hole */
    call->length = min_u64(call->length, size - call->offset);
    return ask_zeroes(call, VOL_FAST_ZERO, call->offset);
}

static enum ffs_next begin_allocate(struct ffs_call *call, const struct vol_geometry *geometry)
{
    const bool fits = range_is_inside(call->offset, call->length, geometry->size_bytes);
    const int how = call->flags & ~FALLOC_FL_KEEP_SIZE;
    const int too_long = call->flags & FALLOC_FL_KEEP_SIZE ? -ENOSPC : -EFBIG;
    switch (how) {
    case 0: /* all of a disk's blocks are there already */
        return answer(call, fits ? 0 : too_long, 0);
    case FALLOC_FL_ZERO_RANGE:
        if (!fits || call->length == 0)
            return answer(call, fits ? 0 : too_long, 0);
        return ask_zeroes(call, VOL_NO_HOLE, call->offset);
    case FALLOC_FL_PUNCH_HOLE:
        return begin_punch(call, geometry);
    default:
        return answer(call, -EOPNOTSUPP, 0);
    }
}

static enum ffs_next ask_extents(struct ffs_call *call, uint64_t from, uint64_t end)
{
    call->request = (struct vol_request){
        .op = VOL_BLOCK_STATUS,
        .offset = from,
        .length = end - from,
        .extents = call->extents,
        .extent_room = FFS_SEEK_EXTENTS,
    };
    return FFS_ASK;
}

static enum ffs_next begin_seek(struct ffs_call *call, uint64_t size)
{
    if (call->flags != SEEK_DATA && call->flags != SEEK_HOLE)
        return answer(call, -EINVAL, 0);
    if (call->offset >= size)
        return answer(call, -ENXIO, 0);
    return ask_extents(call, call->offset, size);
}

enum ffs_next ffs_call_begin(struct ffs_call *call, const struct vol_geometry *geometry)
{
    switch (call->op) {
    case FFS_LOOKUP:
    case FFS_GETATTR:
        return answer(call, 0, 0);
    case FFS_SETATTR:
        return begin_setattr(call, geometry->size_bytes);
    case FFS_OPEN:
        return begin_open(call, geometry);
    case FFS_READ:
        return begin_read(call, geometry->size_bytes);
    case FFS_WRITE:
        return begin_write(call, geometry->size_bytes);
    case FFS_SYNC:
        return ask(call, VOL_FLUSH, 0, 0);
    case FFS_ALLOCATE:
        return begin_allocate(call, geometry);
    case FFS_SEEK:
        return begin_seek(call, geometry->size_bytes);
    }
    return answer(call, -ENOSYS, 0);
}

/* Everything from `at` on is data: what a file system says that knows of no holes. */
static enum ffs_next answer_all_data(struct ffs_call *call, uint64_t at, uint64_t end)
{
    return answer(call, 0, call->flags == SEEK_HOLE ? end : at);
}

static enum ffs_next continue_seek(struct ffs_call *call)
{
    const struct vol_request *request = &call->request;
    const uint64_t end = request->offset + request->length;
    const bool wants_hole = call->flags == SEEK_HOLE;
    uint64_t at = request->offset;
    if (request->error == -ENOTSUP)
        return answer_all_data(call, at, end);
    if (request->error)
        return answer(call, request->error, 0);
    for (unsigned i = 0; i < request->extent_count && at < end; i++) {
        const bool is_hole = request->extents[i].flags & VOL_EXTENT_ZERO;
        if (request->extents[i].length > 0 && is_hole == wants_hole)
            return answer(call, 0, at);
        at += min_u64(request->extents[i].length, end - at);
    }
    if (at == end) /* a file ends with a hole, in the eyes of lseek(2) */
        return wants_hole ? answer(call, 0, end) : answer(call, -ENXIO, 0);
    if (at == request->offset) /* nothing learnt: asking again would never end */
        return answer_all_data(call, at, end);
    return ask_extents(call, at, end);
}

static enum ffs_next continue_zeroes(struct ffs_call *call)
{
    const struct vol_request *request = &call->request;
    const uint64_t at = request->offset + request->length;
    if (request->error || at == call->offset + call->length)
        return answer(call, request->error, 0);
    return ask_zeroes(call, request->flags, at);
}

enum ffs_next ffs_call_continue(struct ffs_call *call)
{
    if (call->op == FFS_SEEK)
        return continue_seek(call);
    if (call->op == FFS_ALLOCATE)
        return continue_zeroes(call);
    const bool moved = call->op == FFS_READ || call->op == FFS_WRITE;
    const uint64_t bytes = moved ? call->request.length : 0;
    return answer(call, call->request.error, call->request.error ? 0 : bytes);
}

bool ffs_call_may_be_abandoned(const struct ffs_call *call)
{
    return call->op == FFS_READ || call->op == FFS_SEEK || call->op == FFS_SYNC;
}
