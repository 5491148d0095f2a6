/*
 * Good day: fork; the child closes all that it inherited but the kernel's end of the socket and a
 * pipe, does the one thing, and writes the result into the pipe; the loop reads it.
 *
 * What can go wrong: the child hangs in the kernel, as long as the disk is away. Then the job is
 * just not done yet; a cancelled one is killed, and forgotten before it is dead (a process inside
 * the kernel dies when it comes out). When the daemon is killed, its children are, too: none may
 * disconnect what the next daemon has taken up.
 */
#include "attach/ev_kernel.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attach/nbd_netlink.h"
#include "attach/sysfs.h"
#include "attach/usage.h"
#include "os/ev_loop.h"

#define DEVICES "/sys/block"

/* A dead connection's requests are sent again at the next tick of this. */
#define IO_TIMEOUT_MS 1000u

/* Requests no larger than one buffer of the volume: a READ's answer is then one message, and does
 * not keep those of others waiting. */
#define REQUEST_KIB 1024u

/* Who forces does not wait for a target that is away; long enough for one that is there. */
#define FORCED_FLUSH_MS 5000

#define RESULT_FD  3
#define SOCKET_FD  4
#define FIRST_FREE 5u

#define JOBS_MAX    4u /* of one device: the main one, and one that looks for partitions */
#define ORPHANS_MAX 16u

struct result {
    int error;
    uint32_t index;
    char reason[ATT_REASON_BYTES];
};

struct work {
    struct att_kernel *kernel;
    struct att_job *job; /* NULL: the place is free */
    pid_t child;
    struct evl_watch watch; /* the pipe */
    struct evl_call failed; /* there was no process to be had */
    int error;
};

struct att_kernel {
    struct att_kernel_port port;
    struct evl *loop;
    struct work works[JOBS_MAX];
    pid_t orphans[ORPHANS_MAX]; /* killed, not dead yet; 0: free */
};

/* --- in the child --- */

static void load_module(void)
{
    pid_t child = fork();
    if (child == 0) {
        setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1);
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);
        dup2(null, STDERR_FILENO); /* we say it ourselves */
        execlp("modprobe", "modprobe", "nbd", (char *)NULL);
        _exit(127);
    }
    if (child > 0)
        waitpid(child, NULL, 0);
}

int att_kernel_check(char *ret_reason, size_t bytes)
{
    if (geteuid() != 0) {
        snprintf(ret_reason, bytes, "a kernel block device needs root; start the daemon as root");
        return -EPERM;
    }
    int error = nbdnl_probe();
    if (error == -ENOENT) {
        load_module();
        error = nbdnl_probe();
    }
    if (error == -ENOENT)
        snprintf(
            ret_reason, bytes,
            "this kernel has no nbd module (modprobe nbd), or does not show it in this network "
            "namespace; serve by nbd= or fuse= instead");
    else if (error)
        snprintf(ret_reason, bytes, "the kernel cannot be asked for nbd: %s", strerror(-error));
    return error;
}

static int explain(struct result *result, int error, const char *busy, const char *invalid)
{
    unsigned long index = result->index;
    char node[32] = "a new nbd device";
    if (result->index != ATT_ANY)
        snprintf(node, sizeof node, "/dev/nbd%lu", index);
    if (error == -EBUSY && busy)
        snprintf(result->reason, sizeof result->reason, "%s %s", node, busy);
    else if (error == -EINVAL && invalid)
        snprintf(result->reason, sizeof result->reason, "%s %s", node, invalid);
    else if (error == -EPERM)
        snprintf(result->reason, sizeof result->reason,
                 "%s: the kernel wants root (CAP_SYS_ADMIN) for this", node);
    else
        snprintf(result->reason, sizeof result->reason, "%s: %s", node, strerror(-error));
    return error;
}

static int do_connect(const struct att_job *job, struct result *result)
{
    int error = att_kernel_check(result->reason, sizeof result->reason);
    if (error)
        return error;
    error = nbdnl_connect(job->index, job->disk, SOCKET_FD, &result->index);
    return error ? explain(result, error, "is in use by another program; name another, or none",
                           "was refused by the kernel; it may lack /sys/module/nbd, or be too old "
                           "(5.14 is needed)")
                 : 0;
}

static int do_reconnect(const struct att_job *job, struct result *result)
{
    int error = nbdnl_reconnect(job->index, job->disk->backend, SOCKET_FD);
    if (error == -ENOSPC) /* no dead socket that it could replace */
        error = 0;
    return error ? explain(result, error, NULL,
                           "was disconnected by somebody while it was in use, and cannot be taken "
                           "up again; stop using it")
                 : 0;
}

