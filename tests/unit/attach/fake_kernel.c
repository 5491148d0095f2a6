#include "tests/unit/attach/fake_kernel.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/list.h"

static void say(struct fake_kernel *kernel, const char *format, ...)
{
    size_t used = strlen(kernel->said);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(kernel->said + used, sizeof kernel->said - used, format, arguments);
    va_end(arguments);
}

/* The server notices that nobody holds the other end. */
static void end_socket(struct fake_kernel *kernel, int socket)
{
    if (kernel->open_socket != socket)
        return;
    kernel->open_socket = -1;
    kernel->server.closed(kernel->server.owner);
}

static struct fake_node *node_at(struct fake_kernel *kernel, unsigned index)
{
    assert(index < FAKE_NODES);
    return &kernel->nodes[index];
}

static void scan(struct att_kernel_port *port,
                 void (*visit)(void *owner, const struct att_node *node), void *owner)
{
    struct fake_kernel *kernel = container_of(port, struct fake_kernel, port);
    for (unsigned i = 0; i < FAKE_NODES; i++)
        visit(owner, &kernel->nodes[i].node);
}

static int do_connect(struct fake_kernel *kernel, struct att_job *job)
{
    unsigned index = job->index == ATT_ANY ? 0 : job->index;
    while (job->index == ATT_ANY && index + 1 < FAKE_NODES && kernel->nodes[index].node.bound)
        index++;
    struct fake_node *node = node_at(kernel, index);
    if (node->node.bound)
        return -EBUSY;
    node->node.bound = true;
    node->node.size_bytes = job->disk->size_bytes;
    strcpy(node->node.backend, job->disk->backend);
    node->socket = job->socket;
    node->alive = true;
    node->io_timeout_ms = 30000;
    job->index = index;
    return 0;
}

static int do_reconnect(struct fake_kernel *kernel, struct att_job *job)
{
    struct fake_node *node = node_at(kernel, job->index);
    if (!node->node.bound || node->disconnected ||
        strcmp(node->node.backend, job->disk->backend) != 0)
        return -EINVAL;
    if (node->alive)
        return 0; /* and the socket is dropped */
    node->socket = job->socket;
    node->alive = true;
    return 0;
}

static int do_release(struct fake_kernel *kernel, struct att_job *job)
{
    struct fake_node *node = node_at(kernel, job->index);
    if (node->in_use && !job->force)
        return -EBUSY;
    fake_kernel_disconnect(kernel, job->index);
    return 0;
}

static int carry_out(struct fake_kernel *kernel, struct att_job *job)
{
    static const char *const names[] = {"connect", "reconnect", "tune",
                                        "resize",  "scan",      "release"};
    int error = kernel->next_error;
    say(kernel, "%s %d;", names[job->op], job->index == ATT_ANY ? -1 : (int)job->index);
    kernel->next_error = 0;
    if (error)
        return error;
    switch (job->op) {
    case ATT_CONNECT:
        return do_connect(kernel, job);
    case ATT_RECONNECT:
        return do_reconnect(kernel, job);
    case ATT_TUNE:
        node_at(kernel, job->index)->io_timeout_ms = 1000;
        return 0;
    case ATT_RESIZE:
        node_at(kernel, job->index)->node.size_bytes = job->disk->size_bytes;
        return 0;
    case ATT_RELEASE:
        return do_release(kernel, job);
    case ATT_SCAN:
        return 0;
    }
    return -EINVAL;
}

static void take_job(struct fake_kernel *kernel, unsigned place)
{
    for (; place + 1 < sizeof kernel->jobs / sizeof *kernel->jobs; place++)
        kernel->jobs[place] = kernel->jobs[place + 1];
    kernel->jobs[place] = NULL;
}

void fake_kernel_step(struct fake_kernel *kernel)
{
    struct att_job *job = kernel->jobs[0];
    assert(job);
    take_job(kernel, 0);
    job->error = carry_out(kernel, job);
    if (job->error)
        snprintf(job->reason, sizeof job->reason, "reason %d", -job->error);
    job->done(job);
}

