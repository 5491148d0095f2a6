#include "daemon/log.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/checked.h"
#include "daemon/log_file.h"
#include "os/clock.h"

#define LINE_BYTES    (STORY_LINE_BYTES + 128)
#define STACK_BYTES   (64 * 1024)
#define PATIENCE_SECS 1

/* At most a burst of lines, then one in so many ms (of a clock that nobody sets back). */
#define BURST     60u
#define MS_A_LINE 2000u

struct log {
    int fd;
    bool prefixes;
    bool is_our_file;
    char name[80];

    /* The loop's alone. */
    unsigned tokens;
    uint64_t tokens_at_ms;

    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t more;
    /* Under the mutex. */
    unsigned holders; /* the loop and the thread; who leaves last frees it */
    bool done;
    unsigned first;
    unsigned count;
    unsigned long dropped;
    char lines[LOG_LINES][LINE_BYTES];
};

static void leave(struct log *log)
{
    pthread_mutex_lock(&log->mutex);
    bool was_last = --log->holders == 0;
    pthread_mutex_unlock(&log->mutex);
    if (!was_last)
        return;
    pthread_cond_destroy(&log->more);
    pthread_mutex_destroy(&log->mutex);
    free(log);
}

static void write_all(int fd, const char *text, size_t bytes)
{
    while (bytes > 0) {
        ssize_t wrote = write(fd, text, bytes);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote <= 0)
            return; /* nobody reads it any more: there is nowhere to say so */
        text += wrote;
        bytes -= (size_t)wrote;
    }
}

/* Takes the next line out, or a line about those that were dropped; false when it is all over. */
static bool next_line(struct log *log, char ret_line[LINE_BYTES])
{
    pthread_mutex_lock(&log->mutex);
    while (log->count == 0 && !log->done)
        pthread_cond_wait(&log->more, &log->mutex);
    bool any = log->count > 0;
    if (any) {
        memcpy(ret_line, log->lines[log->first], LINE_BYTES);
        log->first = (log->first + 1) % LOG_LINES;
        log->count--;
    }
    pthread_mutex_unlock(&log->mutex);
    return any;
}

static void *write_lines(void *argument)
{
    struct log *log = argument;
    char line[LINE_BYTES];
    while (next_line(log, line)) {
        size_t bytes = strlen(line);
        if (log->is_our_file)
            log_file_make_room(log->fd, bytes);
        write_all(log->fd, line, bytes);
    }
    leave(log);
    return NULL;
}

static int start_thread(struct log *log)
{
    pthread_attr_t attributes;
    sigset_t all, before;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    sigfillset(&all); /* signals are for the loop */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&log->thread, &attributes, write_lines, log);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return error;
}

struct log *log_new(int fd, const char *name)
{
    struct log *log = calloc(1, sizeof *log);
    if (!log)
        return NULL;
    log->fd = fd;
    log->prefixes = getenv("JOURNAL_STREAM") != NULL;
    log->is_our_file = log_file_is_ours(fd);
    snprintf(log->name, sizeof log->name, "%s", name);
    log->tokens = BURST;
    log->tokens_at_ms = clock_ms();
    log->holders = 2;
    pthread_mutex_init(&log->mutex, NULL);
    pthread_cond_init(&log->more, NULL);
    if (start_thread(log) != 0) {
        free(log);
        return NULL;
    }
    return log;
}

static bool take_token(struct log *log)
{
    uint64_t earned = (clock_ms() - log->tokens_at_ms) / MS_A_LINE;
    log->tokens = (unsigned)min_u64(log->tokens + earned, BURST);
    log->tokens_at_ms += earned * MS_A_LINE;
    if (log->tokens == 0)
        return false;
    log->tokens--;
    return true;
}

/* Under the mutex, with room in the queue. */
static void put(struct log *log, enum story_priority priority, const char *text)
{
    char *line = log->lines[(log->first + log->count++) % LOG_LINES];
    int used = log->prefixes ? snprintf(line, LINE_BYTES, "<%d>", priority) : 0;
    snprintf(line + used, LINE_BYTES - (size_t)used, "%s: %.*s\n", log->name, STORY_LINE_BYTES,
             text);
}

void log_line(void *context, enum story_priority priority, const char *text)
{
    struct log *log = context;
    bool wanted = take_token(log) || priority <= STORY_ERROR;
    pthread_mutex_lock(&log->mutex);
    if (!wanted || log->count + 2 > LOG_LINES) {
        log->dropped++;
    } else {
        if (log->dropped > 0) {
            char note[64];
            snprintf(note, sizeof note, "%lu lines were left out here", log->dropped);
            log->dropped = 0;
            put(log, STORY_WARNING, note);
        }
        put(log, priority, text);
        pthread_cond_signal(&log->more);
    }
    pthread_mutex_unlock(&log->mutex);
}

void log_format(struct log *log, enum story_priority priority, const char *format, ...)
{
    char text[STORY_LINE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    log_line(log, priority, text);
}

void log_free(struct log *log)
{
    if (!log)
        return;
    pthread_mutex_lock(&log->mutex);
    log->done = true;
    pthread_cond_signal(&log->more);
    pthread_mutex_unlock(&log->mutex);
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_SECS;
    /* A thread that is stuck in write() is left behind: the process is about to end. */
    if (pthread_timedjoin_np(log->thread, NULL, &until) != 0)
        pthread_detach(log->thread);
    leave(log);
}