static int do_tune(const struct att_job *job, struct result *result)
{
    att_sysfs_tune(DEVICES, job->index, "max_sectors_kb", REQUEST_KIB); /* speed alone */
    int error = att_sysfs_tune(DEVICES, job->index, "io_timeout", IO_TIMEOUT_MS);
    if (error)
        snprintf(result->reason, sizeof result->reason,
                 DEVICES "/nbd%" PRIu32 "/queue/io_timeout: %s; after a crash of the daemon, "
                         "requests will hang for half a minute",
                 job->index, strerror(-error));
    return error;
}

static int do_resize(const struct att_job *job, struct result *result)
{
    int error = nbdnl_resize(job->index, job->disk->backend, job->disk->size_bytes);
    return error ? explain(result, error, NULL, NULL) : 0;
}

static void print_node(uint32_t index, char ret_path[32])
{
    snprintf(ret_path, 32, "/dev/nbd%" PRIu32, index);
}

static int do_scan(const struct att_job *job)
{
    char path[32];
    print_node(job->index, path);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    close(fd);
    return 0;
}

static int disconnect(const struct att_job *job, struct result *result)
{
    int error = nbdnl_disconnect(job->index);
    return error ? explain(result, error, NULL, NULL) : 0;
}

/* The claim is held until the device is gone: nobody mounts it in between. And it ends here, not
 * with the process: the last close of a device may write to it, and the loop waits for the end of
 * the process when it has the result. */
static int do_release(const struct att_job *job, struct result *result)
{
    char path[32];
    int fd;
    print_node(job->index, path);
    int error = att_claim(path, &fd, result->reason, sizeof result->reason);
    if (error)
        return error;
    if (fsync(fd) < 0) {
        error = -errno;
        snprintf(result->reason, sizeof result->reason, "%s cannot be flushed: %s", path,
                 strerror(-error));
    } else {
        error = disconnect(job, result);
    }
    close(fd);
    return error;
}

/* A process of its own: nobody can interrupt an fsync, nor an open, while the target is away. What
 * they wait for fails when the device is disconnected, and then the signal finds it. */
static void flush_for_a_while(const char *path)
{
    pid_t child = fork();
    if (child == 0) {
        int fd = open(path, O_RDONLY | O_CLOEXEC); /* as att_claim() */
        _exit(fd >= 0 && fsync(fd) == 0 ? 0 : 1);
    }
    if (child < 0)
        return;
    struct pollfd ended = {.fd = pidfd_open(child, 0), .events = POLLIN};
    if (ended.fd >= 0 && poll(&ended, 1, FORCED_FLUSH_MS) == 1)
        waitpid(child, NULL, 0);
    else
        kill(child, SIGKILL);
    if (ended.fd >= 0)
        close(ended.fd);
}

static int do_release_by_force(const struct att_job *job, struct result *result)
{
    char path[32];
    print_node(job->index, path);
    flush_for_a_while(path);
    return disconnect(job, result);
}

static int carry_out(const struct att_job *job, struct result *result)
{
    switch (job->op) {
    case ATT_CONNECT:
        return do_connect(job, result);
    case ATT_RECONNECT:
        return do_reconnect(job, result);
    case ATT_TUNE:
        return do_tune(job, result);
    case ATT_RESIZE:
        return do_resize(job, result);
    case ATT_SCAN:
        return do_scan(job);
    case ATT_RELEASE:
        return job->force ? do_release_by_force(job, result) : do_release(job, result);
    }
    return -EINVAL;
}

/* Moves the two that are needed out of the way of the numbers that they shall have. */
static void keep_only(int pipe_fd, int socket)
{
    int high_pipe = fcntl(pipe_fd, F_DUPFD, 64);
    int high_socket = socket >= 0 ? fcntl(socket, F_DUPFD, 64) : -1;
    dup2(high_pipe, RESULT_FD);
    if (high_socket >= 0)
        dup2(high_socket, SOCKET_FD);
    close_range(high_socket >= 0 ? SOCKET_FD + 1u : SOCKET_FD, ~0u, 0);
}

static _Noreturn void child_main(const struct att_job *job, int pipe_fd, pid_t parent)
{
    struct result result = {.index = job->index};
    sigset_t none;
    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_DFL);
    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
    keep_only(pipe_fd, job->socket);
    result.error = carry_out(job, &result);
    close(SOCKET_FD);
    ssize_t wrote = write(RESULT_FD, &result, sizeof result);
    _exit(wrote == (ssize_t)sizeof result ? 0 : 1);
}

