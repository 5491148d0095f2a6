/*
 * Good day: a thread is started with a lookup that both sides hold a reference to; it fills in the
 * result, writes to the lookup's eventfd and lets go; the loop reads the result and calls done().
 *
 * What can go wrong: the name server is silent, and getaddrinfo() hangs for half a minute or more.
 * The owner cancels when its own patience ends; the lookup stays in the list of the running ones,
 * to be adopted again, until its thread reports. A resolver that is freed leaves the thread its
 * own reference: the last of the two frees the lookup.
 */
#include "os/resolver.h"

#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define HOST_BYTES  256
#define STACK_BYTES (512u * 1024u) /* a locked process locks it, too */

struct lookup {
    struct list_node node; /* in resolver->running */
    struct resolver *resolver;
    struct evl_watch watch; /* the eventfd */
    atomic_int references;  /* the resolver's and the thread's */

    char host[HOST_BYTES];
    uint16_t port;

    /* Written by the thread before it writes to the eventfd, read afterwards. */
    int error; /* of getaddrinfo() */
    struct addresses addresses;
};

struct resolver {
    struct evl *loop;
    struct list_node running;
    unsigned running_count;
    struct lookup *wanted; /* the one that done() waits for, or NULL */
    struct evl_call failed;
    const char *failure; /* why no thread was started */
    resolver_done *done;
    void *owner;
};

static void lookup_unref(struct lookup *lookup)
{
    if (atomic_fetch_sub(&lookup->references, 1) > 1)
        return;
    close(lookup->watch.fd);
    free(lookup);
}

/* --- translation, in whatever thread --- */

static bool put_address(const struct addrinfo *info, char *ret_text)
{
    char host[NI_MAXHOST], port[NI_MAXSERV];
    if (info->ai_family != AF_INET && info->ai_family != AF_INET6)
        return false;
    if (getnameinfo(info->ai_addr, info->ai_addrlen, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        return false;
    int bytes = info->ai_family == AF_INET6
                    ? snprintf(ret_text, RESOLVER_TEXT, "[%s]:%s", host, port)
                    : snprintf(ret_text, RESOLVER_TEXT, "%s:%s", host, port);
    return bytes > 0 && bytes < RESOLVER_TEXT;
}

static int translate(const char *host, uint16_t port, int flags, struct addresses *ret_addresses)
{
    char service[8];
    snprintf(service, sizeof service, "%u", port);
    const struct addrinfo hints = {
        .ai_family = AF_UNSPEC,
        .ai_socktype = SOCK_STREAM,
        .ai_flags = flags | AI_NUMERICSERV,
    };
    struct addrinfo *list;
    int error = getaddrinfo(host, service, &hints, &list);
    if (error != 0)
        return error;
    ret_addresses->count = 0;
    for (struct addrinfo *it = list; it && ret_addresses->count < RESOLVER_ADDRESSES;
         it = it->ai_next)
        ret_addresses->count += put_address(it, ret_addresses->text[ret_addresses->count]);
    freeaddrinfo(list);
    return ret_addresses->count > 0 ? 0 : EAI_NODATA;
}

int resolver_numeric(const char *host, uint16_t port, struct addresses *ret_addresses)
{
    return translate(host, port, AI_NUMERICHOST, ret_addresses) == 0 ? 0 : -EINVAL;
}

static void *look_up(void *argument)
{
    struct lookup *lookup = argument;
    lookup->error = translate(lookup->host, lookup->port, 0, &lookup->addresses);
    const uint64_t one = 1;
    if (write(lookup->watch.fd, &one, sizeof one) != (ssize_t)sizeof one)
        abort(); /* an eventfd takes the first write always */
    lookup_unref(lookup);
    return NULL;
}

/* --- the loop's side --- */

static void forget(struct lookup *lookup)
{
    struct resolver *resolver = lookup->resolver;
    evl_watch_stop(resolver->loop, &lookup->watch);
    list_remove(&lookup->node);
    resolver->running_count--;
    lookup_unref(lookup);
}

static void reported(struct evl_watch *watch, unsigned events)
{
    struct lookup *lookup = container_of(watch, struct lookup, watch);
    struct resolver *resolver = lookup->resolver;
    if (lookup != resolver->wanted) {
        forget(lookup);
        return;
    }
    resolver->wanted = NULL;
    struct addresses addresses = lookup->addresses;
    int error = lookup->error;
    forget(lookup);
    resolver->done(resolver->owner, error == 0 ? &addresses : NULL,
                   error == 0 ? NULL : gai_strerror(error));
}

static void failed(struct evl_call *call)
{
    struct resolver *resolver = container_of(call, struct resolver, failed);
    resolver->done(resolver->owner, NULL, resolver->failure);
}

static struct lookup *lookup_new(struct resolver *resolver, const char *host, uint16_t port)
{
    if (strlen(host) >= HOST_BYTES)
        return NULL;
    struct lookup *lookup = calloc(1, sizeof *lookup);
    if (lookup == NULL)
        return NULL;
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd < 0) {
        free(lookup);
        return NULL;
    }
    list_init(&lookup->node);
    lookup->resolver = resolver;
    lookup->port = port;
    memcpy(lookup->host, host, strlen(host) + 1);
    atomic_init(&lookup->references, 2);
    evl_watch_init(&lookup->watch, fd, reported);
    return lookup;
}

/* Signals are for the loop's thread: the new one blocks all of them. */
static int start_thread(struct lookup *lookup)
{
    sigset_t all, before;
    pthread_attr_t attributes;
    pthread_t thread;
    sigfillset(&all);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&thread, &attributes, look_up, lookup);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return -error;
}

