/*
 * Good day: the disk becomes known; no device carries our backend identifier, so one is connected;
 * its queue is tuned; it serves. The LUN grows: the size is passed on. At the end nobody uses it:
 * flushed and disconnected.
 *
 * What can go wrong, and then:
 * - We died before, and the device is there with our requests in it: a new socket by RECONFIGURE.
 *   The kernel takes it only when it has noticed the end of the old one, and does not tell; the
 *   server's is_taken() does. Not taken: again, a little later.
 * - The device carries our name, but another disk: nothing is touched, the reason is told, and it
 *   is looked at again from time to time. Wrong data in somebody's cache is worse than waiting.
 * - The socket ends under us (the kernel gave it up): a new one, but not over and over. When the
 * device is gone, somebody else disconnected it: that is respected.
 * - A size never changes together with a socket, nor right after it: newer kernels wait for all
 *   requests under way before they change the size, and those wait for the socket. After a
 *   reconnection the requests of before are sent again within two ticks of io_timeout.
 */
#include "attach/device.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PAUSE_MIN_MS    100u
#define PAUSE_MAX_MS    5000u
#define RESIZE_DELAY_MS 5000u
#define STABLE_US       10000000ull /* a connection that lasted so long was a good one */

static void look(struct att_device *device);
static void settle(struct att_device *device);

static void tell(struct att_device *device, enum att_event event)
{
    device->config.event(device->config.owner, event);
}

static void disarm(struct att_device *device)
{
    port_timer_stop(device->config.timer, &device->timer);
}

static void hang_up(struct att_device *device)
{
    device->config.server->ops->hang_up(device->config.server);
}

static void tell_stopped(struct att_device *device)
{
    if (!device->stopping || device->stopped)
        return;
    device->stopped = true;
    tell(device, ATT_STOPPED);
}

static void turn_off(struct att_device *device, enum att_event event)
{
    disarm(device);
    device->state = ATT_OFF;
    tell(device, event);
    tell_stopped(device);
}

/* Stopping without a connection: what there is of a device stays with the kernel. */
static void turn_off_unconnected(struct att_device *device)
{
    disarm(device);
    device->state = ATT_OFF;
    if (device->index != ATT_ANY)
        tell(device, ATT_LEFT);
    tell_stopped(device);
}

static void run(struct att_device *device, enum att_state state, struct att_job job)
{
    assert(!device->job_runs);
    disarm(device);
    device->state = state;
    device->job_runs = true;
    device->job = job;
    if (job.op != ATT_CONNECT)
        device->job.index = device->index;
    device->job.disk = &device->disk;
    device->asked_bytes = device->disk.size_bytes;
    device->config.kernel->ops->start(device->config.kernel, &device->job);
}

static struct att_device *job_ended(struct att_job *job)
{
    struct att_device *device = container_of(job, struct att_device, job);
    assert(device->job_runs);
    device->job_runs = false;
    return device;
}

/* --- trouble: tried again --- */

static void pause_after(struct att_device *device, int error, const char *reason)
{
    uint32_t pause_ms = PAUSE_MIN_MS;
    bool is_news = device->failures == 0 || strcmp(reason, device->reason) != 0;
    for (unsigned i = 0; i < device->failures && pause_ms < PAUSE_MAX_MS; i++)
        pause_ms *= 2;
    device->failures++;
    device->error = error;
    if (reason != device->reason)
        snprintf(device->reason, sizeof device->reason, "%s", reason);
    device->state = ATT_PAUSING;
    port_timer_after_ms(device->config.timer, &device->timer,
                        pause_ms < PAUSE_MAX_MS ? pause_ms : PAUSE_MAX_MS);
    if (is_news)
        tell(device, ATT_TROUBLE);
}

static void fail(struct att_device *device, int error, const char *reason)
{
    char text[ATT_REASON_BYTES];
    snprintf(text, sizeof text, "%s", reason); /* it may be the job's own */
    hang_up(device);
    if (device->stopping)
        turn_off_unconnected(device);
    else
        pause_after(device, error, text);
}

