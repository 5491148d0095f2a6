/*
 * Good day: submit() hands the operation to a worker: one for writes and syncs, in their order,
 * one for reads. The worker makes the blocking call, puts the slot on the finished list and raises
 * an eventfd; the loop calls done().
 *
 * The workers know the slots that they were handed and what these point to, nothing else, and
 * receive no signal. A slot belongs to the side that took it out of a list under the mutex.
 *
 * What can go wrong: a device that hangs holds its worker in the kernel, where nothing reaches it.
 * free() waits its time, then leaves thread and memory as they are.
 */
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "os/journal_engine.h"

#define STACK_BYTES (256u * 1024u) /* a locked process locks it, too */

enum { WRITER, READER, WORKERS };

struct threads;

struct worker {
    struct threads *threads;
    pthread_t thread;
    pthread_cond_t wake;
    struct list_node todo; /* slots */
};

struct threads {
    struct jdev_engine engine;
    struct evl *loop;
    int fd;
    struct evl_watch watch;  /* the eventfd */
    struct jdev_queue queue; /* the loop's thread only */

    pthread_mutex_t mutex; /* guards what follows */
    struct worker workers[WORKERS];
    struct list_node finished; /* slots */
    bool stopping;
};

/* Called and returns with the mutex locked; NULL: stop. */
static struct jdev_slot *next_slot(struct worker *worker)
{
    struct threads *threads = worker->threads;
    while (list_is_empty(&worker->todo) && !threads->stopping)
        pthread_cond_wait(&worker->wake, &threads->mutex);
    if (threads->stopping)
        return NULL;
    struct jdev_slot *slot = list_first(&worker->todo, struct jdev_slot, node);
    list_remove(&slot->node);
    return slot;
}

static void *work(void *argument)
{
    struct worker *worker = argument;
    struct threads *threads = worker->threads;
    struct jdev_slot *slot;
    pthread_mutex_lock(&threads->mutex);
    while ((slot = next_slot(worker))) {
        pthread_mutex_unlock(&threads->mutex);
        slot->error = jdev_carry_out(threads->fd, &slot->transfer);
        pthread_mutex_lock(&threads->mutex);
        list_append(&threads->finished, &slot->node);
        eventfd_write(threads->watch.fd, 1);
    }
    pthread_mutex_unlock(&threads->mutex);
    return NULL;
}

static void hand_over(struct threads *threads)
{
    struct jdev_slot *slot;
    while ((slot = jdev_queue_take(&threads->queue))) {
        struct worker *worker = &threads->workers[slot->op->kind == JDEV_READ ? READER : WRITER];
        pthread_mutex_lock(&threads->mutex);
        list_append(&worker->todo, &slot->node);
        pthread_cond_signal(&worker->wake);
        pthread_mutex_unlock(&threads->mutex);
    }
}

static void submit(struct jdev_engine *engine, struct jdev_op *op)
{
    struct threads *threads = container_of(engine, struct threads, engine);
    jdev_queue_add(&threads->queue, op);
    hand_over(threads);
}

static void completed(struct evl_watch *watch, unsigned events)
{
    struct threads *threads = container_of(watch, struct threads, watch);
    struct list_node finished;
    struct jdev_slot *slot;
    eventfd_t count;
    list_init(&finished);
    eventfd_read(watch->fd, &count);
    pthread_mutex_lock(&threads->mutex);
    list_splice(&finished, &threads->finished);
    pthread_mutex_unlock(&threads->mutex);
    while ((slot = list_first(&finished, struct jdev_slot, node))) {
        list_remove(&slot->node);
        jdev_queue_end(&threads->queue, slot, slot->error);
    }
    hand_over(threads);
}

static bool join_workers(struct threads *threads, int count)
{
    struct timespec deadline;
    bool joined = true;
    clock_gettime(CLOCK_MONOTONIC, &deadline);
    deadline.tv_sec += JDEV_CLOSE_MS / 1000;

    pthread_mutex_lock(&threads->mutex);
    threads->stopping = true;
    for (int i = 0; i < count; i++)
        pthread_cond_signal(&threads->workers[i].wake);
    pthread_mutex_unlock(&threads->mutex);
    for (int i = 0; i < count; i++) {
        if (pthread_clockjoin_np(threads->workers[i].thread, NULL, CLOCK_MONOTONIC, &deadline) == 0)
            continue;
        pthread_detach(threads->workers[i].thread);
        joined = false;
    }
    return joined;
}

static void release(struct threads *threads)
{
    for (int i = 0; i < WORKERS; i++)
        pthread_cond_destroy(&threads->workers[i].wake);
    pthread_mutex_destroy(&threads->mutex);
    close(threads->watch.fd);
    free(threads);
}

static int threads_free(struct jdev_engine *engine)
{
    struct threads *threads = container_of(engine, struct threads, engine);
    evl_watch_stop(threads->loop, &threads->watch);
    if (!join_workers(threads, WORKERS))
        return -ETIMEDOUT;
    release(threads);
    return 0;
}

static const struct jdev_engine_ops thread_ops = {.submit = submit, .free = threads_free};

static int start_worker(struct worker *worker)
{
    sigset_t all, before;
    pthread_attr_t attributes;
    sigfillset(&all);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&worker->thread, &attributes, work, worker);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return -error;
}

static int start_workers(struct threads *threads)
{
    for (int i = 0; i < WORKERS; i++) {
        int error = start_worker(&threads->workers[i]);
        if (error < 0) {
            join_workers(threads, i); /* idle ones: they end at once */
            return error;
        }
    }
    return 0;
}

int jdev_thread_new(int fd, struct evl *loop, struct jdev_engine **ret_engine)
{
    struct threads *threads = calloc(1, sizeof *threads);
    if (threads == NULL)
        return -ENOMEM;
    int event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (event_fd < 0) {
        int error = -errno;
        free(threads);
        return error;
    }
    threads->engine.ops = &thread_ops;
    threads->loop = loop;
    threads->fd = fd;
    jdev_queue_init(&threads->queue);
    pthread_mutex_init(&threads->mutex, NULL);
    list_init(&threads->finished);
    evl_watch_init(&threads->watch, event_fd, completed);
    for (int i = 0; i < WORKERS; i++) {
        threads->workers[i].threads = threads;
        pthread_cond_init(&threads->workers[i].wake, NULL);
        list_init(&threads->workers[i].todo);
    }
    int error = start_workers(threads);
    if (error < 0) {
        release(threads);
        return error;
    }
    evl_watch_set(loop, &threads->watch, EVL_READ);
    *ret_engine = &threads->engine;
    return 0;
}
