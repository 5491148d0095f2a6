/*
 * Good day: open the file, choose an engine, pass operations on to it.
 *
 * What can go wrong: io_uring is forbidden or missing: the worker threads do the same (measured:
 * within noise). Errors of operations are passed up as they are; what they mean is the journal's
 * business.
 */
#include "os/journal_device.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "os/journal_engine.h"
#include "os/journal_file.h"
#include "os/journal_place.h"

#define BOUNCE_BYTES (1024u * 1024u)

struct jdev {
    struct jdev_port port;
    struct journal_file file;
    struct jdev_engine *engine; /* NULL: opened without a loop */
};

static struct jdev *from_port(const struct jdev_port *port)
{
    return container_of(port, struct jdev, port);
}

static bool is_aligned(uint64_t value)
{
    return value % JDEV_ALIGN == 0;
}

static void submit(struct jdev_port *port, struct jdev_op *op)
{
    struct jdev *device = from_port(port);
    assert(device->engine);
    assert(op->kind == JDEV_SYNC ||
           (op->bytes > 0 && is_aligned(op->offset) && is_aligned(op->bytes) &&
            range_is_inside(op->offset, op->bytes, port->size_bytes)));
    device->engine->ops->submit(device->engine, op);
}

/* --- in the caller's thread --- */

static int transfer_now(struct jdev *device, bool write, uint64_t offset, char *data, size_t bytes)
{
    while (bytes > 0) {
        ssize_t count = write ? pwrite(device->file.fd, data, bytes, (off_t)offset)
                              : pread(device->file.fd, data, bytes, (off_t)offset);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return count < 0 ? -errno : -EIO;
        offset += (uint64_t)count;
        data += count;
        bytes -= (size_t)count;
    }
    return 0;
}

/* For memory that O_DIRECT does not take. */
static int bounce_now(struct jdev *device, bool write, uint64_t offset, char *data, size_t bytes)
{
    char *bounce = aligned_alloc(JDEV_BLOCK, BOUNCE_BYTES);
    int error = bounce ? 0 : -ENOMEM;
    while (error == 0 && bytes > 0) {
        size_t step = (size_t)min_u64(bytes, BOUNCE_BYTES);
        if (write)
            memcpy(bounce, data, step);
        error = transfer_now(device, write, offset, bounce, step);
        if (error == 0 && !write)
            memcpy(data, bounce, step);
        offset += step;
        data += step;
        bytes -= step;
    }
    free(bounce);
    return error;
}

static int now(struct jdev_port *port, bool write, uint64_t offset, char *data, size_t bytes)
{
    struct jdev *device = from_port(port);
    if (!is_aligned(offset) || !is_aligned(bytes) ||
        !range_is_inside(offset, bytes, port->size_bytes))
        return -EINVAL;
    if (is_aligned((uintptr_t)data))
        return transfer_now(device, write, offset, data, bytes);
    return bounce_now(device, write, offset, data, bytes);
}

static int read_now(struct jdev_port *port, uint64_t offset, void *data, size_t bytes)
{
    return now(port, false, offset, data, bytes);
}

static int sync_now(struct jdev_port *port)
{
    return fdatasync(from_port(port)->file.fd) < 0 ? -errno : 0;
}

static int write_now(struct jdev_port *port, uint64_t offset, const void *data, size_t bytes)
{
    int error = now(port, true, offset, (char *)data, bytes); /* only read from when it writes */
    return error < 0 ? error : sync_now(port);
}

static const struct jdev_port_ops ops = {
    .submit = submit, .read_now = read_now, .write_now = write_now, .sync_now = sync_now};

/* --- open and close --- */

static int choose_engine(struct jdev *device, enum jdev_engine_choice choice, struct evl *loop)
{
    int error = -ENOSYS;
    if (choice == JDEV_ENGINE_AUTO && device->file.facts.memory)
        return jdev_inline_new(device->file.fd, loop, &device->engine);
    if (choice != JDEV_ENGINE_THREAD)
        error = jdev_uring_new(device->file.fd, loop, &device->engine);
    device->file.facts.uring = error == 0;
    if (error < 0 && choice != JDEV_ENGINE_URING)
        error = jdev_thread_new(device->file.fd, loop, &device->engine);
    return error;
}

int jdev_open(const struct jdev_config *config, struct evl *loop, char *ret_why, size_t why_bytes,
              struct jdev_port **ret_device)
{
    struct jdev *device = calloc(1, sizeof *device);
    if (device == NULL) {
        snprintf(ret_why, why_bytes, "journal %s cannot be opened: out of memory", config->path);
        return -ENOMEM;
    }
    int error = journal_file_open(config, ret_why, why_bytes, &device->file);
    if (error < 0)
        goto free_device;
    if (loop)
        error = choose_engine(device, config->engine, loop);
    if (error < 0) {
        snprintf(ret_why, why_bytes, "journal %s: %s cannot be used: %s", config->path,
                 config->engine == JDEV_ENGINE_URING ? "io_uring" : "a worker thread",
                 strerror(-error));
        journal_file_close(&device->file);
        error = error == -ENOMEM ? -ENOMEM : -ENOSYS;
        goto free_device;
    }
    device->port = (struct jdev_port){.ops = &ops, .size_bytes = device->file.size_bytes};
    *ret_device = &device->port;
    return 0;

free_device:
    free(device);
    return error;
}

int jdev_close(struct jdev_port *port)
{
    if (port == NULL)
        return 0;
    struct jdev *device = from_port(port);
    int error = device->engine ? device->engine->ops->free(device->engine) : 0;
    if (error < 0)
        return error; /* left as it is: the kernel still uses the descriptor, too */
    journal_file_close(&device->file);
    free(device);
    return 0;
}

const struct jdev_facts *jdev_get_facts(const struct jdev_port *port)
{
    return &from_port(port)->file.facts;
}

bool jdev_lies_on(const struct jdev_port *port, const dev_t *devices, unsigned count)
{
    return journal_place_rests_on("/sys", from_port(port)->file.device, devices, count);
}