/* --- connected --- */

static void scan_done(struct att_job *job)
{
    container_of(job, struct att_device, scan_job)->scan_runs = false;
}

/* Nobody may have opened the device yet, and only that makes the kernel look for partitions. It
 * reads from us: so nothing waits for it. */
static void scan_partitions(struct att_device *device)
{
    if (device->scan_runs)
        return;
    device->scan_runs = true;
    device->scan_job =
        (struct att_job){.op = ATT_SCAN, .index = device->index, .socket = -1, .done = scan_done};
    device->config.kernel->ops->start(device->config.kernel, &device->scan_job);
}

static void resized(struct att_job *job)
{
    struct att_device *device = job_ended(job);
    int error = job->error;
    if (error == 0)
        device->kernel_bytes = device->asked_bytes;
    device->error = error;
    snprintf(device->reason, sizeof device->reason, "%s", error ? job->reason : "");
    settle(device);
    if (error == 0)
        tell(device, ATT_RESIZED);
}

static void resize(struct att_device *device)
{
    const struct att_job job = {.op = ATT_RESIZE, .socket = -1, .done = resized};
    run(device, ATT_RESIZING, job);
}

/* The socket is gone: a new one at once, but not over and over. */
static void lost(struct att_device *device)
{
    uint64_t served_us = port_now_us(device->config.timer) - device->attached_us;
    if (served_us >= STABLE_US)
        device->failures = 0;
    if (device->stopping) {
        turn_off(device, ATT_LEFT);
    } else if (device->failures == 0) {
        device->failures = 1;
        look(device);
    } else {
        pause_after(device, -EPIPE, "the kernel gave the connection up");
    }
}

static void release(struct att_device *device, bool force);

/* Nothing is under way: what comes next? */
static void settle(struct att_device *device)
{
    device->state = ATT_CONNECTED;
    if (device->lost) {
        device->lost = false;
        lost(device);
    } else if (device->stopping) {
        release(device, false);
    } else if (device->kernel_bytes != device->disk.size_bytes) {
        port_timer_after_ms(device->config.timer, &device->timer, RESIZE_DELAY_MS);
    }
}

static void tuned(struct att_job *job)
{
    struct att_device *device = job_ended(job);
    bool reattached = device->reattached;
    if (job->error) {
        snprintf(device->reason, sizeof device->reason, "%s", job->reason);
        tell(device, ATT_UNTUNED);
    }
    device->was_attached = true;
    device->reattachments += reattached;
    device->state = ATT_CONNECTED;
    device->attached_us = port_now_us(device->config.timer);
    device->error = 0;
    device->reason[0] = '\0';
    tell(device, reattached ? ATT_REATTACHED : ATT_ATTACHED);
    if (device->state != ATT_CONNECTED || device->job_runs)
        return; /* it was detached or stopped in answer */
    if (!reattached && !device->stopping)
        scan_partitions(device);
    settle(device);
}

static void tune(struct att_device *device)
{
    const struct att_job job = {.op = ATT_TUNE, .socket = -1, .done = tuned};
    run(device, ATT_TUNING, job);
}

/* --- connecting --- */

static void connected(struct att_job *job)
{
    struct att_device *device = job_ended(job);
    if (job->error) {
        fail(device, job->error, job->reason);
        return;
    }
    device->index = job->index;
    device->kernel_bytes = device->asked_bytes;
    device->reattached = false;
    tune(device);
}

static void reconnected(struct att_job *job)
{
    struct att_device *device = job_ended(job);
    struct att_server_port *server = device->config.server;
    if (job->error) {
        fail(device, job->error, job->reason);
    } else if (device->lost || !server->ops->is_taken(server)) {
        char text[ATT_REASON_BYTES];
        snprintf(text, sizeof text,
                 "/dev/nbd%" PRIu32 " still holds on to the connection of the daemon before this "
                 "one; it is taken over when that one has ended",
                 device->index);
        fail(device, -EAGAIN, text);
    } else {
        device->reattached = true;
        tune(device);
    }
}

