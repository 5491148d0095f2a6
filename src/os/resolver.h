/*
 * Names to addresses, without holding up the loop: getaddrinfo() runs in a thread of its own per
 * lookup and may take as long as it likes.
 *
 * A lookup that is cancelled goes on in its thread, alone. When the same name is asked for again
 * meanwhile, its result is taken; RESOLVER_THREADS bounds how many can hang at once. Nothing here
 * waits for a thread, neither cancel nor free.
 */
#ifndef OS_RESOLVER_H
#define OS_RESOLVER_H

#include <stdint.h>

#include "os/ev_loop.h"

#define RESOLVER_ADDRESSES 8   /* of one name at most; the rest is not looked at */
#define RESOLVER_TEXT      100 /* "[v6 address%interface]:port" */
#define RESOLVER_THREADS   4

/* Numeric addresses with port, as libiscsi takes them: "192.0.2.7:3260", "[2001:db8::7]:3260". */
struct addresses {
    unsigned count;
    char text[RESOLVER_ADDRESSES][RESOLVER_TEXT];
};

struct resolver;

/* Called from the loop; addresses is NULL when there is none, then error says why. Both are
 * valid during the call only. */
typedef void resolver_done(void *owner, const struct addresses *addresses, const char *error);

/* NULL when memory is short. */
struct resolver *resolver_new(struct evl *loop);

/* Cancels first. NULL-safe. */
void resolver_free(struct resolver *resolver);

/* 0 when `host` is a number already (then *ret is filled in, at once), else -EINVAL. */
int resolver_numeric(const char *host, uint16_t port, struct addresses *ret_addresses);

/* One at a time: a running one is cancelled first. done() comes later, never from in here. */
void resolver_start(struct resolver *resolver, const char *host, uint16_t port, resolver_done *done,
                    void *owner);

/* done() does not come any more. No effect when nothing is being looked up. */
void resolver_cancel(struct resolver *resolver);

#endif