static struct lookup *launch(struct resolver *resolver, const char *host, uint16_t port)
{
    struct lookup *lookup = lookup_new(resolver, host, port);
    if (lookup == NULL)
        return NULL;
    if (start_thread(lookup) < 0) {
        atomic_store(&lookup->references, 1);
        lookup_unref(lookup);
        return NULL;
    }
    list_append(&resolver->running, &lookup->node);
    resolver->running_count++;
    evl_watch_set(resolver->loop, &lookup->watch, EVL_READ);
    return lookup;
}

static struct lookup *find_running(struct resolver *resolver, const char *host, uint16_t port)
{
    list_for_each(it, &resolver->running)
    {
        struct lookup *lookup = container_of(it, struct lookup, node);
        if (lookup->port == port && strcmp(lookup->host, host) == 0)
            return lookup;
    }
    return NULL;
}

static void fail_later(struct resolver *resolver, const char *why)
{
    resolver->failure = why;
    evl_call_defer(resolver->loop, &resolver->failed);
}

void resolver_start(struct resolver *resolver, const char *host, uint16_t port, resolver_done *done,
                    void *owner)
{
    resolver_cancel(resolver);
    resolver->done = done;
    resolver->owner = owner;
    resolver->wanted = find_running(resolver, host, port);
    if (resolver->wanted)
        return;
    if (resolver->running_count >= RESOLVER_THREADS) {
        fail_later(resolver, "too many lookups hang already");
        return;
    }
    resolver->wanted = launch(resolver, host, port);
    if (resolver->wanted == NULL)
        fail_later(resolver, "cannot start a lookup");
}

void resolver_cancel(struct resolver *resolver)
{
    resolver->wanted = NULL;
    evl_call_cancel(&resolver->failed);
}

struct resolver *resolver_new(struct evl *loop)
{
    struct resolver *resolver = calloc(1, sizeof *resolver);
    if (resolver == NULL)
        return NULL;
    resolver->loop = loop;
    list_init(&resolver->running);
    evl_call_init(&resolver->failed, failed);
    return resolver;
}

void resolver_free(struct resolver *resolver)
{
    if (resolver == NULL)
        return;
    resolver_cancel(resolver);
    while (!list_is_empty(&resolver->running))
        forget(list_first(&resolver->running, struct lookup, node));
    free(resolver);
}