static void open_device(struct att_device *device, bool again)
{
    struct att_server_port *server = device->config.server;
    struct att_job job = {.op = again ? ATT_RECONNECT : ATT_CONNECT,
                          .index = device->config.wanted,
                          .done = again ? reconnected : connected};
    int error = server->ops->open(server, &job.socket);
    device->lost = false;
    if (error)
        fail(device, error, "no memory or no descriptor for the connection to the kernel");
    else
        run(device, again ? ATT_RECONNECTING : ATT_CONNECTING, job);
}

/* What a look at all devices found. */
struct found {
    const struct att_device *device;
    bool ours;
    uint32_t index;
    uint64_t size_bytes;
    bool other_disk; /* carries our name, but another disk */
    uint32_t other_index;
    bool wanted_is_bound;
};

static void visit(void *owner, const struct att_node *node)
{
    struct found *found = owner;
    if (!node->bound)
        return;
    if (strcmp(node->backend, found->device->disk.backend) == 0) {
        found->ours = true;
        found->index = node->index;
        found->size_bytes = node->size_bytes;
    } else if (att_backend_is_of(node->backend, found->device->config.name)) {
        found->other_disk = true;
        found->other_index = node->index;
    }
    found->wanted_is_bound |= node->index == found->device->config.wanted;
}

static void refuse(struct att_device *device, const struct found *found)
{
    char text[ATT_REASON_BYTES];
    if (found->other_disk)
        snprintf(text, sizeof text,
                 "/dev/nbd%" PRIu32 " of this daemon's name shows another disk; stop using it and "
                 "disconnect it (nbd-client -d /dev/nbd%" PRIu32 ")",
                 found->other_index, found->other_index);
    else
        snprintf(text, sizeof text,
                 "/dev/nbd%" PRIu32 " is in use by another program; name another device, or none",
                 device->config.wanted);
    fail(device, found->other_disk ? -ESTALE : -EBUSY, text);
}

/* The session would have refused a LUN that shrank, but it did not know this one yet. */
static void refuse_smaller(struct att_device *device)
{
    char text[ATT_REASON_BYTES];
    snprintf(text, sizeof text,
             "/dev/nbd%" PRIu32 " has %" PRIu64 " bytes, but the LUN has only %" PRIu64
             "; give it back its size, or stop using the device and disconnect it",
             device->index, device->kernel_bytes, device->disk.size_bytes);
    fail(device, -ESTALE, text);
}

static void look(struct att_device *device)
{
    struct found found = {.device = device};
    device->config.kernel->ops->scan(device->config.kernel, visit, &found);
    if (found.ours) {
        device->index = found.index;
        device->kernel_bytes = found.size_bytes;
        if (found.size_bytes > device->disk.size_bytes)
            refuse_smaller(device);
        else
            open_device(device, true);
        return;
    }
    device->index = ATT_ANY;
    if (device->was_attached)
        turn_off(device, ATT_TAKEN_AWAY);
    else if (found.other_disk || found.wanted_is_bound)
        refuse(device, &found);
    else
        open_device(device, false);
}

/* --- the end --- */

static void leave(struct att_device *device)
{
    device->state = ATT_LEAVING;
    device->config.server->ops->stop(device->config.server);
}

static void released(struct att_job *job)
{
    struct att_device *device = job_ended(job);
    if (job->error == 0) {
        hang_up(device);
        device->index = ATT_ANY;
        turn_off(device, ATT_DETACHED);
    } else if (device->stopping && !device->lost) {
        leave(device);
    } else if (device->stopping) {
        turn_off(device, ATT_LEFT);
    } else {
        device->error = job->error;
        snprintf(device->reason, sizeof device->reason, "%s", job->reason);
        device->state = ATT_CONNECTED;
        tell(device, ATT_DETACH_REFUSED);
        if (device->state == ATT_CONNECTED && !device->job_runs)
            settle(device);
    }
}