/* --- in the daemon --- */

static void reap(struct att_kernel *kernel)
{
    for (unsigned i = 0; i < ORPHANS_MAX; i++) {
        if (kernel->orphans[i] > 0 && waitpid(kernel->orphans[i], NULL, WNOHANG) != 0)
            kernel->orphans[i] = 0;
    }
}

/* No more than so many: one that is not noted stays a zombie until the daemon ends. */
static void abandon(struct att_kernel *kernel, pid_t child)
{
    kill(child, SIGKILL);
    reap(kernel);
    for (unsigned i = 0; i < ORPHANS_MAX; i++) {
        if (kernel->orphans[i] == 0) {
            kernel->orphans[i] = child;
            return;
        }
    }
}

/* Frees the place. */
static struct att_job *finish(struct work *work)
{
    struct att_job *job = work->job;
    evl_call_cancel(&work->failed);
    if (work->watch.fd >= 0) {
        evl_watch_stop(work->kernel->loop, &work->watch);
        close(work->watch.fd);
    }
    work->job = NULL;
    return job;
}

static void ready(struct evl_watch *watch, unsigned events)
{
    struct work *work = container_of(watch, struct work, watch);
    struct result result;
    ssize_t got = read(watch->fd, &result, sizeof result); /* one write, so all of it or nothing */
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got != (ssize_t)sizeof result)
        result = (struct result){.error = -EIO,
                                 .index = work->job->index,
                                 .reason = "the process that talks to the kernel died"};
    waitpid(work->child, NULL, 0); /* it has nothing left to do but to end */
    struct att_job *job = finish(work);
    job->error = result.error;
    job->index = result.index;
    memcpy(job->reason, result.reason, sizeof job->reason);
    job->done(job);
}

static void failed(struct evl_call *call)
{
    struct work *work = container_of(call, struct work, failed);
    struct att_job *job = finish(work);
    job->error = work->error;
    snprintf(job->reason, sizeof job->reason, "no process to talk to the kernel with: %s",
             strerror(-job->error));
    job->done(job);
}

/* Signals are held back, so that none finds our handlers in the child. */
static int fork_child(struct work *work)
{
    int ends[2];
    sigset_t all, before;
    pid_t parent = getpid();
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    work->child = fork();
    int error = work->child < 0 ? -errno : 0;
    if (work->child == 0)
        child_main(work->job, ends[1], parent);
    sigprocmask(SIG_SETMASK, &before, NULL);
    close(ends[1]);
    if (error) {
        close(ends[0]);
        return error;
    }
    evl_watch_init(&work->watch, ends[0], ready);
    evl_watch_set(work->kernel->loop, &work->watch, EVL_READ);
    return 0;
}

static void start(struct att_kernel_port *port, struct att_job *job)
{
    struct att_kernel *kernel = container_of(port, struct att_kernel, port);
    struct work *work = kernel->works;
    while (work->job) {
        work++;
        assert(work < kernel->works + JOBS_MAX);
    }
    reap(kernel);
    *work = (struct work){.kernel = kernel, .job = job, .watch = {.fd = -1}};
    evl_call_init(&work->failed, failed);
    job->work = work;
    work->error = fork_child(work);
    if (work->error)
        evl_call_defer(kernel->loop, &work->failed);
    if (job->socket >= 0)
        close(job->socket);
}

static void cancel(struct att_kernel_port *port, struct att_job *job)
{
    struct att_kernel *kernel = container_of(port, struct att_kernel, port);
    struct work *work = job->work;
    assert(work->job == job);
    if (!work->error)
        abandon(kernel, work->child);
    finish(work);
}

static void scan(struct att_kernel_port *port,
                 void (*visit)(void *owner, const struct att_node *node), void *owner)
{
    att_sysfs_scan(DEVICES, visit, owner);
}

struct att_kernel *att_kernel_new(struct evl *loop)
{
    static const struct att_kernel_ops ops = {scan, start, cancel};
    struct att_kernel *kernel = calloc(1, sizeof *kernel);
    if (!kernel)
        return NULL;
    kernel->port.ops = &ops;
    kernel->loop = loop;
    return kernel;
}

void att_kernel_free(struct att_kernel *kernel)
{
    if (!kernel)
        return;
    for (unsigned i = 0; i < JOBS_MAX; i++)
        assert(!kernel->works[i].job);
    reap(kernel);
    free(kernel);
}

struct att_kernel_port *att_kernel_port(struct att_kernel *kernel)
{
    return &kernel->port;
}