unsigned fake_kernel_run(struct fake_kernel *kernel)
{
    unsigned count = 0;
    for (; kernel->jobs[0]; count++)
        fake_kernel_step(kernel);
    return count;
}

static void start(struct att_kernel_port *port, struct att_job *job)
{
    struct fake_kernel *kernel = container_of(port, struct fake_kernel, port);
    unsigned place = kernel->jobs[0] ? 1 : 0;
    assert(!kernel->jobs[place]);
    kernel->jobs[place] = job;
}

static void cancel(struct att_kernel_port *port, struct att_job *job)
{
    struct fake_kernel *kernel = container_of(port, struct fake_kernel, port);
    unsigned place = kernel->jobs[0] == job ? 0 : 1;
    assert(kernel->jobs[place] == job);
    say(kernel, "cancel;");
    take_job(kernel, place);
}

static int open_socket(struct att_server_port *port, int *ret_kernel_end)
{
    struct fake_kernel *kernel = container_of(port, struct fake_kernel, server);
    int error = kernel->open_error;
    kernel->open_error = 0;
    if (error)
        return error;
    assert(kernel->open_socket < 0);
    kernel->open_socket = kernel->next_socket++;
    *ret_kernel_end = kernel->open_socket;
    return 0;
}

static bool is_taken(struct att_server_port *port)
{
    struct fake_kernel *kernel = container_of(port, struct fake_kernel, server);
    for (unsigned i = 0; i < FAKE_NODES; i++)
        if (kernel->nodes[i].alive && kernel->nodes[i].socket == kernel->open_socket)
            return kernel->open_socket >= 0;
    return false;
}

static void stop(struct att_server_port *port)
{
    container_of(port, struct fake_kernel, server)->server_stopped = true;
}

static void hang_up(struct att_server_port *port)
{
    struct fake_kernel *kernel = container_of(port, struct fake_kernel, server);
    if (kernel->open_socket < 0)
        return;
    for (unsigned i = 0; i < FAKE_NODES; i++)
        kernel->nodes[i].alive &= kernel->nodes[i].socket != kernel->open_socket;
    say(kernel, "hang up;");
    kernel->open_socket = -1;
}

void fake_kernel_init(struct fake_kernel *kernel)
{
    static const struct att_kernel_ops kernel_ops = {scan, start, cancel};
    static const struct att_server_ops server_ops = {open_socket, is_taken, stop, hang_up};
    *kernel = (struct fake_kernel){
        .port = {&kernel_ops}, .server = {&server_ops}, .next_socket = 10, .open_socket = -1};
    for (unsigned i = 0; i < FAKE_NODES; i++) {
        kernel->nodes[i].node.index = i;
        kernel->nodes[i].socket = -1;
    }
}

const char *fake_kernel_said(struct fake_kernel *kernel)
{
    static char said[sizeof kernel->said];
    memcpy(said, kernel->said, sizeof said);
    kernel->said[0] = '\0';
    return said;
}

void fake_kernel_leave(struct fake_kernel *kernel, unsigned index, const char *backend,
                       uint64_t size_bytes, bool alive)
{
    struct fake_node *node = node_at(kernel, index);
    node->node.bound = true;
    node->node.size_bytes = size_bytes;
    strcpy(node->node.backend, backend);
    node->alive = alive;
    node->in_use = true;
}

void fake_kernel_drop(struct fake_kernel *kernel, unsigned index)
{
    struct fake_node *node = node_at(kernel, index);
    node->alive = false;
    end_socket(kernel, node->socket);
}

void fake_kernel_disconnect(struct fake_kernel *kernel, unsigned index)
{
    struct fake_node *node = node_at(kernel, index);
    node->alive = false;
    if (node->in_use)
        node->disconnected = true;
    else
        *node = (struct fake_node){.node = {.index = index}, .socket = node->socket};
    end_socket(kernel, node->socket);
}

void fake_kernel_server_done(struct fake_kernel *kernel)
{
    int socket = kernel->open_socket;
    assert(kernel->server_stopped && socket >= 0);
    for (unsigned i = 0; i < FAKE_NODES; i++)
        kernel->nodes[i].alive &= kernel->nodes[i].socket != socket;
    end_socket(kernel, socket);
}