static void release(struct att_device *device, bool force)
{
    const struct att_job job = {.op = ATT_RELEASE, .socket = -1, .force = force, .done = released};
    assert(device->state == ATT_CONNECTED);
    run(device, ATT_RELEASING, job);
}

bool att_detach(struct att_device *device, bool force)
{
    switch (device->state) {
    case ATT_CONNECTED:
        release(device, force);
        return true;
    case ATT_IDLE:
    case ATT_WAITING:
        turn_off(device, ATT_DETACHED);
        return true;
    case ATT_PAUSING:
        turn_off(device, device->index == ATT_ANY ? ATT_DETACHED : ATT_LEFT);
        return true;
    default:
        snprintf(device->reason, sizeof device->reason, "the device is %s; try again",
                 att_state_name(device->state));
        return false;
    }
}

void att_cancel_detach(struct att_device *device)
{
    if (device->state != ATT_RELEASING || device->stopping)
        return;
    device->config.kernel->ops->cancel(device->config.kernel, &device->job);
    device->job_runs = false;
    settle(device);
}

void att_stop(struct att_device *device)
{
    if (device->stopping)
        return;
    device->stopping = true;
    if (device->state == ATT_CONNECTED)
        settle(device);
    else if (device->state == ATT_OFF)
        tell_stopped(device);
    else if (!device->job_runs && device->state != ATT_LEAVING)
        turn_off_unconnected(device);
}

static void forget(struct att_device *device)
{
    struct att_kernel_port *kernel = device->config.kernel;
    if (device->job_runs)
        kernel->ops->cancel(kernel, &device->job);
    if (device->scan_runs)
        kernel->ops->cancel(kernel, &device->scan_job);
    device->job_runs = device->scan_runs = false;
    disarm(device);
    hang_up(device);
}

void att_stop_now(struct att_device *device)
{
    device->stopping = true;
    forget(device);
    if (device->state != ATT_OFF)
        turn_off_unconnected(device);
    else
        tell_stopped(device);
}

/* --- what happens to us --- */

static void socket_closed(void *owner)
{
    struct att_device *device = owner;
    if (device->state == ATT_CONNECTED) {
        disarm(device);
        lost(device);
    } else if (device->state == ATT_LEAVING) {
        turn_off(device, ATT_LEFT);
    } else {
        device->lost = true;
    }
}

static void timer_fired(struct timer *timer)
{
    struct att_device *device = container_of(timer, struct att_device, timer);
    if (device->state == ATT_PAUSING)
        look(device);
    else if (device->state == ATT_CONNECTED && device->kernel_bytes != device->disk.size_bytes)
        resize(device);
}

void att_init(struct att_device *device, const struct att_config *config)
{
    *device = (struct att_device){.config = *config, .index = ATT_ANY};
    timer_init(&device->timer, timer_fired);
    config->server->closed = socket_closed;
    config->server->owner = device;
}

void att_start(struct att_device *device)
{
    assert(device->state == ATT_IDLE);
    device->state = ATT_WAITING;
    if (device->disk_known)
        look(device);
}

void att_set_disk(struct att_device *device, const struct att_disk *disk)
{
    if (device->disk_known) {
        assert(disk->size_bytes >= device->disk.size_bytes);
        device->disk.size_bytes = disk->size_bytes;
    } else {
        device->disk = *disk;
        device->disk_known = true;
    }
    if (device->state == ATT_WAITING)
        look(device);
    else if (device->state == ATT_CONNECTED && device->kernel_bytes != disk->size_bytes &&
             !timer_is_armed(&device->timer))
        resize(device);
}

void att_done(struct att_device *device)
{
    forget(device);
    device->state = ATT_OFF;
}
